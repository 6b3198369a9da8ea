package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/wardround/wardround/slo"
)

// The file's buckets.
var (
	metaBucket      = []byte("meta")
	instancesBucket = []byte("instances") // id -> record, as JSON
	minutesBucket   = []byte("minutes")   // minute -> row
	hoursBucket     = []byte("hours")     // hour that is over -> row of its sums
)

// schema is the version of the layout that this code reads and writes.
const schema = 1

var schemaKey = []byte("schema")

// record is what is known of an instance for good.
type record struct {
	Instance slo.Instance `json:"instance"`
	// First is the instance's first minute since the epoch.
	First int64 `json:"first_minute"`
}

const hour = 60 // minutes

// key is a number that bbolt keeps in order.
func key[N int64 | uint32](n N) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(n))
}

func number(key []byte) int64 { return int64(binary.BigEndian.Uint32(key)) }

// openFile opens the ledger's file, and makes it where it is missing.
func openFile(dir string) (*bbolt.DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the ledger's folder: %w", err)
	}
	path := filepath.Join(dir, "ledger.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open ledger %s: another process has it open", path)
	case err != nil:
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	if err := db.Update(prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), db.Close())
	}
	return db, nil
}

// prepare makes the buckets and refuses a layout that is newer than this code.
func prepare(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if found := meta.Get(schemaKey); found == nil {
		if err := meta.Put(schemaKey, []byte(strconv.Itoa(schema))); err != nil {
			return err
		}
	} else if version, err := strconv.Atoi(string(found)); err != nil || version != schema {
		return fmt.Errorf("its layout is version %s, this program knows %d; use the program that wrote it", found, schema)
	}
	for _, name := range [][]byte{instancesBucket, minutesBucket, hoursBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

// load reads the instances and the end of the record.
func (l *Ledger) load(tx *bbolt.Tx) error {
	err := tx.Bucket(instancesBucket).ForEach(func(k, v []byte) error {
		var r record
		if err := json.Unmarshal(v, &r); err != nil {
			return fmt.Errorf("read instance %d: %w", number(k), err)
		}
		if number(k) != int64(len(l.records)) {
			return fmt.Errorf("instance %d is missing", len(l.records))
		}
		l.ids[r.Instance] = uint32(len(l.records))
		l.records = append(l.records, r)
		return nil
	})
	if last, _ := tx.Bucket(minutesBucket).Cursor().Last(); last != nil {
		l.end = number(last) + 1
	}
	return err
}

// rows hands every row of [from, to) to visit: those of whole hours where they
// exist, those of minutes elsewhere, with what waits to be written.
func (l *Ledger) rows(tx *bbolt.Tx, from, to int64, visit func(row []byte) error) error {
	minutes, hours := tx.Bucket(minutesBucket).Cursor(), tx.Bucket(hoursBucket)
	for from < to {
		end := min(to, (from/hour+1)*hour)
		var row []byte
		if end-from == hour {
			row = hours.Get(key(from / hour))
		}
		var err error
		switch {
		case l.waiting(from, end):
			err = l.merged(tx, from, end, visit)
		case row != nil:
			err = visit(row)
		default:
			for k, v := minutes.Seek(key(from)); k != nil && number(k) < end && err == nil; k, v = minutes.Next() {
				err = visit(v)
			}
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

// merged hands out minutes with what waits for them.
func (l *Ledger) merged(tx *bbolt.Tx, from, to int64, visit func(row []byte) error) error {
	for m := from; m < to; m++ {
		row, err := l.minute(tx, m)
		if err == nil && row != nil {
			err = visit(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// minute is one minute's row with what waits for it, nil if it has none.
func (l *Ledger) minute(tx *bbolt.Tx, m int64) ([]byte, error) {
	row := tx.Bucket(minutesBucket).Get(key(m))
	if later, ok := l.pending[m]; ok {
		return merge(row, later)
	}
	return row, nil
}

// write puts all that waits into one transaction, with the sums of hours that
// ended.
func (l *Ledger) write(tx *bbolt.Tx) error {
	instances, minutes, hours := tx.Bucket(instancesBucket), tx.Bucket(minutesBucket), tx.Bucket(hoursBucket)
	minutes.FillPercent, hours.FillPercent = 0.95, 0.95 // rows come in order
	for id := range l.unsaved {
		data, err := json.Marshal(l.records[id])
		if err != nil {
			return err
		}
		if err := instances.Put(key(id), data); err != nil {
			return err
		}
	}
	for m := range l.pending {
		row, err := l.minute(tx, m)
		if err != nil {
			return err
		}
		if row == nil {
			row = []byte{} // watched, and nothing seen
		}
		if err := minutes.Put(key(m), row); err != nil {
			return err
		}
		if err := hours.Delete(key(m / hour)); err != nil {
			return err
		}
		l.touched[m/hour] = true
	}
	if err := l.sumHours(tx, hours); err != nil {
		return err
	}
	return l.expire(minutes)
}

// sumHours writes the rows of touched hours that are over.
func (l *Ledger) sumHours(tx *bbolt.Tx, hours *bbolt.Bucket) error {
	total := make(sums, len(l.records))
	for h := range l.touched {
		if h == (l.end-1)/hour {
			continue
		}
		clear(total)
		c := tx.Bucket(minutesBucket).Cursor()
		for k, v := c.Seek(key(h * hour)); k != nil && number(k) < (h+1)*hour; k, v = c.Next() {
			if err := total.add(v); err != nil {
				return fmt.Errorf("sum up hour %d: %w", h, err)
			}
		}
		if err := hours.Put(key(h), total.row()); err != nil {
			return err
		}
	}
	return nil
}

// expire removes minutes past the retention; their hours stay. It takes few at a
// time, so that a clock that jumps ahead for an hour costs next to nothing.
func (l *Ledger) expire(minutes *bbolt.Bucket) error {
	const batch = 2
	before := l.end - int64(l.opts.Retention/time.Minute)
	c := minutes.Cursor()
	for range batch {
		k, _ := c.First()
		if k == nil || number(k) >= before {
			return nil
		}
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}
