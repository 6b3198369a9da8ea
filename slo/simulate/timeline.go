package simulate

import (
	"time"

	"github.com/wardround/wardround/slo"
)

// point sums up all that an instance did before a minute. The difference of two
// points is any window, exactly, in O(1).
type point struct {
	good, bad          uint64
	measured, excluded uint32
}

// timeline is an instance's points, one for each minute of the history and one
// for its end. Its memory serves one instance after the other.
type timeline struct {
	points []point
	first  int64 // the instance's first minute
}

// treatment is how a minute counts.
type treatment uint8

const (
	counted treatment = iota
	asGood
	removed
)

// sum fills the timeline with a series, as an objective reads silence and with
// the time that is excluded.
func (t *timeline) sum(h *History, s *series, o *slo.Objective, excluded []treatment) {
	if int64(len(t.points)) != h.length+1 {
		t.points = make([]point, h.length+1)
	}
	t.first = s.first
	clear(t.points[:s.first+1])
	w := writer{timeline: t, history: h, objective: o, excluded: excluded, at: s.first}
	w.carry = o.NoData == slo.NoDataCarry && !h.carried[o.Name]
	s.column.each(w.entry)
	w.silent(h.length)
}

// writer adds up points from left to right.
type writer struct {
	*timeline
	history   *History
	objective *slo.Objective
	excluded  []treatment
	at        int64
	carry     bool
	last      slo.Counts // of the last measured minute with events
}

func (w *writer) entry(e entry) {
	w.silent(w.at + int64(e.gap))
	measured := uint32(1)
	switch {
	case e.carried && w.objective.NoData != slo.NoDataCarry:
		w.silent(w.at + int64(e.run))
		return
	case e.carried:
		measured = 0
	case e.counts.Total() > 0:
		w.last = e.counts
	}
	for range e.run {
		w.put(e.counts, measured)
	}
}

// silent brings the points to an index over minutes without a record.
func (w *writer) silent(to int64) {
	for w.at < to {
		if w.carry && w.history.watched[w.at] && w.due() {
			w.put(w.last, 0)
		} else {
			w.put(slo.Counts{}, 0)
		}
	}
}

// due says whether a silent minute has something to repeat: with time slices
// only their last minutes do.
func (w *writer) due() bool {
	threshold := w.objective.Indicator.Threshold
	if threshold == nil || threshold.Slice == 0 {
		return true
	}
	return (w.history.base+w.at+1)%int64(threshold.Slice/time.Minute) == 0
}

func (w *writer) put(c slo.Counts, measured uint32) {
	p := w.points[w.at]
	switch w.treatment() {
	case removed:
		c, measured = slo.Counts{}, 0
		p.excluded++
	case asGood:
		c = slo.Counts{Good: c.Total()}
	}
	p.good += c.Good
	p.bad += c.Bad
	p.measured += measured
	w.at++
	w.points[w.at] = p
}

func (w *writer) treatment() treatment {
	if w.excluded == nil {
		return counted
	}
	return w.excluded[w.at]
}

// tally is what the timeline holds in [from, to).
func (t *timeline) tally(from, to int64) slo.Tally {
	from = max(from, t.first)
	if from >= to {
		return slo.Tally{}
	}
	a, b := &t.points[from], &t.points[to]
	return slo.Tally{
		Counts:   slo.Counts{Good: b.good - a.good, Bad: b.bad - a.bad},
		Measured: int64(b.measured - a.measured),
		Expected: to - from,
		Excluded: int64(b.excluded - a.excluded),
	}
}

// counts are the events of the tally in [from, to).
func (t *timeline) counts(from, to int64) slo.Counts {
	a, b := &t.points[max(from, t.first)], &t.points[to]
	return slo.Counts{Good: b.good - a.good, Bad: b.bad - a.bad}
}
