package app

import (
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
)

// noticeMoves puts on record which discovered tenants came and went because their databases did.
// Those that configuration made or unmade are not among them, nor are copies that went: they are
// made and thrown away. It is called before the next tenants replace the current ones.
func (a *App) noticeMoves(next *collectors.Tenants, before map[string][]postgres.Database, now time.Time) {
	current := a.tenants.Current()
	for _, t := range current.All() {
		databases, told := a.known[t.Postgres]
		if named(next, t) || t.Listed || t.Staging || !told || holds(databases, t.Database) {
			continue
		}
		a.moved(t, a.changes.Went(t, now))
	}
	for _, t := range next.All() {
		databases := before[t.Postgres]
		if !named(current, t) && !t.Listed && asked(databases) && !holds(databases, t.Database) {
			a.moved(t, a.changes.Came(t, now))
		}
	}
}

func named(tenants *collectors.Tenants, t collectors.Tenant) bool {
	_, there := tenants.ByName(t.Name)
	return there
}

func holds(databases []postgres.Database, name string) bool {
	return slices.ContainsFunc(databases, func(db postgres.Database) bool { return db.Name == name })
}

// asked says whether a cluster itself said that these are its databases. Those that are recalled
// from the last run are only tenants', so that others are not new to it.
func asked(databases []postgres.Database) bool {
	return slices.ContainsFunc(databases, func(db postgres.Database) bool { return db.OID != 0 })
}

func (a *App) moved(t collectors.Tenant, err error) {
	if err != nil {
		a.options.Logger.Error("a change is not on record", "system", "postgresql", "tenant", t.Name, "error", err)
	}
}
