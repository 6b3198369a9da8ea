package ledger

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Closed is an instance's calendar period that is over. It is written once and
// never again: late data, exclusions made or revoked and targets changed later
// do not alter it.
type Closed struct {
	Instance slo.Instance `json:"instance"`
	// Window is the objective's window, as slo.Window says it.
	Window string    `json:"window"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	// ClosedAt is the ledger's time when it was written.
	ClosedAt time.Time `json:"closed_at"`
	// Measures is what the objective measured.
	Measures string     `json:"measures"`
	Tier     string     `json:"tier,omitempty"`
	Target   slo.Ratio  `json:"target"`
	Status   slo.Status `json:"status"`
	// Recorded is what the record held, Judged the same with missing minutes read
	// as the objective said.
	Recorded slo.Tally `json:"recorded"`
	Judged   slo.Tally `json:"judged"`
	// Consumed is the share of the budget that was spent; nil without events.
	Consumed *float64 `json:"budget_consumed_ratio"`
	// Exclusions are those that took time out of it.
	Exclusions []slo.Exclusion `json:"exclusions,omitempty"`
}

// Settle closes the calendar periods of these objectives that ended at least the
// grace (or the objective's lag, if that is longer) before the ledger's time, for all instances that existed in them, and
// answers those it closed now, also where it fails on the way: those are written.
// Objectives with rolling windows have none. It costs next to nothing where none
// is due, so it may be called after every Append; exclusions must have been set
// before. tier must not call the ledger.
//
// An instance that was not measured for a minute of a period has none, be it that
// it is no more or that nobody watched; excluded minutes were measured.
//
// What is closed is closed for good, so a clock that is ahead must not do it:
// where the ledger's time went ahead by more than an hour at once, what it skipped
// is not believed to have passed, and periods close later by as much. A clock set
// right ends that, and so does a week in which it goes on steadily.
func (l *Ledger) Settle(objectives []slo.Objective, tier func(slo.Instance) string, grace time.Duration) ([]Closed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Closed
	for k := range objectives {
		o := &objectives[k]
		if o.Window.Calendar == "" || l.end == 0 {
			continue
		}
		closed, err := l.settle(o, tier, grace)
		if all = append(all, closed...); err != nil {
			return all, fmt.Errorf("close a period of %s: %w", o.Name, err)
		}
	}
	return all, nil
}

func (l *Ledger) settle(o *slo.Objective, tier func(slo.Instance) string, grace time.Duration) (all []Closed, err error) {
	grace = max(grace, time.Duration(l.lag(o.Name))*time.Minute)
	due := o.Name + " " + o.Window.String()
	next, known := l.settled[due]
	if !known {
		if next, known = l.firstPeriod(o); !known {
			return nil, nil
		}
	}
	for next+int64(grace/time.Minute) < l.end-l.skipped {
		from, to := o.Window.Bounds(minuteTime(next))
		if to.Add(grace).After(l.passed()) {
			break
		}
		var closed []Closed
		err := l.mending(func() (err error) { closed, err = l.closePeriod(o, tier, from, to); return err })
		if err != nil {
			return all, err
		}
		all, next = append(all, closed...), to.Unix()/60
	}
	l.settled[due] = next
	return all, nil
}

// firstPeriod is the start of the first period of which every minute is kept or
// nothing was recorded before.
func (l *Ledger) firstPeriod(o *slo.Objective) (start int64, known bool) {
	first := int64(math.MaxInt64)
	for i, id := range l.ids {
		if i.Objective == o.Name {
			first = min(first, l.records[id].First)
		}
	}
	if first == math.MaxInt64 {
		return 0, false
	}
	from, to := o.Window.Bounds(minuteTime(max(first, l.kept())))
	if first < l.kept() && from.Unix()/60 < l.kept() {
		from = to
	}
	return from.Unix() / 60, true
}

// closePeriod writes one period of all instances that have none yet and were
// measured in it: of one that is no more there is nothing to say.
func (l *Ledger) closePeriod(o *slo.Objective, tier func(slo.Instance) string, from, to time.Time) (all []Closed, err error) {
	err = l.update(&l.rowCount, func(tx *bbolt.Tx) error {
		all = all[:0]
		var open []uint32
		for i, id := range l.ids {
			if i.Objective == o.Name && l.records[id].First < to.Unix()/60 && tx.Bucket(periodsBucket).Get(periodKey(i, o.Window, from)) == nil {
				open = append(open, id)
			}
		}
		if len(open) == 0 {
			return nil
		}
		total, raw, err := l.totals(tx, from.Unix()/60, to.Unix()/60)
		if err != nil {
			return err
		}
		judge := slo.NewJudge(o)
		for _, id := range open {
			if raw[id].measured == 0 {
				continue
			}
			i, recorded := l.records[id].Instance, slo.Tally{}
			l.finish(&recorded, id, &total[id], from.Unix()/60, min(to.Unix()/60, l.due(id)), l.over)
			c := closed(o, judge.Evaluate(slo.Input{Instance: i, Tier: l.records[id].tier(tier), At: to, Period: recorded}))
			c.ClosedAt, c.Recorded = l.through(), recorded
			c.Exclusions = l.over.applied(id, &l.records[id], from, to)
			if err := putJSON(tx, periodsBucket, periodKey(i, o.Window, from), c); err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	return all, err
}

// totals are the sums of [from, to) as they count, and as they were measured.
func (l *Ledger) totals(tx *bbolt.Tx, from, to int64) (total, raw sums, err error) {
	total = make(sums, len(l.records))
	if err := l.rows(tx, from, to, l.over, total.add); err != nil || !l.over.touches(from, to) {
		return total, total, err
	}
	raw = make(sums, len(l.records))
	return total, raw, l.rows(tx, from, to, nil, raw.add)
}

func closed(o *slo.Objective, e slo.Evaluation) Closed {
	c := Closed{
		Instance: e.Instance, Window: o.Window.String(), From: e.From.UTC(), To: e.To.UTC(),
		Measures: o.Indicator.String(), Tier: e.Tier, Target: e.Target, Status: e.Status, Judged: e.Period,
	}
	if e.Period.Total() > 0 {
		c.Consumed = &e.Budget.Consumed
	}
	return c
}

// periodKey keeps the periods of an instance together, in their order.
func periodKey(i slo.Instance, w slo.Window, from time.Time) []byte {
	return append([]byte(i.String()+"\x00"+w.String()+"\x00"), key(from.Unix()/60)...)
}

func readClosed(body []byte) (c Closed, err error) {
	if err = json.Unmarshal(body, &c); err != nil {
		err = fmt.Errorf("read a closed period: %w", err)
	}
	return c, err
}

// Periods are the closed periods of an instance, by window and then in their
// order.
func (l *Ledger) Periods(i slo.Instance) ([]Closed, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []Closed
	err := l.reading(func() error {
		return l.view(func(tx *bbolt.Tx) error {
			all = all[:0]
			prefix := i.String() + "\x00"
			c := tx.Bucket(periodsBucket).Cursor()
			for k, v := c.Seek([]byte(prefix)); len(k) > len(prefix) && string(k[:len(prefix)]) == prefix; k, v = c.Next() {
				body, _, err := unseal(periodsBucket, k, v)
				if err != nil {
					return fmt.Errorf("read a closed period of %s: %w", i, err)
				}
				closed, err := readClosed(body)
				if err != nil {
					return err
				}
				all = append(all, closed)
			}
			return nil
		})
	})
	return all, err
}

// Period is the closed period of an instance that begins at from; ok is false
// where it is not closed.
func (l *Ledger) Period(i slo.Instance, w slo.Window, from time.Time) (c Closed, ok bool, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	err = l.reading(func() error {
		return l.view(func(tx *bbolt.Tx) error {
			body, err := get(tx, periodsBucket, periodKey(i, w, from))
			if err != nil || body == nil {
				return err
			}
			ok = true
			c, err = readClosed(body)
			return err
		})
	})
	return c, ok, err
}

// Closed are the closed periods of all instances, of those that are no more as
// well, that begin at from or later and end at to or earlier; a zero time is no
// bound. They are ordered by instance, then by time.
func (l *Ledger) Closed(from, to time.Time) ([]Closed, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []Closed
	err := l.reading(func() error {
		return l.view(func(tx *bbolt.Tx) error {
			all = all[:0]
			return each(tx, periodsBucket, func(_, body []byte, err error) error {
				if err != nil {
					return fmt.Errorf("read a closed period: %w", err)
				}
				c, err := readClosed(body)
				if err == nil && !c.From.Before(from) && (to.IsZero() || !c.To.After(to)) {
					all = append(all, c)
				}
				return err
			})
		})
	})
	slices.SortStableFunc(all, func(a, b Closed) int {
		if c := a.Instance.Compare(b.Instance); c != 0 {
			return c
		}
		return a.From.Compare(b.From)
	})
	return all, err
}

// applied are the exclusions that take some of [from, to) out for an instance.
func (o *overlay) applied(id uint32, r *record, from, to time.Time) []slo.Exclusion {
	var all []slo.Exclusion
	if c := o.cover(id); !c.touches(from.Unix()/60, to.Unix()/60) {
		return nil
	}
	i, tier := r.Instance, r.tier(o.tier)
	for k := range o.exclusions {
		if x := &o.exclusions[k]; x.Scope.Applies(i, tier) && len(x.Spans(from, to)) > 0 {
			all = append(all, *x)
		}
	}
	return all
}
