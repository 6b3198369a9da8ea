package slo

import (
	"cmp"
	"maps"
	"slices"
)

// Targets are the promised shares of an objective. What is promised to a tenant
// by name goes before what is promised to its tier, and that before the default;
// a tenant's target may as well be the lower one.
type Targets struct {
	Default Ratio
	// ByTier and ByTenant are nil where none has a target of its own.
	ByTier   map[string]Ratio
	ByTenant map[string]Ratio
}

// Of is the target that holds for an instance, whose tenant is of a tier, or of
// none, which is "".
func (t Targets) Of(i Instance, tier string) Ratio {
	if len(t.ByTenant) > 0 {
		if target, own := t.ByTenant[i.Tenant()]; own {
			return target
		}
	}
	if target, own := t.ByTier[tier]; own {
		return target
	}
	return t.Default
}

// Promised is a target and for whom it holds.
type Promised struct {
	Target Ratio
	// Default says that it holds for all who have no target of their own.
	Default bool
	// Tiers and Tenants have it as their own, sorted. Tenants of such a tier may
	// have another.
	Tiers, Tenants []string
}

// All are the distinct targets, the highest first.
func (t Targets) All() []Promised {
	all := map[Ratio]*Promised{}
	of := func(target Ratio) *Promised {
		if all[target] == nil {
			all[target] = &Promised{Target: target}
		}
		return all[target]
	}
	of(t.Default).Default = true
	for _, tier := range slices.Sorted(maps.Keys(t.ByTier)) {
		p := of(t.ByTier[tier])
		p.Tiers = append(p.Tiers, tier)
	}
	for _, tenant := range slices.Sorted(maps.Keys(t.ByTenant)) {
		p := of(t.ByTenant[tenant])
		p.Tenants = append(p.Tenants, tenant)
	}
	sorted := make([]Promised, 0, len(all))
	for _, p := range all {
		sorted = append(sorted, *p)
	}
	slices.SortFunc(sorted, func(a, b Promised) int { return cmp.Compare(b.Target, a.Target) })
	return sorted
}

// Clone are targets that share nothing with these.
func (t Targets) Clone() Targets {
	return Targets{t.Default, maps.Clone(t.ByTier), maps.Clone(t.ByTenant)}
}
