package odoo

import (
	"context"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Limits are what login checks of one service must stay within.
type Limits struct {
	Registries  int           // tenants that one worker holds in memory
	Concurrency int           // checks in flight at once
	Timeout     time.Duration // of one check
	Interval    time.Duration // of rounds
	EveryRound  []string      // tiers that are checked each round even where not all tenants can be
	Staging     bool          // staging copies are checked as well
}

// memory is how many distinct tenants may be checked within an hour.
func (l Limits) memory() int { return max(1, l.Registries/2) }

// round is how many checks get their turn within one round even if none is answered: each then
// holds its place among those in flight for its whole timeout.
func (l Limits) round() int {
	return max(1, int(time.Duration(l.Concurrency)*l.Interval/l.Timeout))
}

// Check is one tenant's place in the plan.
type Check struct {
	Tenant   collectors.Tenant
	Interval time.Duration
}

// Plan says how often each tenant's login page is checked.
type Plan struct {
	Checks         []Check // in the order of the tenants given
	Rotating       int     // tenants that are checked more seldom than each round
	Unreachable    int     // tenants without a host name, which cannot be checked
	PerHour        float64 // checks
	TenantsPerHour float64 // distinct tenants
}

// NewPlan spreads login checks within two bounds.
//
// Memory: within an hour no more distinct tenants are checked than half of what one worker holds
// in memory; the other half is for those who work there. A check of a tenant that is not in memory
// costs seconds of CPU and pushes another one out, so more would take the service down.
//
// Places: no more checks are due in a round than get their turn in it even if all of them hang.
// More would leave tenants unchecked at the very moment of an outage.
//
// Where all tenants fit both, each is checked each round. Else those of the tiers named are, and
// the others take turns. With 4 checks in flight for 10 seconds at most, 24 fit a round of a
// minute: of 60 tenants, 4 of them dedicated, each of the 56 is checked about every 3 minutes. Of
// 1,000 tenants, 20 of them dedicated, with room for 68 in memory, each of the 980 is checked
// about every 21 hours. Where not even the named tiers fit, all take turns.
func NewPlan(tenants []collectors.Tenant, l Limits) Plan {
	var plan Plan
	checked := make([]collectors.Tenant, 0, len(tenants))
	for _, t := range tenants {
		switch {
		case t.Staging && !l.Staging:
		case len(t.Hosts) == 0:
			plan.Unreachable++
		default:
			checked = append(checked, t)
		}
	}
	always := func(t collectors.Tenant) bool { return slices.Contains(l.EveryRound, t.Tier) }
	room := min(l.memory(), l.round())
	kept := 0
	for _, t := range checked {
		if always(t) {
			kept++
		}
	}
	switch {
	case len(checked) <= room:
		always = func(collectors.Tenant) bool { return true }
	case kept >= room:
		always, kept = func(collectors.Tenant) bool { return false }, 0
	}
	turn := l.turn(len(checked), kept)
	for _, t := range checked {
		interval := l.Interval
		if !always(t) {
			interval = turn
		}
		plan.add(Check{Tenant: t, Interval: interval}, l.Interval)
	}
	return plan
}

// turn is how often each tenant is checked that is not among the kept, which are checked each
// round. It grows in steps of a tenth, so that a tenant who comes or goes seldom changes it: each
// change moves the checks of all.
func (l Limits) turn(tenants, kept int) time.Duration {
	rest := time.Duration(tenants - kept)
	least := rest * l.Interval / time.Duration(max(1, l.round()-kept))
	if tenants > l.memory() {
		least = max(least, rest*time.Hour/time.Duration(max(1, l.memory()-kept)))
	}
	turn := l.Interval
	for turn < least {
		turn += max(1, turn/10)
	}
	return turn
}

func (p *Plan) add(c Check, interval time.Duration) {
	p.Checks = append(p.Checks, c)
	perHour := float64(time.Hour) / float64(c.Interval)
	p.PerHour += perHour
	p.TenantsPerHour += min(1, perHour)
	if c.Interval > interval {
		p.Rotating++
	}
}

// planReport is the collector that says what was planned. It asks nobody.
type planReport struct {
	plan   Plan
	limits Limits
}

// Collect reports the plan.
func (p planReport) Collect(ctx context.Context, b *collectors.Builder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.Set(metricPlannedChecks, p.plan.PerHour)
	b.Set(metricPlannedTenants, p.plan.TenantsPerHour)
	b.Set(metricRegistryLimit, float64(p.limits.Registries))
	if p.plan.Rotating > 0 {
		b.Notef("%d of %d tenants take turns: half of the %d in memory may be checked in an hour, and %d in a round with %d at once",
			p.plan.Rotating, len(p.plan.Checks), p.limits.Registries, p.limits.round(), p.limits.Concurrency)
	}
	if p.plan.Unreachable > 0 {
		b.Notef("%d tenants have no host name and are not checked", p.plan.Unreachable)
	}
	return nil
}
