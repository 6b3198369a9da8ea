package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// pair is a primary with a standby, and what watches each.
type pair struct {
	primary, standby *platform.Postgres
	main, replica    *Cluster
}

func pairForTest(t *testing.T, o platform.PostgresOptions, change func(*Config)) pair {
	t.Helper()
	p := pair{primary: platform.PostgresForTest(t, o)}
	role := roleForTest(t, p.primary, "IN ROLE pg_monitor")
	require.NoError(t, p.primary.Exec(t.Context(), "", "CREATE TABLE beats(n int); INSERT INTO beats VALUES (1)"))
	p.standby = platform.ReplicaForTest(t, p.primary)
	config := configFor(p.primary, role)
	change(&config)
	p.main = clusterForTest(t, config, Options{})
	config = configFor(p.standby, role)
	change(&config)
	config.Name, config.StandbyOf = "main-standby", "main"
	p.replica = clusterForTest(t, config, Options{Tenants: tenantsOf(t, map[string]string{"north": "postgres"})})
	require.Eventually(t, func() bool {
		streaming, _ := value(collect(t, p.replica), "pg_stat_wal_receiver_streaming")
		return streaming == 1
	}, soon, tick)
	return p
}

func (p pair) write(t *testing.T, n int) {
	t.Helper()
	require.NoError(t, p.primary.Exec(t.Context(), "", fmt.Sprintf("INSERT INTO beats SELECT generate_series(1, %d)", n)))
}

// caughtUp waits until both sides agree that nothing is left to replay.
func (p pair) caughtUp(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		ours, known := value(collect(t, p.replica), "pg_replication_lag_seconds")
		theirs, seen := value(collect(t, p.main), "pg_stat_replication_replay_lag_seconds")
		return known && seen && ours == 0 && theirs == 0
	}, soon, tick)
}

// TestReplication walks one pair through its troubles; each part leaves it whole for the next.
func TestReplication(t *testing.T) {
	for major, bin := range bins(t) {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			p := pairForTest(t, platform.PostgresOptions{BinDir: bin}, func(*Config) {})
			t.Run("streaming", p.testStreaming)
			t.Run("primary idle", p.testIdle)
			t.Run("replay paused", p.testPaused)
			t.Run("conflict with recovery", p.testConflict)
			t.Run("receiver cut", p.testReceiverCut)
			t.Run("standby down", p.testStandbyDown)
			t.Run("promoted", p.testPromoted)
		})
	}
}

// TestStandbysThatLookAlike: two of one name and address, without slots, share their series. What
// they tell is how the one is that is worse off, whichever came first.
func TestStandbysThatLookAlike(t *testing.T) {
	p := pairForTest(t, platform.PostgresOptions{}, func(*Config) {})
	second, err := platform.StartReplica(t.Context(), p.primary, platform.PostgresOptions{Name: "second"})
	require.NoError(t, err)
	defer func() { require.NoError(t, second.Remove()) }()
	both := []*platform.Postgres{p.standby, second}
	for _, standby := range both {
		conninfo, err := standby.Value(t.Context(), "", "SELECT current_setting('primary_conninfo') || ' application_name=twin'")
		require.NoError(t, err)
		for _, sql := range []string{
			"ALTER SYSTEM SET primary_conninfo = '" + strings.ReplaceAll(conninfo, "'", "''") + "'",
			"ALTER SYSTEM SET primary_slot_name = ''", "SELECT pg_reload_conf()",
		} {
			require.NoError(t, standby.Exec(t.Context(), "", sql))
		}
	}
	for i, standby := range both {
		other := both[1-i]
		require.Eventually(t, func() bool {
			twins, err := p.primary.Value(t.Context(), "", "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'twin' AND state = 'streaming' AND replay_lsn = pg_current_wal_lsn()")
			return err == nil && twins == "2"
		}, soon, tick)
		require.NoError(t, standby.Exec(t.Context(), "", "SELECT pg_wal_replay_pause()"))
		p.write(t, 1000)
		require.Eventually(t, func() bool {
			one, err := p.primary.Value(t.Context(), "", "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()")
			return err == nil && one == "1"
		}, soon, tick)
		behind, known := value(collect(t, p.main), "pg_stat_replication_replay_lag_bytes", "application_name", "twin", "slot_name", "")
		require.True(t, known)
		require.Greater(t, behind, 1000.0, "%s is behind and %s is not", standby.Addr(), other.Addr())
		require.NoError(t, standby.Exec(t.Context(), "", "SELECT pg_wal_replay_resume()"))
	}
}

func (p pair) testStreaming(t *testing.T) {
	var b *collectors.Batch
	require.Eventually(t, func() bool {
		b = collect(t, p.main)
		behind, known := value(b, "pg_stat_replication_replay_lag_bytes", "application_name", "replica")
		return known && behind == 0
	}, soon, tick)
	requireValue(t, b, 1, "pg_stat_replication_info", "application_name", "replica", "client_addr", "127.0.0.1",
		"slot_name", "replica", "state", "streaming", "sync_state", "async")
	requireValue(t, b, 1, "pg_stat_replication_streaming", "application_name", "replica")
	requireAbsent(t, b, "pg_replication_lag_seconds")
	requireAll(t, b, replicationGroup(), "pg_stat_replication_backend_xmin_age") // no feedback is sent

	b = collect(t, p.replica)
	requireValue(t, b, 1, "pg_replication_is_replica")
	requireValue(t, b, 1, "pg_up", "target", "main-standby")
	requireValue(t, b, 0, "pg_replication_replay_paused")
	requireValue(t, b, 1, "pg_stat_activity_backends", "datname", "postgres", "tenant", "north")
	_, counted := value(b, "pg_stat_database_xact_commit_total", "datname", "postgres", "tenant", "north")
	require.True(t, counted, "what it does itself is counted there too")
	require.Empty(t, b.Findings)
	require.Empty(t, p.replica.Databases())
	_, known := p.replica.Writes("postgres")
	require.False(t, known)
	require.ErrorContains(t, p.replica.Visit(t.Context(), "postgres", exec("SELECT 1")), "is a standby")
}

// testIdle: the last commit gets older and older, and nothing is behind.
func (p pair) testIdle(t *testing.T) {
	p.write(t, 1)
	p.caughtUp(t)
	require.Eventually(t, func() bool {
		b := collect(t, p.replica)
		requireAll(t, b, standbyGroup())
		lag, known := value(b, "pg_replication_lag_seconds") // the server writes now and then by itself
		commit, ok := value(b, "pg_replication_last_replayed_commit_timestamp_seconds")
		age := float64(time.Now().UnixMilli())/1000 - commit
		return ok && age > 2 && known && lag == 0
	}, soon, tick)
	p.caughtUp(t)
}

// testPaused: the lag grows from when there was something to replay, on both sides, also while
// nothing more is written. The idle time before does not count.
func (p pair) testPaused(t *testing.T) {
	began := time.Now()
	collect(t, p.replica)
	require.NoError(t, p.standby.Exec(t.Context(), "", "SELECT pg_wal_replay_pause()"))
	p.write(t, 100)
	var last *collectors.Batch
	require.Eventually(t, func() bool {
		last = collect(t, p.replica)
		lag, ok := value(last, "pg_replication_lag_seconds")
		behind, known := value(collect(t, p.main), "pg_stat_replication_replay_lag_seconds")
		if ok {
			require.LessOrEqual(t, lag, time.Since(began).Seconds(), "not from the last commit before the pause")
		}
		return ok && known && lag > 2 && behind > 1
	}, soon, tick)
	requireValue(t, last, 1, "pg_replication_replay_paused")
	bytes, _ := value(last, "pg_replication_lag_bytes")
	require.Greater(t, bytes, 100.0)
	require.NoError(t, p.standby.Exec(t.Context(), "", "SELECT pg_wal_replay_resume()"))
	p.caughtUp(t)
	requireValue(t, collect(t, p.replica), 0, "pg_replication_lag_bytes")
}

// testConflict: a query on the standby stands in the way of replay and is cancelled.
func (p pair) testConflict(t *testing.T) {
	require.NoError(t, p.standby.Exec(t.Context(), "", "ALTER SYSTEM SET max_standby_streaming_delay = 0"))
	require.NoError(t, p.standby.Exec(t.Context(), "", "SELECT pg_reload_conf()"))
	reader, err := p.standby.Connect(t.Context(), "", "")
	require.NoError(t, err)
	_, err = reader.Exec(t.Context(), "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM beats LIMIT 1", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	require.NoError(t, p.primary.Exec(t.Context(), "", "DELETE FROM beats"))
	require.NoError(t, p.primary.Exec(t.Context(), "", "VACUUM beats"))
	require.Eventually(t, func() bool {
		if _, err := reader.Exec(t.Context(), "SELECT 1"); err != nil {
			_ = reader.Close(t.Context()) // cancelled; what it did is counted when it ends
		}
		n, _ := value(collect(t, p.replica), "pg_stat_database_recovery_conflicts_total", "datname", "postgres", "reason", "snapshot")
		return n == 1
	}, soon, tick)
	requireAbsent(t, collect(t, p.main), "pg_stat_database_recovery_conflicts_total")
	p.caughtUp(t)
}

// testReceiverCut: without a receiver nobody knows how far behind, which is not zero.
func (p pair) testReceiverCut(t *testing.T) {
	require.NoError(t, p.primary.Stop())
	var b *collectors.Batch
	require.Eventually(t, func() bool {
		b = collect(t, p.replica)
		streaming, _ := value(b, "pg_stat_wal_receiver_streaming")
		return streaming == 0
	}, soon, tick)
	requireValue(t, b, 0, "pg_standby_ready")
	requireAbsent(t, b, "pg_replication_lag_seconds")
	requireAbsent(t, b, "pg_replication_lag_bytes")
	found, ok := finding(b, "replica_not_streaming")
	require.True(t, ok)
	require.Equal(t, collectors.Recoverable, found.Question)

	require.NoError(t, p.primary.Start(t.Context()))
	require.Eventually(t, func() bool {
		_, ok := value(collect(t, p.replica), "pg_replication_lag_seconds")
		return ok
	}, soon, tick)
	p.caughtUp(t)
}

// testStandbyDown: one that is down tells nothing, and yet it is known that it cannot take over.
func (p pair) testStandbyDown(t *testing.T) {
	requireValue(t, collect(t, p.replica), 1, "pg_standby_ready")
	require.NoError(t, p.standby.Stop())
	down := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main-standby"}, time.Now())
	require.Error(t, p.replica.Collect(t.Context(), down))
	requireValue(t, down.Batch(), 0, "pg_standby_ready")
	require.NoError(t, p.standby.Start(t.Context()))
	require.Eventually(t, func() bool {
		ready, _ := value(collect(t, p.replica), "pg_standby_ready")
		return ready == 1
	}, soon, tick)
	requireAbsent(t, collect(t, p.main), "pg_standby_ready")
}

// testPromoted comes last: there is no way back.
func (p pair) testPromoted(t *testing.T) {
	require.NoError(t, p.standby.Exec(t.Context(), "", "SELECT pg_promote()"))
	b := collect(t, p.replica)
	requireValue(t, b, 0, "pg_replication_is_replica")
	requireValue(t, b, 0, "pg_standby_ready")
	requireAbsent(t, b, "pg_replication_lag_seconds")
	found, ok := finding(b, "unexpected_role")
	require.True(t, ok)
	require.Contains(t, found.Text, "it was promoted")
}

// requireAll says that a group brought all its metrics but those named.
func requireAll(t *testing.T, b *collectors.Batch, g group, but ...string) {
	t.Helper()
	for _, m := range g.metrics {
		if slices.Contains(but, m.Name) {
			continue
		}
		_, ok := value(b, m.Name)
		require.True(t, ok, "%s is missing", m.Name)
	}
}
