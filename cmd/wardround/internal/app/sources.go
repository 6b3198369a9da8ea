package app

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/promsource"
)

// sources are the Prometheus-compatible APIs of one configuration, followed from start to stop.
type sources struct {
	all     []*followed
	cancel  context.CancelFunc
	running conc.WaitGroup
}

type followed struct {
	*promsource.Source
	*promsource.Follower
}

// newSources prepares what follows each source that objectives are measured in.
func (a *App) newSources(c *config.Config) (_ *sources, err error) {
	s := &sources{cancel: func() {}}
	for _, each := range c.Sources {
		source, err := promsource.New(each, c.Objectives, promsource.Options{Logger: a.options.Logger, Tracer: a.options.Tracer})
		if err != nil {
			s.stop()
			return nil, err
		}
		follower, err := promsource.NewFollower(promsource.FollowerOptions{
			Source: source, Record: a.objectives.fill, Logger: a.options.Logger,
			Missing: func(_ context.Context, from, to time.Time) ([]slo.Span, error) {
				return a.objectives.missing(source.Objectives(), from, to)
			},
		})
		if err != nil {
			source.Close()
			s.stop()
			return nil, err
		}
		s.all = append(s.all, &followed{source, follower})
	}
	return s, nil
}

// start follows all sources that are asked for anything.
func (s *sources) start(a *App) {
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(a.ctx)
	for _, f := range s.all {
		if len(f.Objectives()) == 0 {
			continue
		}
		s.running.Go(func() {
			if err := f.Run(ctx); err != nil && ctx.Err() == nil {
				a.options.Logger.Error("a source is not followed", "source", f.Source.Name(), "error", err)
			}
		})
	}
}

func (s *sources) stop() {
	s.cancel()
	s.running.Wait()
	for _, f := range s.all {
		f.Close()
	}
}

// fill records the minutes of a source. What has a record already stands.
func (o *objectives) fill(minutes iter.Seq2[time.Time, []slo.Delta]) (int, error) {
	return o.ledger.Fill(func(yield func(time.Time, []slo.Delta) bool) {
		for minute, deltas := range minutes {
			o.count(deltas)
			if !yield(minute, deltas) {
				return
			}
		}
	})
}

func (o *objectives) count(deltas []slo.Delta) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range deltas {
		o.totals[d.Instance] = o.totals[d.Instance].Add(d.Counts)
	}
}

// missing are the stretches of which nothing is on record of any of these objectives.
func (o *objectives) missing(objectives []string, from, to time.Time) ([]slo.Span, error) {
	all := []slo.Span{{From: from, To: to}}
	var errs []error
	for _, name := range objectives {
		spans, err := o.ledger.Missing(name, from, to)
		all, errs = common(all, spans), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// common is what two lists of stretches, each in order, have in common.
func common(a, b []slo.Span) []slo.Span {
	var both []slo.Span
	for len(a) > 0 && len(b) > 0 {
		from, to := later(a[0].From, b[0].From), a[0].To
		if b[0].To.Before(to) {
			to = b[0].To
		}
		if from.Before(to) {
			both = append(both, slo.Span{From: from, To: to})
		}
		if a[0].To.After(b[0].To) {
			b = b[1:]
		} else {
			a = a[1:]
		}
	}
	return slices.Clip(both)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
