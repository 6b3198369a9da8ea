package postgres

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// statDatabase has the columns in the view's order.
var statDatabase = view{"pg_stat_database", []column{
	{"numbackends", plain, ofDatabase(gauge, "numbackends", "", "Server processes connected to the database")},
	{"xact_commit", plain, ofDatabase(counter, "xact_commit_total", "", "Transactions committed")},
	{"xact_rollback", plain, ofDatabase(counter, "xact_rollback_total", "", "Transactions rolled back")},
	{"blks_read", plain, ofDatabase(counter, "blks_read_total", "", "Blocks read from disk or the kernel's cache")},
	{"blks_hit", plain, ofDatabase(counter, "blks_hit_total", "", "Blocks found in the server's own cache")},
	{"tup_returned", plain, ofDatabase(counter, "tup_returned_total", "", "Rows that scans went over")},
	{"tup_fetched", plain, ofDatabase(counter, "tup_fetched_total", "", "Rows fetched through indexes")},
	{"tup_inserted", plain, ofDatabase(counter, "tup_inserted_total", "", "Rows inserted")},
	{"tup_updated", plain, ofDatabase(counter, "tup_updated_total", "", "Rows updated")},
	{"tup_deleted", plain, ofDatabase(counter, "tup_deleted_total", "", "Rows deleted")},
	{"conflicts", plain, ofDatabase(counter, "conflicts_total", "", "Queries cancelled because of conflicts with recovery; standbys only")},
	{"temp_files", plain, ofDatabase(counter, "temp_files_total", "", "Temporary files written by queries")},
	{"temp_bytes", plain, ofDatabase(counter, "temp_bytes_total", "bytes", "Bytes written to temporary files by queries")},
	{"deadlocks", plain, ofDatabase(counter, "deadlocks_total", "", "Deadlocks found")},
	{"checksum_failures", plain, ofDatabase(counter, "checksum_failures_total", "", "Pages whose checksum was wrong; absent where checksums are off")},
	{"checksum_last_failure", timestamp, ofDatabase(gauge, "checksum_last_failure_timestamp_seconds", "seconds", "When a checksum was last found wrong")},
	{"blk_read_time", millis, ofDatabase(counter, "blk_read_time_seconds_total", "seconds", "Time spent reading blocks; 0 unless track_io_timing is on")},
	{"blk_write_time", millis, ofDatabase(counter, "blk_write_time_seconds_total", "seconds", "Time spent writing blocks; 0 unless track_io_timing is on")},
	{"session_time", millis, ofDatabase(counter, "session_time_seconds_total", "seconds", "Time that sessions lasted, added when a session changes state")},
	{"active_time", millis, ofDatabase(counter, "active_time_seconds_total", "seconds", "Time that sessions spent running statements")},
	{"idle_in_transaction_time", millis, ofDatabase(counter, "idle_in_transaction_time_seconds_total", "seconds", "Time that sessions spent idle inside a transaction")},
	{"sessions", plain, ofDatabase(counter, "sessions_total", "", "Sessions begun")},
	{"sessions_abandoned", plain, ofDatabase(counter, "sessions_abandoned_total", "", "Sessions ended because the client was gone")},
	{"sessions_fatal", plain, ofDatabase(counter, "sessions_fatal_total", "", "Sessions ended by fatal errors")},
	{"sessions_killed", plain, ofDatabase(counter, "sessions_killed_total", "", "Sessions ended by an administrator")},
	{"parallel_workers_to_launch", plain, ofDatabase(counter, "parallel_workers_to_launch_total", "", "Parallel workers that queries wanted")},
	{"parallel_workers_launched", plain, ofDatabase(counter, "parallel_workers_launched_total", "", "Parallel workers that queries got")},
	{"stats_reset", timestamp, ofDatabase(gauge, "stats_reset_timestamp_seconds", "seconds", "When these counters last began at zero")},
}}

// sharedObjects is what the view has of the objects that belong to all databases and is no
// database's.
var sharedObjects = view{"pg_stat_database", slices.DeleteFunc(slices.Clone(statDatabase.columns), func(c column) bool {
	return !strings.HasPrefix(c.name, "checksum_")
})}

var (
	metricXidAge = gauge("pg_database_frozen_xid_age", "", "pg_database.datfrozenxid",
		"Transactions since the oldest that is not frozen; at 2^31 less three millions the server takes no more writes", "datname")
	metricMxidAge = gauge("pg_database_min_mxid_age", "", "pg_database.datminmxid",
		"Multixacts since the oldest that is not frozen; at 2^31 less three millions the server takes no more writes", "datname")
	metricRecoveryConflicts = counter("pg_stat_database_recovery_conflicts_total", "", "pg_stat_database_conflicts",
		"Queries cancelled on this standby because of conflicts with recovery, by what they conflicted over", "datname", "reason")
)

// conflictReasons are the columns of pg_stat_database_conflicts, without their prefix.
var conflictReasons = []string{"tablespace", "lock", "snapshot", "bufferpin", "deadlock", "active_logicalslot"}

func ofDatabase(declare func(name, unit, source, help string, labels ...string) *collectors.Metric, name, unit, help string) *collectors.Metric {
	return declare("pg_stat_database_"+name, unit, "pg_stat_database", help, "datname")
}

// databasesGroup is which databases there are, and what happened in each.
func databasesGroup() group {
	return group{
		name: "databases", standbys: true, views: []string{statDatabase.name, "pg_stat_database_conflicts"},
		sql: databasesSQL, read: (*round).readDatabases,
		metrics: append(statDatabase.metrics(), metricXidAge, metricMxidAge, metricRecoveryConflicts),
	}
}

func databasesSQL(f facts) string {
	var sql strings.Builder
	sql.WriteString(`SELECT d.oid, coalesce(d.datname, '') AS datname, pg_get_userbyid(d.datdba) AS owner, d.datistemplate, d.datallowconn,
  d.datconnlimit, has_database_privilege(d.oid, 'CONNECT') AS can_connect,
  age(d.datfrozenxid) AS xid_age, mxid_age(d.datminmxid) AS mxid_age`)
	sql.WriteString(statDatabase.choose(f, "s", ""))
	for _, reason := range conflictReasons {
		if f.recovering && f.has("pg_stat_database_conflicts", "confl_"+reason) {
			sql.WriteString(", c.confl_" + reason)
		}
	}
	sql.WriteString(" FROM pg_database d FULL JOIN pg_stat_database s ON s.datid = d.oid")
	if f.recovering {
		sql.WriteString(" LEFT JOIN pg_stat_database_conflicts c ON c.datid = d.oid")
	}
	sql.WriteString(" ORDER BY 2")
	return sql.String()
}

func (r *round) readDatabases(t table) {
	if r.cluster.config.StandbyOf == "" {
		r.snapshot.databases = make([]Database, 0, len(t.rows))
		r.snapshot.writes = make(map[string]Writes, len(t.rows))
	}
	for line := range t.each {
		if line.text("datname") == "" {
			r.setView("", sharedObjects, line, "", "")
			r.findChecksums("shared objects", "", line)
			continue
		}
		r.readDatabase(line)
	}
}

func (r *round) readDatabase(line row) {
	db := databaseOf(line)
	if r.cluster.config.StandbyOf == "" {
		r.snapshot.databases = append(r.snapshot.databases, db)
		if inserted, counted := line.count("tup_inserted"); counted {
			updated, _ := line.count("tup_updated")
			deleted, _ := line.count("tup_deleted")
			r.snapshot.writes[db.Name] = Writes{uint64(inserted), uint64(updated), uint64(deleted)}
		}
		r.setDatabase(metricXidAge, line, "xid_age", db.Name)
		r.setDatabase(metricMxidAge, line, "mxid_age", db.Name)
		r.findWraparound(line, db.Name)
	}
	if db.Template || !db.AllowConn || db.ConnLimit == invalidDatabase {
		return
	}
	r.setView(r.tenant(db.Name), statDatabase, line, "", db.Name)
	for _, reason := range conflictReasons {
		r.setDatabase(metricRecoveryConflicts, line, "confl_"+reason, db.Name, reason)
		if r.cluster.config.Compat {
			r.setDatabase(compatConflicts[reason], line, "confl_"+reason, db.Name)
		}
	}
	r.findChecksums("database "+db.Name, r.tenant(db.Name), line)
}

// invalidDatabase is the connection limit by which the server marks a database whose dropping was
// cut short.
const invalidDatabase = -2

func databaseOf(line row) Database {
	oid, _ := line.count("oid")
	limit, _ := line.count("datconnlimit")
	return Database{
		Name: line.text("datname"), OID: uint32(oid), Owner: line.text("owner"), Template: line.truth("datistemplate"),
		AllowConn: line.truth("datallowconn"), CanConnect: line.truth("can_connect"), ConnLimit: int(limit),
	}
}

// findWraparound tells of a database that comes near the end of transaction numbers, where the
// server takes no more writes to any.
func (r *round) findWraparound(line row, name string) {
	for _, kind := range []struct{ column, of string }{{"xid_age", "transactions"}, {"mxid_age", "multixacts"}} {
		age, _ := line.number(kind.column)
		severity, wrong := grade(age, oldNumbers, oldNumbersLong)
		if !wrong {
			continue
		}
		r.Find(collectors.Finding{
			Tenant: r.tenant(name), Name: "wraparound_near", Question: collectors.Contained, Severity: severity,
			Text: fmt.Sprintf("database %s has %.0f million of the %.0f million %s behind it after which the server takes no more writes: vacuum must freeze it",
				name, age/1e6, lastNumber/1e6, kind.of),
		})
	}
}

// findChecksums tells of pages whose checksum was found wrong within the last day.
func (r *round) findChecksums(where, tenant string, line row) {
	last, known := line.number("checksum_last_failure")
	if !known || r.At().Sub(time.Unix(int64(last), 0)) > 24*time.Hour {
		return
	}
	failures, _ := line.number("checksum_failures")
	r.Find(collectors.Finding{
		Tenant: tenant, Name: "checksum_failures", Question: collectors.Protected, Severity: collectors.Critical,
		Text: fmt.Sprintf("%.0f pages of %s had a wrong checksum: what is on disk is not what was written", failures, where),
	})
}
