package app

import (
	"context"
	"io"
	"log/slog"
	"slices"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/exposition"
	"github.com/wardround/wardround/collectors/odoo"
)

// Survey is what one round found.
type Survey struct {
	Visits []Visited // sorted by key
	store  *collectors.Store
}

// Visited is how one visit went.
type Visited struct {
	Key         collectors.Key
	Err         error
	Samples     int
	Unavailable []Unavailable
}

// Unavailable is an indicator that a visit could not get.
type Unavailable struct {
	Indicator string
	Reason    collectors.Reason
}

// Failed says whether anything could not be read.
func (s Survey) Failed() bool {
	return slices.ContainsFunc(s.Visits, func(v Visited) bool { return v.Err != nil || len(v.Unavailable) > 0 })
}

// WriteText writes what was found as Prometheus reads it.
func (s Survey) WriteText(w io.Writer) error {
	page, err := exposition.New(exposition.Options{Store: s.store})
	if err != nil {
		return err
	}
	return page.WriteText(w)
}

// Look makes one round and nothing else: no ledger is opened, no alert sent.
func Look(ctx context.Context, file string, logger *slog.Logger) (Survey, error) {
	c, err := config.Load(file)
	if err != nil {
		return Survey{}, err
	}
	a, err := newVisitor(ctx, c)
	if err != nil {
		return Survey{}, err
	}
	defer a.leave(logger)
	return a.look(ctx)
}

// newVisitor is an App that can visit and nothing else.
func newVisitor(ctx context.Context, c *config.Config) (*App, error) {
	a := &App{
		options: Options{Logger: slog.New(slog.DiscardHandler)}, ctx: ctx,
		store: collectors.NewStore(), tenants: collectors.NewRegistry(), learned: learned{byTenant: map[string]facts{}},
	}
	a.config.Store(c)
	a.databases = odoo.NewDatabases(a.tenants)
	var err error
	if a.protection, err = newProtection(a.tenants, "", a.config.Load); err != nil {
		return nil, err
	}
	targets, err := newTargets(c, nil, a.targetOptions(c))
	if err != nil {
		return nil, err
	}
	a.targets.Store(targets)
	return a, nil
}

func (a *App) leave(logger *slog.Logger) {
	if err := a.targets.Load().close(nil); err != nil {
		logger.Warn("a target was not closed well", "error", err)
	}
}

// look visits the clusters first, because only they know who is to be visited then.
func (a *App) look(ctx context.Context) (Survey, error) {
	s := Survey{store: a.store}
	for _, eager := range []bool{true, false} {
		visited, err := a.lookAt(ctx, eager)
		if err != nil {
			return s, err
		}
		s.Visits = append(s.Visits, visited...)
	}
	slices.SortFunc(s.Visits, func(a, b Visited) int { return a.Key.Compare(b.Key) })
	return s, nil
}

// lookAt makes the eager visits, or the others.
func (a *App) lookAt(ctx context.Context, eager bool) ([]Visited, error) {
	o := a.roundsOptions()
	o.Observe, o.Logger = collectors.DefaultOptions().Observe, a.options.Logger
	o.Tracer = collectors.DefaultOptions().Tracer
	visits := slices.DeleteFunc(a.visits(a.meet()), func(v collectors.Visit) bool { return v.Eager != eager })
	failures, err := collectors.Once(ctx, o, visits)
	if err != nil {
		return nil, err
	}
	all := make([]Visited, len(visits))
	for i, v := range visits {
		all[i] = a.visited(v.Key, failures[v.Key])
	}
	return all, nil
}

// meet makes tenants what the clusters have told so far.
func (a *App) meet() *collectors.Tenants {
	tenants, problems := resolve(a.config.Load(), a.targets.Load().databases(nil))
	for _, p := range problems {
		a.options.Logger.Warn("tenant left out", "problem", p)
	}
	a.tenants.Replace(tenants)
	return tenants
}

func (a *App) visited(key collectors.Key, err error) Visited {
	v := Visited{Key: key, Err: err}
	b, ok := a.store.Get(key)
	if !ok {
		return v
	}
	v.Samples = b.Len()
	b.Each(func(name string) bool { return name == "wardround_indicator_unavailable" }, func(s collectors.Series) {
		v.Unavailable = append(v.Unavailable, Unavailable{s.Get("indicator"), collectors.Reason(s.Get("reason"))})
	})
	return v
}
