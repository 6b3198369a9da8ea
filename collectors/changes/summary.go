package changes

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// summary is what series say of the record. It is made anew when the record has changed, so that
// no count can drift away from what it counts.
type summary struct {
	counts  map[tally]uint64
	last    map[tally]time.Time // by tenant and kind
	running []*Change
	failing []*Change // the last of their streams, oldest failure first
	restore map[string]time.Duration
	records int
}

func (j *journal) summarize() *summary {
	m := &summary{
		counts: maps.Clone(j.totals), last: map[tally]time.Time{}, restore: map[string]time.Duration{}, records: len(j.changes.all),
	}
	restoredAt := map[string]time.Time{}
	failed := map[string]*Change{} // by stream, the first of those that failed in a row
	for _, c := range j.changes.all {
		c.tallied(func(t tally) { m.counts[t]++ })
		for _, tenant := range c.names() {
			if t := (tally{Tenant: tenant, Kind: c.Kind}); c.At().After(m.last[t]) {
				m.last[t] = c.At()
			}
		}
		if c.Outcome == Started {
			m.running = append(m.running, c)
		}
		first := failed[c.Stream]
		if first == nil && !c.Failed.IsZero() {
			first = c
			failed[c.Stream] = c
		}
		if first == nil || c.Outcome != Succeeded && c.Outcome != RolledBack {
			continue
		}
		delete(failed, c.Stream)
		for _, tenant := range c.names() {
			if !c.Finished.Before(restoredAt[tenant]) {
				m.restore[tenant], restoredAt[tenant] = max(0, c.Finished.Sub(first.Failed)), c.Finished
			}
		}
	}
	m.failing = slices.SortedFunc(maps.Values(failed), func(a, b *Change) int {
		return cmp.Or(a.Failed.Compare(b.Failed), byStart(a, b))
	})
	return m
}

// names are the tenants that a change names, or "" where it is wider.
func (c *Change) names() []string {
	if len(c.Scope.Tenants) == 0 {
		return []string{""}
	}
	return c.Scope.Tenants
}

func (s *Changes) summary() *summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.summed == nil {
		s.summed = s.journal.summarize()
	}
	return s.summed
}

// Visits are the places of the record and of the pages about applications in the rounds.
func (s *Changes) Visits() []collectors.Visit {
	visits := []collectors.Visit{{Key: collectors.Key{Collector: "changes", Target: target}, Collector: s}}
	for _, p := range s.setup.Load().pages {
		visits = append(visits, collectors.Visit{
			Key: collectors.Key{Collector: "changes", Target: p.Name}, Collector: p, Interval: time.Duration(p.Interval),
		})
	}
	return visits
}

// Collect says what is on record. It asks nobody.
func (s *Changes) Collect(ctx context.Context, b *collectors.Builder) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	m := s.summary()
	m.emit(b, s.tenants.Current())
	s.emitSenders(b)
	s.findStuck(b, m)
	findFailing(b, m)
	s.findGone(b)
	return nil
}

func (s *Changes) emitSenders(b *collectors.Builder) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for r, n := range s.events {
		b.Set(metricEvents, float64(n), r.sender, r.result)
	}
	for _, each := range s.setup.Load().senders {
		b.Set(metricAhead, time.Duration(each.ahead.Load()).Seconds(), each.Name)
	}
}

func (m *summary) emit(b *collectors.Builder, tenants *collectors.Tenants) {
	b.Set(metricRecords, float64(m.records))
	outcomes := map[tally]uint64{}
	for t, n := range m.counts {
		switch {
		case t.Outcome == string(Observed):
			b.SetFor(t.Tenant, metricObserved, float64(n), t.Kind)
		case t.Outcome == rollback:
			b.SetFor(t.Tenant, metricRollbacks, float64(n), t.Kind)
		default:
			b.SetFor(t.Tenant, metricFinished, float64(n), t.Kind, t.Outcome)
			outcomes[tally{Tenant: t.Tenant, Outcome: t.Outcome}] += n
		}
	}
	// All of them from the beginning: what appears with its first event has not grown by it.
	for _, t := range tenants.All() {
		for _, o := range finals {
			own, wide := outcomes[tally{Tenant: t.Name, Outcome: string(o)}], outcomes[tally{Outcome: string(o)}]
			b.SetFor(t.Name, metricOutcomes, float64(own+wide), string(o))
		}
	}
	for t, at := range m.last {
		b.SetFor(t.Tenant, metricLast, seconds(at), t.Kind)
	}
	for tenant, took := range m.restore {
		b.SetFor(tenant, metricRestore, took.Seconds())
	}
	m.emitRunning(b)
}

func (m *summary) emitRunning(b *collectors.Builder) {
	running := map[string]int{}
	for _, c := range m.running {
		if b.At().Sub(c.Started) > lostAfter {
			continue
		}
		for _, tenant := range c.names() {
			if running[tenant]++; running[tenant] == 1 {
				b.SetFor(tenant, metricRunningSince, seconds(c.Started))
			}
		}
	}
	for tenant, n := range running {
		b.SetFor(tenant, metricRunning, float64(n))
	}
	said := map[string]bool{}
	for _, c := range m.failing {
		for _, tenant := range c.names() {
			if !said[tenant] {
				b.SetFor(tenant, metricFailing, seconds(c.Failed))
			}
			said[tenant] = true
		}
	}
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

const (
	lostAfter   = 7 * 24 * time.Hour // after which nobody will tell how a change ended
	maxFindings = 50                 // of each name
	manyTenants = 20                 // from which one finding speaks of all
)

// findStuck finds changes that began and never ended.
func (s *Changes) findStuck(b *collectors.Builder, m *summary) {
	said := 0
	for _, c := range m.running {
		runs := b.At().Sub(c.Started)
		if runs < time.Duration(s.setup.Load().StuckAfter) || runs > lostAfter || said == maxFindings {
			continue
		}
		said++
		find(b, c, "change_stuck", fmt.Sprintf("%s begun %s ago has not been told to have ended", c.Title(), ago(runs)))
	}
}

// findFailing finds changes that failed and that none has succeeded after.
func findFailing(b *collectors.Builder, m *summary) {
	for _, c := range m.failing[:min(len(m.failing), maxFindings)] {
		find(b, c, "change_failed", fmt.Sprintf("%s failed %s ago, and none has succeeded since", c.Title(), ago(b.At().Sub(c.Failed))))
	}
}

func find(b *collectors.Builder, c *Change, name, text string) {
	names := c.names()
	if len(names) > manyTenants {
		text, names = fmt.Sprintf("%s (it concerns %d tenants)", text, len(names)), []string{""}
	}
	for _, tenant := range names {
		b.Find(collectors.Finding{Tenant: tenant, Name: name, Question: collectors.Controlled, Severity: collectors.Warning, Text: text})
	}
}

// Title is such as "deployment odoo 18.0.3.2 by argo-cd".
func (c *Change) Title() string {
	title := c.Kind
	for _, word := range []string{c.Subject, c.Revision} {
		if word != "" {
			title += " " + word
		}
	}
	return title + " by " + c.System
}
