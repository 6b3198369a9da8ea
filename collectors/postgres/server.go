package postgres

import (
	"errors"
	"fmt"

	"github.com/wardround/wardround/collectors"
)

var (
	metricStatic = gauge("pg_static", "", "version()",
		"The server's version, always 1", "version", "short_version")
	metricStart = gauge("pg_postmaster_start_time_seconds", "seconds", "pg_postmaster_start_time()",
		"When the server was started, as a Unix time")
	metricIsReplica = gauge("pg_replication_is_replica", "", "pg_is_in_recovery()",
		"Whether the server is in recovery, as standbys are")
	metricMaxConnections = gauge("pg_settings_max_connections", "", "pg_settings",
		"Setting max_connections")
	metricSuperuserReserved = gauge("pg_settings_superuser_reserved_connections", "", "pg_settings",
		"Setting superuser_reserved_connections")
	metricReserved = gauge("pg_settings_reserved_connections", "", "pg_settings",
		"Setting reserved_connections, 0 before PostgreSQL 16")
	metricPaused = gauge("wardround_postgres_visits_paused", "", "connection budget",
		"Whether visits to the cluster's databases are being kept waiting for want of connections")
)

const serverSQL = `SELECT version() AS version, current_setting('server_version_num')::int AS number,
  extract(epoch FROM pg_postmaster_start_time()) AS started, pg_is_in_recovery() AS in_recovery,
  current_setting('max_connections') AS max_connections,
  current_setting('superuser_reserved_connections') AS superuser_reserved,
  coalesce(current_setting('reserved_connections', true), '0') AS reserved,
  pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all`

// serverGroup is what the server is, and whether we see all of it.
func serverGroup() group {
	return group{
		name: "server", standbys: true, sql: always(serverSQL), read: (*round).readServer,
		metrics: []*collectors.Metric{
			metricStatic, metricStart, metricIsReplica, metricMaxConnections, metricSuperuserReserved, metricReserved, metricPaused,
		},
	}
}

// setUp says whether the server answered.
func (r *round) setUp(up bool) {
	r.Set(metricUp, truthValue(up))
	if r.cluster.config.Compat {
		r.Set(compatError, truthValue(!up))
	}
}

func (r *round) readServer(t table) {
	server := t.first()
	number, _ := server.count("number")
	r.Set(metricStatic, 1, server.text("version"), fmt.Sprintf("%d.%d.0", number/10000, number%10000))
	r.set(metricStart, server, "started")
	r.set(metricMaxConnections, server, "max_connections")
	r.set(metricSuperuserReserved, server, "superuser_reserved")
	r.set(metricReserved, server, "reserved")
	recovering := server.truth("in_recovery")
	r.Set(metricIsReplica, truthValue(recovering))
	if recovering != (r.cluster.config.StandbyOf != "") {
		r.findRole(recovering)
	}
	if !server.truth("sees_all") {
		r.Unavailable("other_sessions", collectors.ReasonPermission,
			errors.New("states, waits and replication of others are hidden from our role: grant it pg_monitor"))
	}
	if r.cluster.config.StandbyOf == "" {
		paused := r.cluster.gate.budget.Paused() != nil
		r.Set(metricPaused, truthValue(paused))
	}
}
