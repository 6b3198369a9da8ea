package indicator

import (
	"time"

	"github.com/wardround/wardround/slo"
)

// Drain ends a minute, given its end: it answers what each instance that was
// seen, or is covered by what was seen before, did since the last Drain, sorted
// by instance, and drops series that are gone.
func (e *Engine) Drain(minute time.Time) []slo.Delta {
	e.rounds.Lock()
	defer e.rounds.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	now := minute.UnixNano()
	e.latest = max(e.latest, now)
	e.sweep(now)
	for _, t := range e.order {
		t.close(now)
	}
	for _, t := range e.order {
		e.compose(t, now)
	}
	deltas := make([]slo.Delta, 0, e.instances)
	for _, t := range e.order {
		deltas = t.drain(deltas)
	}
	e.prune()
	return deltas
}

// sweep drops the series that are gone and marks the instances that others feed
// and cover.
func (e *Engine) sweep(now int64) {
	alive := now - int64(e.opts.Expiry)
	for _, m := range e.metrics {
		m.over.next()
		for key, s := range m.series {
			if s.seen < alive && s.source.seen >= alive && !s.source.fails {
				delete(m.series, key)
				continue
			}
			covers := e.covers(s, now)
			for _, f := range s.feeds {
				f.to.fed = true
				f.to.covered = f.to.covered || covers && f.role.covers()
			}
		}
	}
}

// covers says whether a series speaks of a minute that holds none of its
// samples. One that was seen later than the minute does not: the clock has been
// set back.
func (e *Engine) covers(s *series, now int64) bool {
	rests := s.source.rests >= now && s.seen == s.source.round
	return (rests || now-s.seen < int64(e.opts.Lookback)) && s.seen <= now && !s.refused
}

// Forget drops all series of a source that is gone, such as a removed target,
// and the instances that nothing feeds any more, once their minute is drained.
func (e *Engine) Forget(source string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	gone := e.sources[source]
	if gone == nil {
		return
	}
	delete(e.sources, source)
	for _, m := range e.metrics {
		// Should the source come back, its counters are not counted twice.
		m.since = max(m.since, gone.seen)
		for key, s := range m.series {
			if s.source == gone {
				delete(m.series, key)
				continue
			}
			for _, f := range s.feeds {
				f.to.fed = true
			}
		}
	}
	e.prune()
}

// prune removes instances that are not marked as fed. Those of composites go with
// their members.
func (e *Engine) prune() {
	for _, t := range e.order {
		if t.parts == nil {
			e.instances -= t.prune()
		}
	}
}
