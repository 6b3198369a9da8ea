package promsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/indicator"
)

// Options are what a Source needs of its owner.
type Options struct {
	Logger *slog.Logger
	// Tracer gets a span for each chunk that is read; nil traces nothing.
	Tracer trace.Tracer
	// MaxInstances is how many instances may exist at once; 0 means
	// indicator.DefaultOptions'.
	MaxInstances int
}

// Source is one Prometheus-compatible API and what is asked of it. It is safe
// for concurrent use; reads of one Source by Read take turns.
type Source struct {
	config  Config
	opts    Options
	client  *client
	plan    atomic.Pointer[plan]
	stats   stats
	engines engines

	mu     sync.Mutex // one Read at a time
	reader *reader
}

// stats count what has been read.
type stats struct {
	series   atomic.Int64 // of the last chunk
	samples  atomic.Uint64
	warnings atomic.Value // string: those of the last chunk
}

// New makes a Source for those of the objectives whose indicator names it. It
// asks nothing yet. Errors are those of Config.Validate, of files that the
// HTTP settings name, and of selectors.
func New(config Config, objectives []slo.Objective, o Options) (*Source, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("source %s: %w", config.Name, err)
	}
	if o.Logger == nil {
		return nil, errors.New("promsource: Logger is missing")
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider().Tracer("")
	}
	c, err := newClient(config)
	if err != nil {
		return nil, err
	}
	s := &Source{config: config, opts: o, client: c}
	s.reader = newReader(s)
	return s, s.Update(objectives)
}

// Name is what objectives call the source.
func (s *Source) Name() string { return s.config.Name }

// Close lets go of idle connections.
func (s *Source) Close() { s.client.close() }

// Update replaces the objectives. Reads that are under way end their chunk with
// the ones before; on an error nothing has changed.
func (s *Source) Update(objectives []slo.Objective) error {
	p, err := newPlan(s.config.Name, objectives)
	if err != nil {
		return err
	}
	if _, err := s.newEngine(p); err != nil {
		return err
	}
	s.plan.Store(p)
	return nil
}

// Objectives are the names of those that the source measures, sorted.
func (s *Source) Objectives() []string { return slices.Clone(s.plan.Load().names) }

// Absent are the selectors of an objective, as PromQL, of which the source has no series in the
// stretch that ends at a time: nothing will be measured of them until it has.
func (s *Source) Absent(ctx context.Context, o *slo.Objective, at time.Time) ([]string, error) {
	selectors, err := wanted(o)
	if err != nil {
		return nil, err
	}
	to := at.Add(-time.Duration(s.config.Delay))
	var absent []string
	for _, matchers := range selectors {
		q, found := newQuery(matchers), false
		_, err := s.client.samples(ctx, q, to.Add(-time.Duration(s.config.Lookback)), to, func(stream) error {
			found = true
			return nil
		})
		if err != nil {
			return absent, err
		}
		if !found {
			absent = append(absent, q.over(time.Duration(s.config.Lookback)))
		}
	}
	return absent, nil
}

// Same says whether New would make of these the source that there is: with the
// same settings, and with objectives that count the same for the same groups,
// whatever their targets, policies and titles. Then it and its Follower may go on
// over a reload, and nothing is asked for again. Files that the HTTP settings name
// are not compared; they are read again as they change.
func (s *Source) Same(config Config, objectives []slo.Objective) bool {
	if !reflect.DeepEqual(s.config, config) {
		return false
	}
	p, err := newPlan(config.Name, objectives)
	return err == nil && slices.Equal(p.counts(), s.plan.Load().counts())
}

func (s *Source) newEngine(p *plan) (*indicator.Engine, error) {
	o := indicator.DefaultOptions()
	o.Source = s.config.Name
	o.Expiry, o.Lookback = time.Duration(s.config.Gap), time.Duration(s.config.Lookback)
	o.MaxSeries = s.config.MaxSeries
	if s.opts.MaxInstances > 0 {
		o.MaxInstances = s.opts.MaxInstances
	}
	return indicator.New(p.objectives, o)
}

// note counts what a chunk held and tells of warnings when they change.
func (s *Source) note(ctx context.Context, c *chunk) {
	s.stats.series.Store(int64(len(c.series)))
	s.stats.samples.Add(uint64(c.samples))
	warnings := strings.Join(c.warnings, "; ")
	if before, ok := s.stats.warnings.Swap(warnings).(string); warnings != "" && (!ok || before != warnings) {
		s.opts.Logger.WarnContext(ctx, "a source warns; its answers may be partial", "source", s.config.Name, "warnings", warnings)
	}
}

// Read records the whole minutes of [from, to) in their order. After an error it
// may be called again from the minute that was not taken, which it answers, and
// after a success from to: then it goes on where it stopped. From anywhere else
// it begins anew with what lies before from. Errors have a reason (ReasonOf).
func (s *Source) Read(ctx context.Context, from, to time.Time, record Record) (next time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reader.read(ctx, slo.Minute(from), slo.Minute(to), record)
}

// Progress is how far a Backfill is.
type Progress struct {
	// Done and Total are minutes.
	Done, Total int64
	// Series is how many the last chunk held.
	Series int64
	// Samples is how many were read so far, those before the stretch included.
	Samples uint64
}

// The pace of a backfill whose source does not answer.
const (
	firstRetry = time.Second
	slowest    = time.Minute
	givenUp    = 15 * time.Minute // without any progress
)

// Backfill records the whole minutes of [from, to) in their order and reports
// progress after each chunk. Failures that may pass are retried for a quarter of
// an hour. Minutes that have a record already must not be in the stretch: they
// would count twice.
func (s *Source) Backfill(ctx context.Context, from, to time.Time, record Record, progress func(Progress)) error {
	from, to = slo.Minute(from), slo.Minute(to)
	r, before := newReader(s), s.stats.samples.Load()
	defer s.engines.drop(r)
	done := func(at time.Time) {
		progress(Progress{
			Done: int64(at.Sub(from) / time.Minute), Total: int64(to.Sub(from) / time.Minute),
			Series: s.stats.series.Load(), Samples: s.stats.samples.Load() - before,
		})
	}
	for at := from; at.Before(to); done(at) {
		next, err := s.persist(ctx, func() (time.Time, error) {
			next, err := r.step(ctx, at, to, record)
			if err != nil && !passes(err) {
				err = backoff.Permanent(err)
			}
			return next, err
		})
		if err != nil {
			return fmt.Errorf("backfill stopped at %s: %w", at.Format(time.RFC3339), err)
		}
		at = next
	}
	return nil
}

// persist retries a step and says so.
func (s *Source) persist(ctx context.Context, step func() (time.Time, error)) (time.Time, error) {
	return backoff.Retry(ctx, step, backoff.WithBackOff(newPace()), backoff.WithMaxElapsedTime(givenUp),
		backoff.WithNotify(func(err error, wait time.Duration) {
			s.opts.Logger.WarnContext(ctx, "a source cannot be read for now", "source", s.config.Name, "error", err, "retry_in", wait)
		}))
}

func newPace() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: firstRetry, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: slowest,
	}
}
