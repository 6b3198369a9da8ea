package indicator

import (
	"math"
	"time"
)

// Labels are the labels of one series. Where they are Dated, too, counters that
// are new or began anew count from their creation.
type Labels interface {
	// Get is a label's value, "" where it is absent.
	Get(label string) string
	// Block is all labels in one string, always the same for the same series:
	// it tells the series of one metric and source apart.
	Block() string
}

// Dated is what Labels may be that know since when their counter counts: its
// created timestamp.
type Dated interface {
	// Created is the instant at which the counter was 0; the zero time where
	// that is not known.
	Created() time.Time
}

// source is where samples come from.
type source struct {
	id    uint32
	seen  int64
	round int64 // of its last round, for which it rests
	rests int64 // until then it need not be seen: its next round is not due
	fails bool  // its last round brought only a part
}

// series is one raw series of one source.
type series struct {
	source     *source
	feeds      []feed
	seen       int64
	last       uint64 // of a counter
	created    int64  // of a counter, 0 where not known
	generation uint32 // of the feeds; an older one means objectives have changed
	counted    bool   // last is set
	refused    bool   // what was last seen is no count
}

// feed is one instance that a series counts for.
type feed struct {
	to   *instance
	role role
}

// Round begins a round of samples and answers how to end it. Drain waits for the
// rounds under way, so that none is split between two minutes. A round that has
// begun must not call Drain or Round.
func (e *Engine) Round() (end func()) {
	e.rounds.RLock()
	return e.rounds.RUnlock
}

// Observe counts one sample of a source, such as a collector's target. All
// samples of one round carry the same source and time. The time is that of
// looking, not of the visit that the sample stems from: ages grow by the clock.
func (e *Engine) Observe(at time.Time, source, name string, labels Labels, value float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := at.UnixNano()
	e.latest = max(e.latest, now)
	if e.began == 0 {
		e.began = now
	}
	m := e.metrics[name]
	if m == nil || m.buckets && !m.wants(labels.Get("le")) && !m.others {
		return
	}
	if math.IsNaN(value) {
		e.stats.Refused++
		return
	}
	s := e.find(m, source, labels)
	if s == nil {
		return
	}
	e.tell(m, s, sample{at, now, value}, labels)
	s.seen, s.source.seen = now, now
}

// sample is a value and when it was seen, as a time and in nanoseconds.
type sample struct {
	at    time.Time
	nanos int64
	value float64
}

// tell hands a sample to all instances that its series feeds.
func (e *Engine) tell(m *metric, s *series, x sample, labels Labels) {
	var delta uint64
	var known, asked bool
	s.refused = false
	for _, f := range s.feeds {
		if !f.role.counter() {
			f.to.judge(f.role, s.source, x)
			continue
		}
		if !asked {
			delta, known = e.delta(m, s, x, labels)
			asked = true
		}
		if known {
			f.to.count(f.role, delta)
		}
	}
}

// Rest says that a source has told all that it was to tell, in its round of the
// given time, until its next round is due: minutes until then were watched, and
// what they hold no events of did not happen. A source that is asked once in
// many hours covers these hours, one that misses its round stops covering, and
// a series that was not in the round is not covered.
func (e *Engine) Rest(source string, round, until time.Time) { e.rest(source, round, until, false) }

// Fail is Rest after a round that failed: what was in it covers the minutes until
// the next one, and what was not may be there all the same. As long as a source
// fails nothing of it is gone.
func (e *Engine) Fail(source string, round, until time.Time) { e.rest(source, round, until, true) }

func (e *Engine) rest(source string, round, until time.Time, fails bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.sources[source]; s != nil {
		s.round, s.rests, s.fails = round.UnixNano(), until.UnixNano(), fails
	}
}

// exactFloat is where floats stop holding every whole number.
const exactFloat = 1 << 53

// delta is what a counter grew by since it was last seen. At first sight, and
// after a gap beyond Expiry, it is known only of a counter that is known to have
// begun meanwhile. A counter that fell has begun anew, and so has one that says
// so: all that it counts is new.
func (e *Engine) delta(m *metric, s *series, x sample, labels Labels) (grown uint64, known bool) {
	if !(x.value >= 0 && x.value <= exactFloat) {
		e.stats.Refused++
		s.refused = true
		return 0, false
	}
	now, created := uint64(x.value), creation(labels)
	last, before := s.last, s.created
	lost := !s.counted || e.expired(s, x.nanos)
	s.last, s.created, s.counted = now, created, true
	switch {
	case lost:
		return now, e.beganWatched(m, created, x.nanos)
	case now < last || moved(before, created):
		return now, true
	}
	return now - last, true
}

func creation(labels Labels) int64 {
	if d, ok := labels.(Dated); ok {
		if at := d.Created(); !at.IsZero() {
			return at.UnixNano()
		}
	}
	return 0
}

// moved says whether a creation is another one. Some sources work theirs out
// from an uptime, anew each time, and miss by up to a second.
func moved(before, created int64) bool {
	return before != 0 && created != 0 && created-before > int64(time.Second)
}

// expired says that a series was unseen for too long, while it should have been
// seen.
func (e *Engine) expired(s *series, now int64) bool {
	expiry := int64(e.opts.Expiry)
	return now-s.seen > expiry && now-s.source.rests > expiry
}

// beganWatched says whether a counter is known to have begun while its metric
// was watched, and not so long ago that a minute cannot hold what it counts.
func (e *Engine) beganWatched(m *metric, created, now int64) bool {
	return created > max(m.since, e.began) && created <= now && now-created <= int64(e.opts.Expiry)
}

// find is the series of a source, known to the instances that it feeds; nil
// where there are too many already.
func (e *Engine) find(m *metric, source string, labels Labels) *series {
	e.key = append(append(append(e.key[:0], source...), 0), labels.Block()...)
	s := m.series[string(e.key)]
	if s != nil && s.generation == e.generation {
		return s
	}
	if s == nil && len(m.series) >= e.opts.MaxSeries {
		e.stats.OverLimit++
		m.over.now = true
		return nil
	}
	whole := e.bind(m, labels)
	if s == nil {
		if !whole && len(e.feeds) == 0 {
			return nil // it would only take memory
		}
		s = &series{source: e.source(source)}
		m.series[string(e.key)] = s
	}
	s.feeds = append(s.feeds[:0], e.feeds...)
	if whole { // else it is asked again at its next sample
		s.generation = e.generation
	}
	return s
}

// bind gathers in e.feeds the instances that a series feeds; whole is false if
// an instance could not be had.
func (e *Engine) bind(m *metric, labels Labels) (whole bool) {
	e.feeds = e.feeds[:0]
	whole = true
	for _, in := range m.inputs {
		r, ok := in.reads(labels)
		if !ok {
			continue
		}
		to, ok := e.instance(in.of, labels)
		if !ok {
			whole = false
			continue
		}
		e.feeds = append(e.feeds, feed{to, r})
	}
	return whole
}

func (e *Engine) source(name string) *source {
	s := e.sources[name]
	if s == nil {
		e.lastSource++
		s = &source{id: e.lastSource}
		e.sources[name] = s
	}
	return s
}
