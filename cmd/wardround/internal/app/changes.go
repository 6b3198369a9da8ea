package app

import (
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/collectors/redis"
	"github.com/wardround/wardround/collectors/traefik"
)

// notice tells changes what a visit found out about something that can be changed.
func (a *App) notice(b *collectors.Batch) {
	if b.Key.Collector != "odoo" || b.Key.Tenant == "" {
		return
	}
	if modules, ok := a.databases.Modules(b.Key.Tenant); ok {
		a.seen(changes.Fact{Kind: "modules", System: "odoo", Tenant: b.Key.Tenant, Target: b.Key.Target, Items: modules, At: b.At})
	}
}

// noticeSettings tells changes how servers are set, as they last said. The caller holds the lock.
func (a *App) noticeSettings(now time.Time) {
	for _, t := range a.targets.Load().all {
		server, ok := t.it.(interface {
			Settings() (map[string]string, bool)
		})
		if !ok {
			continue
		}
		if settings, known := server.Settings(); known {
			a.seen(changes.Fact{Kind: "settings", System: systemOf(t.it), Target: t.name, Items: settings, At: now})
		}
	}
}

func systemOf(server any) string {
	switch server.(type) {
	case *redis.Server:
		return "redis"
	case *traefik.Target:
		return "traefik"
	}
	return "postgresql"
}

// seen tells changes of a fact. What cannot be kept is told again with the next visit.
func (a *App) seen(f changes.Fact) {
	if _, err := a.changes.Seen(f); err != nil {
		a.options.Logger.Error("a change is not on record", "system", f.System, "tenant", f.Tenant, "error", err)
	}
}

// Changes are what changed for a tenant before a moment.
func (r record) Changes(tenant string, before time.Time, within time.Duration) []changes.Change {
	return r.changes.Query(tenant, before, within)
}
