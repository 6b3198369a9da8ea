package odoolog

import (
	"context"
	"sync"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/logtail"
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
	mu    sync.Mutex // held by Collect and Close
	tail  *logtail.Tail
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
	r := &Reader{tail: logtail.New(logtail.Options{Path: c.Path, StatePath: o.StatePath}), tally: newTally(c)}
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
	behind, err := r.tail.Read(ctx, r.tally.add)
	if err != nil {
		return err
	}
	r.tally.report(b)
	b.Set(metricBehind, float64(behind))
	b.Set(metricLost, float64(r.tail.Gaps()))
	b.CountedSince(r.began)
	return nil
}

// Close lets the log go.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tail.Close()
}
