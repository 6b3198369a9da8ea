package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// builder writes a ledger file beside the one in use.
type builder struct {
	db    *bbolt.DB
	tx    *bbolt.Tx
	size  int // bytes put since the last commit
	state state
}

// rebuild writes a new file with what fill puts into it, and puts it in the
// place of the one at path. Until then nothing has changed: one that was
// interrupted is begun again. The file that is replaced must be locked.
func rebuild(path string, fill func(*builder) error) error {
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove an unfinished file: %w", err)
	}
	if err := build(temporary, fill); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("replace the ledger: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

func build(path string, fill func(*builder) error) (err error) {
	// Nothing is read from it before it is whole, so one sync at its end will do.
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoSync: true, NoGrowSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	b := &builder{db: db}
	if err := db.Update(prepare); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	if err := b.run(fill); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return db.Sync()
}

func (b *builder) run(fill func(*builder) error) (err error) {
	if err := b.begin(); err != nil {
		return err
	}
	defer func() {
		if err != nil && b.tx != nil {
			err = errors.Join(err, b.tx.Rollback())
		}
	}()
	if err := fill(b); err != nil {
		return err
	}
	if err := putJSON(b.tx, metaBucket, stateKey, b.state); err != nil {
		return err
	}
	return b.commit()
}

func (b *builder) begin() (err error) {
	b.size = 0
	if b.tx, err = b.db.Begin(true); err != nil {
		return err
	}
	for _, name := range [][]byte{minutesBucket, hoursBucket} {
		b.tx.Bucket(name).FillPercent = 1 // rows come in order
	}
	return nil
}

func (b *builder) commit() error {
	err := b.tx.Commit()
	b.tx = nil
	return err
}

// put writes one value, in transactions of some megabytes.
func (b *builder) put(bucket, key, body []byte) error {
	if err := put(b.tx, bucket, key, body); err != nil {
		return err
	}
	if string(bucket) == string(minutesBucket) {
		b.state.Minutes++
	}
	if b.size += len(body); b.size < batchBytes {
		return nil
	}
	if err := b.commit(); err != nil {
		return err
	}
	return b.begin()
}

// hourSums sums up one hour after the other from its minutes, which come in
// order: of damaged minutes nothing must be left in them.
type hourSums struct {
	from int64 // the first minute that is kept
	of   int64 // the hour under way; -1 before the first

	total sums
}

func (h *hourSums) add(b *builder, m int64, row []byte) error {
	if m/hour != h.of {
		if err := h.write(b); err != nil {
			return err
		}
		h.of = m / hour
		clear(h.total)
	}
	all, err := entries(row)
	if err == nil && len(all) > 0 {
		h.total.grow(int(all[len(all)-1].id) + 1)
		err = h.total.add(row)
	}
	return err
}

// write writes the hour's row, unless some of its minutes are gone or to come.
func (h *hourSums) write(b *builder) error {
	if h.of < 0 || h.of*hour < h.from || h.of == (b.state.End-1)/hour {
		return nil
	}
	return b.put(hoursBucket, key(h.of), h.total.row())
}

// syncFolder makes renames in a folder last.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the ledger's folder: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// keep gives a file a second name that says what it is and of when, and answers
// that. What is at path may then be replaced, but not written into.
func keep(path, what string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("keep a copy of the ledger: %w", err)
	}
	for n := 0; ; n++ {
		name := path + "." + what + "-" + info.ModTime().UTC().Format("20060102T150405Z")
		if n > 0 {
			name += fmt.Sprintf("-%d", n)
		}
		err := os.Link(path, name)
		if other, statErr := os.Stat(name); statErr == nil && os.SameFile(info, other) {
			return name, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("keep a copy of the ledger: %w", err)
		}
	}
}
