package ledger

import (
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Entry is one instance's minute as it was recorded.
type Entry struct {
	Minute   time.Time    `json:"minute"`
	Instance slo.Instance `json:"instance"`
	slo.Counts
	// Measured is false where Counts repeat an earlier minute (carried).
	Measured bool `json:"measured"`
	// Excluded says how an exclusion makes the minute count; "" is as it is.
	Excluded slo.ExclusionMode `json:"excluded,omitempty"`
	// Until is the end of a history that ended because its objective measures
	// something else since; zero for one that goes on.
	Until time.Time `json:"until,omitzero"`
}

// Minutes hands out all entries of [from, to) whose instance keep wants, minute
// by minute, those of one minute in the order in which their instances began.
// The entry is valid while visit runs. Appending may go on meanwhile.
func (l *Ledger) Minutes(from, to time.Time, keep func(slo.Instance) bool, visit func(*Entry) error) error {
	l.mu.RLock()
	begin, end := l.earliest, l.end
	l.mu.RUnlock()
	begin, end = max(begin, from.Unix()/60), min(end, to.Unix()/60)
	wanted := map[uint32]bool{}
	var all []Entry
	for m := begin; m < end; m++ {
		if err := l.entriesOf(m, wanted, keep, &all); err != nil {
			return err
		}
		for k := range all {
			if err := visit(&all[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// entriesOf replaces all by the wanted entries of a minute. It remembers in
// wanted what keep said.
func (l *Ledger) entriesOf(m int64, wanted map[uint32]bool, keep func(slo.Instance) bool, all *[]Entry) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.reading(func() error {
		*all = (*all)[:0]
		return l.view(func(tx *bbolt.Tx) error { return l.collect(tx, m, wanted, keep, all) })
	})
}

func (l *Ledger) collect(tx *bbolt.Tx, m int64, wanted map[uint32]bool, keep func(slo.Instance) bool, all *[]Entry) error {
	row, err := l.minute(tx, m)
	if err != nil {
		return err
	}
	found, err := entries(row)
	for _, e := range found {
		if int(e.id) >= len(l.records) {
			continue
		}
		want, known := wanted[e.id]
		if !known {
			want = keep(l.records[e.id].Instance)
			wanted[e.id] = want
		}
		if want {
			*all = append(*all, l.exported(m, e))
		}
	}
	return err
}

func (l *Ledger) exported(m int64, e entry) Entry {
	r := l.records[e.id]
	out := Entry{Minute: minuteTime(m), Instance: r.Instance, Counts: slo.Counts{Good: e.good, Bad: e.bad}, Measured: e.measured > 0}
	switch l.over.cover(e.id).at(m) {
	case removed:
		out.Excluded = slo.Remove
	case asGood:
		out.Excluded = slo.AsGood
	}
	if r.Until > 0 {
		out.Until = minuteTime(r.Until)
	}
	return out
}
