package accesslog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/logtail"
)

// Options are what a Reader is given besides its Config.
type Options struct {
	Logger  *slog.Logger         // nil for silence
	Tenants *collectors.Registry // whose hosts say to whom a request belongs; nil for none
	// Tenant is the tenant of a router with a service, as the log names them, "" for none. It is
	// asked where no host says, in each round anew. It may be called at any time; nil for none.
	Tenant func(router, service string) string
	// StatePath is the file in which the place and the tenants' habits are kept over a restart; ""
	// for nowhere: then a restarted daemon begins at the log's end, and knows no habits.
	StatePath string
}

// Reader reads one access log, on each visit what is new since the last. It is a
// collectors.Collector.
type Reader struct {
	config  Config
	options Options

	mu    sync.Mutex // held by Collect and Close
	tail  *logtail.Tail
	tally *tally
	began time.Time   // of counting
	gaps  uint64      // as of the round before
	said  [kinds]bool // that such lines are left out
}

// New returns a Reader; nothing is opened before the first visit. The caller closes it.
func New(c Config, o Options) (*Reader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	rules, err := newRules(c)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Tenants == nil {
		o.Tenants = collectors.NewRegistry()
	}
	if o.Tenant == nil {
		o.Tenant = func(string, string) string { return "" }
	}
	tally := newTally(c, rules, o.Tenant)
	tail := logtail.New(logtail.Options{
		Path: c.Path, StatePath: o.StatePath, FromStart: c.FromStart, RoundBytes: c.RoundBytes, Memory: tally.habits,
	})
	return &Reader{config: c, options: o, tail: tail, tally: tally}, nil
}

// Collect reads what is new and reports what was counted since the Reader was made.
func (r *Reader) Collect(ctx context.Context, b *collectors.Builder) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.began.IsZero() {
		r.began = b.At()
	}
	earlier := r.tally.kinds
	r.tally.begin(b.At(), r.options.Tenants.Current())
	behind, err := r.tail.Read(ctx, r.tally.add)
	if gaps := r.tail.Gaps(); gaps != r.gaps {
		r.gaps = gaps
		r.tally.habits.interrupted()
	}
	if err != nil {
		return err
	}
	r.tally.report(b)
	b.Set(metricBehind, float64(behind))
	b.Set(metricGaps, float64(r.gaps))
	b.CountedSince(r.began)
	if behind <= logtail.LongestLine {
		r.tally.reportHabits(b, r.config.Spike)
	}
	r.complain(b, earlier, behind)
	return nil
}

// complain says what keeps the log from being read: in the daemon's log once for each reason, and
// as findings while it lasts.
func (r *Reader) complain(b *collectors.Builder, earlier [kinds]counter, behind int64) {
	for kind := kindRequest + 1; kind < kinds; kind++ {
		if r.tally.kinds[kind].n > 0 && !r.said[kind] {
			r.said[kind] = true
			r.options.Logger.Warn("lines of the access log are left out", "target", b.Key().Target, "reason", kindNames[kind])
		}
	}
	lines, reason := r.tally.leftOut(earlier)
	if lines > 0 {
		b.Notef("%d lines left out, most of them %s", lines, reason)
	}
	if requests := r.tally.kinds[kindRequest].n - earlier[kindRequest].n; lines > manyLines && lines > requests {
		b.Find(collectors.Finding{
			Name: "access_log_unreadable", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("%d new lines of the access log are left out, most of them %s; %d are requests", lines, reason, requests),
		})
	}
	if behind > r.config.RoundBytes {
		b.Find(collectors.Finding{
			Name: "access_log_behind", Question: collectors.Healthy, Severity: collectors.Info,
			Text: fmt.Sprintf("%d bytes of the access log are not read yet, more than one round reads: what is shown is late", behind),
		})
	}
}

// manyLines are no accident.
const manyLines = 10

// Close lets the log go.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tail.Close()
}
