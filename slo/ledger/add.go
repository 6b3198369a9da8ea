package ledger

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Append records a minute and moves the ledger's time to its end. A minute that
// has been recorded is added to. On an error the minute is kept in memory, takes
// part in all sums, and is written with the next one; so the caller has nothing
// to do but to say so.
func (l *Ledger) Append(minute time.Time, deltas []slo.Delta) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := minute.Unix() / 60
	l.steady(m + 1)
	l.lived(m)
	l.filled = false
	return l.take([]added{{m, deltas}}, entry.with, m+1)
}

// Add records a minute as Append does, but leaves the ledger's time alone: what
// came late, or was counted wrong. A minute that is still to come counts when
// its time comes. Only while no minute was appended yet, the ledger's time is the
// end of the last added one, so that what was filled in can be read. An instance is expected from its first minute on, be that
// added later than others.
func (l *Ledger) Add(minute time.Time, deltas []slo.Delta) error {
	_, err := l.AddAll(func(yield func(time.Time, []slo.Delta) bool) { yield(minute, deltas) })
	return err
}

// AddAll adds many minutes, best in ascending order: a transaction for each of
// some thousand. On an error it stops and says how many it took, of which the
// last ones may be in memory only and are written with the next minute.
func (l *Ledger) AddAll(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
	return l.addAll(minutes, entry.with)
}

// Fill adds many minutes as AddAll does, but nothing to what was measured: of an
// instance that has a record in a minute, that one stands. So a history that
// was filled in halfway can be filled in again from its start.
func (l *Ledger) Fill(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
	return l.addAll(minutes, entry.or)
}

// kept is the first minute that may be added: of earlier hours, minutes may be
// gone.
func (l *Ledger) kept() int64 {
	return l.retained()/hour*hour + hour
}

// A batch of added minutes is one transaction: a day of them, or as many as make
// some megabytes.
const (
	batchMinutes = 24 * hour
	batchBytes   = 16 << 20
)

func (l *Ledger) addAll(minutes iter.Seq2[time.Time, []slo.Delta], how combine) (taken int, err error) {
	batch, size := []added(nil), 0
	for minute, deltas := range minutes {
		l.mu.RLock()
		kept := l.kept()
		l.mu.RUnlock()
		if m := minute.Unix() / 60; m < kept {
			return taken, errors.Join(fmt.Errorf("add minute %s: minutes are kept from %s on", minute.UTC().Format(time.RFC3339), minuteTime(kept).Format(time.RFC3339)),
				l.addBatch(batch, how))
		}
		batch, size = append(batch, added{minute.Unix() / 60, slices.Clone(deltas)}), size+64*len(deltas)
		taken++
		if len(batch) == batchMinutes || size > batchBytes {
			if err := l.addBatch(batch, how); err != nil {
				return taken, err
			}
			batch, size = batch[:0], 0
		}
	}
	return taken, l.addBatch(batch, how)
}

// added is a minute of a batch.
type added struct {
	minute int64
	deltas []slo.Delta
}

func (l *Ledger) addBatch(batch []added, how combine) error {
	if len(batch) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.end
	if l.filled = l.filled || l.end == 0; l.filled {
		for _, a := range batch {
			end = max(end, a.minute+1)
		}
	}
	return l.take(batch, how, end)
}

// take records minutes, moves the ledger's end, and writes.
func (l *Ledger) take(batch []added, how combine, end int64) error {
	rows := make([][]byte, len(batch))
	for i, a := range batch {
		rows[i] = l.pack(a.minute, a.deltas)
		for _, next := range l.settled {
			if a.minute < next {
				clear(l.settled) // it may be the first of an instance in a period that was closed without it
			}
		}
	}
	return l.mending(func() error {
		l.end = end
		if err := l.unroll(); err != nil {
			return err
		}
		for i, a := range batch {
			if rows[i] == nil {
				continue // before the file was mended
			}
			if err := l.record(a.minute, rows[i], how); err != nil {
				return err
			}
			rows[i] = nil
		}
		return errors.Join(l.advance(), l.flush())
	})
}

// pack makes the row of a minute's deltas and notes instances that are new.
func (l *Ledger) pack(m int64, deltas []slo.Delta) []byte {
	row := make([]entry, 0, len(deltas))
	for _, d := range deltas {
		id, there := l.id(d.Instance, m)
		if !there {
			continue
		}
		e := entry{id: id, run: 1, good: d.Counts.Good, bad: d.Counts.Bad, measured: 1}
		if d.Carried {
			e.measured = 0
		}
		row = append(row, e)
	}
	if !slices.IsSortedFunc(row, byID) {
		slices.SortStableFunc(row, byID)
	}
	return pack(together(row))
}

// together makes one entry of those that are for the same instance.
func together(row []entry) []entry {
	kept := row[:0]
	for _, e := range row {
		if last := len(kept) - 1; last >= 0 && kept[last].id == e.id {
			kept[last] = kept[last].with(e)
		} else {
			kept = append(kept, e)
		}
	}
	return kept
}

func byID(a, b entry) int { return int(a.id) - int(b.id) }

// id is the number of an instance's history, given at its first minute; none if
// nothing was promised in this one.
func (l *Ledger) id(i slo.Instance, m int64) (id uint32, there bool) {
	id, known := l.ids[i]
	switch {
	case known && l.away[id].at(m) || !known && l.absent[i.Objective].at(m):
		return 0, false
	case !known:
		id = uint32(len(l.records))
		l.ids[i] = id
		l.records = append(l.records, record{Instance: i, First: m})
		l.unsaved[id] = true
		l.away = append(l.away, nil)
		l.miss(id)
		if l.over != nil {
			l.over.admit(&l.records[id])
		}
	}
	if m < l.records[id].First {
		l.records[id].First = m
		l.unsaved[id] = true
	}
	l.earliest = min(l.earliest, m)
	return id, true
}

// record lets a minute wait to be written, and puts what it gained into the
// views that hold it already.
func (l *Ledger) record(m int64, row []byte, how combine) error {
	return l.view(func(tx *bbolt.Tx) error {
		before, err := l.minute(tx, m)
		if err != nil {
			return err
		}
		after, err := merge(before, row, how)
		if err != nil {
			return err
		}
		l.pending[m] = after
		l.newest = max(l.newest, m+1)
		return l.recount(m, before, after)
	})
}

// recount puts a changed row in the place of the one before.
func (l *Ledger) recount(m int64, before, after []byte) error {
	before, err := l.over.apply(m, before)
	if err != nil {
		return err
	}
	if after, err = l.over.apply(m, after); err != nil {
		return err
	}
	for _, v := range l.views {
		if v.from <= m && m < v.to {
			v.sums.grow(len(l.records))
			err = errors.Join(err, v.sums.take(before), v.sums.add(after))
		}
	}
	return err
}

// flush writes what waits; what cannot be written goes on waiting.
func (l *Ledger) flush() error {
	if len(l.pending) == 0 && len(l.unsaved) == 0 {
		return nil
	}
	count := l.rowCount
	if err := l.update(&count, func(tx *bbolt.Tx) error { return l.write(tx, &count) }); err != nil {
		l.failed++
		return fmt.Errorf("write %d minutes to the ledger, kept in memory: %w", len(l.pending), err)
	}
	l.rowCount, l.absentNews = count, false
	l.renamed = l.renamed || len(l.unsaved) > 0
	clear(l.pending)
	clear(l.unsaved)
	over := false
	for h := range l.touched {
		if h != (l.end-1)/hour {
			delete(l.touched, h)
			over = true
		}
	}
	if over && l.renamed { // once an hour is enough
		l.saveNames()
	}
	return nil
}
