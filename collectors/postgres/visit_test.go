package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// ours counts our connections by what the server says.
func ours(t *testing.T, server *platform.Postgres, where string) string {
	t.Helper()
	n, err := server.Value(t.Context(), "", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wardround' AND "+where)
	require.NoError(t, err)
	return n
}

func TestVisitLeavesNoConnection(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{})
	errFound := errors.New("found something")
	for name, test := range map[string]struct {
		fn   func(ctx context.Context, conn *pgconn.PgConn) error
		want collectors.Reason
	}{
		"well": {func(ctx context.Context, conn *pgconn.PgConn) error {
			require.Equal(t, "1", ours(t, primary, "datname = '"+clinic+"'"))
			_, err := conn.Exec(ctx, "SELECT 1; SELECT 2").ReadAll()
			return err
		}, ""},
		"error":             {func(context.Context, *pgconn.PgConn) error { return errFound }, collectors.ReasonOther},
		"statement refused": {exec("SELECT * FROM pg_authid"), collectors.ReasonPermission},
		"no such table":     {exec("SELECT * FROM queue_job"), collectors.ReasonMissing},
		"left mid-answer": {func(ctx context.Context, conn *pgconn.PgConn) error {
			conn.Exec(ctx, "SELECT generate_series(1, 100000)").NextResult()
			return nil
		}, ""},
		"left in a transaction": {exec("BEGIN; SELECT 1"), ""},
		"ended by an administrator": {func(ctx context.Context, conn *pgconn.PgConn) error {
			require.NoError(t, primary.Exec(t.Context(), "", fmt.Sprintf("SELECT pg_terminate_backend(%d, 5000)", conn.PID())))
			_, err := conn.Exec(ctx, "SELECT 1").ReadAll()
			return err
		}, collectors.ReasonUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.Visit(t.Context(), clinic, test.fn)
			if name != "left mid-answer" { // the server notices when it next writes
				require.Equal(t, "0", ours(t, primary, "datname = '"+clinic+"'"), "at the moment Visit returns")
			}
			require.Eventually(t, func() bool { return ours(t, primary, "datname = '"+clinic+"'") == "0" }, soon, tick)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, test.want, collectors.ReasonOf(err), "%v", err)
		})
	}
	t.Run("panic", func(t *testing.T) {
		require.Panics(t, func() {
			_ = c.Visit(t.Context(), clinic, func(context.Context, *pgconn.PgConn) error { panic("a fault") })
		})
		require.Equal(t, "0", ours(t, primary, "datname = '"+clinic+"'"))
	})
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		err := c.Visit(ctx, clinic, exec("SELECT pg_sleep(60)"))
		require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err), "%v", err)
		require.Equal(t, "0", ours(t, primary, "datname = '"+clinic+"'"), "the statement was cancelled, not left running")
	})
	require.NoError(t, primary.Exec(t.Context(), "", `DROP DATABASE "`+clinic+`"`), "nothing of ours keeps it")
	require.Equal(t, collectors.ReasonGone, collectors.ReasonOf(c.Visit(t.Context(), clinic, exec("SELECT 1"))))
}

// TestVisitEndsWhenTheServerHasLetGo asks over an open connection, so that nothing passes between
// the return of Visit and the look.
func TestVisitEndsWhenTheServerHasLetGo(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{})
	look, err := primary.Connect(t.Context(), "", "")
	require.NoError(t, err)
	for range 30 {
		require.NoError(t, c.Visit(t.Context(), clinic, exec("SELECT 1")))
		var left int
		require.NoError(t, look.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", clinic).Scan(&left))
		require.Zero(t, left)
	}
	require.NoError(t, look.Close(t.Context()))
}

func exec(sql string) func(ctx context.Context, conn *pgconn.PgConn) error {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, sql).ReadAll()
		return err
	}
}

func TestVisitIsBoundByTheSafetySettings(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	config := configFor(primary, "postgres")
	config.StatementTimeout = 200e6
	c := clusterForTest(t, config, Options{})
	require.NoError(t, primary.Exec(t.Context(), clinic, "CREATE TABLE beds(n int)"))
	visit := func(sql string) collectors.Reason {
		return collectors.ReasonOf(c.Visit(t.Context(), clinic, exec(sql)))
	}
	require.Equal(t, collectors.ReasonTimeout, visit("SELECT pg_sleep(60)"))

	config.StatementTimeout = DefaultConfig().StatementTimeout
	c = clusterForTest(t, config, Options{})
	require.Equal(t, collectors.ReasonOther, visit("INSERT INTO beds VALUES (1)"))
	holder, err := primary.Connect(t.Context(), "", clinic)
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), "BEGIN; LOCK TABLE beds IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	began := time.Now()
	require.Equal(t, collectors.ReasonLocked, visit("SELECT * FROM beds"))
	require.Less(t, time.Since(began), 2*time.Second)
	require.NoError(t, holder.Close(t.Context()))
}

// TestControlStaysOutOfTenantDatabases counts over several rounds.
func TestControlStaysOutOfTenantDatabases(t *testing.T) {
	t.Parallel()
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	for _, name := range []string{"a", "b"} {
		require.NoError(t, server.CreateDatabase(t.Context(), name, ""))
	}
	c := monitored(t, server, Options{Tenants: tenantsOf(t, map[string]string{"a": "a", "b": "b"})})
	requireAbsent(t, collect(t, c), "pg_stat_activity_oldest_query_start_timestamp_seconds") // ours does not count
	for range 3 {
		collect(t, c)
		require.Equal(t, "1", ours(t, server, "true"), "one control connection, kept")
		require.Equal(t, "1", ours(t, server, "datname = 'postgres'"))
	}
	c.Close()
	require.Equal(t, "0", ours(t, server, "true"))
	require.Error(t, c.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, time.Now())), "closed is closed")
}

// TestRoleOutOfConnections gives the role two connections: control and one visitor.
func TestRoleOutOfConnections(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	c := clusterForTest(t, configFor(primary, roleForTest(t, primary, "IN ROLE pg_monitor CONNECTION LIMIT 2")), Options{})
	collect(t, c)
	err := c.Visit(t.Context(), clinic, func(ctx context.Context, _ *pgconn.PgConn) error {
		err := c.Visit(ctx, clinic, exec("SELECT 1"))
		require.Equal(t, collectors.ReasonConnections, collectors.ReasonOf(err), "%v", err)
		why := c.Budget().Paused()
		require.Error(t, why)
		require.Equal(t, collectors.ReasonConnections, collectors.ReasonOf(why))
		requireValue(t, collect(t, c), 1, "wardround_postgres_visits_paused")
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, c.Visit(t.Context(), clinic, exec("SELECT 1")))
	require.NoError(t, c.Budget().Paused(), "a connection that was had lifts the pause")
}

// TestDatabaseOutOfConnections concerns one tenant only.
func TestDatabaseOutOfConnections(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	require.NoError(t, primary.Exec(t.Context(), "", `ALTER DATABASE "`+clinic+`" CONNECTION LIMIT 0`))
	c := monitored(t, primary, Options{})
	err := c.Visit(t.Context(), clinic, exec("SELECT 1"))
	require.Equal(t, collectors.ReasonConnections, collectors.ReasonOf(err), "%v", err)
	require.NoError(t, c.Budget().Paused(), "the others are visited all the same")
}

// TestDatabaseWithoutConnect is told with its remedy, and concerns one tenant only.
func TestDatabaseWithoutConnect(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	role := roleForTest(t, primary, "IN ROLE pg_monitor")
	require.NoError(t, primary.Exec(t.Context(), "", `REVOKE CONNECT ON DATABASE "`+clinic+`" FROM PUBLIC`))
	c := clusterForTest(t, configFor(primary, role), Options{Tenants: tenantsOf(t, map[string]string{"north": clinic})})
	collect(t, c)
	err := c.Visit(t.Context(), clinic, exec("SELECT 1"))
	require.Equal(t, collectors.ReasonPermission, collectors.ReasonOf(err), "%v", err)
	remedy := fmt.Sprintf(`GRANT CONNECT ON DATABASE "%s" TO "%s";`, clinic, role)
	require.ErrorContains(t, err, "role "+role+" may not connect to database "+clinic+" ("+remedy+" lets it in)")
	require.NoError(t, c.Budget().Paused(), "the others are visited all the same")
	require.NotNil(t, c.dialer.settled.Load(), "the server has not changed")
	problems, err := c.Check(t.Context())
	require.NoError(t, err)
	require.Len(t, problems, 1)
	require.Equal(t, remedy, problems[0].SQL)
	require.NoError(t, primary.Exec(t.Context(), "", remedy))
	require.NoError(t, c.Visit(t.Context(), clinic, exec("SELECT 1")))
	require.NoError(t, primary.Exec(t.Context(), "", `REVOKE CONNECT ON DATABASE "`+clinic+`" FROM "`+role+`"`))
}

// TestReplacedClusterSharesItsBudget is a reload while visits are under way.
func TestReplacedClusterSharesItsBudget(t *testing.T) {
	config := configFor(primary, roleForTest(t, primary, "IN ROLE pg_monitor"))
	before := clusterForTest(t, config, Options{})
	config.Reserve++
	after := clusterForTest(t, config, Options{Previous: before, Interval: time.Hour})
	require.Same(t, before.Budget(), after.Budget())
	require.Equal(t, 90*time.Minute, after.gate.round)
	require.Nil(t, after.options.Previous, "the old one is let go")
	config.Budget++
	larger := clusterForTest(t, config, Options{Previous: after})
	require.NotSame(t, after.Budget(), larger.Budget())
	require.Equal(t, 3, larger.Budget().Size())
}

// TestClusterOutOfConnections fills a small cluster up to its last slot.
func TestClusterOutOfConnections(t *testing.T) {
	t.Parallel()
	server := platform.PostgresForTest(t, platform.PostgresOptions{MaxConnections: 10})
	c := monitored(t, server, Options{})
	b := collect(t, c)
	requireValue(t, b, 7, "pg_connections_limit")
	require.NoError(t, c.Budget().Paused())

	crowd := roleForTest(t, server, "")
	var held []func()
	fill := func(n int) {
		for range n {
			conn, err := server.Connect(t.Context(), crowd, "")
			require.NoError(t, err)
			held = append(held, func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
		}
	}
	fill(4) // with ours five of seven: fewer free than the reserve of three
	b = collect(t, c)
	requireValue(t, b, 5, "pg_connections_used")
	why := c.Budget().Paused()
	require.Error(t, why)
	require.ErrorContains(t, why, "2 of 7 connections are free, and 3 are to be kept")
	found, ok := finding(b, "connections_nearly_exhausted")
	require.True(t, ok)
	require.Equal(t, collectors.Critical, found.Severity)

	fill(2)
	c.hangUp()
	fill(1)
	err := c.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, time.Now()))
	require.Equal(t, collectors.ReasonConnections, collectors.ReasonOf(err), "%v", err)

	for _, leave := range held {
		leave()
	}
	require.Eventually(t, func() bool {
		err = c.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, time.Now()))
		return err == nil && c.Budget().Paused() == nil
	}, soon, tick)
}
