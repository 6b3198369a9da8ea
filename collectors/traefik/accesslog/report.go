package accesslog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wardround/wardround/collectors"
)

// report writes what was counted since the reader was made.
func (t *tally) report(b *collectors.Builder) {
	for kind, n := range t.kinds {
		if n > 0 || kind == int(kindRequest) {
			b.Set(metricLines, float64(n), kindNames[kind])
		}
	}
	if t.last > 0 {
		b.Set(metricLast, float64(t.last))
	}
	for _, name := range slices.Sorted(maps.Keys(t.tenants)) {
		t.reportTenant(b, name, t.tenants[name])
	}
	for _, via := range t.routes {
		b.Set(metricRoutes, float64(via.requests), via.router, via.service)
	}
	if t.overfew.requests > 0 {
		b.Set(metricRoutes, float64(t.overfew.requests), other, other)
	}
}

// reportTenant writes one tenant's series: only those that were seen.
func (t *tally) reportTenant(b *collectors.Builder, name string, c *counts) {
	outcomes, seen := len(t.rules.outcomes), false
	for w, workflow := range t.rules.workflows {
		there := false
		for o, n := range c.requests[w*outcomes : (w+1)*outcomes] {
			if n > 0 {
				there = true
				b.SetFor(name, metricRequests, float64(n), workflow, t.rules.outcomes[o], t.rules.verdicts[o])
			}
		}
		if !there {
			continue
		}
		seen = true
		t.reportDuration(b, name, c, w)
		if c.backend[w]+c.overhead[w] > 0 {
			b.SetFor(name, metricBackend, c.backend[w]/1e9, workflow)
			b.SetFor(name, metricOverhead, c.overhead[w]/1e9, workflow)
		}
	}
	if seen {
		b.SetFor(name, metricRetries, float64(c.retries))
	}
	for o, n := range c.sockets {
		if n > 0 {
			b.SetFor(name, metricSockets, float64(n), t.rules.outcomes[o])
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

func (t *tally) reportDuration(b *collectors.Builder, name string, c *counts, workflow int) {
	size := len(t.bounds) + 1
	buckets := c.buckets[workflow*size : (workflow+1)*size]
	d := collectors.Distribution{Counts: buckets[:size-1], Over: buckets[size-1], Sum: c.seconds[workflow] / 1e9}
	total := d.Over
	for i, bound := range t.bounds {
		d.Bounds = append(d.Bounds, bound/1e9)
		total += d.Counts[i]
	}
	if total > 0 {
		b.SetHistogram(name, metricDuration, d, t.rules.workflows[workflow])
	}
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
func (t *tally) leftOut(earlier [kinds]uint64) (lines uint64, reason string) {
	var most uint64
	for kind := kindRequest + 1; kind < kindEmpty; kind++ {
		n := t.kinds[kind] - earlier[kind]
		lines += n
		if n > most {
			most, reason = n, kindNames[kind]
		}
	}
	return lines, reason
}
