package postgres

import (
	"math"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	metricLag = gauge("pg_replication_lag_seconds", "seconds", "pg_stat_wal_receiver and pg_last_xact_replay_timestamp()",
		"How far replay is behind; 0 once all that the sender told of is replayed, absent without a receiver")
	metricLagBytes = gauge("pg_replication_lag_bytes", "bytes", "pg_stat_wal_receiver",
		"WAL that the sender told of and that is not yet replayed; absent without a receiver")
	metricReceiverStreaming = gauge("pg_stat_wal_receiver_streaming", "", "pg_stat_wal_receiver",
		"Whether the standby receives WAL by streaming")
	metricReceiverHeard = gauge("pg_stat_wal_receiver_last_msg_receipt_timestamp_seconds", "seconds", "pg_stat_wal_receiver",
		"When the standby last heard from its sender")
	metricReplayedCommit = gauge("pg_replication_last_replayed_commit_timestamp_seconds", "seconds", "pg_last_xact_replay_timestamp()",
		"When the transaction was committed on the primary that was replayed last")
	metricReplayPaused = gauge("pg_replication_replay_paused", "", "pg_is_wal_replay_paused()",
		"Whether replay was paused by an administrator")
)

// standbySQL gives no lag without a receiver (unknown is not zero), nor where the receiver has
// heard nothing yet or is hidden from our role.
const standbySQL = `SELECT
  CASE WHEN wr.latest_end_lsn IS NULL THEN NULL
       WHEN pg_last_wal_replay_lsn() >= wr.latest_end_lsn THEN 0
       WHEN pg_last_xact_replay_timestamp() IS NULL THEN NULL
       ELSE greatest(0, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())) END AS lag,
  wr.pid IS NOT NULL AND wr.status IS NULL AS hidden,
  (wr.pid IS NOT NULL AND wr.status = 'streaming')::int AS streaming,
  extract(epoch FROM wr.last_msg_receipt_time) AS heard,
  pg_wal_lsn_diff(wr.latest_end_lsn, '0/0') AS told, pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') AS replayed,
  CASE WHEN wr.latest_end_lsn IS NOT NULL
       THEN greatest(0, pg_wal_lsn_diff(wr.latest_end_lsn, pg_last_wal_replay_lsn())) END AS lag_bytes,
  extract(epoch FROM pg_last_xact_replay_timestamp()) AS commit_time,
  CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused()::int END AS paused
FROM (SELECT 1) one LEFT JOIN pg_stat_wal_receiver wr ON true
WHERE pg_is_in_recovery()`

// standbyGroup is how far behind the server itself is, if it is a standby.
func standbyGroup() group {
	return group{
		name: "standby", standbys: true, sql: always(standbySQL), read: (*round).readOwnReplay,
		metrics: []*collectors.Metric{
			metricLag, metricLagBytes, metricReceiverStreaming, metricReceiverHeard, metricReplayedCommit, metricReplayPaused,
		},
	}
}

func (r *round) readOwnReplay(t table) {
	if len(t.rows) == 0 {
		return // a primary
	}
	line := t.first()
	r.set(metricReplayedCommit, line, "commit_time")
	r.set(metricReplayPaused, line, "paused")
	if line.truth("hidden") {
		return // said by the server's group
	}
	r.set(metricReceiverStreaming, line, "streaming")
	r.set(metricReceiverHeard, line, "heard")
	r.set(metricLagBytes, line, "lag_bytes")
	if streaming, _ := line.number("streaming"); streaming == 0 {
		r.findNotStreaming("this standby receives no WAL from its sender")
	}
	told, know := line.count("told")
	if !know {
		return
	}
	replayed, _ := line.count("replayed")
	upper := time.Duration(math.MaxInt64)
	if _, known := line.number("lag"); known {
		upper = seconds(line, "lag")
	}
	lag := min(upper, r.cluster.clock.behind(r.At(), told, replayed))
	r.Set(metricLag, lag.Seconds())
	behind, _ := line.number("lag_bytes")
	r.findLagging("this standby", lag, behind)
}
