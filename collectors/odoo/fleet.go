package odoo

import (
	"context"
	"fmt"
	"slices"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
)

// Fleet compares the databases of one cluster's tenants with each other and with those of other
// clusters, from what their visits found; it asks nobody. It finds a database that is a plain copy
// of another, which sends its mail and runs its scheduled tasks a second time, and two series
// under one role, which run each other's jobs.
type Fleet struct {
	databases *Databases
	cluster   FleetCluster
}

// FleetCluster is a Cluster that lists its databases with their owners.
type FleetCluster interface {
	Cluster
	// Databases are those of the last round.
	Databases() []postgres.Database
}

// FleetVisits returns one visit for each of the clusters.
func (d *Databases) FleetVisits(clusters []FleetCluster) []collectors.Visit {
	visits := make([]collectors.Visit, 0, len(clusters))
	for _, c := range clusters {
		visits = append(visits, collectors.Visit{
			Key: collectors.Key{Collector: "odoo_fleet", Target: c.Name()}, Collector: Fleet{d, c},
		})
	}
	return visits
}

// known is a tenant with what its database turned out to be.
type known struct {
	collectors.Tenant
	Identity
}

// all are the tenants whose databases were visited.
func (d *Databases) all() []known {
	var all []known
	for _, t := range d.tenants.Current().All() {
		if identity, ok := d.Identity(t.Name); ok && identity.Odoo {
			all = append(all, known{t, identity})
		}
	}
	return all
}

// Collect compares what is known now.
func (f Fleet) Collect(ctx context.Context, b *collectors.Builder) error {
	if ctx.Err() != nil {
		return fmt.Errorf("compare the databases: %w", context.Cause(ctx))
	}
	all := f.databases.all()
	f.copies(b, all)
	f.roles(b, all)
	return nil
}

// copies looks for databases with the same uuid. Odoo gives a copy of its own making another one,
// so these were restored beside their origin; a neutralized one does no harm.
func (f Fleet) copies(b *collectors.Builder, all []known) {
	same := map[string][]known{}
	for _, k := range all {
		if k.Fingerprint != "" && k.Known && !k.Neutralized {
			same[k.Fingerprint] = append(same[k.Fingerprint], k)
		}
	}
	for _, k := range all {
		if k.Postgres != f.cluster.Name() || k.Fingerprint == "" || !k.Known || k.Neutralized {
			continue
		}
		others := same[k.Fingerprint]
		b.SetFor(k.Name, metricCopies, float64(len(others)-1))
		if len(others) < 2 {
			continue
		}
		other := others[slices.IndexFunc(others, func(o known) bool { return o.Name != k.Name })]
		b.Find(collectors.Finding{
			Tenant: k.Name, Name: "database_copied", Question: collectors.Contained, Severity: collectors.Critical,
			Text: fmt.Sprintf("This database and that of %s are the same one, copied without being neutralized: both send mail and run scheduled tasks.", other.Name),
		})
	}
}

// roles looks for owners of databases of several series.
func (f Fleet) roles(b *collectors.Builder, all []known) {
	owners := map[string]string{}
	for _, db := range f.cluster.Databases() {
		owners[db.Name] = db.Owner
	}
	series := map[string][]string{}
	for _, k := range all {
		owner := owners[k.Database]
		if k.Postgres == f.cluster.Name() && owner != "" && k.Series != "" && !slices.Contains(series[owner], k.Series) {
			series[owner] = append(series[owner], k.Series)
		}
	}
	for owner, these := range series {
		b.Set(metricRoleSeries, float64(len(these)), owner)
		if len(these) > 1 {
			slices.Sort(these)
			b.Find(collectors.Finding{
				Name: "series_share_role", Question: collectors.Contained, Severity: collectors.Warning,
				Text: fmt.Sprintf("The role %s owns databases of Odoo %s and %s: each runs the other's jobs and skips its scheduled tasks.", owner, these[0], these[1]),
			})
		}
	}
}

var (
	metricCopies = &collectors.Metric{
		Name: "odoo_database_copies",
		Help: "Other databases with the same uuid that are not neutralized either", Source: "ir_config_parameter",
	}
	metricRoleSeries = &collectors.Metric{
		Name: "odoo_role_series", Labels: []string{"rolname"},
		Help: "Series of Odoo among the tenants' databases that a role owns; more than one run each other's jobs", Source: "pg_database, ir_module_module",
	}
)
