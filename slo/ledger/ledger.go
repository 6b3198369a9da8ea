package ledger

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Options say what a Ledger keeps.
type Options struct {
	// Retention is how long single minutes are kept; sums per hour stay.
	Retention time.Duration
}

// DefaultOptions keep minutes for 400 days.
func DefaultOptions() Options { return Options{Retention: 400 * slo.Day} }

// minRetention lets every rolling window find the minutes that leave it.
const minRetention = 367 * slo.Day

func (o Options) validate() error {
	if o.Retention < minRetention {
		return fmt.Errorf("ledger: Retention must be %s at least", slo.FormatDuration(minRetention))
	}
	return nil
}

// Stats are the ledger's numbers about itself.
type Stats struct {
	Instances int
	// Waiting is how many minutes are not on disk yet.
	Waiting int
	// FailedWrites is how many transactions failed since Open.
	FailedWrites uint64
	// Bytes is the size of the file.
	Bytes int64
}

// Ledger is the record of one installation. It is safe for concurrent use; one
// process at a time may have it open.
type Ledger struct {
	db   *bbolt.DB
	opts Options

	mu      sync.RWMutex
	ids     map[slo.Instance]uint32
	records []record         // by id
	unsaved map[uint32]bool  // records that are not on disk as they are
	end     int64            // the minute after the last appended one
	views   map[string]*view // by the window's text
	pending map[int64][]byte // rows of minutes that are not on disk
	touched map[int64]bool   // hours whose sums are not on disk
	failed  uint64
}

// Open opens the ledger in a folder, or begins one there. It fails if another
// process has it open or wrote it in a later layout.
func Open(dir string, opts Options) (*Ledger, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	db, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		db: db, opts: opts,
		ids: map[slo.Instance]uint32{}, unsaved: map[uint32]bool{},
		views: map[string]*view{}, pending: map[int64][]byte{}, touched: map[int64]bool{},
	}
	if err := db.View(l.load); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger in %s: %w", dir, err), db.Close())
	}
	if l.end > 0 {
		l.touched[(l.end-1)/hour] = true
	}
	return l, nil
}

// Close writes what waits and closes the file.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.flush(), l.db.Close())
}

// Watch keeps running sums for these windows and for no others. It reads the
// record for windows that are new, so it is called at start and on reload.
func (l *Ledger) Watch(windows []slo.Window) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	views := make(map[string]*view, len(windows))
	for _, w := range windows {
		v := l.views[w.String()]
		if v == nil {
			v = &view{window: w}
		}
		views[w.String()] = v
	}
	return l.db.View(func(tx *bbolt.Tx) error {
		err := l.advance(tx, views, l.end)
		if err == nil {
			l.views = views
		}
		return err
	})
}

// advance moves views so that they end at end.
func (l *Ledger) advance(tx *bbolt.Tx, views map[string]*view, end int64) error {
	for _, v := range views {
		v.sums.grow(len(l.records))
		from, to := v.bounds(end)
		err := v.move(from, to, func(from, to int64, visit func([]byte) error) error {
			return l.rows(tx, from, to, visit)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Append records a minute and moves the ledger's time to its end. A minute that
// has been recorded is added to. On an error the minute is kept in memory, takes
// part in all sums, and is written with the next one; so the caller has nothing
// to do but to say so.
func (l *Ledger) Append(minute time.Time, deltas []slo.Delta) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := minute.Unix() / 60
	later := l.pack(m, deltas)
	waited := l.pending[m]
	both, err := merge(waited, later)
	if err != nil {
		return fmt.Errorf("append minute %d: %w", m, err)
	}
	l.pending[m], l.end = both, m+1
	counted := l.db.View(func(tx *bbolt.Tx) error { return l.count(tx, m, waited, later) })
	return errors.Join(counted, l.flush())
}

// pack makes the row of a minute's deltas and notes instances that are new.
func (l *Ledger) pack(m int64, deltas []slo.Delta) []byte {
	row := make([]entry, 0, len(deltas))
	for _, d := range deltas {
		e := entry{id: l.id(d.Instance, m), run: 1, good: d.Counts.Good, bad: d.Counts.Bad, measured: 1}
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

// id is an instance's number, given at its first minute.
func (l *Ledger) id(i slo.Instance, m int64) uint32 {
	id, known := l.ids[i]
	if !known {
		id = uint32(len(l.records))
		l.ids[i] = id
		l.records = append(l.records, record{Instance: i, First: m})
		l.unsaved[id] = true
	}
	if m < l.records[id].First {
		l.records[id].First = m
		l.unsaved[id] = true
	}
	return id
}

// count puts what a minute gained into the views that hold it already and brings
// all views to the new end, by which the others take the minute in.
func (l *Ledger) count(tx *bbolt.Tx, m int64, waited, later []byte) error {
	before, err := merge(tx.Bucket(minutesBucket).Get(key(m)), waited)
	if err != nil {
		return err
	}
	after, err := merge(before, later)
	if err != nil {
		return err
	}
	for _, v := range l.views {
		if v.from <= m && m < v.to {
			v.sums.grow(len(l.records))
			err = errors.Join(err, v.sums.take(before), v.sums.add(after))
		}
	}
	return errors.Join(err, l.advance(tx, l.views, l.end))
}

// flush writes what waits; what cannot be written goes on waiting.
func (l *Ledger) flush() error {
	if len(l.pending) == 0 {
		return nil
	}
	if err := l.db.Update(l.write); err != nil {
		l.failed++
		return fmt.Errorf("write %d minutes to the ledger, kept in memory: %w", len(l.pending), err)
	}
	clear(l.pending)
	clear(l.unsaved)
	for h := range l.touched {
		if h != (l.end-1)/hour {
			delete(l.touched, h)
		}
	}
	return nil
}

// Through is the end of the last appended minute; the zero time where there is
// none. Everything that Tally answers ends there.
func (l *Ledger) Through() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.through()
}

func (l *Ledger) through() time.Time {
	if l.end == 0 {
		return time.Time{}
	}
	return time.Unix(l.end*60, 0).UTC()
}

// Stats are the ledger's numbers about itself.
func (l *Ledger) Stats() Stats {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := Stats{Instances: len(l.records), Waiting: len(l.pending), FailedWrites: l.failed}
	// The size is that of the moment; a closed file has none.
	if err := l.db.View(func(tx *bbolt.Tx) error { s.Bytes = tx.Size(); return nil }); err != nil {
		s.Bytes = 0
	}
	return s
}
