package odoo

import (
	"context"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Limits are what login checks of one service must stay within.
type Limits struct {
	Registries int           // tenants that one worker holds in memory
	Interval   time.Duration // of rounds
	EveryRound []string      // tiers that are checked each round even where not all tenants can be
	Staging    bool          // staging copies are checked as well
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

// NewPlan spreads login checks so that within an hour no more distinct tenants are checked than
// half of what one worker holds in memory; the other half is for those who work there. A check of
// a tenant that is not in memory costs seconds of CPU and pushes another one out, so more would
// take the service down.
//
// Where all tenants fit, each is checked each round. Else those of the tiers named are, and the
// others take turns: with 1,000 tenants, 20 of them dedicated, and room for 68, each of the 980 is
// checked every 20.4 hours. Where not even the named tiers fit, all take turns.
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
	room := max(1, l.Registries/2)
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
	turn := turnOf(len(checked)-kept, room-kept, l.Interval)
	for _, t := range checked {
		interval := l.Interval
		if !always(t) {
			interval = turn
		}
		plan.add(Check{Tenant: t, Interval: interval}, l.Interval)
	}
	return plan
}

// turnOf is how often each of n tenants can be checked where room of them may be within an hour.
func turnOf(n, room int, interval time.Duration) time.Duration {
	turn := time.Duration(n) * time.Hour / time.Duration(max(1, room))
	return max(interval, turn.Round(time.Second))
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
	plan  Plan
	limit int
}

// Collect reports the plan.
func (p planReport) Collect(ctx context.Context, b *collectors.Builder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.Set(metricPlannedChecks, p.plan.PerHour)
	b.Set(metricPlannedTenants, p.plan.TenantsPerHour)
	b.Set(metricRegistryLimit, float64(p.limit))
	if p.plan.Rotating > 0 {
		b.Notef("%d of %d tenants take turns, because the service holds %d in memory", p.plan.Rotating, len(p.plan.Checks), p.limit)
	}
	if p.plan.Unreachable > 0 {
		b.Notef("%d tenants have no host name and are not checked", p.plan.Unreachable)
	}
	return nil
}
