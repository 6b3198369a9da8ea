package ledger

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Closed are the closed periods of all instances, of those that are no more as
// well, that begin at from or later and end at to or earlier; a zero time is no
// bound. They are ordered by instance, then by time.
func (l *Ledger) Closed(from, to time.Time) ([]Closed, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []Closed
	err := l.view(func(tx *bbolt.Tx) error {
		return each(tx, periodsBucket, func(_, body []byte, err error) error {
			if err != nil {
				return fmt.Errorf("read a closed period: %w", err)
			}
			c, err := readClosed(body)
			if err == nil && !c.From.Before(from) && (to.IsZero() || !c.To.After(to)) {
				all = append(all, c)
			}
			return err
		})
	})
	slices.SortStableFunc(all, func(a, b Closed) int {
		if c := a.Instance.Compare(b.Instance); c != 0 {
			return c
		}
		return a.From.Compare(b.From)
	})
	return all, err
}
