package accesslog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wardround/wardround/collectors"
)

// report writes what was counted since the reader was made.
func (t *tally) report(b *collectors.Builder) {
	for kind := range t.kinds {
		if c := &t.kinds[kind]; c.n > 0 || kind == int(kindRequest) {
			b.Set(metricLines, c.show(), kindNames[kind])
		}
	}
	if t.last > 0 {
		b.Set(metricLast, float64(t.last))
	}
	for _, name := range slices.Sorted(maps.Keys(t.tenants)) {
		t.reportTenant(b, name, t.tenants[name])
	}
	for _, via := range t.routes {
		b.Set(metricRoutes, via.requests.show(), via.router, via.service)
	}
	if t.overfew.requests.n > 0 {
		b.Set(metricRoutes, t.overfew.requests.show(), other, other)
	}
}

// reportTenant writes one tenant's series: only those that were seen.
func (t *tally) reportTenant(b *collectors.Builder, name string, c *counts) {
	seen := false
	for i, workflow := range t.rules.workflows {
		w := &c.works[i]
		for o := range w.outcomes {
			if n := &w.outcomes[o]; n.n > 0 {
				seen = true
				b.SetFor(name, metricRequests, n.show(), workflow, t.rules.outcomes[o], t.rules.verdicts[o])
			}
		}
		t.reportWork(b, name, w, workflow)
	}
	if seen {
		b.SetFor(name, metricRetries, c.retries.show())
	}
	for o := range c.sockets {
		if n := &c.sockets[o]; n.n > 0 {
			b.SetFor(name, metricSockets, n.show(), t.rules.outcomes[o])
		}
	}
	if c.refused >= manyRefused {
		b.Find(collectors.Finding{
			Tenant: name, Name: "websockets_refused", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("the last %d websockets were answered with the status 500 and none lived: send /websocket to Odoo's port for events, not to its HTTP workers", c.refused),
		})
	}
}

// manyRefused is how many websockets in a row are refused by a service that cannot serve any.
const manyRefused = 5

// reportWork writes how long a workflow took: like counters, zero when it is shown first.
func (t *tally) reportWork(b *collectors.Builder, name string, w *work, workflow string) {
	if w.backend+w.overhead > 0 {
		var shown work
		if w.timed {
			shown = *w
		}
		w.timed = true
		b.SetFor(name, metricBackend, shown.backend/1e9, workflow)
		b.SetFor(name, metricOverhead, shown.overhead/1e9, workflow)
	}
	above := len(t.bounds)
	d := collectors.Distribution{Bounds: make([]float64, above), Counts: w.buckets[:above], Over: w.buckets[above], Sum: w.seconds / 1e9}
	total := d.Over
	for i, bound := range t.bounds {
		d.Bounds[i] = bound / 1e9
		total += d.Counts[i]
	}
	if total == 0 {
		return
	}
	if !w.judged {
		d.Counts, d.Over, d.Sum = make([]uint64, above), 0, 0
	}
	w.judged = true
	b.SetHistogram(name, metricDuration, d, workflow)
}

// reportHabits writes how the last minutes compare with what is usual. They must have been read.
func (t *tally) reportHabits(b *collectors.Builder, spike Spike) {
	for _, name := range slices.Sorted(maps.Keys(t.tenants)) {
		c := t.tenants[name]
		if c.habit == nil {
			continue
		}
		recent, usual, known := t.habits.compare(c.habit)
		if !known {
			continue
		}
		ratio := float64(recent) / max(usual, 1)
		b.SetFor(name, metricUsual, ratio)
		if ratio >= spike.Ratio && recent >= spike.Requests {
			b.Find(collectors.Finding{
				Tenant: name, Name: "request_spike", Question: collectors.Contained, Severity: collectors.Warning,
				Text: fmt.Sprintf("%d requests in %d minutes, %.1f times what is usual in this hour of the week", recent, window, ratio),
			})
		}
	}
}

// leftOut is what cannot be read since earlier counts of kinds: how many lines, and the commonest
// reason.
func (t *tally) leftOut(earlier [kinds]counter) (lines uint64, reason string) {
	var most uint64
	for kind := kindRequest + 1; kind < kindEmpty; kind++ {
		n := t.kinds[kind].n - earlier[kind].n
		lines += n
		if n > most {
			most, reason = n, kindNames[kind]
		}
	}
	return lines, reason
}
