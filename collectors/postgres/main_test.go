package postgres

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

var update = flag.Bool("update", false, "write the golden files")

// primary is shared by the tests that neither stop it nor fill it up, and so is eighteen, of
// another major.
var primary, eighteen *platform.Postgres

func TestMain(m *testing.M) {
	bin, err := platform.Postgres18BinDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	both := platform.SharePostgres(m, platform.PostgresOptions{}, &primary)
	goleak.VerifyTestMain(platform.SharePostgres(both, platform.PostgresOptions{BinDir: bin}, &eighteen), platform.IgnoreWires()...)
}

// majors runs a test against each version of PostgreSQL that there is here.
func majors(t *testing.T, test func(t *testing.T, server *platform.Postgres)) {
	t.Helper()
	for name, server := range map[string]*platform.Postgres{"15": primary, "18": eighteen} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

// roleForTest makes a login role of a name of its own, with the attributes and nothing else.
func roleForTest(t testing.TB, server *platform.Postgres, attributes string) string {
	t.Helper()
	name := "ward_" + strings.ToLower(fmt.Sprintf("%x", time.Now().UnixNano()))
	require.NoError(t, server.CreateRole(t.Context(), name, attributes))
	return name
}

func configFor(server *platform.Postgres, role string) Config {
	c := DefaultConfig()
	c.Name = "main"
	c.DSN = promconfig.Secret("postgres://" + role + "@" + server.Addr() + "/postgres?sslmode=disable")
	c.Password = promconfig.Secret(server.Password)
	return c
}

// tenantsOf makes a registry in which tenant NAME has the database that stands behind it.
func tenantsOf(t testing.TB, databases map[string]string) *collectors.Registry {
	t.Helper()
	var list []collectors.Tenant
	for tenant, database := range databases {
		list = append(list, collectors.Tenant{Name: tenant, Postgres: "main", Database: database})
	}
	set, err := collectors.NewTenants(list)
	require.NoError(t, err)
	registry := collectors.NewRegistry()
	registry.Replace(set)
	return registry
}

func clusterForTest(t testing.TB, c Config, o Options) *Cluster {
	t.Helper()
	if o.Tenants == nil {
		o.Tenants = collectors.NewRegistry()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	cluster, err := New(c, o)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

// monitored is a Cluster of the server as seen by a role that has pg_monitor and nothing else.
func monitored(t testing.TB, server *platform.Postgres, o Options) *Cluster {
	t.Helper()
	return clusterForTest(t, configFor(server, roleForTest(t, server, "IN ROLE pg_monitor")), o)
}

// collect makes one round that must succeed.
func collect(t testing.TB, c *Cluster) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: c.Name()}, time.Now())
	require.NoError(t, c.Collect(t.Context(), b))
	return b.Batch()
}

// value finds the one series of a family whose labels include all of those given as name, value.
func value(b *collectors.Batch, family string, labels ...string) (float64, bool) {
	var found float64
	var n int
	b.Each(func(f string) bool { return f == family }, func(s collectors.Series) {
		for i := 0; i < len(labels); i += 2 {
			if s.Get(labels[i]) != labels[i+1] {
				return
			}
		}
		found = s.Value()
		n++
	})
	return found, n == 1
}

func requireValue(t testing.TB, b *collectors.Batch, want float64, family string, labels ...string) {
	t.Helper()
	got, ok := value(b, family, labels...)
	require.True(t, ok, "%s%v is not there once", family, labels)
	require.Equal(t, want, got, "%s%v", family, labels)
}

func requireAbsent(t testing.TB, b *collectors.Batch, family string) {
	t.Helper()
	b.Each(func(f string) bool { return f == family }, func(s collectors.Series) {
		require.Fail(t, "is there", "%s{%s} %v", s.Name(), s.Block(), s.Value())
	})
}

func finding(b *collectors.Batch, name string) (collectors.Finding, bool) {
	for _, f := range b.Findings {
		if f.Name == name {
			return f, true
		}
	}
	return collectors.Finding{}, false
}
