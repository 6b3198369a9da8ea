package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The file's buckets. All values but the schema's version are sealed.
var (
	metaBucket       = []byte("meta")
	instancesBucket  = []byte("instances")  // id -> record, as JSON
	objectivesBucket = []byte("objectives") // name -> what its history is of
	minutesBucket    = []byte("minutes")    // minute -> row
	hoursBucket      = []byte("hours")      // hour that is over -> row of its sums
	periodsBucket    = []byte("periods")    // closed period -> Closed, as JSON
)

// buckets are all of them.
func buckets() [][]byte {
	return [][]byte{metaBucket, instancesBucket, objectivesBucket, minutesBucket, hoursBucket, periodsBucket}
}

// schema is the version of the layout that this code reads and writes.
const schema = 2

var (
	schemaKey   = []byte("schema")
	stateKey    = []byte("state")
	absencesKey = []byte("absences") // of objectives, by name
)

// state is what the meta bucket says of the record.
type state struct {
	// End is the minute after the last appended one.
	End int64 `json:"end_minute"`
	// Filled says that no minute was appended yet: the end is that of what was added.
	Filled bool `json:"filled,omitempty"`
	// Minutes is how many rows there are.
	Minutes int64 `json:"minutes"`
	// Skipped minutes are doubted for as many appended ones as Doubt says.
	Skipped int64 `json:"skipped_minutes,omitempty"`
	Doubt   int64 `json:"doubt_minutes,omitempty"`
}

const hour = 60 // minutes

// key is a number that bbolt keeps in order.
func key[N int64 | uint32](n N) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(n))
}

func number(key []byte) int64 {
	if len(key) != 4 {
		return -1
	}
	return int64(binary.BigEndian.Uint32(key))
}

func ledgerPath(dir string) string { return filepath.Join(dir, "ledger.db") }

// openFile opens the ledger's file, makes it where it is missing, and upgrades
// it where it is of an earlier layout.
func openFile(dir string, opts Options) (*bbolt.DB, error) {
	path := ledgerPath(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the ledger's folder: %w", err)
	}
	db, err := openBolt(path, opts.ReadOnly)
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	version, err := layout(db)
	switch {
	case err != nil:
	case version == 0 && !opts.ReadOnly:
		err = guarded(func() error { return db.Update(prepare) })
	case version == schema:
	case version == 1 && !opts.ReadOnly:
		return upgrade(path, db, opts)
	case version < schema:
		err = fmt.Errorf("its layout is version %d; start the daemon once, which upgrades it", version)
	default:
		err = fmt.Errorf("its layout is version %d, this program knows %d; use the program that wrote it", version, schema)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), db.Close())
	}
	return db, nil
}

var errInUse = errors.New("another process has it open; stop that one, or ask its API")

// openBolt locks and maps the file at a path. A file that another process puts
// in its place while we wait for the lock is opened instead.
func openBolt(path string, readOnly bool) (db *bbolt.DB, err error) {
	for {
		before, _ := os.Stat(path) // a file that is missing is made
		if db, err = openLocked(path, readOnly); err != nil {
			return nil, err
		}
		after, err := os.Stat(path)
		if err == nil && (before == nil || os.SameFile(before, after)) {
			return db, nil
		}
		if err := errors.Join(err, db.Close()); err != nil {
			return nil, err
		}
	}
}

func openLocked(path string, readOnly bool) (db *bbolt.DB, err error) {
	var file *os.File
	err = guarded(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: time.Second, FreelistType: bbolt.FreelistMapType, ReadOnly: readOnly,
			OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
				file, err = os.OpenFile(name, flag, mode)
				return file, err
			},
		})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, errInUse
	}
	if err != nil && file != nil {
		// After a panic the library leaves the file open, mapped and locked; a file
		// that is closed already is no fault.
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		_ = file.Close()
	}
	return db, err
}

// layout is the version of the file's layout, 0 for a file just made.
func layout(db *bbolt.DB) (version int, err error) {
	return version, guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			if meta == nil {
				if name, _ := tx.Cursor().First(); name != nil {
					return damaged(errors.New("it does not say its layout's version"))
				}
				return nil
			}
			if _, err := fmt.Sscanf(string(meta.Get(schemaKey)), "%d", &version); err != nil || version < 1 {
				return damaged(errors.New("it does not say its layout's version"))
			}
			return nil
		})
	})
}

// prepare makes the buckets of a new file.
func prepare(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(schemaKey, fmt.Append(nil, schema))
}

// load reads all but the rows.
func (l *Ledger) load(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if tx.Bucket(name) == nil {
			return damaged(fmt.Errorf("there is no bucket %q", name))
		}
	}
	l.earliest = math.MaxInt64
	err := each(tx, instancesBucket, func(k, body []byte, err error) error {
		r, err := readRecord(body, err)
		switch {
		case err != nil:
			return damaged(fmt.Errorf("read instance %d: %w", number(k), err))
		case number(k) != int64(len(l.records)):
			return damaged(fmt.Errorf("instance %d is missing", len(l.records)))
		case r.Until == 0:
			l.ids[r.Instance] = uint32(len(l.records))
		}
		l.earliest = min(l.earliest, r.First)
		l.records = append(l.records, r)
		return nil
	})
	if err != nil {
		return err
	}
	err = each(tx, objectivesBucket, func(k, body []byte, err error) error {
		l.measures[string(k)] = string(body)
		return err
	})
	if err == nil {
		var body []byte
		if body, err = get(tx, metaBucket, absencesKey); err == nil && body != nil {
			err = json.Unmarshal(body, &l.absent)
		}
	}
	if err != nil {
		return damaged(fmt.Errorf("read objectives: %w", err))
	}
	l.missAll()
	return l.loadState(tx)
}

func (l *Ledger) loadState(tx *bbolt.Tx) error {
	body, err := get(tx, metaBucket, stateKey)
	if err == nil && body != nil {
		var s state
		err = json.Unmarshal(body, &s)
		l.end, l.filled, l.rowCount, l.skipped, l.doubt = s.End, s.Filled, s.Minutes, s.Skipped, s.Doubt
	}
	if err != nil {
		return damaged(fmt.Errorf("read the end of the record: %w", err))
	}
	if l.end > 0 {
		l.touched[(l.end-1)/hour] = true
	}
	l.newest = l.end
	if k, _ := tx.Bucket(minutesBucket).Cursor().Last(); k != nil {
		l.newest = max(l.newest, number(k)+1)
	}
	return nil
}

// rows hands every row of [from, to) to visit: those of whole hours where they
// exist and nothing is excluded, and those of minutes, as they count, elsewhere.
func (l *Ledger) rows(tx *bbolt.Tx, from, to int64, over *overlay, visit func(row []byte) error) error {
	for from = max(from, l.earliest); from < to; {
		end := min(to, (from/hour+1)*hour)
		var row []byte
		var err error
		if end-from == hour && !l.waiting(from, end) && !over.touches(from, end) && !l.damage.in(from/hour) {
			// One that is damaged is summed up again from its minutes.
			if row, err = get(tx, hoursBucket, key(from/hour)); errors.Is(err, errSeal) {
				err = nil
			}
		}
		switch {
		case err != nil:
		case row != nil:
			err = visit(row)
		default:
			err = l.minutes(tx, from, end, over, visit)
		}
		if err != nil {
			return fmt.Errorf("read the ledger's minutes %d to %d: %w", from, end, err)
		}
		from = end
	}
	return nil
}

// waiting says whether a minute of [from, to) waits to be written.
func (l *Ledger) waiting(from, to int64) bool {
	for m := range l.pending {
		if from <= m && m < to {
			return true
		}
	}
	return false
}

func (l *Ledger) minutes(tx *bbolt.Tx, from, to int64, over *overlay, visit func(row []byte) error) error {
	for m := from; m < to; m++ {
		row, err := l.minute(tx, m)
		if err == nil && row != nil {
			row, err = over.apply(m, row)
		}
		if err == nil && row != nil {
			err = visit(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// minute is one minute's row as it is or will be on disk, nil if it has none.
func (l *Ledger) minute(tx *bbolt.Tx, m int64) ([]byte, error) {
	if row, waits := l.pending[m]; waits {
		return row, nil
	}
	row, err := get(tx, minutesBucket, key(m))
	if errors.Is(err, errSeal) {
		l.damage.note(m)
		return nil, nil
	}
	return row, err
}

// write puts all that waits into one transaction, with the sums of hours that
// ended. It counts the rows that come and go.
func (l *Ledger) write(tx *bbolt.Tx, rows *int64) error {
	minutes, hours := tx.Bucket(minutesBucket), tx.Bucket(hoursBucket)
	minutes.FillPercent, hours.FillPercent = 0.95, 0.95 // rows come in order
	if err := l.saveRecords(tx, nil); err != nil {
		return err
	}
	if l.absentNews {
		if err := putJSON(tx, metaBucket, absencesKey, l.absent); err != nil {
			return err
		}
	}
	for m, row := range l.pending {
		if minutes.Get(key(m)) == nil {
			*rows++
		}
		if err := put(tx, minutesBucket, key(m), row); err != nil {
			return err
		}
		if err := hours.Delete(key(m / hour)); err != nil {
			return err
		}
		l.touched[m/hour] = true
	}
	if err := l.sumHours(tx); err != nil {
		return err
	}
	return l.expire(minutes, rows)
}

func putJSON(tx *bbolt.Tx, bucket, key []byte, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return put(tx, bucket, key, data)
}

// sumHours writes the rows of touched hours that are over.
func (l *Ledger) sumHours(tx *bbolt.Tx) error {
	total := make(sums, len(l.records))
	for h := range l.touched {
		if h == (l.end-1)/hour {
			continue
		}
		clear(total)
		if err := l.minutes(tx, h*hour, (h+1)*hour, nil, total.add); err != nil {
			return fmt.Errorf("sum up hour %d: %w", h, err)
		}
		if err := put(tx, hoursBucket, key(h), total.row()); err != nil {
			return err
		}
	}
	return nil
}

// expire removes minutes past the retention; their hours stay. It takes few at a
// time, so that a clock that jumps ahead for an hour costs next to nothing.
func (l *Ledger) expire(minutes *bbolt.Bucket, rows *int64) error {
	const batch = 2
	before := l.retained()
	c := minutes.Cursor()
	for range batch {
		k, _ := c.First()
		if k == nil || number(k) >= before {
			return nil
		}
		if err := c.Delete(); err != nil {
			return err
		}
		*rows--
	}
	return nil
}
