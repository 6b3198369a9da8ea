package promsource

import (
	"cmp"
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/indicator"
)

// Record takes minutes in the order of time and says how many it took; those are
// not handed out again, the others are, after an error. A minute of which nothing
// is known is left out: it has nothing to record, and a stretch may have none. The
// minutes are made while they are taken, and belong to whom takes them. To take a
// minute is to have it off the source's hands: what of it goes into the record,
// where that may hold some of it already, is for the Record to know. Fill and
// AddAll of slo/ledger are of this kind.
type Record func(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error)

// discard is the Record of minutes that were recorded before.
func discard(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
	for range minutes {
		taken++
	}
	return taken, nil
}

// reader goes through one stretch of a source after the other. It has the
// counters' last values as of the minute next. It is not safe for concurrent use.
type reader struct {
	source *Source
	plan   *plan
	engine *indicator.Engine
	next   time.Time     // the minute that follows what engine has seen
	chunk  time.Duration // asked for at once; grows while answers are small

	round []sample // scratch of a minute
}

// sample is one value of a minute.
type sample struct {
	point
	of *series
}

// firstChunk is asked for until it is known how much a stretch holds.
const firstChunk = 5 * time.Minute

func newReader(s *Source) *reader {
	return &reader{source: s, chunk: min(firstChunk, time.Duration(s.config.Chunk))}
}

// step records the next chunk of [from, to) and says which minute follows it.
func (r *reader) step(ctx context.Context, from, to time.Time, record Record) (next time.Time, err error) {
	if err := r.prime(ctx, from); err != nil {
		return from, err
	}
	return r.advance(ctx, to, record)
}

// prime sees to it that the engine knows what lies before from.
func (r *reader) prime(ctx context.Context, from time.Time) error {
	current := r.source.plan.Load()
	if r.plan == current && r.next.Equal(from) {
		r.source.engines.use(r, r.engine)
		return nil
	}
	engine, err := r.source.newEngine(current)
	if err != nil {
		return err
	}
	r.source.engines.use(r, engine)
	r.engine, r.plan, r.next = engine, current, current.begins(from, time.Duration(r.source.config.Gap))
	for r.next.Before(from) {
		if _, err := r.advance(ctx, from, discard); err != nil {
			return err
		}
	}
	return nil
}

// advance reads one chunk from next on, smaller ones if it is too much, and
// plays it.
func (r *reader) advance(ctx context.Context, to time.Time, record Record) (time.Time, error) {
	for {
		until := r.next.Add(r.chunk)
		if until.After(to) {
			until = to
		}
		c, err := r.source.fetch(ctx, r.plan, r.next, until)
		if err == nil {
			r.source.note(ctx, c)
			r.grow(c.samples, until.Sub(r.next))
			return r.play(c.series, until, record)
		}
		asked := until.Sub(r.next)
		r.chunk = max(time.Minute, (asked / 2).Truncate(time.Minute))
		if ReasonOf(err) != ReasonTooMuch || asked == time.Minute {
			return r.next, err
		}
	}
}

// grow doubles the chunk where an answer of that size stays well below the
// limit.
func (r *reader) grow(samples int, asked time.Duration) {
	if asked == r.chunk && 4*samples <= r.source.config.MaxSamples {
		r.chunk = min(2*r.chunk, time.Duration(r.source.config.Chunk))
	}
}

// play records what the samples say of the minutes until until.
func (r *reader) play(all []*series, until time.Time, record Record) (next time.Time, err error) {
	from := r.next
	var handed []time.Time
	taken, err := record(func(yield func(time.Time, []slo.Delta) bool) {
		for r.next.Before(until) {
			minute := r.next
			r.next = minute.Add(time.Minute)
			deltas := r.minute(all, r.next)
			if len(deltas) == 0 {
				continue
			}
			handed = append(handed, minute)
			if !yield(minute, deltas) {
				return
			}
		}
	})
	next = r.next
	if taken < len(handed) {
		next = handed[taken]
	}
	if err == nil && next.Equal(until) {
		return next, nil
	}
	return next, failed(ReasonRecord, "record source %s from %s to %s, %d minutes taken: %w",
		r.source.config.Name, from.Format(time.RFC3339), until.Format(time.RFC3339), taken, cmp.Or(err, io.ErrShortWrite))
}

// minute shows the engine the samples before end, in the order of time.
func (r *reader) minute(all []*series, end time.Time) []slo.Delta {
	r.collect(all, end)
	for _, s := range r.round {
		r.engine.Observe(time.UnixMilli(s.at).UTC(), r.source.config.Name, s.of.name, s.of, s.value)
	}
	return r.engine.Drain(end)
}

// collect takes the samples before end off their series.
func (r *reader) collect(all []*series, end time.Time) {
	r.round = r.round[:0]
	for _, s := range all {
		n := 0
		for n < len(s.values) && s.values[n].at < end.UnixMilli() {
			r.round = append(r.round, sample{s.values[n], s})
			n++
		}
		s.values = s.values[n:]
	}
	slices.SortStableFunc(r.round, func(a, b sample) int { return int(a.at - b.at) })
}

// read records all of [from, to) and says how far it came.
func (r *reader) read(ctx context.Context, from, to time.Time, record Record) (next time.Time, err error) {
	for from.Before(to) && err == nil {
		from, err = r.step(ctx, from, to, record)
	}
	return from, err
}
