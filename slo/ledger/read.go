package ledger

import (
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Reader answers what slo.Judge needs to judge an instance. An Input is valid
// until the next call; a Reader is for one goroutine.
type Reader func(i slo.Instance, tier string) *slo.Input

// Reader reads instances of an objective as of Through: the running sums of its
// window and of its policy's windows, all of which must be watched (see
// Windows). It is good until the next Watch or SetLags, and allocates nothing per
// instance.
// An instance without a record has empty tallies.
func (l *Ledger) Reader(o *slo.Objective) Reader {
	l.mu.RLock()
	defer l.mu.RUnlock()
	burns := o.BurnWindows()
	r := &reader{ledger: l, lag: l.lag(o.Name), period: l.views[o.Window.String()]}
	r.in.Burns = make([]slo.Tally, len(burns))
	for _, d := range burns {
		r.views = append(r.views, l.views[slo.Window{Rolling: d}.String()])
	}
	return r.read
}

// reader is a Reader's memory.
type reader struct {
	ledger *Ledger
	lag    int64
	period *view
	views  []*view // by burn window
	last   uint32  // the id of the instance read last
	in     slo.Input
}

func (r *reader) read(i slo.Instance, tier string) *slo.Input {
	l := r.ledger
	l.mu.RLock()
	defer l.mu.RUnlock()
	r.in.Instance, r.in.Tier, r.in.At, r.in.Period = i, tier, l.through(), slo.Tally{}
	id, known := r.find(i)
	if !known {
		clear(r.in.Burns)
		return &r.in
	}
	due := l.end - r.lag
	l.tally(&r.in.Period, id, r.period, due)
	if l.over != nil || len(l.away[id]) > 0 {
		for k, v := range r.views {
			l.tally(&r.in.Burns[k], id, v, due)
		}
		return &r.in
	}
	first := l.records[id].First
	for k, v := range r.views { // what tally does, in one piece: it is done for all windows of all instances
		t := &r.in.Burns[k]
		if v == nil || int(id) >= len(v.sums) {
			*t = slo.Tally{}
			continue
		}
		s := &v.sums[id]
		t.Good, t.Bad, t.Measured = s.good, s.bad, int64(s.measured)
		t.Expected, t.Excluded = max(0, min(v.to, due)-max(v.from, first)), 0
	}
	return &r.in
}

// find is the id of an instance. Instances are mostly asked for in the order in
// which they began, which spares most looking up.
func (r *reader) find(i slo.Instance) (id uint32, known bool) {
	l := r.ledger
	if id = r.last + 1; int(id) >= len(l.records) || l.records[id].Instance != i || l.records[id].Until != 0 {
		if id, known = l.ids[i]; !known {
			return 0, false
		}
	}
	r.last = id
	return id, true
}

// Input reads one instance; for many of one objective, make a Reader once.
func (l *Ledger) Input(o *slo.Objective, i slo.Instance, tier string) slo.Input {
	return *l.Reader(o)(i, tier)
}

// Windows are the windows that Readers of these objectives need: watch them.
func Windows(objectives []slo.Objective) []slo.Window {
	var all []slo.Window
	seen := map[string]bool{}
	add := func(w slo.Window) {
		if !seen[w.String()] {
			seen[w.String()] = true
			all = append(all, w)
		}
	}
	for _, o := range objectives {
		add(o.Window)
		for _, d := range o.BurnWindows() {
			add(slo.Window{Rolling: d})
		}
	}
	return all
}

// Tally is what a watched window holds for an instance, as of Through. It is
// empty for instances without a record and windows that are not watched.
func (l *Ledger) Tally(i slo.Instance, w slo.Window) slo.Tally {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var t slo.Tally
	if id, known := l.ids[i]; known {
		l.tally(&t, id, l.views[w.String()], l.due(id))
	}
	return t
}

// tally reads a view into t: in place, because all instances and windows are
// read every minute.
func (l *Ledger) tally(t *slo.Tally, id uint32, v *view, due int64) {
	if v == nil || int(id) >= len(v.sums) {
		*t = slo.Tally{}
		return
	}
	l.finish(t, id, &v.sums[id], v.from, min(v.to, due), l.over)
}

// finish adds what was expected of an instance, and how much of that is
// excluded, to what was measured. Minutes from to on must not be due.
func (l *Ledger) finish(t *slo.Tally, id uint32, s *sum, from, to int64, over *overlay) {
	from = max(from, l.records[id].First)
	t.Good, t.Bad, t.Measured, t.Expected, t.Excluded = s.good, s.bad, int64(s.measured), max(0, to-from), 0
	if over != nil {
		t.Excluded = over.excluded(id, from, to)
	}
	if away := l.away[id]; len(away) > 0 {
		away.within(from, to, func(from, to int64) {
			t.Expected -= to - from
			t.Excluded -= over.excluded(id, from, to)
		})
	}
}

// Sum is what an instance did in [from, to), whole minutes, read from disk: a
// row per hour. Before the retention begins, edges within an hour are lost, and
// exclusions change nothing.
func (l *Ledger) Sum(i slo.Instance, from, to time.Time) (slo.Tally, error) {
	return sumOf(l.Walk, i, from, to)
}

// SumRaw is what Sum would say if nothing was excluded.
func (l *Ledger) SumRaw(i slo.Instance, from, to time.Time) (slo.Tally, error) {
	return sumOf(l.WalkRaw, i, from, to)
}

func sumOf(walk func([]time.Time, func(Slice) error) error, i slo.Instance, from, to time.Time) (t slo.Tally, err error) {
	err = walk([]time.Time{from, to}, func(s Slice) error {
		t = s.Tally(i)
		return nil
	})
	return t, err
}

// Slice is a stretch of time with the tallies of all instances. It is valid
// while Walk's visit runs.
type Slice struct {
	From, To time.Time

	ledger *Ledger
	over   *overlay
	sums   sums
}

// Walk hands out the slices between neighbouring edges, whole minutes in
// ascending order, in one pass over the record; slo.Days makes edges. The
// ledger must not be called from within visit.
func (l *Ledger) Walk(edges []time.Time, visit func(Slice) error) error {
	return l.walk(edges, visit, func() *overlay { return l.over })
}

// WalkRaw is Walk as if nothing was excluded.
func (l *Ledger) WalkRaw(edges []time.Time, visit func(Slice) error) error {
	return l.walk(edges, visit, func() *overlay { return nil })
}

func (l *Ledger) walk(edges []time.Time, visit func(Slice) error, over func() *overlay) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := Slice{ledger: l}
	for k := 1; k < len(edges); k++ {
		s.From, s.To = edges[k-1], edges[k]
		err := l.reading(func() error {
			s.over = over()
			s.sums.grow(len(l.records))
			clear(s.sums)
			return l.view(func(tx *bbolt.Tx) error { return l.rows(tx, s.from(), s.to(), s.over, s.sums.add) })
		})
		if err != nil {
			return err
		}
		if err := visit(s); err != nil {
			return fmt.Errorf("visit %s: %w", s.From.Format(time.RFC3339), err)
		}
	}
	return nil
}

func (s Slice) from() int64 { return max(0, s.From.Unix()/60) }

// to leaves out minutes after the ledger's end, written while the clock was
// ahead.
func (s Slice) to() int64 { return min(s.ledger.end, s.To.Unix()/60) }

// Tally is one instance's, empty where it has no record.
func (s Slice) Tally(i slo.Instance) slo.Tally {
	id, known := s.ledger.ids[i]
	if !known {
		return slo.Tally{}
	}
	return s.tally(id)
}

func (s Slice) tally(id uint32) (t slo.Tally) {
	s.ledger.finish(&t, id, &s.sums[id], s.from(), min(s.to(), s.ledger.due(id)), s.over)
	return t
}

// All are the instances that existed in the slice and were not absent throughout,
// in the order of their first minutes, ended histories left out.
func (s Slice) All() iter.Seq2[slo.Instance, slo.Tally] {
	return func(yield func(slo.Instance, slo.Tally) bool) {
		for id, r := range s.ledger.records {
			from := max(s.from(), r.First)
			if from >= s.to() || r.Until != 0 || s.ledger.away[id].minutes(from, s.to()) == s.to()-from {
				continue
			}
			if !yield(r.Instance, s.tally(uint32(id))) {
				return
			}
		}
	}
}
