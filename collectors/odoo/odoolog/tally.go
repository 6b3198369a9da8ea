package odoolog

import (
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/logtail"
)

// tally is what was counted since the reader was made, by tenant; "" is nobody's.
type tally struct {
	config  Config
	tenant  func(database string) string
	tenants map[string]*counts
	failing map[string]bool // processes that logged an application error and have not answered yet
	parsed  uint64
	other   uint64
	last    time.Time
}

// counts are one tenant's.
type counts struct {
	classes  map[string]uint64
	duration collectors.Distribution
	sql      float64
	python   float64
	queries  uint64
	errors   map[string]uint64 // by logger
	events   map[string]uint64
	crons    map[string]uint64 // by number
	hidden   uint64
	refused  uint64
	ready    time.Time // the job runner
}

const (
	mostFailing = 1000 // processes whose answer is waited for
	mostCrons   = 50   // scheduled tasks of one tenant that get series of their own
)

var durationBounds = []float64{0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60}

func newTally(c Config) *tally {
	return &tally{config: c, tenants: map[string]*counts{}, failing: map[string]bool{}}
}

func (t *tally) of(database string) *counts {
	name := ""
	if database != "" {
		name = t.tenant(database)
	}
	c := t.tenants[name]
	if c == nil {
		c = &counts{
			classes: map[string]uint64{}, errors: map[string]uint64{}, events: map[string]uint64{}, crons: map[string]uint64{},
			duration: collectors.Distribution{Bounds: durationBounds, Counts: make([]uint64, len(durationBounds))},
		}
		t.tenants[name] = c
	}
	return c
}

// add counts one line. Of an unfinished one not even its numbers may be whole.
func (t *tally) add(text logtail.Line) {
	l, ok := parseLine(text.Text)
	if !ok || !text.Whole {
		t.other++
		return
	}
	t.parsed++
	t.last = l.at
	if l.logger == "werkzeug" {
		if a, ok := parseAccess(l.message); ok {
			t.addAccess(l, a)
			return
		}
	}
	if e := eventOf(l); e != nil {
		t.addEvent(l, e)
	} else if l.level == "WARNING" && l.logger == "odoo.http" {
		t.of(l.database).refused++
	}
	if l.level == "ERROR" || l.level == "CRITICAL" {
		t.addError(l)
	}
}

func (t *tally) addError(l line) {
	t.of(l.database).errors[t.config.loggerName(l.logger)]++
	if l.logger == "odoo.http" && strings.HasPrefix(l.message, "Exception during request handling") {
		if len(t.failing) >= mostFailing {
			clear(t.failing)
		}
		t.failing[l.pid] = true
	}
}

// addAccess counts a request. The one that follows an application error in the same process is
// the one that failed.
func (t *tally) addAccess(l line, a access) {
	c := t.of(l.database)
	c.classes[string(rune('0'+a.status/100))+"xx"]++
	if t.failing[l.pid] {
		delete(t.failing, l.pid)
		if a.status < 400 {
			c.hidden++
		}
	}
	if !a.timed || a.socket {
		return
	}
	c.queries += a.queries
	c.sql += a.sql
	c.python += a.python
	took := a.sql + a.python
	c.duration.Sum += took
	if i, _ := slices.BinarySearch(durationBounds, took); i < len(durationBounds) {
		c.duration.Counts[i]++
	} else {
		c.duration.Over++
	}
}

func (t *tally) addEvent(l line, e *event) {
	c := t.of(e.database(l))
	c.events[e.name]++
	switch e.name {
	case "cron_failed":
		id := cronID(l)
		if _, known := c.crons[id]; id == "" || (!known && len(c.crons) >= mostCrons) {
			id = "other"
		}
		c.crons[id]++
	case "runner_ready":
		c.ready = l.at
	}
}

func (t *tally) report(b *collectors.Builder) {
	b.Set(metricLines, float64(t.parsed), "dated")
	b.Set(metricLines, float64(t.other), "other")
	if !t.last.IsZero() {
		b.Set(metricLast, float64(t.last.UnixMilli())/1000)
	}
	for tenant, c := range t.tenants {
		c.report(b, tenant)
	}
}

func (c *counts) report(b *collectors.Builder, tenant string) {
	each := func(m *collectors.Metric, by map[string]uint64) {
		for label, n := range by {
			b.SetFor(tenant, m, float64(n), label)
		}
	}
	each(metricRequests, c.classes)
	each(metricErrors, c.errors)
	each(metricEvents, c.events)
	each(metricCrons, c.crons)
	duration := c.duration
	duration.Counts = slices.Clone(duration.Counts)
	b.SetHistogram(tenant, metricDuration, duration)
	b.SetFor(tenant, metricSQL, c.sql)
	b.SetFor(tenant, metricPython, c.python)
	b.SetFor(tenant, metricQueries, float64(c.queries))
	b.SetFor(tenant, metricHidden, float64(c.hidden))
	b.SetFor(tenant, metricRefused, float64(c.refused))
	if !c.ready.IsZero() {
		b.SetFor(tenant, metricRunnerReady, float64(c.ready.UnixMilli())/1000)
	}
}
