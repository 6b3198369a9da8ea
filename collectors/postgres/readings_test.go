package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// readingOf is what a round makes of one answer, of one row.
func readingOf(t *testing.T, read func(*round, table), answer map[string]string) *collectors.Batch {
	t.Helper()
	c := clusterForTest(t, configFor(primary, "postgres"), Options{Tenants: tenantsOf(t, map[string]string{"north": "clinic"})})
	b := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, t0)
	read(&round{Builder: b, cluster: c, tenants: c.options.Tenants.Current()}, answered(answer))
	return b.Batch()
}

func TestReadings(t *testing.T) {
	type want struct {
		value  float64
		family string
		labels []string
	}
	for name, test := range map[string]struct {
		read   func(*round, table)
		answer map[string]string
		want   []want
	}{
		"checkpoints up to 16": {
			(*round).readCheckpoints,
			map[string]string{"bgwriter checkpoints_timed": "3", "bgwriter checkpoint_write_time": "2500"},
			[]want{{3, "pg_stat_checkpointer_num_timed_total", nil}, {2.5, "pg_stat_checkpointer_write_time_seconds_total", nil}},
		},
		"checkpoints from 17 on": {
			(*round).readCheckpoints,
			map[string]string{"bgwriter buffers_clean": "9", "checkpointer num_timed": "3", "checkpointer write_time": "2500"},
			[]want{
				{3, "pg_stat_checkpointer_num_timed_total", nil},
				{2.5, "pg_stat_checkpointer_write_time_seconds_total", nil},
				{9, "pg_stat_bgwriter_buffers_clean_total", nil},
			},
		},
		"autovacuum": {
			(*round).readActivity,
			map[string]string{"datname": "clinic", "backend_type": "autovacuum worker", "n": "3", "wraparound": "1"},
			[]want{{3, "pg_autovacuum_workers", nil}, {1, "pg_autovacuum_wraparound_workers", nil}},
		},
		"waiting for a lock": {
			(*round).readActivity,
			map[string]string{"datname": "clinic", "backend_type": "client backend", "wait_event_type": "Lock", "n": "3", "xmin_age": "12"},
			[]want{
				{3, "pg_lock_waiting_backends", []string{"datname", "clinic", "tenant", "north"}},
				{12, "pg_xmin_holder_age", []string{"holder", "session"}},
				{0, "pg_autovacuum_workers", nil},
			},
		},
		"vacuum": {
			(*round).readVacuum,
			map[string]string{"datname": "clinic", "relname": "16400", "phase": "scanning heap", "heap_blks_total": "50", "began": "1e9"},
			[]want{
				{1, "pg_stat_progress_vacuum_phase", []string{"tenant", "north", "relname", "16400", "phase", "scanning heap"}},
				{50, "pg_stat_progress_vacuum_heap_blks", []string{"datname", "clinic"}},
				{1e9, "pg_stat_progress_vacuum_start_timestamp_seconds", []string{"datname", "clinic"}},
			},
		},
		"standby with feedback": {
			(*round).readReplication,
			map[string]string{"application_name": "r1", "state": "streaming", "write_bytes": "8", "xmin_age": "12"},
			[]want{
				{8, "pg_stat_replication_write_lag_bytes", []string{"application_name", "r1"}},
				{12, "pg_xmin_holder_age", []string{"holder", "standby"}},
			},
		},
		"setting with a unit": {
			(*round).readSettings,
			map[string]string{"name": "shared_buffers", "unit": "8kB", "value": "16384"},
			[]want{{128 << 20, "pg_settings_shared_buffers_bytes", nil}, {0, "pg_settings_pending_restart", nil}},
		},
		"setting without a limit": {
			(*round).readSettings,
			map[string]string{"name": "max_slot_wal_keep_size", "unit": "MB", "value": "-1"},
			[]want{{-1, "pg_settings_max_slot_wal_keep_size_bytes", nil}},
		},
		"WAL kept for slots": {
			(*round).readSettings,
			map[string]string{"name": "max_slot_wal_keep_size", "unit": "MB", "value": "64"},
			[]want{{64 << 20, "pg_settings_max_slot_wal_keep_size_bytes", nil}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := readingOf(t, test.read, test.answer)
			for _, w := range test.want {
				requireValue(t, b, w.value, w.family, w.labels...)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	for unit, want := range map[string]float64{
		"": 1, "B": 1, "kB": 1024, "8kB": 8192, "16MB": 16 << 20, "MB": 1 << 20, "ms": 0.001, "s": 1, "min": 60,
	} {
		require.InDelta(t, want, unitOf(unit), 1e-9, unit)
	}
}

// TestBytesOfOperations: PostgreSQL 16 and 17 tell how many operations there were, and of what size.
func TestBytesOfOperations(t *testing.T) {
	columns := map[string]bool{"reads": true, "op_bytes": true}
	sql := ioSQL(facts{columns: map[string]map[string]bool{"pg_stat_io": columns}})
	require.Contains(t, sql, "i.reads * i.op_bytes AS read_bytes")
	delete(columns, "op_bytes")
	columns["read_bytes"] = true
	sql = ioSQL(facts{columns: map[string]map[string]bool{"pg_stat_io": columns}})
	require.Contains(t, sql, `i.read_bytes AS "read_bytes"`)
	require.NotContains(t, sql, "op_bytes")
	require.Empty(t, ioSQL(facts{}), "not asked of PostgreSQL 15")
}
