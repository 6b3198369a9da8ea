package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"
)

// damageError is a file that cannot be read on as it is.
type damageError struct{ cause error }

func (e *damageError) Error() string { return "the file is damaged: " + e.cause.Error() }

func (e *damageError) Unwrap() error { return e.cause }

func damaged(cause error) error { return &damageError{cause} }

// guarded runs what reads pages of the file. The library panics on pages that
// make no sense, and the system where the file ends too early.
func guarded(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged(fmt.Errorf("%v", p))
		}
	}()
	err = read()
	for _, invalid := range []error{bolterrors.ErrInvalid, bolterrors.ErrChecksum, bolterrors.ErrVersionMismatch} {
		if errors.Is(err, invalid) {
			return damaged(err)
		}
	}
	return err
}

// damage remembers minutes whose rows do not match their seals. They count as
// missing everywhere: the sums of their hours, which hold them, are not used.
type damage struct {
	logger *slog.Logger

	mu      sync.Mutex
	minutes map[int64]bool
	hours   map[int64]bool
	news    bool
}

// note remembers a minute.
func (d *damage) note(m int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.minutes[m] {
		return
	}
	d.minutes[m], d.hours[m/hour], d.news = true, true, true
	d.logger.Error("a minute of the ledger is damaged; it counts as missing", "minute", time.Unix(m*60, 0).UTC())
}

// in says whether an hour holds a damaged minute.
func (d *damage) in(h int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hours[h]
}

// takeNews says, once, whether any was found: sums made before may hold it.
func (d *damage) takeNews() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	news := d.news
	d.news = false
	return news
}

func (d *damage) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.minutes)
}
