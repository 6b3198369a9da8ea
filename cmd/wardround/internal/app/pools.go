package app

import (
	"maps"
	"sync"

	"github.com/wardround/wardround/collectors"
)

// pools is how many clients wait for a connection, as each PgBouncer last told.
type pools struct {
	mu       sync.Mutex
	byTarget map[string]map[string]int // tenant -> clients
}

// notice takes in what a visit to a PgBouncer found.
func (p *pools) notice(b *collectors.Batch) {
	if b.Key.Collector != "pgbouncer" {
		return
	}
	waiting := map[string]int{}
	b.Each(func(name string) bool { return name == "pgbouncer_pools_client_waiting_connections" }, func(s collectors.Series) {
		waiting[s.Get("tenant")] += int(s.Value())
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byTarget == nil {
		p.byTarget = map[string]map[string]int{}
	}
	p.byTarget[b.Key.Target] = waiting
}

// keep forgets every PgBouncer but these.
func (p *pools) keep(visits []collectors.Visit) {
	still := map[string]bool{}
	for _, v := range visits {
		if v.Key.Collector == "pgbouncer" {
			still[v.Key.Target] = true
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.byTarget, func(target string, _ map[string]int) bool { return !still[target] })
}

// waiting is how many clients of a tenant wait.
func (p *pools) waiting(tenant string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, clients := range p.byTarget {
		n += clients[tenant]
	}
	return n
}
