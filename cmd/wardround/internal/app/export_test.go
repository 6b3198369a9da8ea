package app

import (
	"context"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
)

// SLOMetrics lets tests compare what is served with the catalogue.
var SLOMetrics = sloMetrics

// Waiting lets tests see what clusters are told of clients that wait in pools.
func (a *App) Waiting(tenant string) int { return a.pools.waiting(tenant) }

// Remembers says whether anything is kept that the visits to a tenant's database brought: facts, and
// what is counted for a promise.
func (a *App) Remembers(tenant, objective string) (facts, counts bool) {
	_, facts = a.learned.facts()[tenant]
	counts = slices.ContainsFunc(a.objectives.indicators.Instances(), func(i slo.Instance) bool {
		return i.Tenant() == tenant && i.Objective == objective
	})
	return facts, counts
}

// RehearseInTurn lets tests say what time it is.
func (a *App) RehearseInTurn(ctx context.Context, now time.Time) { a.rehearseInTurn(ctx, now) }

// AskLive asks a tenant's live database as a rehearsal does.
func (a *App) AskLive(ctx context.Context, tenant collectors.Tenant) {
	a.live(ctx, tenant, time.Time{})
}

// Budget is that of the first cluster.
func (a *App) Budget() *collectors.Budget { return a.targets.Load().clusters()[0].Budget() }
