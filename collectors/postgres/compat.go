package postgres

import (
	"strings"

	"github.com/wardround/wardround/collectors"
)

// alias is what postgres_exporter calls one of our metrics, with the same labels. Its types are
// not kept: what counts there without saying so is a gauge here.
type alias struct {
	metric *collectors.Metric
	scale  float64 // theirs is so many times ours
	age    bool    // ours is a moment, theirs how long ago it was
}

func called(name string, m *collectors.Metric) alias {
	a := alias{scale: 1, metric: &collectors.Metric{Name: name, Labels: m.Labels, Help: "Use " + m.Name, Source: m.Source}}
	if strings.HasSuffix(name, "_total") {
		a.metric.Type = collectors.Counter
	}
	return a
}

// compatible are the names of postgres_exporter by the metrics of ours that they stand beside, for
// targets that say compat: boards and rules made for it find what they look for.
var compatible = aliases()

func aliases() map[*collectors.Metric][]alias {
	all := map[*collectors.Metric][]alias{}
	for _, v := range []struct {
		view
		suffix string
	}{{statDatabase, ""}, {statBgwriter, "_total"}, {statCheckpointer, "_total"}} {
		for _, c := range v.columns {
			if name := v.name + "_" + c.name + v.suffix; name != c.metric.Name {
				a := called(name, c.metric)
				if c.kind == millis {
					a.scale = 1000
				}
				all[c.metric] = append(all[c.metric], a)
			}
		}
	}
	for name, m := range sameElsewhere {
		all[m] = append(all[m], called(name, m))
	}
	for name, m := range agesElsewhere {
		a := called(name, m)
		a.age = true
		all[m] = append(all[m], a)
	}
	return all
}

// sameElsewhere and agesElsewhere are, by name, what postgres_exporter emits as we do, and as an
// age where we emit a moment.
var (
	sameElsewhere = map[string]*collectors.Metric{
		"pg_database_wraparound_age_datfrozenxid_seconds": metricXidAge,
		"pg_database_wraparound_age_datminmxid_seconds":   metricMxidAge,
		"pg_replication_lag":                              metricLag,
		"pg_replication_slots_active":                     metricSlotActive,
		"pg_replication_slots_pg_wal_lsn_diff":            metricSlotRetained,
		"pg_replication_slots_pg_xlog_location_diff":      metricSlotRetained,
		"pg_stat_activity_count":                          metricActivity,
		"pg_stat_archiver_archived_count":                 statArchiver.metric("archived_count"),
		"pg_stat_archiver_failed_count":                   statArchiver.metric("failed_count"),
		"pg_stat_replication_pg_current_wal_lsn_bytes":    metricWALPosition,
		"pg_stat_replication_pg_wal_lsn_diff":             metricReplayBytes,
		"pg_stat_replication_pg_xlog_location_diff":       metricReplayBytes,
		"pg_stat_replication_reply_time":                  metricReplyTime,
		"pg_xlog_location_bytes":                          metricWALPosition,
		"pg_xlog_position_bytes":                          metricWALPosition,
	}
	agesElsewhere = map[string]*collectors.Metric{
		"pg_replication_last_replay_seconds": metricReplayedCommit,
		"pg_stat_archiver_last_archive_age":  statArchiver.metric("last_archived_time"),
	}
)

// What has no metric of ours that it could stand beside.
var (
	compatTxDuration = gauge("pg_stat_activity_max_tx_duration", "", "pg_stat_activity",
		"Use pg_stat_activity_oldest_xact_start_timestamp_seconds", "datname", "usename", "state", "backend_type", "wait_event_type")
	compatLocks     = gauge("pg_locks_count", "", "pg_locks", "Locks by database and mode; use pg_lock_waiting_backends", "datname", "mode")
	compatCurrent   = ofSlot("slot_current_wal_lsn", "", "Use pg_replication_slots_retained_bytes")
	compatConfirmed = ofSlot("slot_confirmed_flush_lsn", "", "Use pg_replication_slots_confirmed_flush_lag_bytes")
	compatError     = gauge("pg_exporter_last_scrape_error", "", "control connection", "Use pg_up")
	compatConflicts = func() map[string]*collectors.Metric {
		all := map[string]*collectors.Metric{}
		for _, reason := range conflictReasons {
			all[reason] = gauge("pg_stat_database_conflicts_confl_"+reason, "", "pg_stat_database_conflicts", "Use pg_stat_database_recovery_conflicts_total", "datname")
		}
		return all
	}()
)

// compatMetrics is the catalogue of postgres_exporter's names.
func compatMetrics() collectors.Catalogue {
	all := collectors.Catalogue{compatTxDuration, compatLocks, compatCurrent, compatConfirmed, compatError}
	for _, reason := range conflictReasons {
		all = append(all, compatConflicts[reason])
	}
	for _, list := range compatible {
		for _, a := range list {
			all = append(all, a.metric)
		}
	}
	return all
}

// Set records a value of the server, also under the names of postgres_exporter where they are
// asked for.
func (r *round) Set(m *collectors.Metric, value float64, labels ...string) {
	r.SetFor("", m, value, labels...)
}

// SetFor records a value attributed to a tenant, unless that is "", also under the names of
// postgres_exporter where they are asked for.
func (r *round) SetFor(tenant string, m *collectors.Metric, value float64, labels ...string) {
	r.Builder.SetFor(tenant, m, value, labels...)
	if !r.cluster.config.Compat {
		return
	}
	for _, a := range compatible[m] {
		theirs := value * a.scale
		if a.age {
			theirs = r.since(value).Seconds()
		}
		r.Builder.SetFor(tenant, a.metric, theirs, labels...)
	}
}

// locksCompatGroup scans the lock manager, which takes up to 20 ms where many locks are held: for
// those alone who ask for it.
func locksCompatGroup() group {
	return group{
		name: "locks_count", standbys: true, compat: true, read: (*round).readLocksCompat,
		sql: always(`SELECT d.datname, lower(l.mode) AS mode, count(*) AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database
GROUP BY 1, 2`),
	}
}

func (r *round) readLocksCompat(t table) {
	for line := range t.each {
		r.setDatabase(compatLocks, line, "n", line.text("datname"), line.text("mode"))
	}
}
