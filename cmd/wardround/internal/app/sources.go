package app

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/indicator"
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

// same says whether these sources can go on as they are under a configuration.
func (s *sources) same(c *config.Config) bool {
	if len(s.all) != len(c.Sources) {
		return false
	}
	for i, f := range s.all {
		if !f.Same(c.Sources[i], c.Objectives) {
			return false
		}
	}
	return true
}

// unread are the problems of all sources.
func (a *App) unread() []indicator.Problem {
	sources := a.following.Load()
	if sources == nil {
		return nil
	}
	var all []indicator.Problem
	for _, f := range sources.all {
		all = append(all, f.Problems()...)
	}
	return all
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

// patience is how long a source may be away before periods are closed without what it owes.
const patience = 7 * slo.Day

// owing says whether a source has more to tell of the past: what was missed is still being caught
// up, or it does not answer.
func (a *App) owing(source string) bool {
	for _, f := range a.following.Load().all {
		if f.Source.Name() != source {
			continue
		}
		s := f.Status()
		away := time.Since(cmp.Or(s.LastSuccess, a.objectives.began))
		return away < patience && (s.Owed > 0 || s.Error != nil || s.Through.IsZero())
	}
	return false
}

// fill records the minutes of a source. What has a record already stands. Those before this
// process began are not in the counters that count since then.
func (o *objectives) fill(minutes iter.Seq2[time.Time, []slo.Delta]) (int, error) {
	return o.ledger.Fill(func(yield func(time.Time, []slo.Delta) bool) {
		for minute, deltas := range minutes {
			if !minute.Before(o.began) {
				o.count(deltas)
			}
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

// missing are the stretches in which any of these objectives has no record. What the others have
// stands when the stretch is recorded again.
func (o *objectives) missing(objectives []string, from, to time.Time) ([]slo.Span, error) {
	var all []slo.Span
	var errs []error
	for _, name := range objectives {
		spans, err := o.ledger.Missing(name, from, to)
		all, errs = append(all, spans...), append(errs, err)
	}
	return united(all), errors.Join(errs...)
}

// united are stretches in their order, with those that touch made one.
func united(all []slo.Span) []slo.Span {
	slices.SortFunc(all, func(a, b slo.Span) int { return a.From.Compare(b.From) })
	var kept []slo.Span
	for _, s := range all {
		if last := len(kept) - 1; last >= 0 && !s.From.After(kept[last].To) {
			if s.To.After(kept[last].To) {
				kept[last].To = s.To
			}
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
