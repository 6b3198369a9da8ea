package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

var statWAL = view{"pg_stat_wal", []column{
	{"wal_records", plain, counter("pg_stat_wal_records_total", "", "pg_stat_wal", "WAL records made")},
	{"wal_fpi", plain, counter("pg_stat_wal_full_page_images_total", "", "pg_stat_wal", "Whole pages written to WAL, as after each checkpoint")},
	{"wal_bytes", plain, counter("pg_stat_wal_bytes_total", "bytes", "pg_stat_wal", "WAL made")},
	{"wal_buffers_full", plain, counter("pg_stat_wal_buffers_full_total", "", "pg_stat_wal", "Times that WAL was written because its buffers were full")},
	{"wal_write", plain, counter("pg_stat_wal_writes_total", "", "pg_stat_wal", "Writes of WAL to disk; from PostgreSQL 18 on see pg_stat_io")},
	{"wal_sync", plain, counter("pg_stat_wal_syncs_total", "", "pg_stat_wal", "Flushes of WAL to disk; from PostgreSQL 18 on see pg_stat_io")},
	{"wal_write_time", millis, counter("pg_stat_wal_write_time_seconds_total", "seconds", "pg_stat_wal", "Time spent writing WAL; 0 unless track_wal_io_timing is on")},
	{"wal_sync_time", millis, counter("pg_stat_wal_sync_time_seconds_total", "seconds", "pg_stat_wal", "Time spent flushing WAL; 0 unless track_wal_io_timing is on")},
	{"stats_reset", timestamp, gauge("pg_stat_wal_stats_reset_timestamp_seconds", "seconds", "pg_stat_wal", "When these counters last began at zero")},
}}

var statArchiver = view{"pg_stat_archiver", []column{
	{"archived_count", plain, counter("pg_stat_archiver_archived_total", "", "pg_stat_archiver", "WAL files archived")},
	{"failed_count", plain, counter("pg_stat_archiver_failed_total", "", "pg_stat_archiver", "Attempts to archive a WAL file that failed")},
	{"last_archived_time", timestamp, gauge("pg_stat_archiver_last_archived_timestamp_seconds", "seconds", "pg_stat_archiver", "When a WAL file was last archived")},
	{"last_failed_time", timestamp, gauge("pg_stat_archiver_last_failed_timestamp_seconds", "seconds", "pg_stat_archiver", "When archiving a WAL file last failed")},
	{"stats_reset", timestamp, gauge("pg_stat_archiver_stats_reset_timestamp_seconds", "seconds", "pg_stat_archiver", "When these counters last began at zero")},
}}

var (
	metricWALPosition = gauge("pg_wal_position_bytes", "bytes", "pg_current_wal_lsn(), pg_last_wal_receive_lsn()",
		"Position in the WAL that the server has written, or received where it is a standby, as a number of bytes")
	metricArchiverFailing = gauge("pg_stat_archiver_failing", "", "pg_stat_archiver",
		"Whether the last attempt to archive a WAL file failed; absent where the server does not archive")
	metricWALSegments = gauge("pg_wal_segments", "", "pg_ls_waldir()", "WAL files on disk")
	metricWALSize     = gauge("pg_wal_size_bytes", "bytes", "pg_ls_waldir()", "Size of the WAL files on disk")
	metricReadyFiles  = gauge("pg_wal_archive_ready_files", "", "pg_ls_archive_statusdir()", "WAL files that wait to be archived")
	metricReadyOldest = gauge("pg_wal_archive_oldest_ready_timestamp_seconds", "seconds", "pg_ls_archive_statusdir()",
		"Since when the WAL file waits that has waited longest to be archived; absent while none does")
)

// walGroup is how much WAL is made and whether it is archived. All of it may be asked by any role.
func walGroup() group {
	return group{
		name: "wal", standbys: true, views: []string{statWAL.name, statArchiver.name}, sql: walSQL, read: (*round).readWAL,
		metrics: append(append(statWAL.metrics(), statArchiver.metrics()...), metricWALPosition, metricArchiverFailing),
	}
}

func walSQL(f facts) string {
	var sql strings.Builder
	sql.WriteString(`SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn() END, '0/0') AS position,
  CASE WHEN current_setting('archive_mode') = 'always' OR current_setting('archive_mode') = 'on' AND NOT pg_is_in_recovery()
    THEN coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false)::int END AS failing`)
	sql.WriteString(statWAL.choose(f, "w", "wal "))
	sql.WriteString(statArchiver.choose(f, "a", "archiver "))
	sql.WriteString(" FROM pg_stat_wal w CROSS JOIN pg_stat_archiver a")
	return sql.String()
}

func (r *round) readWAL(t table) {
	line := t.first()
	r.set(metricWALPosition, line, "position")
	r.set(metricArchiverFailing, line, "failing")
	r.setView("", statWAL, line, "wal ")
	r.setView("", statArchiver, line, "archiver ")
	if failing, _ := line.number("failing"); failing == 1 {
		r.findArchiverFailing(line)
	}
}

func (r *round) findArchiverFailing(line row) {
	since := "since it was begun"
	if last, known := line.number("archiver last_archived_time"); known {
		since = "for " + brief(r.since(last)) + ", since its last success"
	}
	failed, _ := line.number("archiver failed_count")
	r.Find(collectors.Finding{
		Name: "archiver_failing", Question: collectors.Protected, Severity: collectors.Critical,
		Text: fmt.Sprintf("archiving WAL fails %s (%.0f failed attempts counted): what was written since is in no backup, and WAL piles up", since, failed),
	})
}

// since is how long ago a moment was, by the round's clock.
func (r *round) since(moment float64) time.Duration {
	return max(0, r.At().Sub(time.UnixMilli(int64(moment*1000))))
}

// walFilesSQL reads two directories of the server's, which pg_monitor may.
const walFilesSQL = `SELECT w.segments, w.size, a.ready, a.oldest, a.longest
FROM (SELECT count(*) AS segments, sum(size) AS size FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') w
CROSS JOIN (SELECT count(*) AS ready, extract(epoch FROM min(modification)) AS oldest,
    extract(epoch FROM clock_timestamp() - min(modification)) AS longest
  FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') a`

// walFilesGroup is how much WAL lies on disk, and how much of it waits to be archived.
func walFilesGroup() group {
	return group{
		name: "wal_files", standbys: true, sql: always(walFilesSQL), read: (*round).readWALFiles,
		metrics: []*collectors.Metric{metricWALSegments, metricWALSize, metricReadyFiles, metricReadyOldest},
	}
}

func (r *round) readWALFiles(t table) {
	line := t.first()
	r.set(metricWALSegments, line, "segments")
	r.set(metricWALSize, line, "size")
	r.set(metricReadyFiles, line, "ready")
	r.set(metricReadyOldest, line, "oldest")
	waiting, _ := line.count("ready")
	severity, wrong := grade(seconds(line, "longest"), unarchived, unarchivedLong)
	if waiting == 0 || !wrong {
		return
	}
	r.Find(collectors.Finding{
		Name: "archiving_behind", Question: collectors.Protected, Severity: severity,
		Text: fmt.Sprintf("%d WAL files wait to be archived, the oldest for %s: what is in them is in no backup", waiting, brief(seconds(line, "longest"))),
	})
}
