package odoo

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// role is the monitoring role of all tests.
const role = "wardround"

var (
	server   *platform.Postgres
	makeRole sync.Once
)

// The server's and all sessions' time zone is far from UTC: Odoo's timestamps are UTC without a
// zone, and nothing may compare them with local time.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(platform.SharePostgres(m, platform.PostgresOptions{
		Settings: map[string]string{"timezone": "Pacific/Auckland"},
	}, &server))
}

// ward is one tenant's database with what visits it.
type ward struct {
	*Database
	name    string // of the database
	cluster *countedCluster
}

// countedCluster is a real cluster whose number of writes a test can set, and which counts visits.
type countedCluster struct {
	*postgres.Cluster
	writes  postgres.Writes
	visits  int
	runners int    // 0: what the real cluster says
	compat  bool   // postgres_exporter's names are wanted too
	looks   bool   // and then there is none
	in      func() // called within a visit, before anything is asked
}

func (c *countedCluster) Writes(string) (postgres.Writes, bool) { return c.writes, true }

func (c *countedCluster) Compat() bool { return c.compat }

func (c *countedCluster) JobRunners(database string) (int, bool) {
	if c.runners > 0 || c.looks {
		return c.runners, true
	}
	return c.Cluster.JobRunners(database)
}

func (c *countedCluster) Visit(ctx context.Context, database string, fn func(context.Context, *pgconn.PgConn) error) error {
	c.visits++
	return c.Cluster.Visit(ctx, database, func(ctx context.Context, conn *pgconn.PgConn) error {
		if c.in != nil {
			c.in()
		}
		return fn(ctx, conn)
	})
}

func expecting(c Config) Config {
	c.ExpectedBaseVersion = map[string]string{"17.0": "17.0.1.3", "18.0": "18.0.1.3"}
	c.Jobs.Channels = map[string]int{"root": 4, "root.invoice": 1}
	return c
}

// seeded makes a tenant with troubles and grants the role what it needs there.
func seeded(t testing.TB, series seeds.Series, troubles ...seeds.Trouble) *ward {
	t.Helper()
	w := ungranted(t, series, troubles...)
	require.NoError(t, server.Exec(t.Context(), w.name, Grants(role)))
	return w
}

func ungranted(t testing.TB, series seeds.Series, troubles ...seeds.Trouble) *ward {
	t.Helper()
	makeRole.Do(func() {
		require.NoError(t, server.CreateRole(t.Context(), role, "CONNECTION LIMIT 5 IN ROLE pg_monitor"))
	})
	name := "tenant_" + strings.ToLower(rand.Text()[:8])
	require.NoError(t, seeds.Seed(t.Context(), server, name, series, troubles...))
	t.Cleanup(func() {
		drop := fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", name)
		require.NoError(t, server.Exec(context.WithoutCancel(t.Context()), "", drop))
	})
	return visiting(t, name)
}

// visiting is the visit to a database as its tenant "north".
func visiting(t testing.TB, database string) *ward {
	t.Helper()
	registry := collectors.NewRegistry()
	register(t, registry, collectors.Tenant{Name: "north", Tier: "dedicated", Region: "eu-west", Postgres: "main", Database: database})
	c := postgres.DefaultConfig()
	c.Name = "main"
	c.DSN = promconfig.Secret("postgres://" + role + "@" + server.Addr() + "/postgres?sslmode=disable")
	c.Password = promconfig.Secret(server.Password)
	real, err := postgres.New(c, postgres.Options{Tenants: registry})
	require.NoError(t, err)
	t.Cleanup(real.Close)
	cluster := &countedCluster{Cluster: real}
	return &ward{Database: NewDatabase(cluster, "north", registry, expecting(DefaultConfig())), name: database, cluster: cluster}
}

func register(t testing.TB, registry *collectors.Registry, tenants ...collectors.Tenant) {
	t.Helper()
	set, err := collectors.NewTenants(tenants)
	require.NoError(t, err)
	registry.Replace(set)
}

// exec changes the tenant's database as Odoo or an administrator would, and has it counted at once.
func (w *ward) exec(t testing.TB, sql string) {
	t.Helper()
	require.NoError(t, server.Exec(t.Context(), w.name, sql+"; SELECT pg_stat_force_next_flush()"))
}

func (w *ward) builder() *collectors.Builder { return w.builderAt(time.Now()) }

func (w *ward) builderAt(at time.Time) *collectors.Builder {
	return collectors.NewBuilder(collectors.Key{Collector: "odoo", Target: "main", Tenant: "north"}, at)
}

// reading is a visit under way, before anything is asked.
func (w *ward) reading() *reading { return w.readingAt(time.Now()) }

func (w *ward) readingAt(at time.Time) *reading {
	return &reading{Builder: w.builderAt(at), config: w.config, schema: w.schema, memory: &w.memory, now: at}
}

// collect makes one visit that must succeed.
func (w *ward) collect(t testing.TB) *collectors.Batch {
	t.Helper()
	b := w.builder()
	require.NoError(t, w.Collect(t.Context(), b))
	return b.Batch()
}

// collectAll makes as many visits at one time as it takes to ask for what is asked seldom, and
// returns what the last brought.
func (w *ward) collectAll(t testing.TB, at time.Time) *collectors.Batch {
	t.Helper()
	var last *collectors.Batch
	for range groups() {
		b := w.builderAt(at)
		require.NoError(t, w.Collect(t.Context(), b))
		last = b.Batch()
	}
	return last
}

// value finds the one series of a family with the labels given as name, value.
func value(t testing.TB, b *collectors.Batch, family string, labels ...string) float64 {
	t.Helper()
	var found []float64
	each := func(s collectors.Series) {
		for i := 0; i < len(labels); i += 2 {
			if s.Get(labels[i]) != labels[i+1] {
				return
			}
		}
		found = append(found, s.Value())
	}
	b.Each(func(name string) bool { return name == family }, each)
	require.Len(t, found, 1, "%s%v", family, labels)
	return found[0]
}

func absent(t testing.TB, b *collectors.Batch, family string) {
	t.Helper()
	b.Each(func(name string) bool { return name == family }, func(s collectors.Series) {
		require.Fail(t, "is there", "%s{%s}", s.Name(), s.Block())
	})
}

// unavailable lists the indicators that could not be had, with the reasons.
func unavailable(b *collectors.Batch) map[string]string {
	all := map[string]string{}
	b.Each(func(name string) bool { return name == "wardround_indicator_unavailable" }, func(s collectors.Series) {
		all[s.Get("indicator")] = s.Get("reason")
	})
	return all
}

func findings(b *collectors.Batch) []string {
	names := []string{}
	for _, f := range b.Findings {
		names = append(names, f.Name)
	}
	return names
}

func text(b *collectors.Batch, name string) string {
	for _, f := range b.Findings {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}
