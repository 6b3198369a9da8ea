package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// setting is a setting that has a metric of its own, in its base unit.
type setting struct {
	name   string
	metric *collectors.Metric
}

func ofSetting(name, unit string) setting {
	full := "pg_settings_" + name
	if unit != "" {
		full += "_" + unit
	}
	return setting{name: name, metric: gauge(full, unit, "pg_settings", "Setting "+name)}
}

// knownSettings are those that say how near a limit is, or that explain what is slow; the limits
// of connections stand in the server's group.
var knownSettings = []setting{
	ofSetting("autovacuum_freeze_max_age", ""), ofSetting("autovacuum_max_workers", ""),
	ofSetting("autovacuum_vacuum_scale_factor", ""), ofSetting("autovacuum_vacuum_threshold", ""),
	ofSetting("checkpoint_timeout", "seconds"), ofSetting("effective_cache_size", "bytes"),
	ofSetting("maintenance_work_mem", "bytes"), ofSetting("max_locks_per_transaction", ""),
	ofSetting("max_parallel_workers", ""), ofSetting("max_replication_slots", ""), ofSetting("max_wal_senders", ""),
	ofSetting("max_slot_wal_keep_size", "bytes"), ofSetting("max_wal_size", "bytes"), ofSetting("max_worker_processes", ""), ofSetting("random_page_cost", ""),
	ofSetting("seq_page_cost", ""), ofSetting("shared_buffers", "bytes"), ofSetting("wal_keep_size", "bytes"),
	ofSetting("work_mem", "bytes"),
}

var (
	metricSettingsHash = gauge("pg_settings_hash", "", "pg_settings",
		"A number made of all settings that differ from the server's built-in ones; it changes when one of them does")
	metricSettingsPending = gauge("pg_settings_pending_restart", "", "pg_settings.pending_restart",
		"Settings that were changed in the configuration and take effect with the next restart only")
)

// settingsSQL leaves out what our own session is set to. Text may hold a password, as in
// primary_conninfo: of it the server tells a digest.
const settingsSQL = `SELECT name, unit, pending_restart,
  source NOT IN ('default', 'override', 'client', 'session', 'database', 'user', 'database user', 'interactive', 'test') AS own,
  CASE WHEN vartype = 'string' THEN 'sha256:' || left(encode(sha256(convert_to(setting, 'UTF8')), 'hex'), 16) ELSE setting END AS value
FROM pg_settings
WHERE pending_restart OR name IN (%s)
  OR source NOT IN ('default', 'override', 'client', 'session', 'database', 'user', 'database user', 'interactive', 'test')`

// settingsGroup is what the server is set to.
func settingsGroup() group {
	metrics := []*collectors.Metric{metricSettingsHash, metricSettingsPending}
	names := make([]string, 0, len(knownSettings))
	for _, s := range knownSettings {
		metrics, names = append(metrics, s.metric), append(names, "'"+s.name+"'")
	}
	return group{
		name: "settings", standbys: true, sql: always(fmt.Sprintf(settingsSQL, strings.Join(names, ", "))),
		read: (*round).readSettings, metrics: metrics,
	}
}

func (r *round) readSettings(t table) {
	own := map[string]string{}
	var pending []string
	for line := range t.each {
		name := line.text("name")
		if line.truth("own") {
			own[name] = line.text("value")
		}
		if line.truth("pending_restart") {
			pending = append(pending, name)
		}
		for _, s := range knownSettings {
			if value, ok := line.number("value"); ok && s.name == name {
				r.Set(s.metric, inBase(value, line.text("unit")))
			}
		}
	}
	r.Set(metricSettingsHash, settingsHash(own))
	r.Set(metricSettingsPending, float64(len(pending)))
	r.snapshot.settings = own
	if len(pending) > 0 {
		slices.Sort(pending)
		r.Find(collectors.Finding{
			Name: "settings_pending_restart", Question: collectors.Controlled, Severity: collectors.Info,
			Text: "settings were changed that take effect with the next restart only: " + strings.Join(pending, ", "),
		})
	}
}

// inBase is a setting's value in its base unit; -1, which says that there is no limit or that
// another setting holds, stays what it is.
func inBase(value float64, unit string) float64 {
	if value == -1 {
		return value
	}
	return value * unitOf(unit)
}

// unitOf is how many base units the unit of a setting is, such as 8192 bytes for 8kB.
func unitOf(unit string) float64 {
	number := strings.TrimRight(unit, "BkMGTsmindhu")
	factor, err := strconv.ParseFloat(number, 64)
	if err != nil {
		factor = 1
	}
	switch strings.TrimPrefix(unit, number) {
	case "kB":
		return factor * 1024
	case "MB":
		return factor * 1024 * 1024
	case "ms":
		return factor / 1000
	case "min":
		return factor * 60
	}
	return factor
}

// settingsHash makes a number of the settings that a float64 holds exactly.
func settingsHash(settings map[string]string) float64 {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s=%s\n", name, settings[name])
	}
	hash := sha256.Sum256([]byte(text.String()))
	return float64(binary.BigEndian.Uint64(hash[:]) >> 16)
}

// Settings are the server's settings that differ from its built-in ones, by name, as of the last
// round; those that are text, and so may hold a password, as a digest. It leaves out those that
// every session of ours sets for itself, such as statement_timeout. False when the last round did
// not learn them. The caller must not change the map.
func (c *Cluster) Settings() (map[string]string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.snapshot.settings, c.snapshot.settings != nil
}
