package app

import (
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/changes"
)

// notice tells changes what a visit found out about something that can be changed.
func (a *App) notice(b *collectors.Batch) {
	if b.Key.Collector != "odoo" || b.Key.Tenant == "" {
		return
	}
	b.Each(func(name string) bool { return name == "odoo_tenant_info" }, func(s collectors.Series) {
		if version := s.Get("version"); version != "" {
			a.seen(changes.Fact{
				Kind: "version", System: "odoo", Tenant: b.Key.Tenant, Target: b.Key.Target,
				Items: map[string]string{"base": version}, At: b.At,
			})
		}
	})
}

// seen tells changes of a fact. What cannot be kept is told again with the next visit.
func (a *App) seen(f changes.Fact) {
	if _, err := a.changes.Seen(f); err != nil {
		a.options.Logger.Error("a change is not on record", "system", f.System, "tenant", f.Tenant, "error", err)
	}
}
