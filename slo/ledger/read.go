package ledger

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Reader answers what slo.Evaluate needs to judge an instance.
type Reader func(i slo.Instance, tier string) slo.Input

// Reader reads instances of an objective as of Through: the running sums of its
// window and of its policy's windows, all of which must be watched (see
// Windows). It is good until the next Watch. An instance without a record has
// empty tallies.
func (l *Ledger) Reader(o *slo.Objective) Reader {
	l.mu.RLock()
	defer l.mu.RUnlock()
	burns := o.BurnWindows()
	views := make([]*view, len(burns))
	for k, d := range burns {
		views[k] = l.views[slo.Window{Rolling: d}.String()]
	}
	period := l.views[o.Window.String()]
	return func(i slo.Instance, tier string) slo.Input {
		l.mu.RLock()
		defer l.mu.RUnlock()
		id, known := l.ids[i]
		in := slo.Input{Instance: i, Tier: tier, At: l.through()}
		tallies := make([]slo.Tally, len(burns))
		if known {
			in.Period = l.tally(id, period)
			for k, v := range views {
				tallies[k] = l.tally(id, v)
			}
		}
		next := 0
		in.Burn = func(d time.Duration) slo.Tally {
			if next >= len(burns) || burns[next] != d { // they are asked for in order
				if next = slices.Index(burns, d); next < 0 {
					next = 0
					return slo.Tally{}
				}
			}
			next++
			return tallies[next-1]
		}
		return in
	}
}

// Input reads one instance; for many of one objective, make a Reader once.
func (l *Ledger) Input(o *slo.Objective, i slo.Instance, tier string) slo.Input {
	return l.Reader(o)(i, tier)
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
	id, known := l.ids[i]
	if !known {
		return slo.Tally{}
	}
	return l.tally(id, l.views[w.String()])
}

func (l *Ledger) tally(id uint32, v *view) slo.Tally {
	if v == nil || int(id) >= len(v.sums) {
		return slo.Tally{}
	}
	return l.finish(id, v.sums[id], v.from, v.to)
}

// finish adds what was expected of an instance to what was measured.
func (l *Ledger) finish(id uint32, s sum, from, to int64) slo.Tally {
	return slo.Tally{
		Counts:   slo.Counts{Good: s.good, Bad: s.bad},
		Measured: int64(s.measured),
		Expected: max(0, min(to, l.end)-max(from, l.records[id].First)),
	}
}

// Sum is what an instance did in [from, to), whole minutes, read from disk: a
// row per hour. Before the retention begins, edges within an hour are lost.
func (l *Ledger) Sum(i slo.Instance, from, to time.Time) (slo.Tally, error) {
	var t slo.Tally
	err := l.Walk([]time.Time{from, to}, func(s Slice) error {
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
	sums   sums
}

// Walk hands out the slices between neighbouring edges, whole minutes in
// ascending order, in one pass over the record; slo.Days makes edges. The
// ledger must not be appended to from within visit.
func (l *Ledger) Walk(edges []time.Time, visit func(Slice) error) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.db.View(func(tx *bbolt.Tx) error {
		s := Slice{ledger: l, sums: make(sums, len(l.records))}
		for k := 1; k < len(edges); k++ {
			s.From, s.To = edges[k-1], edges[k]
			clear(s.sums)
			if err := l.rows(tx, s.from(), s.to(), s.sums.add); err != nil {
				return err
			}
			if err := visit(s); err != nil {
				return fmt.Errorf("visit %s: %w", s.From.Format(time.RFC3339), err)
			}
		}
		return nil
	})
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
	return s.ledger.finish(id, s.sums[id], s.from(), s.to())
}

// All are the instances that existed in the slice, in the order of their first
// minutes.
func (s Slice) All() iter.Seq2[slo.Instance, slo.Tally] {
	return func(yield func(slo.Instance, slo.Tally) bool) {
		for id, r := range s.ledger.records {
			if r.First >= s.to() {
				continue
			}
			if !yield(r.Instance, s.ledger.finish(uint32(id), s.sums[id], s.from(), s.to())) {
				return
			}
		}
	}
}

// Instances are all that ever had a record, in the order of their first
// minutes, with the time of those.
func (l *Ledger) Instances() iter.Seq2[slo.Instance, time.Time] {
	l.mu.RLock()
	all := slices.Clone(l.records)
	l.mu.RUnlock()
	return func(yield func(slo.Instance, time.Time) bool) {
		for _, r := range all {
			if !yield(r.Instance, time.Unix(r.First*60, 0).UTC()) {
				return
			}
		}
	}
}
