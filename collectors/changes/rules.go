package changes

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// rule is a Rule ready to match.
type rule struct {
	Rule
	patterns map[string]*regexp.Regexp
	group    string // fact whose pattern has the group tenant
}

// compile says what is wrong with a rule, or makes it ready.
func (r Rule) compile(facts []string) (*rule, error) {
	ready := &rule{Rule: r, patterns: map[string]*regexp.Regexp{}}
	ways := 0
	for _, fact := range slices.Sorted(maps.Keys(r.Match)) {
		if !slices.Contains(facts, fact) {
			return nil, fmt.Errorf("there is no %q to match; write one of %s", fact, strings.Join(facts, ", "))
		}
		pattern, err := regexp.Compile(`^(?:` + r.Match[fact] + `)$`)
		if err != nil {
			return nil, fmt.Errorf("%s is not a regular expression: %w", fact, err)
		}
		ready.patterns[fact] = pattern
		if pattern.SubexpIndex(tenantGroup) >= 0 {
			ready.group = fact
			ways++
		}
	}
	for _, way := range []bool{len(r.Tenants) > 0, r.All, r.Tier != "" || r.Region != "" || len(r.Labels) > 0} {
		if way {
			ways++
		}
	}
	if len(r.Match) == 0 {
		return nil, errors.New("match is missing; name a fact and its pattern")
	}
	if ways != 1 {
		return nil, errors.New("tells the tenants in no way or in several; give one pattern a group named tenant, or write tenants, all, or tier, region and labels")
	}
	return ready, nil
}

const tenantGroup = "tenant"

func compile(all []Rule, facts []string) ([]*rule, error) {
	ready := make([]*rule, len(all))
	for i, r := range all {
		var err error
		if ready[i], err = r.compile(facts); err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
	}
	return ready, nil
}

// scope is whom an event with these facts concerns by the first rule that fits; ok is false where
// that is nobody who is known.
func scope(rules []*rule, facts map[string]string, tenants *collectors.Tenants) (s Scope, ok bool) {
	for _, r := range rules {
		if named, fits := r.fits(facts); fits {
			return r.scope(named, tenants)
		}
	}
	return Scope{}, false
}

func (r *rule) fits(facts map[string]string) (tenant string, fits bool) {
	for fact, pattern := range r.patterns {
		groups := pattern.FindStringSubmatch(facts[fact])
		if groups == nil {
			return "", false
		}
		if fact == r.group {
			tenant = groups[pattern.SubexpIndex(tenantGroup)]
		}
	}
	return tenant, true
}

func (r *rule) scope(tenant string, tenants *collectors.Tenants) (Scope, bool) {
	if r.All {
		return Scope{All: true}, true
	}
	var names []string
	for _, t := range tenants.All() {
		if r.selects(tenant, &t) {
			names = append(names, t.Name)
		}
	}
	return Scope{Tenants: names}, len(names) > 0
}

func (r *rule) selects(tenant string, t *collectors.Tenant) bool {
	switch {
	case r.group != "":
		return t.Name == tenant
	case len(r.Tenants) > 0:
		return slices.Contains(r.Tenants, t.Name)
	}
	for label, value := range r.Labels {
		if t.Labels[label] != value {
			return false
		}
	}
	return (r.Tier == "" || t.Tier == r.Tier) && (r.Region == "" || t.Region == r.Region)
}
