package ledger

import (
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Last is the newest minute in which any instance of an objective was measured:
// what came since is to be asked for again after a downtime. ok is false where
// none ever was.
func (l *Ledger) Last(objective string) (minute time.Time, ok bool, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	found := int64(-1)
	err = l.reading(func() error {
		found, err = l.lastOf(l.idsOf(objective))
		return err
	})
	return minuteTime(found), found >= 0, err
}

func (l *Ledger) lastOf(of idSet) (found int64, err error) {
	found = -1
	err = l.view(func(tx *bbolt.Tx) error {
		for h := (l.newest - 1) / hour; found < 0 && len(of) > 0 && h >= l.earliest/hour; h-- {
			if row, err := get(tx, hoursBucket, key(h)); err == nil && row != nil && !of.measuredIn(row) && !l.waiting(h*hour, (h+1)*hour) {
				continue
			}
			for m := (h+1)*hour - 1; m >= h*hour && found < 0; m-- {
				row, err := l.minute(tx, m)
				if err != nil {
					return err
				}
				if of.measuredIn(row) {
					found = m
				}
			}
		}
		return nil
	})
	return found, err
}

// Missing are the stretches of [from, to) in which no instance of an objective
// was measured, excluded or not, and not all were absent.
func (l *Ledger) Missing(objective string, from, to time.Time) (all []slo.Span, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	err = l.reading(func() error {
		all, err = l.missing(objective, from, to)
		return err
	})
	return all, err
}

func (l *Ledger) missing(objective string, from, to time.Time) (all []slo.Span, err error) {
	of := l.idsOf(objective)
	err = l.view(func(tx *bbolt.Tx) error {
		for m := from.Unix() / 60; m < to.Unix()/60; m++ {
			row, err := l.minute(tx, m)
			if err != nil {
				return err
			}
			at, last := minuteTime(m), len(all)-1
			switch {
			case of.measuredIn(row) || l.absent[objective].at(m) || l.allAbsent(of, m):
			case last >= 0 && all[last].To.Equal(at):
				all[last].To = at.Add(time.Minute)
			default:
				all = append(all, slo.Span{From: at, To: at.Add(time.Minute)})
			}
		}
		return nil
	})
	return all, err
}

// idSet is the histories of an objective that go on.
type idSet map[uint32]bool

func (l *Ledger) idsOf(objective string) idSet {
	all := idSet{}
	for i, id := range l.ids {
		if i.Objective == objective {
			all[id] = true
		}
	}
	return all
}

// allAbsent says that there are some, and that none was there in a minute.
func (l *Ledger) allAbsent(of idSet, m int64) bool {
	for id := range of {
		if !l.away[id].at(m) {
			return false
		}
	}
	return len(of) > 0
}

// measuredIn says whether a row holds a measurement of any of them.
func (s idSet) measuredIn(row []byte) bool {
	u := unpacker{row: row}
	for e, ok := u.entry(); ok; e, ok = u.entry() {
		for id := e.id; e.measured > 0 && id < e.id+e.run; id++ {
			if s[id] {
				return true
			}
		}
	}
	return false
}
