package odoo

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// fleet is the databases of three tenants on one cluster, visited once.
func fleet(t *testing.T, databases ...*ward) (*Databases, FleetCluster) {
	t.Helper()
	names := []string{"east", "north", "south", "west"}
	var tenants []collectors.Tenant
	for i, w := range databases {
		tenants = append(tenants, collectors.Tenant{Name: names[i], Postgres: "main", Database: w.name})
	}
	first := databases[0]
	register(t, first.tenants, tenants...)
	key := collectors.Key{Collector: "postgres", Target: "main"}
	require.NoError(t, first.cluster.Cluster.Collect(t.Context(), collectors.NewBuilder(key, time.Now())))
	all := NewDatabases(first.tenants)
	for _, v := range all.Visits([]Cluster{first.cluster}, nil) {
		require.NoError(t, v.Collector.Collect(t.Context(), collectors.NewBuilder(v.Key, time.Now())))
	}
	return all, first.cluster
}

func TestFleet(t *testing.T) {
	origin, other, copied, staging := seeded(t, seeds.Series18), seeded(t, seeds.Series17), seeded(t, seeds.Series18), seeded(t, seeds.Series18, seeds.Neutralized)
	for _, w := range []*ward{origin, copied, staging} {
		w.exec(t, `UPDATE ir_config_parameter SET value = 'the same' WHERE key = 'database.uuid'`)
	}
	all, cluster := fleet(t, origin, other, copied, staging)
	visits := all.FleetVisits([]FleetCluster{cluster})
	require.Len(t, visits, 1)
	b := collectors.NewBuilder(visits[0].Key, time.Now())
	require.NoError(t, visits[0].Collector.Collect(t.Context(), b))
	batch := b.Batch()
	require.Equal(t, 1.0, value(t, batch, "odoo_database_copies", "tenant", "east"))
	require.Zero(t, value(t, batch, "odoo_database_copies", "tenant", "north"))
	require.Equal(t, 1.0, value(t, batch, "odoo_database_copies", "tenant", "south"))
	require.Equal(t, 2.0, value(t, batch, "odoo_role_series", "rolname", seeds.Owner))
	require.ElementsMatch(t, []string{"database_copied", "database_copied", "series_share_role"}, findings(batch))
	require.Contains(t, text(batch, "series_share_role"), "The role odoo owns databases of Odoo 17.0 and 18.0")
	for _, f := range batch.Findings {
		if f.Tenant == "east" {
			require.Contains(t, f.Text, "that of south")
		}
	}
}

func TestFleetInOrder(t *testing.T) {
	all, cluster := fleet(t, seeded(t, seeds.Series18), seeded(t, seeds.Series18))
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{seeds.Canary}, Want: []string{"odoo_database_copies", "odoo_role_series"},
		New: func(*testing.T, *slog.Logger) collectors.Visit { return all.FleetVisits([]FleetCluster{cluster})[0] },
	})
	b := collectors.NewBuilder(collectors.Key{Collector: "odoo_fleet", Target: "main"}, time.Now())
	require.NoError(t, Fleet{all, cluster}.Collect(t.Context(), b))
	require.Empty(t, b.Batch().Findings)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, Fleet{all, cluster}.Collect(ended, b))
}
