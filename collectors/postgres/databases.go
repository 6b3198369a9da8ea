package postgres

import (
	"strings"

	"github.com/wardround/wardround/collectors"
)

// kind is how a column of a statistics view becomes a metric's value.
type kind uint8

const (
	plain     kind = iota // as it is
	millis                // milliseconds, which become seconds
	timestamp             // a point in time, which becomes a Unix time
)

// column is one column of pg_stat_database and the metric that it becomes.
type column struct {
	name   string
	kind   kind
	metric *collectors.Metric
}

// databaseColumns lists the columns in the view's order. A server that lacks one gives no series.
func databaseColumns() []column { return statDatabase }

var statDatabase = []column{
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
}

func ofDatabase(declare func(name, unit, source, help string, labels ...string) *collectors.Metric, name, unit, help string) *collectors.Metric {
	return declare("pg_stat_database_"+name, unit, "pg_stat_database", help, "datname")
}

// databasesGroup is which databases there are, and what happened in each.
func databasesGroup() group {
	g := group{name: "databases", views: []string{"pg_stat_database"}, sql: databasesSQL, read: (*round).readDatabases}
	for _, c := range databaseColumns() {
		g.metrics = append(g.metrics, c.metric)
	}
	return g
}

// databasesSQL selects what the server's pg_stat_database has of the columns that we know.
func databasesSQL(f facts) string {
	var sql strings.Builder
	sql.WriteString(`SELECT d.oid, d.datname, pg_get_userbyid(d.datdba) AS owner, d.datistemplate, d.datallowconn, d.datconnlimit,
  has_database_privilege(d.oid, 'CONNECT') AS can_connect, s.tup_inserted + s.tup_updated + s.tup_deleted AS writes`)
	for _, c := range databaseColumns() {
		if !f.has("pg_stat_database", c.name) {
			continue
		}
		expression := "s." + c.name
		if c.kind == timestamp {
			expression = "extract(epoch FROM s." + c.name + ")"
		}
		sql.WriteString(", " + expression + " AS " + c.name)
	}
	sql.WriteString(" FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid ORDER BY d.datname")
	return sql.String()
}

func (r *round) readDatabases(t table) {
	r.snapshot.databases = make([]Database, 0, len(t.rows))
	r.snapshot.writes = make(map[string]uint64, len(t.rows))
	for line := range t.each {
		db := databaseOf(line)
		r.snapshot.databases = append(r.snapshot.databases, db)
		if writes, ok := line.count("writes"); ok {
			r.snapshot.writes[db.Name] = uint64(writes)
		}
		if !db.Template && db.AllowConn && db.ConnLimit != invalidDatabase {
			r.setCounters(line, db.Name)
		}
	}
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

func (r *round) setCounters(line row, name string) {
	tenant := r.tenant(name)
	for _, c := range databaseColumns() {
		v, ok := line.number(c.name)
		if !ok {
			continue
		}
		if c.kind == millis {
			v /= 1000
		}
		r.SetFor(tenant, c.metric, v, name)
	}
}
