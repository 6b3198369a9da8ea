package app

import (
	"fmt"
	"os"
	"time"

	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/slo/evidence"
	"github.com/wardround/wardround/slo/indicator"
	"github.com/wardround/wardround/slo/ledger"
)

// open opens what lives in the storage directory.
func (a *App) open() error {
	o := a.options
	if err := os.MkdirAll(o.StoragePath, 0o750); err != nil {
		return fmt.Errorf("make the storage directory: %w", err)
	}
	c := a.config.Load()
	book, err := ledger.Open(o.StoragePath, ledger.Options{Retention: c.Ledger.Retention, Logger: o.Logger})
	if err != nil {
		return err
	}
	a.owns("ledger", book.Close)
	if err := a.openEvidence(); err != nil {
		return err
	}
	indicators, err := indicator.New(nil, indicator.DefaultOptions())
	if err != nil {
		return err
	}
	alertMetrics := alert.NewMetrics()
	if err := alertMetrics.Register(o.Registry); err != nil {
		return fmt.Errorf("register alert metrics: %w", err)
	}
	a.objectives = &objectives{
		began: time.Now(), owing: a.owing, unread: a.unread,
		indicators: indicators, ledger: book, store: a.store, tenants: a.tenants,
		logger: o.Logger, tracer: o.Tracer, evident: a.witness.evident, totals: map[slo.Instance]slo.Counts{},
	}
	if a.changes, err = changes.New(c.Changes, changes.Options{Logger: o.Logger, Tenants: a.tenants, Dir: o.StoragePath}); err != nil {
		return err
	}
	a.owns("changes", a.changes.Close)
	if a.protection, err = newProtection(a.tenants, o.StoragePath, a.config.Load); err != nil {
		return err
	}
	a.objectives.alerts, err = alert.Open(a.alertOptions(alertMetrics), time.Now())
	if err != nil {
		return err
	}
	if err := a.objectives.replace(c); err != nil {
		return err
	}
	made, err := loadExclusions(o.StoragePath)
	if err != nil {
		return err
	}
	excluded := made.with(c.Exclusions)
	a.excluded.Store(&excluded)
	if err := a.objectives.except(a.excluded.Load().standing()); err != nil {
		return err
	}
	sources, err := a.newSources(c)
	if err != nil {
		return err
	}
	a.following.Store(sources)
	a.owns("sources", func() error { a.following.Load().stop(); return nil })
	a.notifier, err = newNotifier(c, a.options, alertMetrics)
	a.metrics = newOwnMetrics(o.Registry, a)
	return err
}

func (a *App) openEvidence() error {
	log, err := evidence.Open(a.options.StoragePath, evidence.DefaultOptions())
	if err != nil {
		return err
	}
	a.owns("evidence", log.Close)
	a.witness = &witness{log: log, say: func(err error) {
		a.options.Logger.Error("evidence cannot be written; it is kept in memory until it can", "error", err)
	}}
	return nil
}

func (a *App) alertOptions(metrics *alert.Metrics) alert.Options {
	return alert.Options{
		Dir: a.options.StoragePath, Logger: a.options.Logger, Metrics: metrics, Labels: a.config.Load().Alerting.Labels,
		Cause: func(labels map[string]string) string {
			tenant, _ := a.tenants.Current().ByName(labels[alert.TenantLabel])
			return tenant.Postgres
		},
		// It is asked while a tick holds the lock of the roster.
		Folding: alert.Folding{Population: func(objective, cluster string) int {
			return a.objectives.roster.population[crowd{objective, cluster}]
		}},
		Suspect:      a.changes.Suspect,
		OnTransition: a.witness.transitions,
	}
}
