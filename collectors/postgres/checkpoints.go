package postgres

import (
	"slices"
	"strings"
)

// Checkpoints have a view of their own from PostgreSQL 17 on; before, they stood in the background
// writer's under other names. Whichever the server has gives the same series.
var (
	checkpointsTimed     = counter("pg_stat_checkpointer_num_timed_total", "", "pg_stat_checkpointer, pg_stat_bgwriter", "Checkpoints that were due by time")
	checkpointsRequested = counter("pg_stat_checkpointer_num_requested_total", "", "pg_stat_checkpointer, pg_stat_bgwriter", "Checkpoints that were asked for, as where max_wal_size was reached")
	checkpointWriteTime  = counter("pg_stat_checkpointer_write_time_seconds_total", "seconds", "pg_stat_checkpointer, pg_stat_bgwriter", "Time that checkpoints spent writing")
	checkpointSyncTime   = counter("pg_stat_checkpointer_sync_time_seconds_total", "seconds", "pg_stat_checkpointer, pg_stat_bgwriter", "Time that checkpoints spent flushing to disk")
	checkpointBuffers    = counter("pg_stat_checkpointer_buffers_written_total", "", "pg_stat_checkpointer, pg_stat_bgwriter", "Buffers written by checkpoints")
)

var statCheckpointer = view{"pg_stat_checkpointer", []column{
	{"num_timed", plain, checkpointsTimed},
	{"num_requested", plain, checkpointsRequested},
	{"num_done", plain, counter("pg_stat_checkpointer_num_done_total", "", "pg_stat_checkpointer", "Checkpoints completed")},
	{"restartpoints_timed", plain, counter("pg_stat_checkpointer_restartpoints_timed_total", "", "pg_stat_checkpointer", "Restartpoints that were due by time")},
	{"restartpoints_req", plain, counter("pg_stat_checkpointer_restartpoints_req_total", "", "pg_stat_checkpointer", "Restartpoints that were asked for")},
	{"restartpoints_done", plain, counter("pg_stat_checkpointer_restartpoints_done_total", "", "pg_stat_checkpointer", "Restartpoints completed")},
	{"write_time", millis, checkpointWriteTime},
	{"sync_time", millis, checkpointSyncTime},
	{"buffers_written", plain, checkpointBuffers},
	{"slru_written", plain, counter("pg_stat_checkpointer_slru_written_total", "", "pg_stat_checkpointer", "Pages of the small caches written by checkpoints")},
	{"stats_reset", timestamp, gauge("pg_stat_checkpointer_stats_reset_timestamp_seconds", "seconds", "pg_stat_checkpointer", "When these counters last began at zero")},
}}

var statBgwriter = view{"pg_stat_bgwriter", []column{
	{"checkpoints_timed", plain, checkpointsTimed},
	{"checkpoints_req", plain, checkpointsRequested},
	{"checkpoint_write_time", millis, checkpointWriteTime},
	{"checkpoint_sync_time", millis, checkpointSyncTime},
	{"buffers_checkpoint", plain, checkpointBuffers},
	{"buffers_clean", plain, counter("pg_stat_bgwriter_buffers_clean_total", "", "pg_stat_bgwriter", "Buffers written by the background writer")},
	{"maxwritten_clean", plain, counter("pg_stat_bgwriter_maxwritten_clean_total", "", "pg_stat_bgwriter", "Times that the background writer stopped because it had written its share")},
	{"buffers_backend", plain, counter("pg_stat_bgwriter_buffers_backend_total", "", "pg_stat_bgwriter", "Buffers that sessions had to write themselves; from PostgreSQL 17 on see pg_stat_io, and here only where compat is asked for")},
	{"buffers_backend_fsync", plain, counter("pg_stat_bgwriter_buffers_backend_fsync_total", "", "pg_stat_bgwriter", "Times that sessions had to flush to disk themselves; from PostgreSQL 17 on see pg_stat_io, and here only where compat is asked for")},
	{"buffers_alloc", plain, counter("pg_stat_bgwriter_buffers_alloc_total", "", "pg_stat_bgwriter", "Buffers allocated")},
	{"stats_reset", timestamp, gauge("pg_stat_bgwriter_stats_reset_timestamp_seconds", "seconds", "pg_stat_bgwriter", "When these counters last began at zero")},
}}

// checkpointsGroup is what is written from the server's cache to disk, and by whom.
func checkpointsGroup() group {
	metrics := statCheckpointer.metrics()
	for _, m := range statBgwriter.metrics() {
		if !slices.Contains(metrics, m) {
			metrics = append(metrics, m)
		}
	}
	return group{
		name: "checkpoints", standbys: true, views: []string{statCheckpointer.name, statBgwriter.name},
		sql: checkpointsSQL, read: (*round).readCheckpoints, metrics: metrics,
	}
}

func checkpointsSQL(f facts) string {
	var sql strings.Builder
	sql.WriteString("SELECT 1 AS one" + statBgwriter.choose(f, "b", "bgwriter ") + statCheckpointer.choose(f, "c", "checkpointer "))
	sql.WriteString(" FROM pg_stat_bgwriter b")
	if f.columns[statCheckpointer.name] != nil {
		sql.WriteString(" CROSS JOIN pg_stat_checkpointer c")
	}
	return sql.String()
}

func (r *round) readCheckpoints(t table) {
	r.setView("", statBgwriter, t.first(), "bgwriter ")
	r.setView("", statCheckpointer, t.first(), "checkpointer ")
}
