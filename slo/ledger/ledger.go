package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Options say what a Ledger keeps.
type Options struct {
	// Retention is how long single minutes are kept; sums per hour stay.
	Retention time.Duration
	// ReadOnly opens a file that no process writes, and leaves it as it is: it is
	// neither upgraded nor mended. Whatever would write fails.
	ReadOnly bool
	// Logger is told what was mended and what is lost; nil tells nobody.
	Logger *slog.Logger
}

// DefaultOptions keep minutes for 400 days.
func DefaultOptions() Options { return Options{Retention: 400 * slo.Day} }

// minRetention lets every window find the minutes that leave it, and exclusions
// reach all of them.
const minRetention = 370 * slo.Day

func (o Options) validate() error {
	if o.Retention < minRetention {
		return fmt.Errorf("ledger: Retention must be %s at least", slo.FormatDuration(minRetention))
	}
	return nil
}

// Stats are the ledger's numbers about itself.
type Stats struct {
	// Instances is how many have a record, ended ones among them.
	Instances int
	// Waiting is how many minutes are not on disk yet.
	Waiting int
	// FailedWrites is how many transactions failed since Open.
	FailedWrites uint64
	// Damaged is how many minutes were found damaged since Open; they count as
	// missing.
	Damaged int
	// Skipped is by how much the ledger's time may be ahead of the true one: it
	// went ahead at once lately. Calendar periods close later by as much.
	Skipped time.Duration
	// Recovery is the last mending of the file since Open, nil if it was whole.
	Recovery *Recovery
	// Bytes is the size of the file.
	Bytes int64
}

// Ledger is the record of one installation. It is safe for concurrent use; one
// process at a time may have it open.
type Ledger struct {
	path   string
	opts   Options
	damage *damage

	mu       sync.RWMutex
	db       *bbolt.DB
	ids      map[slo.Instance]uint32  // of histories that go on
	records  []record                 // by id
	unsaved  map[uint32]bool          // records that are not on disk as they are
	measures map[string]string        // by objective: what its history is of
	defined  map[string]bool          // objectives that there are; nil before Define
	absent   map[string]absences      // by objective
	away     []absences               // by id: those of its objective and its own
	returned int64                    // the end of the last one of these that is over
	lags     map[string]time.Duration // by objective
	over     *overlay                 // nil where nothing is excluded
	renamed  bool                     // the second copy of the records is not as they are

	absentNews bool             // the objectives' absences are not on disk as they are
	settled    map[string]int64 // by objective and window: the start of the first period that is not closed
	earliest   int64            // the first minute of all records
	end        int64            // the minute after the last appended one
	filled     bool             // no minute was appended yet: the end is that of what was added
	newest     int64            // the minute after the last one that there is, be it still to come
	skipped    int64            // minutes that the ledger's time skipped lately, by a downtime or a wrong clock
	doubt      int64            // minutes to append until those are believed
	rowCount   int64            // minutes on disk
	views      map[string]*view // by the window's text
	pending    map[int64][]byte // rows of minutes that are not on disk
	touched    map[int64]bool   // hours whose sums are not on disk
	failed     uint64
	recovery   *Recovery
}

// Open opens the ledger in a folder, or begins one there. A file of an earlier
// layout is upgraded after a copy was made; of a damaged one all that can be
// read is brought into a new file, and the old one is kept (Stats say what was
// lost). It fails if another process has the ledger open or wrote it in a later
// layout.
func Open(dir string, opts Options) (*Ledger, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := openLedger(dir, opts)
	var broken *damageError
	if !errors.As(err, &broken) || opts.ReadOnly {
		return l, err
	}
	found, err := mend(ledgerPath(dir), err, opts)
	if err != nil {
		return nil, err
	}
	if l, err = openLedger(dir, opts); err == nil {
		l.recovery = found
	}
	return l, err
}

func openLedger(dir string, opts Options) (*Ledger, error) {
	db, err := openFile(dir, opts)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		path: ledgerPath(dir), opts: opts, db: db,
		damage: &damage{logger: opts.Logger, minutes: map[int64]bool{}, hours: map[int64]bool{}},
		ids:    map[slo.Instance]uint32{}, unsaved: map[uint32]bool{}, measures: map[string]string{}, absent: map[string]absences{},
		settled: map[string]int64{}, views: map[string]*view{}, pending: map[int64][]byte{}, touched: map[int64]bool{},
	}
	if err := l.view(l.load); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", l.path, err), db.Close())
	}
	l.saveNames()
	return l, nil
}

// Close writes what waits and closes the file.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.flush()
	if l.renamed {
		l.saveNames()
	}
	return errors.Join(err, l.db.Close())
}

// Watch keeps running sums for these windows and for no others. It reads the
// record for windows that are new, so it is called at start and on reload.
func (l *Ledger) Watch(windows []slo.Window) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.views
	l.views = make(map[string]*view, len(windows))
	for _, w := range windows {
		v := before[w.String()]
		if v == nil {
			v = &view{window: w}
		}
		l.views[w.String()] = v
	}
	err := l.mending(l.advance)
	if err != nil {
		l.views = before
	}
	return err
}

// advance brings all views to the ledger's end. What was found damaged on the
// way is in none of them afterwards.
func (l *Ledger) advance() error {
	return l.view(func(tx *bbolt.Tx) error {
		for {
			for _, v := range l.views {
				if err := l.move(tx, v); err != nil {
					return err
				}
			}
			if !l.damage.takeNews() {
				return nil
			}
			for _, v := range l.views {
				v.reset()
			}
		}
	})
}

func (l *Ledger) move(tx *bbolt.Tx, v *view) error {
	v.sums.grow(len(l.records))
	from, to := v.bounds(l.end)
	return v.move(from, to, func(from, to int64, visit func([]byte) error) error {
		return l.rows(tx, from, to, l.over, visit)
	})
}

// Through is the end of the last appended minute, or of the last added one where
// none was appended yet; the zero time where there is none. Everything that Tally answers ends there.
func (l *Ledger) Through() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.through()
}

func (l *Ledger) through() time.Time {
	if l.end == 0 {
		return time.Time{}
	}
	return minuteTime(l.end)
}

func minuteTime(m int64) time.Time { return time.Unix(m*60, 0).UTC() }

// Stats are the ledger's numbers about itself.
func (l *Ledger) Stats() Stats {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := Stats{
		Instances: len(l.records), Waiting: len(l.pending), FailedWrites: l.failed,
		Damaged: l.damage.count(), Recovery: l.recovery, Skipped: time.Duration(l.skipped) * time.Minute,
	}
	// The size is that of the moment; a closed file has none.
	if err := l.db.View(func(tx *bbolt.Tx) error { s.Bytes = tx.Size(); return nil }); err != nil {
		s.Bytes = 0
	}
	return s
}

// view reads the file.
func (l *Ledger) view(read func(*bbolt.Tx) error) error {
	return guarded(func() error { return l.db.View(read) })
}

// update changes the file, all or nothing, and says in it where the record ends
// and how many minutes it has: so that whatever of the file is found, it tells
// whether that is all.
func (l *Ledger) update(rows *int64, change func(*bbolt.Tx) error) error {
	return guarded(func() error {
		return l.db.Update(func(tx *bbolt.Tx) error {
			if err := change(tx); err != nil {
				return err
			}
			return putJSON(tx, metaBucket, stateKey, state{End: l.end, Filled: l.filled, Minutes: *rows, Skipped: l.skipped, Doubt: l.doubt})
		})
	})
}
