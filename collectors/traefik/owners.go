package traefik

import (
	"regexp"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// owners say whose routers and services are. They are immutable.
type owners struct {
	tenants     *collectors.Tenants
	routers     map[string]ownership // by name, as their rules say
	services    map[string]ownership // by name, of those whose routers are listed
	patterns    []*regexp.Regexp
	entryPoints map[string]bool // with which the names of split routers begin
}

func newOwners(listed []router, tenants *collectors.Tenants, patterns []*regexp.Regexp, entryPoints map[string]bool) *owners {
	o := &owners{
		tenants: tenants, routers: make(map[string]ownership, len(listed)), services: map[string]ownership{},
		patterns: patterns, entryPoints: entryPoints,
	}
	for _, r := range listed {
		if r.internal() {
			continue
		}
		o.routers[r.Name] = claim(r.Rule, tenants)
	}
	for _, r := range listed {
		if r.internal() {
			continue
		}
		its, service := o.router(r.Name, ""), r.service()
		if other, there := o.services[service]; there && other != its {
			its = ownership{shared: true}
		}
		o.services[service] = its
	}
	return o
}

// tenant is whose requests are that a router sent to a service, "" for no single known tenant's.
// Either name may be "".
func (o *owners) tenant(router, service string) string {
	if router != "" {
		return o.router(router, service).tenant
	}
	return o.service(service).tenant
}

// router is whose a router is: as its rule says, else as its name or its service's does.
func (o *owners) router(router, service string) ownership {
	if its := o.routers[router]; its != (ownership{}) {
		return its
	}
	if tenant := o.named(router); tenant != "" {
		return ownership{tenant: tenant}
	}
	return ownership{tenant: o.named(service)}
}

// service is whose a service is: of those whose routers lead to it, else as its name says.
func (o *owners) service(service string) ownership {
	if its, listed := o.services[service]; listed {
		return its
	}
	return ownership{tenant: o.named(service)}
}

// named is the known tenant that a name tells of, "" for none. A router on several entry points of
// which some have TLS settings is split by Traefik: the name of one then begins with its entry point.
func (o *owners) named(name string) string {
	if len(o.patterns) == 0 || name == "" {
		return ""
	}
	name, _, _ = strings.Cut(name, "@")
	if tenant := o.fits(name); tenant != "" {
		return tenant
	}
	for point := range o.entryPoints {
		if rest, is := strings.CutPrefix(name, point+"-"); is {
			if tenant := o.fits(rest); tenant != "" {
				return tenant
			}
		}
	}
	return ""
}

func (o *owners) fits(name string) string {
	for _, pattern := range o.patterns {
		groups := pattern.FindStringSubmatch(name)
		if groups == nil {
			continue
		}
		if tenant, known := o.tenants.ByName(groups[pattern.SubexpIndex(tenantGroup)]); known {
			return tenant.Name
		}
	}
	return ""
}

// covered are the hosts that a certificate's names stand for: those without a star themselves, and of
// those with one the tenants' hosts that they fit.
func (o *owners) covered(names []string) []string {
	var hosts []string
	for _, name := range names {
		parent, isWildcard := strings.CutPrefix(name, "*.")
		if !isWildcard {
			hosts = append(hosts, name)
			continue
		}
		for _, tenant := range o.tenants.All() {
			for _, host := range tenant.Hosts {
				if _, rest, _ := strings.Cut(host, "."); strings.EqualFold(rest, parent) {
					hosts = append(hosts, strings.ToLower(host))
				}
			}
		}
	}
	return hosts
}
