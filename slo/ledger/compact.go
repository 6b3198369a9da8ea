package ledger

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// Compact rewrites the ledger in a folder as small as it gets, and answers the
// file's sizes in bytes before and after. It drops minutes past the retention,
// and instances that have none within it: those that were given up long ago. No
// process may have the ledger open. The file is replaced at once or not at all.
func Compact(dir string, opts Options) (before, after int64, err error) {
	opts.ReadOnly = false
	l, err := Open(dir, opts)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if before, err = fileSize(l.path); err != nil {
		return 0, 0, err
	}
	c := compaction{ledger: l, from: l.retained()}
	// Its numbers are those of before: better none than wrong ones.
	if err := os.Remove(namesPath(l.path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, 0, fmt.Errorf("compact ledger %s: %w", l.path, err)
	}
	l.renamed = false
	err = rebuild(l.path, func(b *builder) error {
		return l.view(func(tx *bbolt.Tx) error { return c.fill(tx, b) })
	})
	if err != nil {
		return 0, 0, fmt.Errorf("compact ledger %s: %w", l.path, err)
	}
	after, err = fileSize(l.path)
	return before, after, err
}

func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("measure the ledger: %w", err)
	}
	return info.Size(), nil
}

// compaction brings a ledger's rows into a new file under new ids.
type compaction struct {
	ledger *Ledger
	from   int64    // the first minute that is kept
	ids    []uint32 // by old id
	used   []bool   // by old id
}

func (c *compaction) fill(tx *bbolt.Tx, b *builder) error {
	b.state = state{End: c.ledger.end, Filled: c.ledger.filled, Skipped: c.ledger.skipped, Doubt: c.ledger.doubt}
	if err := putJSON(b.tx, metaBucket, absencesKey, c.ledger.absent); err != nil {
		return err
	}
	if err := c.number(tx); err != nil {
		return err
	}
	for id, r := range c.ledger.records {
		if c.used[id] {
			if err := putJSON(b.tx, instancesBucket, key(c.ids[id]), r); err != nil {
				return err
			}
		}
	}
	for _, bucket := range [][]byte{objectivesBucket, periodsBucket} {
		if err := c.rows(tx, bucket, func(k, body []byte) error { return b.put(bucket, k, body) }); err != nil {
			return err
		}
	}
	return c.copyRows(tx, b)
}

// copyRows brings the minutes over, and the hours: of those whose minutes are
// kept the sums are made anew.
func (c *compaction) copyRows(tx *bbolt.Tx, b *builder) error {
	err := c.rows(tx, hoursBucket, func(k, row []byte) error {
		if number(k)*hour >= c.from {
			return nil
		}
		return b.put(hoursBucket, k, c.renumbered(row))
	})
	if err != nil {
		return err
	}
	h := hourSums{from: c.from, of: -1}
	err = c.rows(tx, minutesBucket, func(k, row []byte) error {
		row = c.renumbered(row)
		if err := h.add(b, number(k), row); err != nil {
			return err
		}
		return b.put(minutesBucket, k, row)
	})
	if err != nil {
		return err
	}
	return h.write(b)
}

// rows hands out a bucket's values that are kept and whole; others are lost
// already, as Check says.
func (c *compaction) rows(tx *bbolt.Tx, bucket []byte, visit func(key, row []byte) error) error {
	return each(tx, bucket, func(k, row []byte, err error) error {
		if err != nil || string(bucket) == string(minutesBucket) && number(k) < c.from {
			return nil //nolint:nilerr // see above
		}
		return visit(k, row)
	})
}

// number finds who has a minute, and gives those ids without gaps.
func (c *compaction) number(tx *bbolt.Tx) error {
	c.used = make([]bool, len(c.ledger.records))
	err := c.rows(tx, minutesBucket, func(_, row []byte) error {
		u := unpacker{row: row}
		for e, ok := u.entry(); ok; e, ok = u.entry() {
			if int(e.id)+int(e.run) > len(c.used) {
				return damaged(errRow)
			}
			for k := range e.run {
				c.used[e.id+k] = true
			}
		}
		return u.err
	})
	c.ids = make([]uint32, len(c.used))
	next := uint32(0)
	for id, used := range c.used {
		if c.ids[id] = next; used {
			next++
		}
	}
	return err
}

// renumbered is a row under the new ids, without what is dropped.
func (c *compaction) renumbered(row []byte) []byte {
	p, u := packer{}, unpacker{row: row}
	for e, ok := u.entry(); ok; e, ok = u.entry() {
		run := e.run
		for e.run = 1; run > 0; run-- {
			if old := e; int(old.id) < len(c.used) && c.used[old.id] {
				old.id = c.ids[old.id]
				p.add(old)
			}
			e.id++
		}
	}
	p.flush()
	if p.row == nil {
		return []byte{} // watched, and nothing seen
	}
	return p.row
}
