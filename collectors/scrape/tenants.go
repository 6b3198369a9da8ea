package scrape

import (
	"fmt"
	"regexp"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/wardround/wardround/collectors"
)

// tenantRule is a TenantRule made ready.
type tenantRule struct {
	TenantRule
	pattern *regexp.Regexp // nil: the whole value, or what the map says
}

func newTenantRules(rules []TenantRule) ([]tenantRule, error) {
	all := make([]tenantRule, len(rules))
	for i, r := range rules {
		all[i].TenantRule = r
		if r.Pattern == "" {
			continue
		}
		pattern, err := whole(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("tenants[%d].pattern: %w", i, err)
		}
		all[i].pattern = pattern
	}
	return all, nil
}

// attribution says whose series are, for the length of one visit. Only tenants that the registry
// knows are named: anything else in a label is somebody's text.
type attribution struct {
	rules   []tenantRule
	tenants *collectors.Tenants
	found   []map[string]string // by rule: value -> tenant, "" for none
}

func newAttribution(rules []tenantRule, tenants *collectors.Tenants) *attribution {
	a := &attribution{rules: rules, tenants: tenants, found: make([]map[string]string, len(rules))}
	for i := range a.found {
		a.found[i] = map[string]string{}
	}
	return a
}

// tenant is whose a series is, "" where it is no known tenant's.
func (a *attribution) tenant(all labels.Labels) string {
	for i := range a.rules {
		value := all.Get(a.rules[i].Label)
		if value == "" {
			continue
		}
		tenant, known := a.found[i][value]
		if !known {
			tenant = a.look(&a.rules[i], value)
			a.found[i][value] = tenant
		}
		if tenant != "" {
			return tenant
		}
	}
	return ""
}

func (a *attribution) look(r *tenantRule, value string) string {
	switch {
	case r.Map != nil:
		value = r.Map[value]
	case r.pattern != nil:
		groups := r.pattern.FindStringSubmatch(value)
		if groups == nil {
			return ""
		}
		value = groups[r.pattern.SubexpIndex(tenantIs)]
	}
	tenant, _ := a.tenants.ByName(value)
	if r.By == byHost {
		tenant, _ = a.tenants.ByHost(value)
	}
	return tenant.Name
}
