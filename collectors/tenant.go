package collectors

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// Tenant is one clinic or customer of the platform: one Odoo database and all that belongs to it.
type Tenant struct {
	Name     string
	Tier     string            // service tier: decides targets, RPO, RTO
	Region   string            // "" where the operator does not say
	Labels   map[string]string // the operator's own, for those who ask the API
	Postgres string            // name of the PostgreSQL target that holds its database
	Database string
	Hosts    []string // host names under which its staff reach it
	Listed   bool     // named in the configuration, not discovered
	Staging  bool     // a neutralized copy: visited, but no promise is made about it
}

// Tenants is an immutable set of tenants, sorted by name.
type Tenants struct {
	list       []Tenant
	byName     map[string]int
	byDatabase map[[2]string]int
	byHost     map[string]int
}

// NewTenants indexes a list of tenants. Two with one name, one database or one host are an error.
func NewTenants(list []Tenant) (*Tenants, error) {
	t := &Tenants{
		list:       slices.Clone(list),
		byName:     make(map[string]int, len(list)),
		byDatabase: make(map[[2]string]int, len(list)),
		byHost:     make(map[string]int, len(list)),
	}
	slices.SortFunc(t.list, func(a, b Tenant) int { return strings.Compare(a.Name, b.Name) })
	for i, tenant := range t.list {
		if err := t.index(i, tenant); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Tenants) index(i int, tenant Tenant) error {
	if _, taken := t.byName[tenant.Name]; taken {
		return fmt.Errorf("tenant %q is there twice", tenant.Name)
	}
	t.byName[tenant.Name] = i
	place := [2]string{tenant.Postgres, tenant.Database}
	if other, taken := t.byDatabase[place]; taken {
		return fmt.Errorf("tenants %q and %q share the database %q on %q",
			t.list[other].Name, tenant.Name, tenant.Database, tenant.Postgres)
	}
	t.byDatabase[place] = i
	for _, host := range tenant.Hosts {
		host = strings.ToLower(host)
		if other, taken := t.byHost[host]; taken {
			return fmt.Errorf("tenants %q and %q share the host %q", t.list[other].Name, tenant.Name, host)
		}
		t.byHost[host] = i
	}
	return nil
}

// All returns the tenants, sorted by name. The caller must not change the slice.
func (t *Tenants) All() []Tenant { return t.list }

// Len is the number of tenants.
func (t *Tenants) Len() int { return len(t.list) }

// ByName finds a tenant by its name.
func (t *Tenants) ByName(name string) (Tenant, bool) { return at(t, t.byName, name) }

// ByDatabase finds the tenant whose database on the given PostgreSQL target this is.
func (t *Tenants) ByDatabase(target, database string) (Tenant, bool) {
	return at(t, t.byDatabase, [2]string{target, database})
}

// ByHost finds the tenant that answers under a host name, without port, in any case.
func (t *Tenants) ByHost(host string) (Tenant, bool) { return at(t, t.byHost, strings.ToLower(host)) }

func at[K comparable](t *Tenants, index map[K]int, key K) (Tenant, bool) {
	i, ok := index[key]
	if !ok {
		return Tenant{}, false
	}
	return t.list[i], true
}

// Registry holds the tenants as they are now. Readers never wait; the daemon replaces the set
// when the configuration or the clusters' databases change.
type Registry struct{ current atomic.Pointer[Tenants] }

// NewRegistry returns a registry without tenants.
func NewRegistry() *Registry {
	r := &Registry{}
	r.current.Store(&Tenants{})
	return r
}

// Current is the set of tenants as of now.
func (r *Registry) Current() *Tenants { return r.current.Load() }

// Replace puts a new set in place of the current one.
func (r *Registry) Replace(t *Tenants) { r.current.Store(t) }
