package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

func ofSlot(name, unit, help string, more ...string) *collectors.Metric {
	return gauge("pg_replication_slots_"+name, unit, "pg_replication_slots", help, append([]string{"slot_name", "slot_type"}, more...)...)
}

var (
	metricSlotActive    = ofSlot("slot_is_active", "", "Whether somebody receives over the slot")
	metricSlotRetained  = ofSlot("retained_bytes", "bytes", "WAL that the server keeps on disk for the slot")
	metricSlotSafe      = ofSlot("safe_wal_size_bytes", "bytes", "WAL that can still be written before the slot may be lost; absent where max_slot_wal_keep_size sets no limit")
	metricSlotUnflushed = ofSlot("confirmed_flush_lag_bytes", "bytes", "WAL that the receiver has not yet confirmed; logical slots only")
	metricSlotXmin      = ofSlot("xmin_age", "", "Age in transactions of the oldest row that vacuum must keep for the slot")
	metricSlotCatalog   = ofSlot("catalog_xmin_age", "", "Age in transactions of the oldest row of the catalogs that vacuum must keep for the slot")
	metricSlotInactive  = ofSlot("inactive_since_timestamp_seconds", "seconds",
		"Since when nobody receives over the slot; before PostgreSQL 17 since it was first seen so; absent while somebody does")
	metricSlotStatus = ofSlot("wal_status", "", "The state of the WAL that the slot needs, always 1", "wal_status")
	metricSlotLost   = ofSlot("lost", "", "Whether the slot can no longer be used: WAL that it needs is gone, or it was invalidated")

	metricSlotsUnusable = gauge("pg_replication_slots_unusable", "", "pg_replication_slots",
		"Slots that can no longer be used; 0 also where there are none, so that it is told when the last one of them was dropped")
)

// slotsGroup is what the server keeps for those who replicate from it. Slots that end with their
// session, as those of a base backup, are left out.
func slotsGroup() group {
	return group{
		name: "replication_slots", standbys: true, views: []string{"pg_replication_slots"}, sql: slotsSQL, read: (*round).readSlots,
		metrics: []*collectors.Metric{
			metricSlotActive, metricSlotRetained, metricSlotSafe, metricSlotUnflushed, metricSlotXmin, metricSlotCatalog,
			metricSlotInactive, metricSlotStatus, metricSlotLost, metricSlotsUnusable,
		},
	}
}

func slotsSQL(f facts) string {
	lost, since := "s.wal_status = 'lost'", "NULL"
	for _, column := range []string{"invalidation_reason IS NOT NULL", "conflicting"} {
		if f.has("pg_replication_slots", strings.Fields(column)[0]) {
			lost += " OR s." + column
		}
	}
	if f.has("pg_replication_slots", "inactive_since") {
		since = "extract(epoch FROM s.inactive_since)"
	}
	return `SELECT s.slot_name, s.slot_type, s.active::int AS active, pg_wal_lsn_diff(c.lsn, s.restart_lsn) AS retained,
  s.safe_wal_size AS safe, pg_wal_lsn_diff(c.lsn, s.confirmed_flush_lsn) AS unflushed, age(s.xmin) AS xmin_age,
  age(s.catalog_xmin) AS catalog_age, greatest(age(s.xmin), age(s.catalog_xmin)) AS held, coalesce(s.wal_status, 'none') AS wal_status,
  coalesce(` + lost + `, false)::int AS lost, ` + since + ` AS inactive_since,
  pg_wal_lsn_diff(c.lsn, '0/0') AS current, pg_wal_lsn_diff(s.confirmed_flush_lsn, '0/0') AS confirmed
FROM pg_replication_slots s
CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END AS lsn) c
WHERE NOT s.temporary`
}

func (r *round) readSlots(t table) {
	seen := map[string]float64{}
	var held, unusable float64
	for line := range t.each {
		id := []string{line.text("slot_name"), line.text("slot_type")}
		for _, part := range []struct {
			metric *collectors.Metric
			column string
		}{
			{metricSlotActive, "active"},
			{metricSlotRetained, "retained"},
			{metricSlotSafe, "safe"},
			{metricSlotUnflushed, "unflushed"},
			{metricSlotXmin, "xmin_age"},
			{metricSlotCatalog, "catalog_age"},
			{metricSlotLost, "lost"},
		} {
			r.set(part.metric, line, part.column, id...)
		}
		r.Set(metricSlotStatus, 1, append(id, line.text("wal_status"))...)
		if r.cluster.config.Compat {
			r.set(compatCurrent, line, "current", id...)
			r.set(compatConfirmed, line, "confirmed", id...)
		}
		if since, inactive := r.inactiveSince(line); inactive {
			seen[id[0]] = since
			r.Set(metricSlotInactive, since, id...)
		}
		r.findSlot(line, seen[id[0]])
		age, _ := line.number("held")
		held = max(held, age)
		lost, _ := line.number("lost")
		unusable += lost
	}
	r.Set(metricSlotsUnusable, unusable)
	r.cluster.inactive = seen
	r.holdsXmin("slot", held)
}

// inactiveSince is since when a slot has been inactive: as the server says, or as we remember.
func (r *round) inactiveSince(line row) (float64, bool) {
	if active, _ := line.number("active"); active == 1 {
		return 0, false
	}
	if since, told := line.number("inactive_since"); told {
		return since, true
	}
	if since, remembered := r.cluster.inactive[line.text("slot_name")]; remembered {
		return since, true
	}
	return float64(r.At().Unix()), true
}

// findSlot tells of a slot that is lost, or for whose sake the disk fills up.
func (r *round) findSlot(line row, inactive float64) {
	name := line.text("slot_name")
	if lost, _ := line.number("lost"); lost == 1 {
		r.Find(collectors.Finding{
			Name: "replication_slot_lost", Question: collectors.Recoverable, Severity: collectors.Critical,
			Text: fmt.Sprintf("replication slot %s is lost: what it needs is gone, so whoever receives over it must be set up anew", name),
		})
		return
	}
	retained, _ := line.number("retained")
	state := ""
	idle := time.Duration(0)
	if inactive > 0 {
		idle = r.since(inactive)
		state = ", and nobody has received over it for " + brief(idle)
	}
	severity, wrong := grade(retained, retainedMuch, retainedTooMuch)
	if !wrong && idle >= slotIdle {
		severity, wrong = collectors.Warning, true
	}
	if !wrong {
		return
	}
	r.Find(collectors.Finding{
		Name: "replication_slot_retains", Question: collectors.Contained, Severity: severity,
		Text: fmt.Sprintf("replication slot %s retains %s of WAL%s", name, size(retained), state),
	})
}
