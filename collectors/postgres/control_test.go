package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// TestHealthy: of a server that is well everything can be had by a role that has pg_monitor, and
// nothing is told.
func TestHealthy(t *testing.T) {
	majors(t, func(t *testing.T, server *platform.Postgres) {
		config := configFor(server, roleForTest(t, server, "IN ROLE pg_monitor"))
		config.Compat = true
		b := collect(t, clusterForTest(t, config, Options{}))
		requireAbsent(t, b, "wardround_indicator_unavailable")
		require.Empty(t, b.Findings)
	})
}

// TestNamesOfOthers: they are there for those alone who ask for them.
func TestNamesOfOthers(t *testing.T) {
	b := collect(t, monitored(t, primary, Options{}))
	for _, m := range compatMetrics() {
		requireAbsent(t, b, m.Name)
	}
}

// day is a server on which bad days are had, one after the other.
type day struct {
	server *platform.Postgres
	c      *Cluster
}

func TestBadDays(t *testing.T) {
	for major, bin := range bins(t) {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			server := platform.PostgresForTest(t, platform.PostgresOptions{BinDir: bin, Settings: map[string]string{
				"archive_mode": "on", "archive_command": "true", "max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB",
			}})
			d := day{server, monitored(t, server, Options{Tenants: tenantsOf(t, map[string]string{"north": "postgres"})})}
			t.Run("settings change", d.testSettings)
			t.Run("statistics are reset", d.testStatisticsReset)
			t.Run("a view is denied", d.testDenied)
			t.Run("archiving fails", d.testArchiver)
			t.Run("a slot is lost", d.testSlot)
		})
	}
}

func (d day) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		require.NoError(t, d.server.Exec(t.Context(), "", sql))
	}
}

func (d day) testSettings(t *testing.T) {
	b := collect(t, d.c)
	before, known := d.c.Settings()
	require.True(t, known)
	require.Equal(t, "1", before["max_slot_wal_keep_size"], "as the server keeps it, in its unit")
	require.NotContains(t, before, "work_mem", "it is what is built in")
	require.NotContains(t, before, "statement_timeout", "it is our session's")
	hash, _ := value(b, "pg_settings_hash")
	requireValue(t, b, 4<<20, "pg_settings_work_mem_bytes")
	requireValue(t, b, 300, "pg_settings_checkpoint_timeout_seconds")

	const secret = "canary-9d21"
	d.exec(t, "ALTER SYSTEM SET work_mem = '8MB'", "ALTER SYSTEM SET primary_conninfo = 'password="+secret+"'",
		"ALTER SYSTEM SET max_connections = 70", "SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		b = collect(t, d.c)
		now, _ := value(b, "pg_settings_work_mem_bytes")
		pending, _ := value(b, "pg_settings_pending_restart")
		return now == 8<<20 && pending == 1
	}, soon, tick)
	changed, _ := value(b, "pg_settings_hash")
	require.NotEqual(t, hash, changed)
	after, _ := d.c.Settings()
	require.Equal(t, "8192", after["work_mem"])
	require.Equal(t, before["max_connections"], after["max_connections"], "not before the restart")
	require.Regexp(t, "^sha256:[0-9a-f]{16}$", after["primary_conninfo"])
	found, _ := finding(b, "settings_pending_restart")
	require.Equal(t, "settings were changed that take effect with the next restart only: max_connections.", found.Text)
	for name, text := range after {
		require.NotContains(t, text, secret, name)
	}
	d.exec(t, "ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		back, _ := value(collect(t, d.c), "pg_settings_hash")
		return back == hash
	}, soon, tick)
}

func (d day) testStatisticsReset(t *testing.T) {
	d.exec(t, "CREATE TABLE filled AS SELECT generate_series(1, 1000)")
	reset := "pg_stat_database_stats_reset_timestamp_seconds"
	var b *collectors.Batch
	require.Eventually(t, func() bool {
		b = collect(t, d.c)
		inserted, _ := value(b, "pg_stat_database_tup_inserted_total", "datname", "postgres")
		return inserted >= 1000
	}, soon, tick)
	written, _ := d.c.Writes("postgres")
	made, _ := value(b, "pg_stat_wal_records_total")
	began, _ := value(b, "pg_stat_wal_stats_reset_timestamp_seconds")

	d.exec(t, "SELECT pg_stat_reset(), pg_stat_reset_shared('wal'), pg_stat_reset_shared('bgwriter')")
	b = collect(t, d.c)
	inserted, _ := value(b, "pg_stat_database_tup_inserted_total", "datname", "postgres")
	require.Less(t, inserted, 1000.0)
	since, known := value(b, reset, "datname", "postgres")
	require.True(t, known)
	require.InDelta(t, float64(b.At.Unix()), since, 60)
	now, known := d.c.Writes("postgres")
	require.True(t, known)
	require.NotEqual(t, written, now, "which counts as a write")
	records, _ := value(b, "pg_stat_wal_records_total")
	require.Less(t, records, made)
	again, _ := value(b, "pg_stat_wal_stats_reset_timestamp_seconds")
	require.Greater(t, again, began)
	require.Empty(t, b.Findings)
}

// testDenied: what is withheld is missing, and said so; the rest is there.
func (d day) testDenied(t *testing.T) {
	d.exec(t, "REVOKE EXECUTE ON FUNCTION pg_ls_waldir() FROM pg_monitor", "REVOKE SELECT ON pg_stat_slru FROM PUBLIC")
	b := collect(t, d.c)
	for _, indicator := range []string{"wal_files", "slru"} {
		requireValue(t, b, 1, "wardround_indicator_unavailable", "indicator", indicator, "reason", "permission")
	}
	requireAbsent(t, b, "pg_wal_size_bytes")
	requireAbsent(t, b, "pg_stat_slru_blks_hit_total")
	requireValue(t, b, 1, "pg_up")
	_, known := value(b, "pg_stat_wal_bytes_total")
	require.True(t, known)
	d.exec(t, "REVOKE SELECT ON pg_settings FROM PUBLIC")
	collect(t, d.c)
	_, known = d.c.Settings()
	require.False(t, known, "what could not be read is not taken for gone")
	d.exec(t, "GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO pg_monitor", "GRANT SELECT ON pg_stat_slru, pg_settings TO PUBLIC")
	requireAbsent(t, collect(t, d.c), "wardround_indicator_unavailable")
}

func (d day) testArchiver(t *testing.T) {
	rolls := []string{"SELECT txid_current()", "SELECT pg_switch_wal()"}
	d.exec(t, rolls...)
	var b *collectors.Batch
	require.Eventually(t, func() bool {
		b = collect(t, d.c)
		archived, _ := value(b, "pg_stat_archiver_archived_total")
		waiting, _ := value(b, "pg_wal_archive_ready_files")
		return archived >= 1 && waiting == 0
	}, soon, tick)
	requireValue(t, b, 0, "pg_stat_archiver_failing")
	requireAbsent(t, b, "pg_wal_archive_oldest_ready_timestamp_seconds")
	_, told := finding(b, "archiver_failing")
	require.False(t, told)

	d.exec(t, "ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()")
	d.exec(t, rolls...)
	require.Eventually(t, func() bool {
		b = collect(t, d.c)
		failing, _ := value(b, "pg_stat_archiver_failing")
		return failing == 1
	}, soon, tick)
	waiting, _ := value(b, "pg_wal_archive_ready_files")
	require.Positive(t, waiting)
	since, known := value(b, "pg_wal_archive_oldest_ready_timestamp_seconds")
	require.True(t, known)
	require.InDelta(t, float64(b.At.Unix()), since, 60)
	found, _ := finding(b, "archiver_failing")
	require.Equal(t, collectors.Protected, found.Question)
	require.Contains(t, found.Text, "since its last success")

	d.exec(t, "ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		failing, known := value(collect(t, d.c), "pg_stat_archiver_failing")
		return known && failing == 0
	}, 2*soon, tick, "the server tries again once a minute, and at the next file")
}

// testSlot has a slot whose receiver is away until the WAL that it needs is gone.
func (d day) testSlot(t *testing.T) {
	slot := []string{"slot_name", "away", "slot_type", "physical"}
	d.exec(t, "CHECKPOINT", "SELECT pg_create_physical_replication_slot('away', true)", "SELECT pg_create_physical_replication_slot('fresh')")
	b := collect(t, d.c)
	requireValue(t, b, 0, "pg_replication_slots_slot_is_active", slot...)
	requireValue(t, b, 0, "pg_replication_slots_lost", slot...)
	requireValue(t, b, 1, "pg_replication_slots_wal_status", append(slot, "wal_status", "reserved")...)
	_, known := value(b, "pg_replication_slots_safe_wal_size_bytes", slot...)
	require.True(t, known)
	inactive, known := value(b, "pg_replication_slots_inactive_since_timestamp_seconds", slot...)
	require.True(t, known)
	require.InDelta(t, float64(b.At.Unix()), inactive, 60)
	_, reserved := value(b, "pg_replication_slots_retained_bytes", "slot_name", "fresh")
	require.False(t, reserved, "nobody has received over it yet")

	d.exec(t, "CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)", "SELECT pg_switch_wal()")
	retained, _ := value(collect(t, d.c), "pg_replication_slots_retained_bytes", slot...)
	require.Greater(t, retained, 2e6)
	for range 4 {
		d.exec(t, "INSERT INTO much SELECT * FROM much LIMIT 2000", "SELECT pg_switch_wal()")
	}
	d.exec(t, "CHECKPOINT")
	b = collect(t, d.c)
	requireValue(t, b, 1, "pg_replication_slots_lost", slot...)
	requireValue(t, b, 1, "pg_replication_slots_unusable")
	requireValue(t, b, 1, "pg_replication_slots_wal_status", append(slot, "wal_status", "lost")...)
	since, _ := value(b, "pg_replication_slots_inactive_since_timestamp_seconds", slot...)
	require.Equal(t, inactive, since)
	found, _ := finding(b, "replication_slot_lost")
	require.Equal(t, collectors.Critical, found.Severity)
	require.Contains(t, found.Text, "slot away is lost")
	d.exec(t, "SELECT pg_drop_replication_slot('away'), pg_drop_replication_slot('fresh')")
	b = collect(t, d.c)
	requireAbsentFor(t, b, "pg_replication_slots_lost", slot...)
	requireValue(t, b, 0, "pg_replication_slots_unusable")
}

func requireAbsentFor(t *testing.T, b *collectors.Batch, family string, labels ...string) {
	t.Helper()
	_, there := value(b, family, labels...)
	require.False(t, there, "%s%v is there", family, labels)
}

// TestTemporaryFiles sees those of a statement that is under way.
func TestTemporaryFiles(t *testing.T) {
	majors(t, func(t *testing.T, server *platform.Postgres) {
		conn, err := server.Connect(t.Context(), "", "")
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `BEGIN; SET LOCAL work_mem = '64kB';
DECLARE sorted CURSOR FOR SELECT g FROM generate_series(1, 100000) g ORDER BY g DESC; FETCH 1 FROM sorted`, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		c := monitored(t, server, Options{})
		b := collect(t, c)
		files, _ := value(b, "pg_temp_files", "spcname", "pg_default")
		require.Positive(t, files)
		bytes, _ := value(b, "pg_temp_files_size_bytes", "spcname", "pg_default")
		require.Greater(t, bytes, 500e3)
		require.NoError(t, conn.Close(t.Context()))
		require.Eventually(t, func() bool {
			files, known := value(collect(t, c), "pg_temp_files", "spcname", "pg_default")
			return known && files == 0
		}, soon, tick)
	})
}

// TestSharedObjects: pages that belong to no database can be wrong too; 18 has checksums unless told
// otherwise.
func TestSharedObjects(t *testing.T) {
	b := collect(t, monitored(t, eighteen, Options{}))
	requireValue(t, b, 0, "pg_stat_database_checksum_failures_total", "datname", "")
	requireAbsentFor(t, b, "pg_stat_database_xact_commit_total", "datname", "")
}
