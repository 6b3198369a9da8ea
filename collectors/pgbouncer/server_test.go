package pgbouncer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/testdata/platform"
)

func TestSuite(t *testing.T) {
	visit := func(t *testing.T, c Config) collectors.Visit {
		v := server(t, c, map[string]string{"north": "postgres"}).Visit()
		v.Timeout = time.Second
		return v
	}
	broken := func(reason collectors.Reason, config func(t *testing.T) Config) collectortest.Broken {
		return collectortest.Broken{Reason: reason, New: func(t *testing.T, _ *slog.Logger) collectors.Visit { return visit(t, config(t)) }}
	}
	wired := func(t *testing.T, fault func(*platform.Wire)) Config {
		wire := platform.Proxy(t, pooler(t, nil).Addr())
		fault(wire)
		return configFor(wire.Addr())
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(),
		Canaries:  []string{"CANARY"},
		Want: []string{
			"pgbouncer_up", "pgbouncer_version_info", "pgbouncer_pools_client_waiting_connections", "pgbouncer_pools_client_maxwait_seconds",
			"pgbouncer_pools_used_ratio", "pgbouncer_databases_pool_size", "pgbouncer_databases_current_connections",
			"pgbouncer_stats_totals_queries_pooled_total", "pgbouncer_stats_totals_client_wait_seconds_total",
			"pgbouncer_used_clients", "pgbouncer_config_max_client_connections", "pgbouncer_client_connections_used_ratio",
			"pgbouncer_memory_cache_bytes", "pgbouncer_clients", "pgbouncer_servers", "pgbouncer_servers_oldest_connect_timestamp_seconds",
		},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			p := pooler(t, nil)
			conn, err := pgx.Connect(t.Context(), p.DSN("postgres", "postgres")+"&application_name=CANARY-app&default_query_exec_mode=simple_protocol")
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
			_, err = conn.Exec(t.Context(), "SELECT 'CANARY-value'")
			require.NoError(t, err)
			return visit(t, configFor(p.Addr()))
		},
		Broken: map[string]collectortest.Broken{
			"down": broken(collectors.ReasonUnreachable, func(t *testing.T) Config {
				p := pooler(t, nil)
				require.NoError(t, p.Kill())
				return configFor(p.Addr())
			}),
			"hanging": broken(collectors.ReasonTimeout, func(t *testing.T) Config { return wired(t, (*platform.Wire).Hang) }),
			"reset":   broken(collectors.ReasonUnreachable, func(t *testing.T) Config { return wired(t, (*platform.Wire).Reset) }),
			"wrong password": broken(collectors.ReasonAuth, func(t *testing.T) Config {
				c := configFor(pooler(t, nil).Addr())
				c.Password = "CANARY-other"
				return c
			}),
			"no such user": broken(collectors.ReasonAuth, func(t *testing.T) Config {
				c := configFor(pooler(t, nil).Addr())
				c.DSN = promconfig.Secret(strings.Replace(string(c.DSN), "stats@", "nobody@", 1))
				return c
			}),
			"not a stats user": broken(collectors.ReasonPermission, func(t *testing.T) Config {
				return configFor(pooler(t, map[string]string{"stats_users": ""}).Addr())
			}),
			"a console that knows no command": broken(collectors.ReasonMissing, func(t *testing.T) Config {
				return configFor(recording{version: "1.99.0"}.serve(t))
			}),
			"TLS wanted of one that has none": broken(collectors.ReasonProtocol, func(t *testing.T) Config {
				c := configFor(pooler(t, nil).Addr())
				c.DSN = promconfig.Secret(strings.Replace(string(c.DSN), "sslmode=disable", "sslmode=require", 1))
				return c
			}),
			"PostgreSQL itself": broken(collectors.ReasonProtocol, func(*testing.T) Config {
				c := configFor(cluster.Addr())
				c.DSN = promconfig.Secret(strings.Replace(string(c.DSN), "stats@", "postgres@", 1))
				return c
			}),
			"no PgBouncer": broken(collectors.ReasonProtocol, func(t *testing.T) Config {
				return configFor(recording{version: "15.9", foreign: true}.serve(t))
			}),
		},
	})
}

// TestSaturatedPool has more clients than the pool has connections: those who wait, and for how
// long, are seen below a second too, and the pool's end is said in words.
func TestSaturatedPool(t *testing.T) {
	p := pooler(t, map[string]string{"default_pool_size": "2", "max_db_connections": "2"})
	north, south := cluster.DatabaseForTest(t, ""), cluster.DatabaseForTest(t, "")
	s := server(t, configFor(p.Addr()), map[string]string{"north": north, "south": south})
	_, err := client(t, p, south).Exec(t.Context(), "SELECT 1")
	require.NoError(t, err)

	crowd, leave := context.WithCancel(t.Context())
	gone := make(chan error, 5)
	var clients []*pgx.Conn
	for range cap(gone) {
		clients = append(clients, client(t, p, north))
	}
	for _, conn := range clients { // all at once, so that the first is seen to wait less than a second
		go func() {
			_, err := conn.Exec(crowd, "SELECT pg_sleep(60)")
			gone <- err
		}()
	}
	var batch *collectors.Batch
	pool := []string{"tenant", "north", "database", north, "user", "postgres"}
	below := false
	require.Eventually(t, func() bool {
		batch = collect(t, s)
		longest, _ := value(batch, "pgbouncer_pools_client_maxwait_seconds", pool...)
		below = below || longest > 0 && longest < 1
		return longest > 1
	}, time.Minute, 50*time.Millisecond)
	require.True(t, below, "a wait of less than a second is seen")
	requireValue(t, batch, 3, "pgbouncer_pools_client_waiting_connections", pool...)
	requireValue(t, batch, 2, "pgbouncer_pools_used", pool...)
	requireValue(t, batch, 1, "pgbouncer_pools_used_ratio", pool...)
	requireValue(t, batch, 1, "pgbouncer_databases_connections_used_ratio", "tenant", "north")
	requireValue(t, batch, 3, "pgbouncer_clients", "tenant", "north", "state", "waiting")
	requireValue(t, batch, 0, "pgbouncer_pools_client_waiting_connections", "tenant", "south")
	require.Len(t, batch.Findings, 2, "%v", findings(batch))
	require.Equal(t, "pgbouncer_limit_nearly_reached", batch.Findings[0].Name)
	require.Regexp(t, `^tenant north: 3 clients wait for a connection, the longest for \d\.\d s; pool 2 of 2 used\.$`, batch.Findings[1].Text)
	require.Equal(t, "north", batch.Findings[1].Tenant)

	leave()
	for range cap(gone) {
		require.Error(t, <-gone)
	}
	require.Eventually(t, func() bool {
		batch = collect(t, s)
		waiting, _ := value(batch, "pgbouncer_pools_client_waiting_connections", pool...)
		return waiting == 0
	}, time.Minute, 50*time.Millisecond)
	for _, f := range batch.Findings {
		require.NotEqual(t, "pgbouncer_clients_waiting", f.Name)
	}
}

// TestAliases has names that lead to databases called otherwise, one of them on another server.
func TestAliases(t *testing.T) {
	north, south := cluster.DatabaseForTest(t, ""), cluster.DatabaseForTest(t, "")
	p := platform.PgBouncerForTest(t, platform.PgBouncerOptions{Upstream: cluster, Users: []string{"stats"}, Databases: map[string]string{
		"bookings": fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s", cluster.Port(), north),
		"archive":  fmt.Sprintf("host=localhost port=%d dbname=%s", cluster.Port(), south),
	}})
	for _, name := range []string{"bookings", "archive"} {
		_, err := client(t, p, name).Exec(t.Context(), "SELECT 1")
		require.NoError(t, err)
	}
	c := configFor(p.Addr())
	c.Servers = map[string]string{fmt.Sprintf("localhost:%d", cluster.Port()): "second"}
	set, err := collectors.NewTenants([]collectors.Tenant{
		{Name: "north", Postgres: "main", Database: north},
		{Name: "south", Postgres: "second", Database: south},
		{Name: "bookings", Postgres: "main", Database: "bookings"},
	})
	require.NoError(t, err)
	registry := collectors.NewRegistry()
	registry.Replace(set)
	s, err := New(c, Options{Tenants: registry})
	require.NoError(t, err)
	batch := collect(t, s)
	requireValue(t, batch, 1, "pgbouncer_databases_current_connections", "tenant", "north", "name", "bookings", "database", north)
	requireValue(t, batch, 1, "pgbouncer_stats_totals_queries_pooled_total", "tenant", "north", "database", "bookings")
	requireValue(t, batch, 1, "pgbouncer_pools_client_active_connections", "tenant", "south", "database", "archive")
	requireValue(t, batch, 0, "pgbouncer_databases_unattributed")
	require.NotContains(t, page(batch), `tenant="bookings"`)
}

func TestPausedAndDisabled(t *testing.T) {
	p := pooler(t, nil)
	north, south := cluster.DatabaseForTest(t, ""), cluster.DatabaseForTest(t, "")
	s := server(t, configFor(p.Addr()), map[string]string{"north": north})
	client(t, p, north) // a database that a wildcard leads to is forgotten while nobody uses it
	client(t, p, south)
	administer(t, p, "PAUSE %s", north)
	administer(t, p, "DISABLE %s", south)
	batch := collect(t, s)
	requireValue(t, batch, 1, "pgbouncer_databases_paused", "tenant", "north", "name", north)
	requireValue(t, batch, 1, "pgbouncer_databases_disabled", "tenant", "", "name", south)
	requireValue(t, batch, 1, "pgbouncer_databases_unattributed")
	require.ElementsMatch(t, []string{
		fmt.Sprintf("north pgbouncer_database_paused healthy warning: database %s is paused in PgBouncer: its clients wait until it is resumed.", north),
		fmt.Sprintf(" pgbouncer_database_disabled healthy warning: database %s is disabled in PgBouncer: new clients are refused.", south),
	}, findings(batch))

	administer(t, p, "RESUME %s", north)
	administer(t, p, "ENABLE %s", south)
	require.Empty(t, collect(t, s).Findings)
}

// TestNoSlotLeft is a PgBouncer that refuses clients: the console lets us in all the same.
func TestNoSlotLeft(t *testing.T) {
	p := pooler(t, map[string]string{"max_client_conn": "2"})
	client(t, p, "postgres")
	client(t, p, "postgres")
	_, err := pgx.Connect(t.Context(), p.DSN("postgres", "postgres"))
	require.ErrorContains(t, err, "no more connections allowed")
	batch := collect(t, server(t, configFor(p.Addr()), nil))
	requireValue(t, batch, 1, "pgbouncer_client_connections_used_ratio")
	require.Equal(t, []string{" pgbouncer_clients_nearly_exhausted contained critical: 2 of the 2 clients that PgBouncer takes are there: more are refused, whoever they are."}, findings(batch))
}

func TestDownAndBack(t *testing.T) {
	p := pooler(t, nil)
	s := server(t, configFor(p.Addr()), nil)
	requireValue(t, collect(t, s), 1, "pgbouncer_up")
	require.NoError(t, p.Kill())
	b := collectors.NewBuilder(s.Visit().Key, time.Now())
	require.Error(t, s.Collect(t.Context(), b))
	require.Equal(t, 1, b.Batch().Len(), "that it is down is all that is known")
	requireValue(t, b.Batch(), 0, "pgbouncer_up")
	require.NoError(t, p.Start(t.Context()))
	requireValue(t, collect(t, s), 1, "pgbouncer_up")
}

// TestLeavesNothingBehind is what an orderly end that waits for all clients depends on.
func TestLeavesNothingBehind(t *testing.T) {
	p := pooler(t, nil)
	s := server(t, configFor(p.Addr()), nil)
	for range 3 {
		requireValue(t, collect(t, s), 1, "pgbouncer_used_clients") // ours, of this visit
	}
	log, err := os.ReadFile(p.LogFile())
	require.NoError(t, err)
	require.NotContains(t, string(log), "unexpected eof")
	require.NotContains(t, string(log), "ERROR", "nothing is asked that this version does not know")
}

func TestPasswordFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("old\n"), 0o600))
	c := configFor(pooler(t, nil).Addr())
	c.Password, c.PasswordFile = "", file
	s := server(t, c, nil)
	err := s.Collect(t.Context(), collectors.NewBuilder(s.Visit().Key, time.Now()))
	require.Equal(t, collectors.ReasonAuth, collectors.ReasonOf(err))

	require.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600))
	collect(t, s)

	require.NoError(t, os.Remove(file))
	err = s.Collect(t.Context(), collectors.NewBuilder(s.Visit().Key, time.Now()))
	require.Equal(t, collectors.ReasonAuth, collectors.ReasonOf(err))
	require.ErrorContains(t, err, "read the password")
}

func TestTLS(t *testing.T) {
	certificate, key := certificateForTest(t)
	p := pooler(t, map[string]string{"client_tls_sslmode": "require", "client_tls_cert_file": certificate, "client_tls_key_file": key})
	c := configFor(p.Addr())
	encrypted := strings.Replace(string(c.DSN), "sslmode=disable", "sslmode=verify-full&sslrootcert=", 1)
	c.DSN = promconfig.Secret(encrypted + certificate)
	collect(t, server(t, c, nil))

	other, _ := certificateForTest(t)
	c.DSN = promconfig.Secret(encrypted + other)
	s := server(t, c, nil)
	err := s.Collect(t.Context(), collectors.NewBuilder(s.Visit().Key, time.Now()))
	require.Equal(t, collectors.ReasonAuth, collectors.ReasonOf(err), "%v", err)
}

func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	for parent := filepath.Dir(dir); parent != os.TempDir(); parent = filepath.Dir(parent) {
		require.NoError(t, os.Chmod(parent, 0o755))
	}
	p := pooler(t, map[string]string{"unix_socket_dir": dir})
	c := configFor(p.Addr())
	c.DSN = promconfig.Secret(fmt.Sprintf("host=%s port=%d user=stats", dir, p.Port()))
	s := server(t, c, nil)
	collect(t, s)
	require.False(t, severalBehind(s.console))
	require.True(t, severalBehind(server(t, configFor(p.Addr()), nil).console))
}

func TestCompat(t *testing.T) {
	p := pooler(t, nil)
	_, err := client(t, p, "postgres").Exec(t.Context(), "SELECT 1")
	require.NoError(t, err)
	c := configFor(p.Addr())
	plain := collect(t, server(t, c, nil))
	c.Compat = true
	compat := collect(t, server(t, c, nil))
	for _, family := range []string{"queries_pooled_total", "queries_duration_seconds", "client_wait_seconds"} {
		_, there := value(plain, "pgbouncer_stats_"+family)
		require.False(t, there, family)
		_, there = value(compat, "pgbouncer_stats_"+family, "database", "postgres")
		require.True(t, there, family)
	}
}

// TestDialsForTheVisitOnly is a visit that is cut short: the driver would dial once more to cancel
// what it had asked.
func TestDialsForTheVisitOnly(t *testing.T) {
	p := pooler(t, nil)
	wire := platform.Proxy(t, p.Addr())
	s := server(t, configFor(wire.Addr()), nil)
	var dials atomic.Int64
	dial := s.console.DialFunc
	s.console.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address)
	}
	c, err := open(t.Context(), withPassword(s.console))
	require.NoError(t, err)
	wire.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.show(ctx, "POOLS")
	require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err))
	c.close(ctx)
	require.EqualValues(t, 1, dials.Load())
}

func withPassword(c *pgconn.Config) *pgconn.Config {
	c = c.Copy()
	c.Password = password
	return c
}
