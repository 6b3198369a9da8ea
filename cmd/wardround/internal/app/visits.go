package app

import (
	"reflect"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/collectors/redis"
	"github.com/wardround/wardround/collectors/sql"
	"github.com/wardround/wardround/collectors/traefik"
)

// settle makes tenants and visits what configuration, clusters and earlier visits say that they
// are. It is called whenever one of these may have changed; the caller holds the lock.
func (a *App) settle() error {
	was := a.known
	a.known = a.targets.Load().databases(was)
	tenants, problems := resolve(a.config.Load(), a.known)
	tenants = a.learned.mark(tenants, a.targets.Load().includesCopies)
	a.sayTenants(tenants, problems)
	a.noticeMoves(tenants, was, time.Now())
	a.save(tenants.All())
	a.tenants.Replace(tenants)
	if err := a.objectives.except(a.excluded.Load().standing()); err != nil { // tiers may be others
		return err
	}
	visits := a.visits(tenants)
	before := a.rounds.Status()
	if err := a.rounds.Set(visits); err != nil {
		return err
	}
	a.forget(before, visits, tenants)
	a.pools.keep(visits)
	return nil
}

// save keeps who the tenants are over a restart. What fails is tried again with the next change.
func (a *App) save(tenants []collectors.Tenant) {
	if reflect.DeepEqual(a.saved, tenants) {
		return
	}
	if err := saveTenants(a.options.StoragePath, tenants); err != nil {
		a.options.Logger.Error("tenants could not be saved", "error", err)
		return
	}
	a.saved = tenants
}

// forget drops what is remembered of visits that are made no more, or are to what has turned out
// to be a copy.
func (a *App) forget(before []collectors.Status, visits []collectors.Visit, tenants *collectors.Tenants) {
	kept := make(map[collectors.Key]bool, len(visits))
	for _, w := range visits {
		tenant, _ := tenants.ByName(w.Key.Tenant)
		kept[w.Key] = !tenant.Staging
	}
	var gone []collectors.Key
	for _, v := range before {
		if !kept[v.Key] {
			gone = append(gone, v.Key)
		}
		if _, there := tenants.ByName(v.Key.Tenant); !there {
			a.learned.forget(v.Key)
		}
	}
	a.objectives.forget(gone)
}

// sayTenants logs who came, who went, and what could not be used, each once.
func (a *App) sayTenants(next *collectors.Tenants, problems []string) {
	before := a.tenants.Current()
	for _, t := range next.All() {
		if _, known := before.ByName(t.Name); !known {
			a.options.Logger.Info("tenant found", "tenant", t.Name, "tier", t.Tier, "database", t.Database)
		}
	}
	for _, t := range before.All() {
		if _, still := next.ByName(t.Name); !still {
			a.options.Logger.Info("tenant gone", "tenant", t.Name, "database", t.Database)
		}
	}
	for _, problem := range problems {
		if !slices.Contains(a.problems, problem) {
			a.options.Logger.Warn("tenant left out", "problem", problem)
		}
	}
	a.problems = problems
}

// bringsDatabases says whether a visit may have learned of new databases.
func bringsDatabases(key collectors.Key) bool { return key.Collector == "postgres" }

// visits are all that are to be made: to the servers themselves at once, because what they know
// of databases decides who else is visited, and to each tenant's database and pages in turn.
func (a *App) visits(tenants *collectors.Tenants) []collectors.Visit {
	var all []collectors.Visit
	var services []*odoo.Target
	for _, t := range a.targets.Load().all {
		switch it := t.it.(type) {
		case *postgres.Cluster:
			all = append(all, it.Visits()...)
		case *redis.Server:
			visit := it.Visit()
			visit.Eager = true
			all = append(all, visit)
		case *odoo.Target:
			services = append(services, it)
			all = append(all, it.Visits(tenants.All())...)
		case *sql.Indicators:
			all = append(all, it.Visits(as(a.targets.Load().clusters(), func(c *postgres.Cluster) sql.Cluster { return c }))...)
		case *traefik.Target:
			all = append(all, it.Visits()...)
		case interface{ Visit() collectors.Visit }:
			all = append(all, it.Visit())
		case interface {
			Visits(tenants []collectors.Tenant) []collectors.Visit
		}:
			all = append(all, it.Visits(tenants.All())...)
		}
	}
	if a.changes != nil { // a single round looks at what stands, not at what changes
		all = append(all, a.changes.Visits()...)
	}
	all = append(all, a.protection.visits(a.config.Load())...)
	clusters := a.targets.Load().clusters()
	all = append(all, a.databases.FleetVisits(as(clusters, func(c *postgres.Cluster) odoo.FleetCluster { return c }))...)
	return append(all, a.databases.Visits(as(clusters, func(c *postgres.Cluster) odoo.Cluster { return c }), services)...)
}

// as shows clusters as a package wants to see them.
func as[C any](clusters []*postgres.Cluster, show func(*postgres.Cluster) C) []C {
	all := make([]C, len(clusters))
	for i, c := range clusters {
		all[i] = show(c)
	}
	return all
}
