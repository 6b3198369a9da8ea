package app

import (
	"maps"
	"slices"
	"strings"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
)

// resolve joins listed and discovered tenants; a listed one wins over a discovered one of the
// same name or database. What cannot be used is left out and said, never guessed at.
func resolve(c *config.Config, databases map[string][]postgres.Database) (*collectors.Tenants, []string) {
	r := &resolver{names: map[string]bool{}, databases: map[[2]string]bool{}, hosts: map[string]bool{}}
	for _, t := range c.Listed {
		r.add(t)
	}
	for _, d := range c.Discovery {
		for _, db := range databases[d.Postgres] {
			if t, fits := discovered(d, db); fits {
				r.add(t)
			}
		}
	}
	tenants, err := collectors.NewTenants(r.tenants)
	if err != nil { // add has seen to it that nothing is there twice
		r.problems = append(r.problems, err.Error())
		tenants, _ = collectors.NewTenants(nil)
	}
	return tenants, r.problems
}

// discovered makes a tenant of a database whose name fits.
func discovered(d config.Discovery, db postgres.Database) (collectors.Tenant, bool) {
	match := d.Pattern.FindStringSubmatch(db.Name)
	if match == nil || db.Template || !db.AllowConn { // one that refuses us alone is a tenant: its visits say why they fail
		return collectors.Tenant{}, false
	}
	name := match[d.Pattern.SubexpIndex("tenant")]
	fill := strings.NewReplacer("{tenant}", name, "{database}", db.Name)
	hosts := make([]string, len(d.Hosts))
	for i, host := range d.Hosts {
		hosts[i] = hostName(fill.Replace(host))
	}
	return collectors.Tenant{
		Name: name, Tier: d.Tier, Region: d.Region, Labels: maps.Clone(d.Labels),
		Postgres: d.Postgres, Database: db.Name, Hosts: hosts,
	}, name != ""
}

// recall takes the tenants of the last run for those that are there, until their clusters say
// themselves what databases they have: a cluster that is down at our start has not lost them.
func (a *App) recall() {
	tenants, err := loadTenants(a.options.StoragePath)
	if err != nil {
		a.options.Logger.Warn("the tenants of the last run are not known", "error", err)
	}
	a.known = map[string][]postgres.Database{}
	for _, t := range tenants {
		a.learned.recall(t)
		a.known[t.Postgres] = append(a.known[t.Postgres], postgres.Database{Name: t.Database, AllowConn: true, CanConnect: true})
	}
}

// hostName keeps a host as operators write it: Odoo's dbfilter compares names, underscores and all.
func hostName(s string) string { return strings.ToLower(s) }

// resolver refuses whatever would make two tenants one.
type resolver struct {
	tenants   []collectors.Tenant
	names     map[string]bool
	databases map[[2]string]bool
	hosts     map[string]bool
	problems  []string
}

func (r *resolver) add(t collectors.Tenant) {
	place := [2]string{t.Postgres, t.Database}
	if r.databases[place] {
		return // listed, or found by an earlier pattern
	}
	if r.names[t.Name] {
		r.problems = append(r.problems, "database "+t.Database+" on "+t.Postgres+
			" is left out: there is a tenant "+t.Name+" already; list it under another name")
		return
	}
	t.Hosts = slices.DeleteFunc(slices.Clone(t.Hosts), func(host string) bool {
		taken := r.hosts[strings.ToLower(host)]
		if taken {
			r.problems = append(r.problems, "host "+host+" of tenant "+t.Name+" belongs to another tenant already")
		}
		return taken
	})
	for _, host := range t.Hosts {
		r.hosts[strings.ToLower(host)] = true
	}
	r.names[t.Name], r.databases[place] = true, true
	r.tenants = append(r.tenants, t)
}
