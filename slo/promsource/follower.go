package promsource

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/wardround/wardround/slo"
)

// FollowerOptions say what a Follower follows and where to it writes.
type FollowerOptions struct {
	Source *Source
	// Record takes each minute once: those of the present in their order, and
	// between them those that were missed.
	Record Record
	// Missing answers the stretches within [from, to) of which the record holds
	// nothing that the source measures, in their order. It is asked once, at the
	// start; nil means that nothing is caught up from before.
	Missing func(ctx context.Context, from, to time.Time) ([]slo.Span, error)
	Logger  *slog.Logger
}

// Status is how well a source is followed.
type Status struct {
	// LastSuccess is when samples were last read and recorded.
	LastSuccess time.Time
	// Through is the end of the last minute of the present that was recorded.
	Through time.Time
	// Lag is how far that is from now; Config.Delay and up to a minute of it are
	// by design.
	Lag time.Duration
	// Owed is how much of the time before is still to be caught up.
	Owed time.Duration
	// Error is why the last attempt at the present or the past failed; nil if
	// both went well.
	Error error
	// Series is how many the last answer held, Samples all that were read.
	Series  int64
	Samples uint64
}

// Follower records the minutes of a source as they are due, and what was missed.
type Follower struct {
	opts   FollowerOptions
	config Config

	// Owned by Run.
	next    time.Time  // the minute of the present that is to be recorded
	last    time.Time  // the latest minute of which something was recorded
	owed    []slo.Span // of the past
	present lane
	past    lane

	mu     sync.Mutex
	status Status
}

// lane is one way of reading on: a failure of one does not hold up the other.
type lane struct {
	what   string
	reader *reader
	pace   *backoff.ExponentialBackOff
	retry  time.Time // not before
	err    error
}

// NewFollower makes a Follower; Run starts it.
func NewFollower(o FollowerOptions) (*Follower, error) {
	if o.Source == nil || o.Record == nil || o.Logger == nil {
		return nil, errors.New("promsource: a Follower needs a Source, a Record and a Logger")
	}
	newLane := func(what string) lane {
		l := lane{what: what, reader: newReader(o.Source), pace: newPace()}
		l.pace.Reset()
		return l
	}
	o.Logger = o.Logger.With("source", o.Source.Name())
	return &Follower{opts: o, config: o.Source.config, present: newLane("the present"), past: newLane("what was missed")}, nil
}

// Status is how it goes; safe for concurrent use.
func (f *Follower) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	if !s.Through.IsZero() {
		s.Lag = time.Since(s.Through)
	}
	s.Series, s.Samples = f.opts.Source.stats.series.Load(), f.opts.Source.stats.samples.Load()
	return s
}

// Run follows the source until ctx ends. It fails only where Missing does.
func (f *Follower) Run(ctx context.Context) error {
	f.next = f.due(time.Now())
	if from := f.horizon(); f.opts.Missing != nil && from.Before(f.next) {
		missing, err := f.opts.Missing(ctx, from, f.next)
		if err != nil {
			return fmt.Errorf("ask what the record lacks of source %s: %w", f.config.Name, err)
		}
		f.owed = slices.Clone(missing)
	}
	f.recent()
	defer f.opts.Source.engines.drop(f.present.reader)
	defer f.opts.Source.engines.drop(f.past.reader)
	for {
		f.turn(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.pause(time.Now())):
		}
	}
}

// recent lets the present begin with what was missed last, if that is little.
func (f *Follower) recent() {
	if n := len(f.owed); n > 0 && f.owed[n-1].To.Equal(f.next) && f.next.Sub(f.owed[n-1].From) <= firstChunk {
		f.next, f.owed = f.owed[n-1].From, f.owed[:n-1]
	}
}

// due is the end of the last minute that may be read.
func (f *Follower) due(now time.Time) time.Time {
	return slo.Minute(now.Add(-time.Duration(f.config.Delay)))
}

// horizon is from when missed minutes are caught up.
func (f *Follower) horizon() time.Time {
	return slo.Minute(f.next.Add(-time.Duration(f.config.CatchUp)))
}

// turn reads one chunk: of the present if it is due, else of the past.
func (f *Follower) turn(ctx context.Context) {
	now := time.Now()
	due := f.due(now)
	f.stepBack(ctx, due)
	switch {
	case f.next.Before(due) && !now.Before(f.present.retry):
		f.follow(ctx, due)
	case len(f.owed) > 0 && !now.Before(f.past.retry):
		f.catchUp(ctx)
	}
}

// follow reads the present. Where it is further behind than one short answer it
// goes on with the last minute, so that the present is known at once, and owes
// what lies before.
func (f *Follower) follow(ctx context.Context, due time.Time) {
	from := f.next
	if due.Sub(from) > firstChunk {
		from = due.Add(-time.Minute)
	}
	next, err := f.present.reader.step(ctx, from, due, f.record)
	if next.After(from) {
		if from.After(f.next) {
			f.owed = append(f.owed, slo.Span{From: f.next, To: from})
			f.opts.Logger.InfoContext(ctx, "catches up what was missed", "from", f.next, "to", from)
		}
		f.next = next
	}
	f.settle(ctx, &f.present, err)
}

// pause is how long there is nothing to do.
func (f *Follower) pause(now time.Time) time.Duration {
	wake := f.due(now).Add(time.Minute + time.Duration(f.config.Delay))
	if f.next.Before(f.due(now)) {
		wake = earlier(wake, f.present.retry)
	}
	if len(f.owed) > 0 {
		wake = earlier(wake, f.past.retry)
	}
	return max(0, wake.Sub(now))
}

// stepBack lets the present begin again where the record ends if the clock was
// ahead and has been set back. What was recorded is not recorded again.
func (f *Follower) stepBack(ctx context.Context, due time.Time) {
	next := later(due, f.last.Add(time.Minute))
	if !next.Before(f.next) {
		return
	}
	f.next = next
	for i := range f.owed {
		f.owed[i].To = earlier(f.owed[i].To, f.next)
	}
	f.opts.Logger.WarnContext(ctx, "the clock was set back", "next", f.next)
}

// catchUp reads one chunk of the oldest stretch that is owed. One that fails goes
// behind the others.
func (f *Follower) catchUp(ctx context.Context) {
	defer func() {
		if len(f.owed) == 0 {
			f.opts.Source.engines.drop(f.past.reader)
		}
	}()
	span := f.owed[0]
	f.owed = f.owed[1:]
	span.From = later(span.From, f.horizon())
	if !span.From.Before(span.To) {
		return
	}
	next, err := f.past.reader.step(ctx, span.From, span.To, f.record)
	span.From = next
	switch {
	case err != nil:
		f.owed = append(f.owed, span)
	case span.From.Before(span.To):
		f.owed = slices.Insert(f.owed, 0, span)
	}
	f.settle(ctx, &f.past, err)
}

// record notes how far the record goes.
func (f *Follower) record(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
	return f.opts.Record(func(yield func(time.Time, []slo.Delta) bool) {
		for minute, deltas := range minutes {
			f.last = later(f.last, minute)
			if !yield(minute, deltas) {
				return
			}
		}
	})
}

// settle notes what became of a step: when to try again, and whom to tell.
func (f *Follower) settle(ctx context.Context, l *lane, err error) {
	if ctx.Err() != nil {
		return // we are stopping
	}
	switch {
	case err != nil:
		l.retry = time.Now().Add(l.pace.NextBackOff())
	default:
		l.retry = time.Time{}
		l.pace.Reset()
	}
	f.tell(ctx, l, err)
	l.err = err
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.status.LastSuccess = time.Now()
	}
	f.status.Through, f.status.Owed = f.next, 0
	for _, span := range f.owed {
		f.status.Owed += span.To.Sub(span.From)
	}
	f.status.Error = errors.Join(f.present.err, f.past.err)
}

// tell logs a failure when it is another one than before, and its end.
func (f *Follower) tell(ctx context.Context, l *lane, err error) {
	switch {
	case err != nil && (l.err == nil || ReasonOf(l.err) != ReasonOf(err)):
		f.opts.Logger.WarnContext(ctx, "cannot read "+l.what, "reason", ReasonOf(err), "error", err)
	case err == nil && l.err != nil:
		f.opts.Logger.InfoContext(ctx, "reads "+l.what+" again")
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
