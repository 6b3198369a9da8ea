package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/collectors/redis"
)

// target is one server with the configuration that it was made from.
type target[C any, T any] struct {
	config C
	it     T
}

// targets are the servers of one configuration, in its order.
type targets struct {
	interval time.Duration // of the rounds that they were made for
	postgres []target[postgres.Config, *postgres.Cluster]
	redis    []target[redis.Config, *redis.Server]
	odoo     []target[odoo.Config, *odoo.Target]
}

// targetOptions are what targets need from the daemon.
type targetOptions struct {
	tenants  *collectors.Registry
	logger   *slog.Logger
	interval time.Duration
	storage  string // where places in logs are kept; "" for nowhere
}

func (a *App) targetOptions(c *config.Config) targetOptions {
	return targetOptions{a.tenants, a.options.Logger, c.Rounds.Interval, a.options.StoragePath}
}

// includesCopies says whether the service that serves a tenant treats copies as any tenant.
func (t *targets) includesCopies(tenant collectors.Tenant) bool {
	for _, s := range t.odoo {
		if s.it.Serves(tenant) {
			return s.config.Staging == odoo.StagingInclude
		}
	}
	return false
}

// targetNames are those of all configured servers.
func targetNames(c *config.Config) map[string]bool {
	names := map[string]bool{}
	for _, p := range c.Postgres {
		names[p.Name] = true
	}
	for _, r := range c.Redis {
		names[r.Name] = true
	}
	for _, o := range c.Odoo {
		names[o.Name] = true
	}
	return names
}

// newTargets makes the servers of a configuration and takes those that did not change over from
// the old ones. On an error it closes what it made.
func newTargets(c *config.Config, old *targets, o targetOptions) (*targets, error) {
	if old == nil {
		old = &targets{}
	}
	t, kept := &targets{interval: o.interval}, old
	if old.interval != o.interval {
		kept = &targets{} // servers count on the interval; none is as it was
	}
	err := errors.Join(
		adopt(&t.postgres, kept.postgres, c.Postgres, "postgres", func(c postgres.Config) (*postgres.Cluster, error) {
			return postgres.New(c, postgres.Options{Tenants: o.tenants, Logger: o.logger, Interval: o.interval, Previous: old.cluster(c.Name)})
		}),
		adopt(&t.redis, kept.redis, c.Redis, "redis", redis.New),
		adopt(&t.odoo, kept.odoo, c.Odoo, "odoo", func(c odoo.Config) (*odoo.Target, error) {
			return odoo.New(c, odoo.Options{Logger: o.logger, Interval: o.interval, StateDir: o.storage, Previous: old.service(c.Name)})
		}),
	)
	if err != nil {
		return nil, errors.Join(err, t.close(old))
	}
	return t, nil
}

func adopt[C any, T any](into *[]target[C, T], old []target[C, T], configs []C, kind string, make func(C) (T, error)) error {
	var errs []error
	for i, c := range configs {
		if kept, ok := find(old, c); ok {
			*into = append(*into, kept)
			continue
		}
		it, err := make(c)
		if err != nil {
			errs = append(errs, fmt.Errorf("targets.%s[%d]: %w", kind, i, err))
			continue
		}
		*into = append(*into, target[C, T]{c, it})
	}
	return errors.Join(errs...)
}

func find[C any, T any](all []target[C, T], c C) (target[C, T], bool) {
	for _, t := range all {
		if reflect.DeepEqual(t.config, c) {
			return t, true
		}
	}
	return target[C, T]{}, false
}

// cluster is the PostgreSQL server of a name, nil if there is none.
func (t *targets) cluster(name string) *postgres.Cluster {
	for _, p := range t.postgres {
		if p.config.Name == name {
			return p.it
		}
	}
	return nil
}

// service is the Odoo service of a name, nil if there is none.
func (t *targets) service(name string) *odoo.Target {
	for _, s := range t.odoo {
		if s.config.Name == name {
			return s.it
		}
	}
	return nil
}

// close closes the servers that are not among the ones to keep, which may be nil.
func (t *targets) close(keep *targets) error {
	if keep == nil {
		keep = &targets{}
	}
	return errors.Join(
		closeOthers(t.postgres, keep.postgres), closeOthers(t.redis, keep.redis), closeOthers(t.odoo, keep.odoo),
	)
}

func closeOthers[C any, T any](all, keep []target[C, T]) error {
	var errs []error
	for _, t := range all {
		if slices.ContainsFunc(keep, func(k target[C, T]) bool { return any(k.it) == any(t.it) }) {
			continue
		}
		switch it := any(t.it).(type) {
		case io.Closer:
			errs = append(errs, it.Close())
		case interface{ Close() }:
			it.Close()
		}
	}
	return errors.Join(errs...)
}

// databases are those of the PostgreSQL primaries, by target, as each last told them: one that was
// made anew and not asked yet tells nothing, and its tenants are tenants all the same.
func (t *targets) databases(before map[string][]postgres.Database) map[string][]postgres.Database {
	all := map[string][]postgres.Database{}
	for _, p := range t.postgres {
		if p.config.StandbyOf != "" {
			continue
		}
		all[p.config.Name] = p.it.Databases()
		if len(all[p.config.Name]) == 0 {
			all[p.config.Name] = before[p.config.Name]
		}
	}
	return all
}
