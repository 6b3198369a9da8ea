package app

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/pgbouncer"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/collectors/probe"
	"github.com/wardround/wardround/collectors/redis"
	"github.com/wardround/wardround/collectors/scrape"
	"github.com/wardround/wardround/collectors/sql"
	"github.com/wardround/wardround/collectors/tls"
	"github.com/wardround/wardround/collectors/traefik"
)

// target is one of a package's visited things, with the configuration that it was made from.
type target struct {
	name   string
	config any // such as postgres.Config
	it     any // such as *postgres.Cluster
}

// targets are those of one configuration, in its order.
type targets struct {
	interval time.Duration // of the rounds that they were made for
	all      []target
}

// each are the targets of a kind, with their configurations.
func each[C, T any](t *targets) iter.Seq2[C, T] {
	return func(yield func(C, T) bool) {
		for _, one := range t.all {
			if it, ok := one.it.(T); ok && !yield(one.config.(C), it) {
				return
			}
		}
	}
}

// targetOptions are what targets need from the daemon.
type targetOptions struct {
	tenants    *collectors.Registry
	identity   func(tenant string) (odoo.Identity, bool)
	protection *protection
	served     func(host string) (serial string, known bool) // the certificate that a host was last seen with
	waiting    func(tenant string) int                       // clients for a connection out of a pool
	logger     *slog.Logger
	interval   time.Duration
	storage    string // where places in logs are kept; "" for nowhere
}

func (a *App) targetOptions(c *config.Config) targetOptions {
	return targetOptions{a.tenants, a.databases.Identity, a.protection, a.served, a.pools.waiting, a.options.Logger, c.Rounds.Interval, a.options.StoragePath}
}

// served is the serial number of the certificate that a host was last seen with.
func (a *App) served(host string) (serial string, known bool) {
	now := a.targets.Load()
	if now == nil {
		return "", false
	}
	for _, t := range each[tls.Config, *tls.Target](now) {
		if serial, known := t.Serial(host); known {
			return serial, true
		}
	}
	return "", false
}

// series tells a tenant's series of Odoo, once its database was visited.
func (o targetOptions) series(tenant string) (string, bool) {
	found, ok := o.identity(tenant)
	return found.Series, ok && found.Series != ""
}

// targetNames are those of all configured targets.
func targetNames(c *config.Config) map[string]bool {
	names := map[string]bool{}
	for t := range c.Targets.All() {
		names[t.Name] = true
	}
	return names
}

// newTargets makes the targets of a configuration and takes those that did not change over from
// the old ones. On an error it closes what it made.
func newTargets(c *config.Config, old *targets, o targetOptions) (*targets, error) {
	if old == nil {
		old = &targets{}
	}
	t := &targets{interval: o.interval}
	err := errors.Join(
		adopt(t, old, "postgres", c.Postgres, func(c postgres.Config, before *postgres.Cluster) (*postgres.Cluster, error) {
			return postgres.New(c, postgres.Options{
				Tenants: o.tenants, Logger: o.logger, Interval: o.interval, PoolWaiting: o.waiting, StateDir: o.storage, Previous: before,
			})
		}),
		adopt(t, old, "pgbouncer", c.PgBouncer, func(c pgbouncer.Config, _ *pgbouncer.Server) (*pgbouncer.Server, error) {
			return pgbouncer.New(c, pgbouncer.Options{Tenants: o.tenants})
		}),
		adopt(t, old, "tls", c.TLS, func(c tls.Config, _ *tls.Target) (*tls.Target, error) {
			return tls.New(c, tls.Options{Tenants: o.tenants})
		}),
		adopt(t, old, "traefik", c.Traefik, func(c traefik.Config, before *traefik.Target) (*traefik.Target, error) {
			return traefik.New(c, traefik.Options{Logger: o.logger, Tenants: o.tenants, StateDir: o.storage, Served: o.served, Previous: before})
		}),
		adopt(t, old, "redis", c.Redis, func(c redis.Config, _ *redis.Server) (*redis.Server, error) { return redis.New(c) }),
		adopt(t, old, "odoo", c.Odoo, func(c odoo.Config, before *odoo.Target) (*odoo.Target, error) {
			return odoo.New(c, odoo.Options{Logger: o.logger, Interval: o.interval, StateDir: o.storage, Previous: before})
		}),
		adopt(t, old, "probe", c.Probe, func(c probe.Config, before *probe.Target) (*probe.Target, error) {
			return probe.New(c, probe.Options{Previous: before})
		}),
		adopt(t, old, "backups", c.Backups, func(c backup.Config, _ *backup.Place) (*backup.Place, error) {
			return backup.New(c, o.protection.options(o.tenants))
		}),
		adopt(t, old, "scrape", c.Scrape, func(c scrape.Config, before *scrape.Scraper) (*scrape.Scraper, error) {
			return scrape.New(c, scrape.Options{Tenants: o.tenants, Taken: Catalogue(), Previous: before})
		}),
		adoptSQL(t, old, c.SQL, o),
	)
	if err != nil {
		return nil, errors.Join(err, t.close(old))
	}
	return t, nil
}

// adopt takes the targets of one kind over, or makes them, knowing the one that had the name before.
func adopt[C, T any](t, old *targets, kind string, configs []C, make func(c C, before T) (T, error)) error {
	var errs []error
	for i, c := range configs {
		before, same := find[T](old, c)
		if same && old.interval == t.interval { // they count on the interval
			t.all = append(t.all, target{config.NameOf(c), c, before})
			continue
		}
		it, err := make(c, before)
		if err != nil {
			errs = append(errs, fmt.Errorf("targets.%s[%d]: %w", kind, i, err))
			continue
		}
		t.all = append(t.all, target{config.NameOf(c), c, it})
	}
	return errors.Join(errs...)
}

// find is the target that had a configuration's name, and whether it had the very configuration.
func find[T any](old *targets, c any) (before T, same bool) {
	for _, one := range old.all {
		if it, ok := one.it.(T); ok && one.name == config.NameOf(c) {
			return it, reflect.DeepEqual(one.config, c)
		}
	}
	return before, false
}

// adoptSQL treats all of the operator's indicators as one: they share connections.
func adoptSQL(t, old *targets, configs []sql.Config, o targetOptions) error {
	if len(configs) == 0 {
		return nil
	}
	const name = "sql"
	options := sql.Options{Tenants: o.tenants, Taken: Catalogue(), Series: o.series}
	for before, it := range each[[]sql.Config, *sql.Indicators](old) {
		if reflect.DeepEqual(before, configs) {
			t.all = append(t.all, target{name, configs, it})
			return nil
		}
		options.Previous = it
	}
	it, err := sql.New(configs, options)
	if err != nil {
		return fmt.Errorf("sql%w", err) // its path begins with the number of the indicator
	}
	t.all = append(t.all, target{name, configs, it})
	return nil
}

// includesCopies says whether the service that serves a tenant treats copies as any tenant.
func (t *targets) includesCopies(tenant collectors.Tenant) bool {
	for c, service := range each[odoo.Config, *odoo.Target](t) {
		if service.Serves(tenant) {
			return c.Staging == odoo.StagingInclude
		}
	}
	return false
}

// close closes the targets that are not among the ones to keep, which may be nil.
func (t *targets) close(keep *targets) error {
	if keep == nil {
		keep = &targets{}
	}
	var errs []error
	for _, one := range t.all {
		if slices.ContainsFunc(keep.all, func(k target) bool { return k.it == one.it }) {
			continue
		}
		switch it := one.it.(type) {
		case io.Closer:
			errs = append(errs, it.Close())
		case interface{ Close() }:
			it.Close()
		}
	}
	return errors.Join(errs...)
}

// clusters are the PostgreSQL primaries.
func (t *targets) clusters() []*postgres.Cluster {
	var all []*postgres.Cluster
	for c, cluster := range each[postgres.Config, *postgres.Cluster](t) {
		if c.StandbyOf == "" {
			all = append(all, cluster)
		}
	}
	return all
}

// databases are those of the PostgreSQL primaries, by target, as each last told them: one that was
// made anew and not asked yet tells nothing, and its tenants are tenants all the same. So is one whose
// database was closed to everybody since: its people are locked out, and that is to be told.
func (t *targets) databases(before map[string][]postgres.Database) map[string][]postgres.Database {
	all := map[string][]postgres.Database{}
	for _, cluster := range t.clusters() {
		was, now := before[cluster.Name()], slices.Clone(cluster.Databases())
		for i := range now {
			now[i].AllowConn = now[i].AllowConn || slices.ContainsFunc(was, func(db postgres.Database) bool {
				return db.Name == now[i].Name && db.AllowConn
			})
		}
		if len(now) == 0 {
			now = was
		}
		all[cluster.Name()] = now
	}
	return all
}
