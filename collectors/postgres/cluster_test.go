package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

const soon, tick = time.Minute, 100 * time.Millisecond

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func TestCountersAreAttributed(t *testing.T) {
	north, other := primary.DatabaseForTest(t, ""), primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{Tenants: tenantsOf(t, map[string]string{"north": north})})
	before := collect(t, c)
	requireValue(t, before, 1, "pg_up")
	requireValue(t, before, 0, "pg_replication_is_replica")
	requireValue(t, before, 60, "pg_settings_max_connections")
	requireValue(t, before, 0, "pg_stat_database_tup_inserted_total", "datname", north, "tenant", "north", "target", "main")
	requireValue(t, before, 0, "pg_stat_database_tup_inserted_total", "datname", other, "tenant", "")
	_, templates := value(before, "pg_stat_database_numbackends", "datname", "template1")
	require.False(t, templates, "templates have no series")
	calm, known := c.Writes(north)
	require.True(t, known)

	require.NoError(t, primary.Exec(t.Context(), north,
		"CREATE TABLE visits(n int); INSERT INTO visits SELECT generate_series(1, 100); UPDATE visits SET n = 0 WHERE n <= 10; DELETE FROM visits WHERE n = 100"))
	var after *collectors.Batch
	require.Eventually(t, func() bool {
		after = collect(t, c)
		n, _ := value(after, "pg_stat_database_tup_inserted_total", "datname", north)
		return n >= 100
	}, soon, tick)
	written, _ := c.Writes(north)
	require.GreaterOrEqual(t, written.Inserted, calm.Inserted+100)
	require.GreaterOrEqual(t, written.Updated, calm.Updated+10)
	require.GreaterOrEqual(t, written.Deleted, calm.Deleted+1)
	sessions, _ := value(after, "pg_stat_database_sessions_total", "tenant", "north")
	require.GreaterOrEqual(t, sessions, 1.0)
	_, known = c.Writes("no_such_database")
	require.False(t, known)
}

func TestTimesAreSeconds(t *testing.T) {
	busy := primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{})
	conn, err := primary.Connect(t.Context(), "", busy)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "SELECT pg_sleep(1.2)")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	require.Eventually(t, func() bool {
		seconds, _ := value(collect(t, c), "pg_stat_database_active_time_seconds_total", "datname", busy)
		return seconds > 1 && seconds < 60
	}, soon, tick)
}

func TestDatabases(t *testing.T) {
	open, closed := primary.DatabaseForTest(t, ""), primary.DatabaseForTest(t, "")
	require.NoError(t, primary.Exec(t.Context(), "", `REVOKE CONNECT ON DATABASE "`+closed+`" FROM PUBLIC; ALTER DATABASE "`+closed+`" CONNECTION LIMIT 7`))
	c := monitored(t, primary, Options{})
	require.Empty(t, c.Databases())
	collect(t, c)
	found := map[string]Database{}
	for _, db := range c.Databases() {
		found[db.Name] = db
	}
	require.NotZero(t, found[open].OID)
	oid := found[open].OID
	require.Equal(t, Database{Name: open, OID: oid, Owner: "postgres", AllowConn: true, CanConnect: true, ConnLimit: -1}, found[open])
	require.False(t, found[closed].CanConnect)
	require.Equal(t, 7, found[closed].ConnLimit)
	require.True(t, found["template0"].Template)
	require.False(t, found["template0"].AllowConn)
}

// TestConnections looks at sessions by database, role and state, and at the limits of both.
func TestConnections(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	clerk := roleForTest(t, primary, "CONNECTION LIMIT 2")
	require.NoError(t, primary.Exec(t.Context(), "", `ALTER DATABASE "`+clinic+`" CONNECTION LIMIT 4`))
	c := monitored(t, primary, Options{Tenants: tenantsOf(t, map[string]string{"north": clinic})})
	for range 2 {
		conn, err := primary.Connect(t.Context(), clerk, clinic)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "BEGIN; SELECT 1")
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close(t.Context())) }()
	}
	var b *collectors.Batch
	require.Eventually(t, func() bool { // a backend answers before it waits for what is next
		b = collect(t, c)
		idle, _ := value(b, "pg_stat_activity_backends", "datname", clinic, "tenant", "north", "usename", clerk,
			"state", "idle in transaction", "backend_type", "client backend", "wait_event_type", "Client")
		return idle == 2
	}, soon, tick)
	requireValue(t, b, 2, "pg_database_connections_used", "datname", clinic)
	requireValue(t, b, 4, "pg_database_connection_limit", "datname", clinic)
	requireValue(t, b, 0.5, "pg_database_connections_used_ratio", "datname", clinic, "tenant", "north")
	requireValue(t, b, 1, "pg_role_connections_used_ratio", "rolname", clerk)
	requireValue(t, b, 2, "pg_roles_connection_limit", "rolname", clerk)
	requireValue(t, b, 57, "pg_connections_limit")
	used, _ := value(b, "pg_connections_used")
	requireValue(t, b, used/57, "pg_connections_used_ratio")
	began, ok := value(b, "pg_stat_activity_oldest_xact_start_timestamp_seconds", "datname", clinic)
	require.True(t, ok)
	require.InDelta(t, float64(time.Now().Unix()), began, 30)
	_, ok = value(b, "pg_stat_activity_oldest_idle_in_transaction_timestamp_seconds", "datname", clinic)
	require.True(t, ok)
	full, ok := finding(b, "connections_nearly_exhausted")
	require.True(t, ok)
	require.Equal(t, "2 of 2 connections of role "+clerk+" are taken.", full.Text)
	b.Each(func(string) bool { return true }, func(s collectors.Series) {
		if s.Get("datname") == "" && strings.HasPrefix(s.Name(), "pg_database_") {
			require.Fail(t, "a database without a name", s.Block())
		}
		if s.Name() == "pg_stat_activity_backends" {
			require.Positive(t, s.Value(), "only what there is: %s", s.Block())
		}
	})
}

func TestLockWaits(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	require.NoError(t, primary.Exec(t.Context(), clinic, "CREATE TABLE beds(n int)"))
	c := monitored(t, primary, Options{Tenants: tenantsOf(t, map[string]string{"north": clinic})})
	b := collect(t, c)
	requireValue(t, b, 0, "pg_lock_roots")
	requireAbsent(t, b, "pg_lock_waiting_backends")

	holder, err := primary.Connect(t.Context(), "", clinic)
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), "BEGIN; LOCK TABLE beds IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	waiter, err := primary.Connect(t.Context(), "", clinic)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := waiter.Exec(t.Context(), "SELECT count(*) FROM beds")
		done <- err
	}()
	require.Eventually(t, func() bool {
		b = collect(t, c)
		_, waits := value(b, "pg_lock_oldest_wait_start_timestamp_seconds")
		_, counted := value(b, "pg_lock_waiting_backends") // they are told by two views
		return waits && counted
	}, soon, tick)
	requireValue(t, b, 1, "pg_lock_waiting_backends", "datname", clinic, "tenant", "north")
	requireValue(t, b, 1, "pg_lock_roots")
	since, _ := value(b, "pg_lock_oldest_wait_start_timestamp_seconds", "tenant", "north")
	require.InDelta(t, float64(time.Now().Unix()), since, 30)

	require.NoError(t, holder.Close(t.Context()))
	require.NoError(t, <-done)
	require.NoError(t, waiter.Close(t.Context()))
	b = collect(t, c)
	requireValue(t, b, 0, "pg_lock_roots")
	requireAbsent(t, b, "pg_lock_waiting_backends")
}

// TestWithoutMonitor shows that a role that may see nothing says so, and that the rest is there.
func TestWithoutMonitor(t *testing.T) {
	c := clusterForTest(t, configFor(primary, roleForTest(t, primary, "")), Options{})
	b := collect(t, c)
	requireValue(t, b, 1, "wardround_indicator_unavailable", "indicator", "other_sessions", "reason", "permission")
	_, ok := value(b, "pg_stat_database_xact_commit_total", "datname", "postgres")
	require.True(t, ok)
	used, _ := value(b, "pg_connections_used")
	require.GreaterOrEqual(t, used, 1.0)
	requireAbsent(t, collect(t, monitored(t, primary, Options{})), "wardround_indicator_unavailable")
}

// TestOneStatementFails leaves the others and the connection whole.
func TestOneStatementFails(t *testing.T) {
	c := monitored(t, primary, Options{})
	for reason, sql := range map[string]string{
		"missing":    "SELECT no_such_column FROM pg_stat_activity",
		"permission": "SELECT * FROM pg_authid",
		"timeout":    "SELECT pg_sleep(60)",
		"other":      "SELECT 1/n FROM (VALUES (1), (0)) v(n)",
	} {
		t.Run(reason, func(t *testing.T) {
			if reason == "timeout" {
				c.dialer.config.RuntimeParams["statement_timeout"] = "1000" // all others must be through by then
			}
			c.hangUp()
			c.groups = append([]group{{name: "broken", sql: always(sql), read: (*round).readServer}}, groups()...)
			b := collect(t, c)
			requireValue(t, b, 1, "wardround_indicator_unavailable", "indicator", "broken", "reason", reason)
			requireValue(t, b, 1, "pg_up")
			_, ok := value(b, "pg_connections_used_ratio")
			require.True(t, ok)
			pid := c.session.PID()
			collect(t, c)
			require.Equal(t, pid, c.session.PID(), "the connection is kept")
		})
	}
}

// TestReadOnly shows that not even a mistake of ours could write.
func TestReadOnly(t *testing.T) {
	c := clusterForTest(t, configFor(primary, "postgres"), Options{})
	collect(t, c)
	answers, err := c.session.ask(t.Context(), []question{{text: "CREATE TABLE ours(n int)"}, {text: "SHOW jit"}})
	require.NoError(t, err)
	require.ErrorContains(t, answers[0].err, "read-only transaction")
	require.Equal(t, "off", answers[1].table.first().text("jit"))
}

// TestGroupsThatTheServerHasNothingOf are not asked.
func TestGroupsThatTheServerHasNothingOf(t *testing.T) {
	c := monitored(t, primary, Options{})
	c.groups = append(groups(),
		group{name: "later", views: []string{"pg_no_such_view"}, read: (*round).readServer, sql: func(f facts) string {
			if !f.has("pg_no_such_view", "n") {
				return ""
			}
			return "SELECT n FROM pg_no_such_view"
		}},
		group{name: "earlier", views: []string{"pg_stat_bgwriter"}, read: (*round).readServer, sql: func(f facts) string {
			require.True(t, f.has("pg_stat_bgwriter", "buffers_clean"))
			return ""
		}})
	requireAbsent(t, collect(t, c), "wardround_indicator_unavailable")
	require.NotEmpty(t, c.session.questions)
	for _, q := range c.session.questions {
		require.NotContains(t, []string{"later", "earlier"}, q.name)
	}
}

// A job runner is known by its last statement: it listens, and says SELECT 1 every minute.
func TestJobRunnersAreSeen(t *testing.T) {
	clinic, other := primary.DatabaseForTest(t, ""), primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{})
	_, known := c.JobRunners(clinic)
	require.False(t, known, "before the first round")
	for _, sql := range []string{"LISTEN queue_job", "SELECT 1", "SELECT 2"} {
		conn, err := primary.Connect(t.Context(), "", clinic)
		require.NoError(t, err)
		_, err = conn.PgConn().Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close(t.Context())) }()
	}
	collect(t, c)
	runners, known := c.JobRunners(clinic)
	require.True(t, known)
	require.Equal(t, 2, runners)
	runners, known = c.JobRunners(other)
	require.True(t, known)
	require.Zero(t, runners)
}
