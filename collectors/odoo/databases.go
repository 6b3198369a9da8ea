package odoo

import (
	"maps"
	"sync"

	"github.com/wardround/wardround/collectors"
)

// Databases makes the visits to tenants' databases and keeps what was learnt about each for as
// long as the tenant is there.
type Databases struct {
	tenants *collectors.Registry

	mu   sync.Mutex
	kept map[string]*Database
}

// NewDatabases returns the visits to the databases of the registry's tenants; none yet.
func NewDatabases(tenants *collectors.Registry) *Databases {
	return &Databases{tenants: tenants, kept: map[string]*Database{}}
}

// Visits returns one visit for each tenant of the registry whose cluster is among those given. A
// tenant is judged by the settings of the first service that serves it, or by the defaults. What
// is asked again with the same cluster and settings stays the same collector.
func (d *Databases) Visits(clusters []Cluster, services []*Target) []collectors.Visit {
	d.mu.Lock()
	defer d.mu.Unlock()
	byName := map[string]Cluster{}
	for _, c := range clusters {
		byName[c.Name()] = c
	}
	var visits []collectors.Visit
	kept := map[string]*Database{}
	for _, tenant := range d.tenants.Current().All() {
		cluster, there := byName[tenant.Postgres]
		if !there {
			continue
		}
		database := d.database(tenant, cluster, services)
		kept[tenant.Name] = database
		visits = append(visits, collectors.Visit{
			Key:       collectors.Key{Collector: "odoo", Target: cluster.Name(), Tenant: tenant.Name},
			Collector: database, Budget: cluster.Budget(),
		})
	}
	d.kept = kept
	return visits
}

func (d *Databases) database(tenant collectors.Tenant, cluster Cluster, services []*Target) *Database {
	config := DefaultConfig()
	for _, s := range services {
		if s.Serves(tenant) {
			config = s.config
			break
		}
	}
	if held, ok := d.kept[tenant.Name]; ok && held.cluster == cluster && held.config.judgesAs(&config) {
		return held
	}
	return NewDatabase(cluster, tenant.Name, d.tenants, config)
}

// NewDatabase returns the visit to one tenant's database. The tenant is looked up in the registry
// at each visit.
func NewDatabase(cluster Cluster, tenant string, tenants *collectors.Registry, config Config) *Database {
	return &Database{cluster: cluster, tenant: tenant, tenants: tenants, config: &config, kept: map[string]*kept{}}
}

// judgesAs says whether two configurations say the same about databases.
func (c *Config) judgesAs(o *Config) bool {
	return c.Crons == o.Crons && c.Mail == o.Mail && c.Staging == o.Staging &&
		c.Jobs.StuckAfter == o.Jobs.StuckAfter && c.Jobs.WaitingAfter == o.Jobs.WaitingAfter &&
		maps.Equal(c.Jobs.Channels, o.Jobs.Channels) && maps.Equal(c.Backlogs, o.Backlogs) && maps.Equal(c.ExpectedBaseVersion, o.ExpectedBaseVersion)
}

// Modules are the installed modules of a tenant's database with their versions, base among them, as
// of its last visit on which no release was under way; false before the first such one.
func (d *Databases) Modules(tenant string) (map[string]string, bool) {
	identity, _ := d.Identity(tenant)
	if identity.modules == (modules{}) {
		return nil, false
	}
	return identity.modules.byName(), true
}

// Identity is what a tenant's database was at its last visit.
func (d *Databases) Identity(tenant string) (Identity, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	database, ok := d.kept[tenant]
	if !ok {
		return Identity{}, false
	}
	return database.Identity(), true
}
