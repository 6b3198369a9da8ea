package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/common/config"
	"github.com/sourcegraph/conc"
	"go.opentelemetry.io/otel/trace"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/cmd/wardround/internal/web"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/collectors/exposition"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
)

// Options is what the daemon is started with. All but ExternalURL are required.
type Options struct {
	ConfigFile  string
	StoragePath string // one directory; made if it is not there
	Version     string // for pages and the build information
	ExternalURL string // under which people reach the pages; "" for not known
	Registry    *prometheus.Registry
	Tracer      trace.Tracer
	Logger      *slog.Logger
}

func (o Options) validate() error {
	switch {
	case o.ConfigFile == "":
		return errors.New("app: ConfigFile is required")
	case o.StoragePath == "":
		return errors.New("app: StoragePath is required")
	case o.Registry == nil || o.Tracer == nil || o.Logger == nil:
		return errors.New("app: Registry, Tracer and Logger are required")
	}
	return nil
}

// App is the daemon.
type App struct {
	options    Options
	metrics    *ownMetrics
	store      *collectors.Store
	tenants    *collectors.Registry
	databases  *odoo.Databases
	rounds     *collectors.Rounds
	objectives *objectives
	witness    *witness
	changes    *changes.Changes
	protection *protection
	handler    http.Handler
	ctx        context.Context // of everything that App starts
	running    conc.WaitGroup
	cleanups   []cleanup // ended last to first

	config     atomic.Pointer[config.Config] // replaced as a whole by a reload
	changed    chan struct{}                 // a visit learned something that changes who the tenants are
	learned    learned
	following  atomic.Pointer[sources]    // the ones in use; replaced under mu
	excluded   atomic.Pointer[exclusions] // the same
	targets    atomic.Pointer[targets]    // the same
	pools      pools
	lessons    atomic.Uint64   // how often a visit did
	settled    atomic.Uint64   // of these, how many have been followed
	readied    atomic.Bool     // the first round is through
	rehearsing atomic.Bool     // a restore is being rehearsed
	lastTurn   time.Time       // when the schedule last began one; evaluate's own, as the next
	untaken    map[string]bool // files of results that could not be taken, which was said

	mu       sync.Mutex // one reload or change of tenants at a time; guards what follows
	notifier *notifier
	problems []string                       // about tenants, said last
	known    map[string][]postgres.Database // by PostgreSQL target
	saved    []collectors.Tenant            // as the storage has them
}

// cleanup ends one thing that App started.
type cleanup struct {
	name string
	end  func() error
}

// New reads the configuration, opens the storage and prepares everything that can fail; nothing
// is visited before Start. On an error nothing stays open.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	c, err := config.Load(o.ConfigFile)
	if err != nil {
		return nil, err
	}
	a := &App{
		options: o, ctx: ctx, changed: make(chan struct{}, 1), learned: learned{byTenant: map[string]facts{}},
		store: collectors.NewStore(), tenants: collectors.NewRegistry(),
	}
	a.config.Store(c)
	a.databases = odoo.NewDatabases(a.tenants)
	defer func() {
		if err != nil {
			a.Stop()
		}
	}()
	if err := a.open(); err != nil {
		return nil, err
	}
	if err := a.prepare(); err != nil {
		return nil, err
	}
	return a, nil
}

// prepare makes the targets, the rounds and the pages.
func (a *App) prepare() (err error) {
	targets, err := newTargets(a.config.Load(), nil, a.targetOptions(a.config.Load()))
	if err != nil {
		return err
	}
	a.targets.Store(targets)
	a.owns("targets", func() error { return a.targets.Load().close(nil) })
	a.rounds, err = collectors.NewRounds(a.ctx, a.roundsOptions())
	if err != nil {
		return err
	}
	a.owns("rounds", func() error { a.rounds.Stop(); return nil })
	page, err := exposition.New(exposition.Options{Store: a.store, Gatherer: a.options.Registry, Log: a.options.Logger})
	if err != nil {
		return err
	}
	a.handler, err = web.NewHandler(web.Options{
		State: a.State, Ready: a.ready, Metrics: page, Logger: a.options.Logger,
		Reload: func(*http.Request) error { return a.Reload() },
		Report: a.Report, Formats: ReportFormats(),
		Record: record{a}, Changes: a.changes.Handler, Tokens: func() map[string]promconfig.Secret { return a.config.Load().Tokens },
	})
	return err
}

func (a *App) roundsOptions() collectors.Options {
	o := collectors.DefaultOptions()
	o.Timing = timing(a.config.Load())
	o.Store, o.Observe = a.store, a.observe
	o.Logger, o.Tracer = a.options.Logger, a.options.Tracer
	return o
}

func timing(c *config.Config) collectors.Timing {
	r := c.Rounds
	return collectors.Timing{
		Interval: r.Interval, Timeout: r.Timeout, StaleAfter: r.StaleAfter, Sweep: r.Sweep,
		MaxBackoff: max(5*r.Interval, time.Minute),
	}
}

func (a *App) owns(name string, end func() error) {
	a.cleanups = append(a.cleanups, cleanup{name, end})
}

// Handler serves everything that App has to show.
func (a *App) Handler() http.Handler { return a.handler }

// Start begins the rounds, the evaluations and the pushes. It does not wait for any of them.
func (a *App) Start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.recall()
	if err := a.settle(); err != nil {
		return err
	}
	a.connect(a.notifier)
	a.awoken(time.Now())
	a.configured(time.Now(), a.config.Load(), true)
	a.following.Load().start(a)
	ctx, cancel := context.WithCancel(a.ctx)
	a.running.Go(func() { a.evaluate(ctx) })
	a.running.Go(func() { a.follow(ctx) })
	a.running.Go(func() { a.cleanRehearsals(ctx) })
	a.owns("evaluations", func() error { cancel(); a.running.Wait(); return nil })
	a.metrics.loaded(time.Now(), nil)
	return nil
}

// Stop ends everything, last started first, and waits for it. It says what could not be ended well.
func (a *App) Stop() {
	for _, c := range slices.Backward(a.cleanups) {
		if err := c.end(); err != nil {
			a.options.Logger.Error("not ended well", "what", c.name, "error", err)
		}
	}
	a.cleanups = nil
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.notifier != nil {
		a.notifier.stop()
	}
}

// evaluate judges the promises again and again, on a clock of its own.
func (a *App) evaluate(ctx context.Context) {
	for {
		every := min(a.config.Load().Rounds.Interval, time.Minute)
		now := time.Now()
		timer := time.NewTimer(now.Truncate(every).Add(every).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			a.objectives.tick(context.WithoutCancel(ctx), time.Now()) // the minute in progress is not lost
			return
		case <-timer.C:
			a.objectives.tick(ctx, time.Now())
			a.collectHandedIn()
			a.rehearseInTurn(ctx, time.Now())
			if a.mu.TryLock() { // a reload that holds it makes silences itself
				a.silence()
				a.noticeSettings(time.Now())
				a.mu.Unlock()
			}
		}
	}
}

// observe takes every Batch in: for the promises, for what is known of tenants, and for who the
// tenants are. Visits call it, so it must not wait for them: follow does what follows from it.
func (a *App) observe(seen collectors.Observation) {
	a.objectives.observe(seen)
	a.pools.notice(seen.Batch)
	if seen.Failed {
		return // who the tenants are is told by whole visits only
	}
	a.notice(seen.Batch)
	if a.learned.from(seen.Batch) || bringsDatabases(seen.Batch.Key) {
		a.lessons.Add(1)
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
}

// follow renews tenants and visits whenever a visit learned something that changes them.
func (a *App) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.changed:
		}
		lessons := a.lessons.Load()
		a.mu.Lock()
		err := a.settle()
		a.mu.Unlock()
		a.settled.Store(lessons)
		if err != nil && ctx.Err() == nil {
			a.options.Logger.Error("tenants could not be renewed", "error", err)
		}
	}
}
