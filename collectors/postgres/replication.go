package postgres

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// standbyLabels tell one standby from another; its state is not among them, so that a series
// outlives a change of state, nor its process, so that it outlives a reconnection.
var standbyLabels = []string{"application_name", "client_addr", "slot_name"}

func ofStandby(name, unit, help string, more ...string) *collectors.Metric {
	labels := append(append([]string{}, standbyLabels...), more...)
	return gauge("pg_stat_replication_"+name, unit, "pg_stat_replication", help, labels...)
}

var (
	metricStandbyInfo      = ofStandby("info", "", "The state of a connected standby, always 1", "state", "sync_state")
	metricStandbyStreaming = ofStandby("streaming", "", "Whether the standby is up to date enough to stream")
	metricSentBytes        = ofStandby("sent_lag_bytes", "bytes", "WAL that was not yet sent to the standby")
	metricWriteBytes       = ofStandby("write_lag_bytes", "bytes", "WAL that the standby has not yet written")
	metricFlushBytes       = ofStandby("flush_lag_bytes", "bytes", "WAL that the standby has not yet flushed to disk")
	metricReplayBytes      = ofStandby("replay_lag_bytes", "bytes", "WAL that the standby has not yet replayed")
	metricWriteLag         = ofStandby("write_lag_seconds", "seconds", "How long ago the WAL was flushed here that the standby wrote last; 0 once it has replayed all")
	metricFlushLag         = ofStandby("flush_lag_seconds", "seconds", "How long ago the WAL was flushed here that the standby flushed last; 0 once it has replayed all")
	metricReplayLag        = ofStandby("replay_lag_seconds", "seconds", "How long ago the WAL was flushed here that the standby replayed last; 0 once it has replayed all")
	metricReplyTime        = ofStandby("reply_timestamp_seconds", "seconds", "When the standby last answered, by its own clock")
	metricStandbyXmin      = ofStandby("backend_xmin_age", "", "Age in transactions of the oldest snapshot that the standby holds here by feedback")
)

// replicationSQL has the standby first that is worse off: of two that cannot be told apart by their
// labels it is the one that is shown.
const replicationSQL = `SELECT r.application_name, host(r.client_addr) AS client_addr, r.state, r.sync_state, s.slot_name,
  (r.state = 'streaming')::int AS streaming,
  pg_wal_lsn_diff(c.lsn, r.sent_lsn) AS sent_bytes, pg_wal_lsn_diff(c.lsn, r.write_lsn) AS write_bytes,
  pg_wal_lsn_diff(c.lsn, r.flush_lsn) AS flush_bytes,
  pg_wal_lsn_diff(c.lsn, r.replay_lsn) AS replay_bytes,
  CASE WHEN r.replay_lsn >= c.lsn THEN 0 ELSE extract(epoch FROM r.write_lag) END AS write_seconds,
  CASE WHEN r.replay_lsn >= c.lsn THEN 0 ELSE extract(epoch FROM r.flush_lag) END AS flush_seconds,
  CASE WHEN r.replay_lsn >= c.lsn THEN 0 ELSE extract(epoch FROM r.replay_lag) END AS replay_seconds,
  extract(epoch FROM r.reply_time) AS replied, age(r.backend_xmin) AS xmin_age
FROM pg_stat_replication r
CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn) c
LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
WHERE r.state IS DISTINCT FROM 'backup'
ORDER BY r.state = 'streaming', replay_bytes DESC NULLS LAST`

// replicationGroup is how far behind each connected standby is, as its sender knows it.
func replicationGroup() group {
	return group{
		name: "replication", standbys: true, sql: always(replicationSQL), read: (*round).readReplication,
		metrics: []*collectors.Metric{
			metricStandbyInfo, metricStandbyStreaming, metricSentBytes, metricWriteBytes, metricFlushBytes, metricReplayBytes,
			metricWriteLag, metricFlushLag, metricReplayLag, metricReplyTime, metricStandbyXmin,
		},
	}
}

func (r *round) readReplication(t table) {
	var held float64
	for line := range t.each {
		if line.value("state") == nil {
			continue // hidden from our role: said by the server's group
		}
		r.readStandby(line)
		age, _ := line.number("xmin_age")
		held = max(held, age)
	}
	r.holdsXmin("standby", held)
}

func (r *round) readStandby(line row) {
	id := []string{line.text("application_name"), line.text("client_addr"), line.text("slot_name")}
	r.Set(metricStandbyInfo, 1, append(append([]string{}, id...), line.text("state"), line.text("sync_state"))...)
	for _, part := range []struct {
		metric *collectors.Metric
		column string
	}{
		{metricStandbyStreaming, "streaming"},
		{metricSentBytes, "sent_bytes"},
		{metricWriteBytes, "write_bytes"},
		{metricFlushBytes, "flush_bytes"},
		{metricReplayBytes, "replay_bytes"},
		{metricWriteLag, "write_seconds"},
		{metricFlushLag, "flush_seconds"},
		{metricReplayLag, "replay_seconds"},
		{metricReplyTime, "replied"},
		{metricStandbyXmin, "xmin_age"},
	} {
		r.set(part.metric, line, part.column, id...)
	}
	name := line.text("application_name")
	if state := line.text("state"); state != "streaming" {
		r.findNotStreaming(fmt.Sprintf("standby %s does not stream: its state is %s", name, state))
	}
	behind, _ := line.number("replay_bytes")
	r.findLagging("standby "+name, seconds(line, "replay_seconds"), behind)
}

func (r *round) findNotStreaming(text string) {
	r.Find(collectors.Finding{
		Name: "replica_not_streaming", Question: collectors.Recoverable, Severity: collectors.Critical, Text: text,
	})
}

func (r *round) findLagging(who string, lag time.Duration, bytes float64) {
	severity, wrong := grade(lag, lagging, laggingLong)
	if !wrong {
		return
	}
	r.Find(collectors.Finding{
		Name: "replication_lagging", Question: collectors.Recoverable, Severity: severity,
		Text: fmt.Sprintf("%s replays what was written %s ago, %.0f bytes behind", who, brief(lag), bytes),
	})
}
