package ledger

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// upgrade writes a file of the first layout, which had no seals, anew. The old
// one stays beside it under another name.
func upgrade(path string, old *bbolt.DB, opts Options) (*bbolt.DB, error) {
	copied, err := keep(path, "v1")
	if err == nil {
		err = rebuild(path, func(b *builder) error {
			return guarded(func() error {
				return old.View(func(tx *bbolt.Tx) error { return b.fromFirst(tx) })
			})
		})
	}
	if err := errors.Join(err, old.Close()); err != nil {
		return nil, fmt.Errorf("upgrade ledger %s: %w", path, err)
	}
	opts.Logger.Info("the ledger was upgraded", "layout", schema, "copy", copied)
	return openBolt(path, false)
}

// fromFirst copies the first layout's rows, which are those of today.
func (b *builder) fromFirst(tx *bbolt.Tx) error {
	for _, name := range [][]byte{instancesBucket, minutesBucket, hoursBucket} {
		rows := tx.Bucket(name)
		if rows == nil {
			return damaged(fmt.Errorf("there is no bucket %q", name))
		}
		if err := rows.ForEach(func(k, v []byte) error { return b.put(name, k, v) }); err != nil {
			return err
		}
	}
	if last, _ := tx.Bucket(minutesBucket).Cursor().Last(); last != nil {
		b.state.End = number(last) + 1
	}
	return tx.Bucket(instancesBucket).ForEach(func(k, v []byte) error {
		if err := json.Unmarshal(v, &record{}); err != nil {
			return damaged(fmt.Errorf("read instance %d: %w", number(k), err))
		}
		return nil
	})
}
