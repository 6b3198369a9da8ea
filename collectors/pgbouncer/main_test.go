package pgbouncer

import (
	"flag"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/testdata/platform"
)

var update = flag.Bool("update", false, "write the golden files")

// cluster is the PostgreSQL behind every pooler of these tests.
var cluster *platform.Postgres

const password = "CANARY-password"

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(platform.SharePostgres(m, platform.PostgresOptions{Password: password}, &cluster), platform.IgnoreWires()...)
}

// pooler starts a PgBouncer with the settings, before the cluster that the tests share. Its user
// stats may look at the console and do nothing else.
func pooler(t testing.TB, settings map[string]string) *platform.PgBouncer {
	t.Helper()
	all := map[string]string{"stats_users": "stats", "server_check_delay": "30"}
	maps.Copy(all, settings)
	return platform.PgBouncerForTest(t, platform.PgBouncerOptions{Upstream: cluster, Users: []string{"stats"}, Settings: all})
}

func configFor(address string) Config {
	c := DefaultConfig()
	c.Name, c.Postgres = "pool", "main"
	c.DSN = promconfig.Secret("postgres://stats@" + address + "/pgbouncer?sslmode=disable")
	c.Password = password
	return c
}

// tenantsOf makes a registry in which each tenant has the database that stands behind it.
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

func server(t testing.TB, c Config, databases map[string]string) *Server {
	t.Helper()
	s, err := New(c, Options{Tenants: tenantsOf(t, databases)})
	require.NoError(t, err)
	return s
}

func collect(t testing.TB, s *Server) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(s.Visit().Key, time.Now())
	require.NoError(t, s.Collect(t.Context(), b))
	return b.Batch()
}

// page is the batch as text, its labels without the target.
func page(b *collectors.Batch) string {
	return strings.ReplaceAll(strings.ReplaceAll(string(collectortest.Text(b)), `target="pool",`, ""), `{target="pool"}`, "")
}

// value is that of the one series of a family whose labels include all of those given as name, value.
func value(b *collectors.Batch, family string, labels ...string) (float64, bool) {
	var found []float64
	b.Each(func(f string) bool { return f == family }, func(s collectors.Series) {
		for i := 0; i < len(labels); i += 2 {
			if s.Get(labels[i]) != labels[i+1] {
				return
			}
		}
		found = append(found, s.Value())
	})
	if len(found) != 1 {
		return 0, false
	}
	return found[0], true
}

func requireValue(t testing.TB, b *collectors.Batch, want float64, family string, labels ...string) {
	t.Helper()
	got, ok := value(b, family, labels...)
	require.True(t, ok, "%s%v is not there once:\n%s", family, labels, page(b))
	require.Equal(t, want, got, "%s%v", family, labels)
}

func findings(b *collectors.Batch) []string {
	var all []string
	for _, f := range b.Findings {
		all = append(all, strings.Join([]string{f.Tenant, f.Name, string(f.Question), string(f.Severity) + ":", f.Text}, " "))
	}
	return all
}

// client connects through the pooler; its queries are what makes pools.
func client(t testing.TB, p *platform.PgBouncer, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.DSN("postgres", database)+"&default_query_exec_mode=simple_protocol")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

// administer gives the console a command, as somebody who may.
func administer(t testing.TB, p *platform.PgBouncer, command string, args ...any) {
	t.Helper()
	conn := client(t, p, "pgbouncer")
	_, err := conn.PgConn().Exec(t.Context(), fmt.Sprintf(command, args...)).ReadAll()
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}
