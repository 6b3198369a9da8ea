package odoolog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Options are what a Reader is given besides its Config.
type Options struct {
	// Tenant is the tenant that a database belongs to, "" for none. It may be called at any time.
	Tenant func(database string) string
	// StatePath is the file in which the place is kept over a restart; "" for nowhere: then a
	// restarted daemon begins at the log's end.
	StatePath string
}

// Reader reads one log, on each visit what is new since the last. It is a collectors.Collector.
type Reader struct {
	options Options

	mu    sync.Mutex // held by Collect and Close
	tail  *tail
	tally *tally
	began time.Time // of counting
}

// New returns a Reader; nothing is opened before the first visit. The caller closes it.
func New(c Config, o Options) (*Reader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Tenant == nil {
		o.Tenant = func(string) string { return "" }
	}
	r := &Reader{options: o, tail: &tail{path: c.Path}, tally: newTally(c)}
	r.tally.tenant = o.Tenant
	return r, nil
}

// Collect reads what is new and reports what was counted since the Reader was made.
func (r *Reader) Collect(ctx context.Context, b *collectors.Builder) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if r.began.IsZero() {
		r.began = b.At()
	}
	behind, err := r.advance(ctx)
	if err != nil {
		return because(err)
	}
	r.tally.report(b)
	b.Set(metricBehind, float64(behind))
	b.Set(metricLost, float64(r.tail.gaps))
	b.CountedSince(r.began)
	return nil
}

func (r *Reader) advance(ctx context.Context) (behind int64, err error) {
	if r.tail.file == nil {
		at, err := r.load()
		if err != nil {
			return 0, err
		}
		if err := r.tail.start(at); err != nil {
			return 0, err
		}
	}
	behind, err = r.tail.read(ctx, r.tally.add)
	return behind, errors.Join(err, r.save())
}

// Close lets the log go.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tail.close()
}

// because gives an error a reason, and takes the name of the file out of it.
func because(err error) error {
	var path *os.PathError
	switch {
	case errors.Is(err, os.ErrNotExist):
		return collectors.Because(collectors.ReasonMissing, errors.New("the log is not there"))
	case errors.Is(err, os.ErrPermission):
		return collectors.Because(collectors.ReasonPermission, errors.New("the log may not be read"))
	case errors.As(err, &path):
		return fmt.Errorf("%s the log: %w", path.Op, path.Err)
	}
	return err
}

// load is where a reader before this one stopped, nil where there was none. A state that cannot be
// read is as good as none.
func (r *Reader) load() (*place, error) {
	if r.options.StatePath == "" {
		return nil, nil
	}
	text, err := os.ReadFile(r.options.StatePath)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read where the log was left: %w", err)
	}
	var at place
	if unread := json.Unmarshal(text, &at); unread == nil && at.Offset >= 0 {
		return &at, nil
	}
	return nil, nil
}

// save keeps the place, whole or not at all.
func (r *Reader) save() (err error) {
	if r.options.StatePath == "" || r.tail.file == nil {
		return nil
	}
	text, err := json.Marshal(r.tail.at)
	if err != nil {
		return fmt.Errorf("keep where the log was left: %w", err)
	}
	draft, err := os.CreateTemp(filepath.Dir(r.options.StatePath), ".log-*")
	if err != nil {
		return fmt.Errorf("keep where the log was left: %w", err)
	}
	_, err = draft.Write(text)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), r.options.StatePath)
	}
	if err != nil {
		return fmt.Errorf("keep where the log was left: %w", errors.Join(err, os.Remove(draft.Name())))
	}
	return nil
}
