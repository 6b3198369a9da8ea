package app

import (
	"slices"
	"sync"

	"github.com/wardround/wardround/cmd/wardround/internal/web"
	"github.com/wardround/wardround/collectors"
)

// learned is what the visits to tenants' databases found out about the tenants themselves. It has
// a lock of its own because visits write it while others ask for the state of the visits.
type learned struct {
	mu       sync.Mutex
	byTenant map[string]facts
}

type facts struct {
	web.Facts
	neutralized bool
}

// from reads a tenant's facts off the Batch of its database; true means that who the tenants are
// has changed by them.
func (l *learned) from(b *collectors.Batch) bool {
	if b.Key.Collector != "odoo" || b.Key.Tenant == "" {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.byTenant[b.Key.Tenant]
	b.Each(func(name string) bool { return name == "odoo_tenant_info" }, func(s collectors.Series) {
		l.byTenant[b.Key.Tenant] = facts{
			web.Facts{Series: s.Get("series"), Version: s.Get("version")}, s.Get("neutralized") == "true",
		}
	})
	return before.neutralized != l.byTenant[b.Key.Tenant].neutralized
}

// recall takes over what the last run had learned of a tenant, until its database says it again.
func (l *learned) recall(t collectors.Tenant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Staging {
		l.byTenant[t.Name] = facts{neutralized: true}
	}
}

// forget drops what a vanished visit had learned.
func (l *learned) forget(key collectors.Key) {
	if key.Collector != "odoo" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byTenant, key.Tenant)
}

// mark marks the tenants whose databases turned out to be neutralized copies, except those that
// are included by configuration: they are tenants as any other.
func (l *learned) mark(tenants *collectors.Tenants, included func(collectors.Tenant) bool) *collectors.Tenants {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(tenants.All())
	for i := range list {
		list[i].Staging = l.byTenant[list[i].Name].neutralized && !included(list[i])
	}
	marked, err := collectors.NewTenants(list)
	if err != nil { // cannot be: the same tenants were accepted before
		return tenants
	}
	return marked
}

// facts are those that pages show, by tenant.
func (l *learned) facts() map[string]web.Facts {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]web.Facts, len(l.byTenant))
	for tenant, f := range l.byTenant {
		all[tenant] = f.Facts
	}
	return all
}
