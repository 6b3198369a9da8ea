package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// useRoundOf makes one round that must succeed, with a look at statements.
func useRoundOf(t testing.TB, c *Cluster) *collectors.Batch {
	t.Helper()
	c.use.looks.waited = true
	return nextUseRoundOf(t, c)
}

// nextUseRoundOf makes one round that must succeed.
func nextUseRoundOf(t testing.TB, c *Cluster) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(collectors.Key{Collector: "postgres_use", Target: c.Name()}, time.Now())
	require.NoError(t, c.use.Collect(t.Context(), b))
	return b.Batch()
}

// run runs statements as their own transactions on one connection.
func run(t testing.TB, server *platform.Postgres, database string, statements ...string) {
	t.Helper()
	conn, err := server.Connect(t.Context(), "", database)
	require.NoError(t, err)
	for _, sql := range statements {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	require.NoError(t, conn.Close(t.Context()))
}

func TestStatementsAreCountedByTenant(t *testing.T) {
	for major, bin := range bins(t) {
		t.Run(major, func(t *testing.T) {
			testStatementsByTenant(t, platform.PostgresForTest(t, platform.PostgresOptions{BinDir: bin}))
		})
	}
}

func testStatementsByTenant(t *testing.T, primary *platform.Postgres) {
	north, south := primary.DatabaseForTest(t, ""), primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{Tenants: tenantsOf(t, map[string]string{"north": north, "south": south})})
	run(t, primary, north, "CREATE TABLE beds(n int)", "SELECT pg_sleep(0.3)")
	before := useRoundOf(t, c)
	requireAbsent(t, before, "pg_database_statements_calls_total")
	requireAbsent(t, before, "wardround_indicator_unavailable")
	entries, ok := value(before, "pg_stat_statements_entries")
	require.True(t, ok)
	require.Greater(t, entries, 2.0)
	requireValue(t, before, 5000, "pg_stat_statements_max_entries")

	began := time.Now()
	run(t, primary, north, "INSERT INTO beds SELECT generate_series(1, 1000)", "SELECT n FROM beds", "SELECT n FROM beds", "SELECT pg_sleep(0.3)")
	took := time.Since(began).Seconds()
	after := useRoundOf(t, c)
	requireValue(t, after, 4, "pg_database_statements_calls_total", "tenant", "north", "datname", north)
	requireValue(t, after, 3001, "pg_database_statements_rows_total", "tenant", "north")
	seconds, _ := value(after, "pg_database_statements_seconds_total", "tenant", "north")
	require.Greater(t, seconds, 0.29)
	require.Less(t, seconds, took, "what was before is not counted")
	wal, _ := value(after, "pg_database_statements_wal_bytes_total", "tenant", "north")
	require.Greater(t, wal, 50_000.0)
	_, counted := value(after, "pg_database_statements_calls_total", "tenant", "south")
	require.False(t, counted, "nothing ran there")
	sleeps := 0
	after.Each(func(f string) bool { return f == "pg_stat_statements_calls_total" }, func(s collectors.Series) {
		require.False(t, s.Created().IsZero())
		if s.Get("tenant") == "north" && s.Value() == 1 && s.Get("user") == "postgres" && s.Get("datname") == north {
			sleeps++
		}
	})
	require.Equal(t, 2, sleeps, "the sleep and the insert")
}

// TestStatementsSurviveWhatTheServerForgets: a reset takes nothing back, and adds nothing twice.
func TestStatementsSurviveWhatTheServerForgets(t *testing.T) {
	server := platform.PostgresForTest(t, platform.PostgresOptions{Settings: map[string]string{"pg_stat_statements.max": "100"}})
	clinic := server.DatabaseForTest(t, "")
	c := monitored(t, server, Options{Tenants: tenantsOf(t, map[string]string{"north": clinic})})
	calls := func() float64 {
		b := useRoundOf(t, c)
		n, _ := value(b, "pg_database_statements_calls_total", "tenant", "north")
		return n
	}
	run(t, server, clinic, "SELECT 1", "SELECT 1", "SELECT 1")
	calls()
	run(t, server, clinic, "SELECT 1")
	require.Equal(t, 1.0, calls())
	require.NoError(t, server.Exec(t.Context(), "", "SELECT pg_stat_statements_reset()"))
	require.Equal(t, 1.0, calls())
	run(t, server, clinic, "SELECT 1", "SELECT 1")
	require.Equal(t, 3.0, calls())

	var many []string
	list := "1"
	for range 150 {
		many = append(many, "SELECT "+list)
		list += ", 1"
	}
	run(t, server, clinic, many...)
	b := useRoundOf(t, c)
	n, _ := value(b, "pg_database_statements_calls_total", "tenant", "north")
	require.Greater(t, n, 50.0)
	forgotten, _ := value(b, "pg_stat_statements_dealloc_total")
	require.Positive(t, forgotten)
	found, ok := finding(b, "statements_forgotten")
	require.True(t, ok)
	require.Contains(t, found.Text, "because it has room for 100:")
	run(t, server, clinic, "SELECT 1")
	require.Equal(t, n+1, calls())

	require.NoError(t, server.Stop())
	require.NoError(t, server.Start(t.Context()))
	require.Equal(t, n+1, calls(), "what was kept over a restart is not counted again")
	run(t, server, clinic, "SELECT 1")
	require.Equal(t, n+2, calls())
}

func TestStatementsUnavailable(t *testing.T) {
	bare := platform.PostgresForTest(t, platform.PostgresOptions{})
	require.NoError(t, bare.Exec(t.Context(), "", "DROP EXTENSION pg_stat_statements"))
	c := monitored(t, bare, Options{})
	useRoundOf(t, c)
	run(t, bare, "postgres", "SELECT pg_sleep(0.1)")
	var b *collectors.Batch
	var there bool
	require.Eventually(t, func() bool {
		b = useRoundOf(t, c)
		_, there = value(b, "pg_tenant_share_ratio", "resource", "active_time", "datname", "postgres")
		return there
	}, soon, tick, "the rest is there")
	requireValue(t, b, 1, "wardround_indicator_unavailable", "indicator", "statements", "reason", "missing")
	requireAbsent(t, b, "pg_database_statements_calls_total")
	require.NoError(t, bare.Exec(t.Context(), "", "CREATE SCHEMA extensions; GRANT USAGE ON SCHEMA extensions TO PUBLIC; CREATE EXTENSION pg_stat_statements SCHEMA extensions"))
	useRoundOf(t, c)
	_, there = value(useRoundOf(t, c), "pg_database_statements_calls_total", "datname", "postgres")
	require.True(t, there, "as soon as it is there, in whatever schema")

	hidden := clusterForTest(t, configFor(primary, roleForTest(t, primary, "")), Options{})
	requireValue(t, useRoundOf(t, hidden), 1, "wardround_indicator_unavailable", "indicator", "statements", "reason", "permission")
}

func TestStatementsWithoutTheLibrary(t *testing.T) {
	server := platform.PostgresForTest(t, platform.PostgresOptions{Settings: map[string]string{"shared_preload_libraries": ""}})
	c := monitored(t, server, Options{})
	requireValue(t, useRoundOf(t, c), 1, "wardround_indicator_unavailable", "indicator", "statements", "reason", "missing")
	problems, err := c.Check(t.Context())
	require.NoError(t, err)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Text, "name it in shared_preload_libraries and restart the server")
	require.NoError(t, server.Exec(t.Context(), "", "DROP EXTENSION pg_stat_statements"))
	problems, err = c.Check(t.Context())
	require.NoError(t, err)
	require.Len(t, problems, 2)
	require.Equal(t, "CREATE EXTENSION pg_stat_statements;", problems[1].SQL)
}

// useScenes are rounds that tell everything of who uses what.
func useScenes(t *testing.T) []*collectors.Batch {
	c := monitored(t, primary, Options{})
	before := useRoundOf(t, c)
	run(t, primary, "postgres", "SELECT 1")
	s := newScene(t, Options{})
	for range windowRounds * leastShares {
		s.round(map[string]databaseUse{"north": active(0.2), "south": active(0.2)}, 1, 100)
	}
	noisy := s.round(map[string]databaseUse{"north": active(9), "south": paced(0.2, 3)}, 9, 100)
	return []*collectors.Batch{before, useRoundOf(t, c), noisy}
}

func TestEveryUseMetricIsEmitted(t *testing.T) {
	emitted := map[*collectors.Metric]bool{}
	for _, b := range useScenes(t) {
		for _, f := range b.Families {
			emitted[f.Metric] = true
		}
	}
	for _, m := range useMetrics() {
		require.True(t, emitted[m], "%s is announced and never emitted", m.Name)
	}
}

// TestRunningStatementsCount: who has been busy for a while is not first seen when it is over.
func TestRunningStatementsCount(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{Tenants: tenantsOf(t, map[string]string{"north": clinic})})
	conn, err := primary.Connect(t.Context(), "", clinic)
	require.NoError(t, err)
	useRoundOf(t, c)
	done := make(chan error, 1)
	running, enough := context.WithCancel(t.Context())
	defer enough()
	go func() {
		_, err := conn.Exec(running, "SELECT pg_sleep(60)")
		done <- err
	}()
	require.Eventually(t, func() bool {
		useRoundOf(t, c)
		var busy float64
		for _, consumer := range c.use.neighbours.consumers {
			if consumer.name == clinic {
				busy = consumer.window.mean(c.use.neighbours.round, 1)[activeTime]
			}
		}
		return busy > 0.8 && busy < 1.2
	}, soon, 300*time.Millisecond)
	require.Empty(t, done, "it still runs")
	enough()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, conn.Close(t.Context()))
}

// TestTransactionsAreNoReset: the server adds what a session was active for when its transaction
// ends. A statement that is over while its transaction goes on makes the count fall until then, and
// did not begin at zero.
func TestTransactionsAreNoReset(t *testing.T) {
	majors(t, func(t *testing.T, server *platform.Postgres) {
		clinic := server.DatabaseForTest(t, "")
		c := monitored(t, server, Options{})
		run(t, server, clinic, "SELECT pg_sleep(2.2)") // what the count would begin anew from
		require.Eventually(t, func() bool {
			counted, err := server.Value(t.Context(), "postgres", "SELECT active_time > 2000 FROM pg_stat_database WHERE datname = '"+clinic+"'")
			return err == nil && counted == "true"
		}, soon, tick)
		conn, err := server.Connect(t.Context(), "", clinic)
		require.NoError(t, err)
		transaction, err := conn.Begin(t.Context())
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() {
			_, err := transaction.Exec(t.Context(), "SELECT pg_sleep(2)")
			done <- err
		}()
		require.Eventually(t, func() bool {
			running, err := server.Value(t.Context(), "postgres", "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '"+clinic+
				"' AND state = 'active' AND state_change < clock_timestamp() - interval '500 ms'")
			return err == nil && running == "true"
		}, soon, tick)
		at := time.Now().Truncate(time.Minute)
		seconds := func() float64 {
			at = at.Add(time.Minute)
			b := collectors.NewBuilder(collectors.Key{Collector: "postgres_use", Target: "main"}, at)
			require.NoError(t, c.use.Collect(t.Context(), b))
			for _, consumer := range c.use.neighbours.consumers {
				if consumer.name == clinic {
					return 60 * consumer.window.mean(c.use.neighbours.round, 1)[activeTime]
				}
			}
			return 0
		}
		seconds()
		require.NoError(t, <-done)
		require.Zero(t, seconds(), "what the transaction did was seen while it ran")
		require.NoError(t, transaction.Commit(t.Context()))
		require.NoError(t, conn.Close(t.Context()))
		var after float64
		require.Eventually(t, func() bool { after += seconds(); return after > 0.1 }, soon, tick)
		require.Less(t, after, 1.7, "and the rest of it when it ended")
	})
}

// TestSessionsEndedByForce: what they were active for is counted nowhere, and must not hide what
// others do afterwards.
func TestSessionsEndedByForce(t *testing.T) {
	last := busy{counted: 1000, active: 1600}
	step := func(counted, running, open float64) float64 {
		now := busy{counted: counted, active: counted + running}
		grown := now.since(last, open, 60)
		last = now
		return grown
	}
	require.Zero(t, step(1000, 0, 900), "its transaction goes on")
	require.Zero(t, step(1010, 0, 960))
	require.Zero(t, step(1010, 0, 5), "it may be told in a moment")
	require.Zero(t, step(1020, 0, 5))
	require.InDelta(t, 30, step(1050, 0, 5), 0, "it was ended by force")
	require.InDelta(t, 4, step(4, 0, 5), 0, "the server's counters were reset")
}
