package postgres

import (
	"fmt"
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
	metricStandbyReady = gauge("pg_standby_ready", "", "pg_stat_wal_receiver",
		"Whether the standby could take over: it answers, is one, and receives WAL by streaming")
	metricReceiverHeard = gauge("pg_stat_wal_receiver_last_msg_receipt_timestamp_seconds", "seconds", "pg_stat_wal_receiver",
		"When the standby last heard from its sender")
	metricReplayedCommit = gauge("pg_replication_last_replayed_commit_timestamp_seconds", "seconds", "pg_last_xact_replay_timestamp()",
		"When the transaction was committed on the primary that was replayed last")
	metricClockDifference = gauge("pg_stat_wal_receiver_clock_difference_seconds", "seconds", "pg_stat_wal_receiver",
		"By how much the standby's clock is ahead of its sender's, and the time that a message takes")
	metricReplayPaused = gauge("pg_replication_replay_paused", "", "pg_is_wal_replay_paused()",
		"Whether replay was paused by an administrator")
)

// standbySQL gives no lag without a receiver (unknown is not zero), nor where the receiver has
// heard nothing yet or is hidden from our role.
const standbySQL = `SELECT
  CASE WHEN wr.latest_end_lsn IS NULL THEN NULL
       WHEN pg_last_wal_replay_lsn() >= wr.latest_end_lsn THEN 0
       WHEN pg_last_xact_replay_timestamp() IS NULL THEN NULL
       ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END AS lag,
  wr.pid IS NOT NULL AND wr.status IS NULL AS hidden,
  (wr.pid IS NOT NULL AND wr.status = 'streaming')::int AS streaming,
  extract(epoch FROM wr.last_msg_receipt_time) AS heard,
  extract(epoch FROM wr.last_msg_receipt_time - wr.last_msg_send_time) AS ahead,
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
			metricLag, metricLagBytes, metricStandbyReady, metricReceiverStreaming, metricReceiverHeard, metricClockDifference, metricReplayedCommit, metricReplayPaused,
		},
	}
}

func (r *round) readOwnReplay(t table) {
	if len(t.rows) == 0 { // a primary
		r.notReady()
		return
	}
	line := t.first()
	r.set(metricReplayedCommit, line, "commit_time")
	r.set(metricReplayPaused, line, "paused")
	if line.truth("hidden") {
		return // said by the server's group
	}
	r.set(metricReceiverStreaming, line, "streaming")
	r.set(metricStandbyReady, line, "streaming")
	r.set(metricReceiverHeard, line, "heard")
	r.set(metricClockDifference, line, "ahead")
	r.findClocksDiffer(seconds(line, "ahead"))
	r.set(metricLagBytes, line, "lag_bytes")
	if streaming, _ := line.number("streaming"); streaming == 0 {
		r.findNotStreaming("this standby receives no WAL from its sender")
	}
	lag, known := r.cluster.clock.lag(r.At(), line)
	if !known {
		return
	}
	r.Set(metricLag, lag.Seconds())
	behind, _ := line.number("lag_bytes")
	r.findLagging("this standby", lag, behind)
}

// notReady says that the server cannot take over, if that is what it is configured for.
func (r *round) notReady() {
	if r.cluster.config.StandbyOf != "" {
		r.Set(metricStandbyReady, 0)
	}
}

// lag is what the server measured, within the bounds that are known without its clock and that of
// its sender; false where the sender has not told how far it is.
func (c *lsnClock) lag(now time.Time, line row) (time.Duration, bool) {
	told, known := line.count("told")
	if !known {
		return 0, false
	}
	replayed, _ := line.count("replayed")
	least, most := c.behind(now, told, replayed)
	if _, known := line.number("lag"); !known {
		return least, true
	}
	measured := seconds(line, "lag")
	if ahead := seconds(line, "ahead"); ahead.Abs() >= clocksDiffer {
		measured -= ahead
	}
	return min(max(measured, least), most), true
}

// findClocksDiffer tells of a standby whose clock is not its sender's: how old something is that
// one wrote and the other read is then off by so much.
func (r *round) findClocksDiffer(ahead time.Duration) {
	if ahead.Abs() < clocksDiffer {
		return
	}
	r.Find(collectors.Finding{
		Name: "clocks_differ", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("the clocks of this standby and of its sender differ by %s", brief(ahead.Abs())),
	})
}
