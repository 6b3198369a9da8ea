package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	gocollectors "github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/exposition"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/slo/indicator"
	"github.com/wardround/wardround/slo/ledger"
)

// hold is the daemon's way of the data with invented tenants at its beginning: rounds, store and
// pages, and the built-in promises with their record and alerts, none where bare. It serves /metrics
// until ctx ends.
func hold(ctx context.Context, address string, tenants int, bare bool) (err error) {
	dir, err := os.MkdirTemp("", "wardround-hold-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store := collectors.NewStore()
	p, err := newPromises(dir, store, bare)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.ledger.Close()) }()
	o := collectors.DefaultOptions()
	o.Store, o.Interval, o.Observe = store, memoryRounds, p.observe
	rounds, err := collectors.NewRounds(ctx, o)
	if err != nil {
		return err
	}
	defer rounds.Stop()
	if err := rounds.Set(invented(tenants)); err != nil {
		return err
	}
	var work conc.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work.Go(func() { p.keep(ctx) })
	return serve(ctx, &work, address, store)
}

func serve(ctx context.Context, work *conc.WaitGroup, address string, store *collectors.Store) error {
	debug.SetGCPercent(50) // as the daemon does
	registry := prometheus.NewRegistry()
	registry.MustRegister(gocollectors.NewGoCollector(), gocollectors.NewProcessCollector(gocollectors.ProcessCollectorOpts{}))
	page, err := exposition.New(exposition.Options{Store: store, Gatherer: registry})
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: page, ReadHeaderTimeout: 10 * time.Second}
	work.Go(func() { <-ctx.Done(); _ = server.Close() }) // whoever scrapes has gone too
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// invented are visits to tenants that are not there.
func invented(tenants int) []collectors.Visit {
	visits, metrics := make([]collectors.Visit, tenants), families()
	for n := range visits {
		visits[n] = collectors.Visit{
			Key:       collectors.Key{Collector: "odoo", Target: "main", Tenant: tenant(n)},
			Collector: &inventor{metrics: metrics},
		}
	}
	return visits
}

// inventor makes up what a visit to a healthy tenant would bring: the families of Wardround's own
// visits, which the promises are about, and others until there are as many series as wanted.
type inventor struct {
	metrics collectors.Catalogue
	visits  int
}

// families are as many as each tenant has series.
func families() collectors.Catalogue {
	all := odoo.Metrics()
	for n := len(all); n < perTenant; n++ {
		all = append(all, &collectors.Metric{Name: fmt.Sprintf("bench_family_%02d_things", n), Labels: []string{"state"}})
	}
	return all[:perTenant]
}

// Collect sets values most of which differ from those of the visit before.
func (i *inventor) Collect(_ context.Context, b *collectors.Builder) error {
	i.visits++
	for n, m := range i.metrics {
		labels := make([]string, len(m.Labels))
		for l, name := range m.Labels {
			labels[l] = "some_" + name
			if name == "outcome" {
				labels[l] = "ok"
			}
		}
		value := float64(n * i.visits)
		if strings.HasPrefix(m.Name, "odoo_") && m.Type == collectors.Gauge {
			value = 0 // nothing waits, nothing is stuck
		}
		b.Set(m, value, labels...)
	}
	return nil
}

// promises is what becomes of the samples beside /metrics, as in the daemon: counts, the record,
// judgements, alerts, and series about all of them.
type promises struct {
	store      *collectors.Store
	objectives []slo.Objective
	indicators *indicator.Engine
	ledger     *ledger.Ledger
	alerts     *alert.Engine

	mu     sync.Mutex
	judged []slo.Evaluation
	totals map[slo.Instance]slo.Counts
}

func newPromises(dir string, store *collectors.Store, bare bool) (*promises, error) {
	p := &promises{store: store, totals: map[slo.Instance]slo.Counts{}}
	var err error
	if p.objectives, err = slo.Catalogue(); err != nil {
		return nil, err
	}
	if bare {
		p.objectives = nil
	}
	if p.indicators, err = indicator.New(p.objectives, indicator.DefaultOptions()); err != nil {
		return nil, err
	}
	if p.ledger, err = ledger.Open(dir, ledger.DefaultOptions()); err != nil {
		return nil, err
	}
	if err := p.ledger.Watch(ledger.Windows(p.objectives)); err != nil {
		return nil, errors.Join(err, p.ledger.Close())
	}
	p.alerts, err = alert.Open(alert.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)}, time.Now())
	if err != nil {
		return nil, errors.Join(err, p.ledger.Close())
	}
	return p, nil
}

func (p *promises) observe(seen collectors.Observation) {
	source := seen.Batch.Key.String()
	seen.Batch.Each(p.indicators.Wants, func(s collectors.Series) {
		p.indicators.Observe(seen.At, source, s.Name(), s, s.Value())
	})
	p.indicators.Rest(source, seen.At, seen.Next)
}

// keep judges once for each round.
func (p *promises) keep(ctx context.Context) {
	for pause(ctx, memoryRounds) == nil {
		p.tick(ctx, time.Now())
	}
}

func (p *promises) tick(ctx context.Context, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	deltas := p.indicators.Drain(now)
	for _, d := range deltas {
		p.totals[d.Instance] = p.totals[d.Instance].Add(d.Counts)
	}
	if err := p.ledger.Append(slo.Minute(now.Add(-time.Second)), deltas); err != nil {
		panic(err) // a full disk makes all that follows meaningless
	}
	p.judged = p.judged[:0:0]
	var conditions []alert.Condition
	instances := p.indicators.Instances()
	for i := range p.objectives {
		o := &p.objectives[i]
		judge, read := slo.NewJudge(o), p.ledger.Reader(o)
		for _, instance := range instances {
			if instance.Objective == o.Name {
				e := judge.Evaluate(*read(instance, "shared"))
				p.judged = append(p.judged, e)
				if !alert.Quiet(&e) {
					conditions = append(conditions, alert.Conditions(o, &e)...)
				}
			}
		}
	}
	p.publish(now)
	p.alerts.Evaluate(ctx, now, conditions)
}

// The series that the daemon shows of each promise.
var (
	promiseFigures = []*collectors.Metric{
		{Name: "slo_target_ratio", Labels: []string{"objective"}},
		{Name: "slo_good_total", Type: collectors.Counter, Labels: []string{"objective"}},
		{Name: "slo_bad_total", Type: collectors.Counter, Labels: []string{"objective"}},
		{Name: "slo_error_budget_remaining_ratio", Labels: []string{"objective"}},
		{Name: "slo_coverage_ratio", Labels: []string{"objective"}},
	}
	promiseBurn   = &collectors.Metric{Name: "slo_burn_rate", Labels: []string{"objective", "window"}}
	promiseStatus = &collectors.Metric{Name: "slo_status", Labels: []string{"objective", "status"}}
)

func (p *promises) publish(now time.Time) {
	builders := map[string]*collectors.Builder{}
	for i := range p.judged {
		e := &p.judged[i]
		b := builders[e.Instance.Objective]
		if b == nil {
			key := collectors.Key{Collector: "slo:" + e.Instance.Objective}
			earlier, _ := p.store.Get(key)
			b = collectors.NewBuilder(key, now).After(earlier)
			builders[e.Instance.Objective] = b
		}
		who, name, total := e.Instance.Tenant(), e.Instance.Objective, p.totals[e.Instance]
		for k, value := range []float64{
			e.Target.Float(), float64(total.Good), float64(total.Bad), e.Budget.Remaining, e.Coverage.Float(),
		} {
			b.SetFor(who, promiseFigures[k], value, name)
		}
		for _, burn := range e.Burn {
			if !math.IsNaN(burn.Rate) { // all windows, as after three days
				b.SetFor(who, promiseBurn, burn.Rate, name, slo.FormatDuration(burn.Window))
			}
		}
		b.SetFor(who, promiseStatus, 1, name, string(e.Status))
	}
	for _, b := range builders {
		p.store.Put(b.Batch())
	}
}
