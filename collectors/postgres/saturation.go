package postgres

import (
	"fmt"

	"github.com/wardround/wardround/collectors"
)

var (
	metricUsed = gauge("pg_connections_used", "", "pg_stat_activity",
		"Client connections to the server")
	metricLimit = gauge("pg_connections_limit", "", "pg_settings",
		"Client connections that roles without special rights can have: max_connections less the reserved ones")
	metricUsedRatio = gauge("pg_connections_used_ratio", "ratio", "pg_stat_activity",
		"Client connections as a share of the limit")
	metricDatabaseUsed = gauge("pg_database_connections_used", "", "pg_stat_activity",
		"Client connections to the database; only where there are any or the database has a limit", "datname")
	metricDatabaseLimit = gauge("pg_database_connection_limit", "", "pg_database.datconnlimit",
		"Connections that the database allows; absent where it does not limit them", "datname")
	metricDatabaseRatio = gauge("pg_database_connections_used_ratio", "ratio", "pg_stat_activity",
		"Client connections to the database as a share of its limit", "datname")
	metricRoleUsed = gauge("pg_role_connections_used", "", "pg_stat_activity",
		"Client connections of the role; only where there are any or the role has a limit", "rolname")
	metricRoleLimit = gauge("pg_roles_connection_limit", "", "pg_roles.rolconnlimit",
		"Connections that the role may have; absent where they are not limited", "rolname")
	metricRoleRatio = gauge("pg_role_connections_used_ratio", "ratio", "pg_stat_activity",
		"Client connections of the role as a share of its limit", "rolname")
)

// saturationSQL counts client backends only: replication and background workers have slots of
// their own. Where our role may not see what kind a session is, one in a database is taken for one.
const saturationSQL = `WITH client AS MATERIALIZED (
  SELECT datname, usename FROM pg_stat_activity
  WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)
)
SELECT 'cluster' AS scope, '' AS name, current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int AS "limit",
  (SELECT count(*) FROM client) AS used
UNION ALL
SELECT 'database', d.datname, d.datconnlimit, coalesce(c.n, 0) FROM pg_database d
  LEFT JOIN (SELECT datname, count(*) AS n FROM client GROUP BY 1) c USING (datname)
  WHERE c.n > 0 OR (d.datconnlimit >= 0 AND NOT d.datistemplate)
UNION ALL
SELECT 'role', r.rolname, r.rolconnlimit, coalesce(c.n, 0) FROM pg_roles r
  LEFT JOIN (SELECT usename, count(*) AS n FROM client GROUP BY 1) c ON c.usename = r.rolname
  WHERE c.n > 0 OR (r.rolconnlimit >= 0 AND r.rolcanlogin)`

// saturationGroup is how many of the connections that there can be are taken.
func saturationGroup() group {
	return group{
		name: "saturation", standbys: true, sql: always(saturationSQL), read: (*round).readSaturation,
		metrics: []*collectors.Metric{
			metricUsed, metricLimit, metricUsedRatio, metricDatabaseUsed, metricDatabaseLimit, metricDatabaseRatio,
			metricRoleUsed, metricRoleLimit, metricRoleRatio,
		},
	}
}

// share is how much of a limit is used; a negative limit means that there is none.
type share struct {
	scope, name string
	limit, used float64
}

// full says whether nearly all is used.
func (s share) full() bool { return s.limit > 0 && s.used >= nearlyExhausted*s.limit }

func (r *round) readSaturation(t table) {
	for line := range t.each {
		s := share{scope: line.text("scope"), name: line.text("name")}
		s.limit, _ = line.number("limit")
		s.used, _ = line.number("used")
		switch s.scope {
		case "cluster":
			r.setCluster(s)
		case "database":
			r.setShare(r.tenant(s.name), s, metricDatabaseUsed, metricDatabaseLimit, metricDatabaseRatio, s.name)
		case "role":
			r.setShare("", s, metricRoleUsed, metricRoleLimit, metricRoleRatio, s.name)
		}
	}
}

// setCluster also keeps visits away while the cluster has fewer free slots than it is to keep.
func (r *round) setCluster(s share) {
	r.setShare("", s, metricUsed, metricLimit, metricUsedRatio)
	free, reserve := s.limit-s.used, float64(r.cluster.config.Reserve)
	enough := free >= reserve
	r.cluster.gate.spare(enough, collectors.Because(collectors.ReasonConnections,
		fmt.Errorf("%.0f of %.0f connections are free, and %.0f are to be kept", free, s.limit, reserve)))
	if !enough && !s.full() {
		r.findExhausted("", s)
	}
}

func (r *round) setShare(tenant string, s share, used, limit, ratio *collectors.Metric, labels ...string) {
	r.SetFor(tenant, used, s.used, labels...)
	if s.limit < 0 {
		return
	}
	r.SetFor(tenant, limit, s.limit, labels...)
	if s.limit > 0 {
		r.SetFor(tenant, ratio, s.used/s.limit, labels...)
	}
	if s.full() {
		r.findExhausted(tenant, s)
	}
}

func (r *round) findExhausted(tenant string, s share) {
	of := "the cluster"
	severity := collectors.Warning
	switch s.scope {
	case "database", "role":
		of = s.scope + " " + s.name
	case "cluster":
		severity = collectors.Critical
	}
	r.Find(collectors.Finding{
		Tenant: tenant, Name: "connections_nearly_exhausted", Question: collectors.Contained, Severity: severity,
		Text: fmt.Sprintf("%.0f of %.0f connections of %s are taken", s.used, s.limit, of),
	})
}
