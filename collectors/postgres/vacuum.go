package postgres

import "github.com/wardround/wardround/collectors"

func ofVacuum(name, unit, help string, more ...string) *collectors.Metric {
	return gauge("pg_stat_progress_vacuum_"+name, unit, "pg_stat_progress_vacuum", help, append([]string{"datname", "relname"}, more...)...)
}

// statVacuum has no column that PostgreSQL 17 gave another meaning under an old position: each
// name means one thing, and a server has the ones of its version.
var statVacuum = view{"pg_stat_progress_vacuum", []column{
	{"heap_blks_total", plain, ofVacuum("heap_blks", "", "Blocks of the table")},
	{"heap_blks_scanned", plain, ofVacuum("heap_blks_scanned", "", "Blocks of the table that were scanned")},
	{"heap_blks_vacuumed", plain, ofVacuum("heap_blks_vacuumed", "", "Blocks of the table that were cleaned up")},
	{"index_vacuum_count", plain, ofVacuum("index_vacuums", "", "Passes over the indexes that were completed")},
	{"max_dead_tuples", plain, ofVacuum("max_dead_tuples", "", "Dead rows that fit into memory before the indexes must be passed over; up to PostgreSQL 16")},
	{"num_dead_tuples", plain, ofVacuum("num_dead_tuples", "", "Dead rows gathered since the last pass over the indexes; up to PostgreSQL 16")},
	{"max_dead_tuple_bytes", plain, ofVacuum("max_dead_tuple_bytes", "bytes", "Memory for dead rows before the indexes must be passed over")},
	{"dead_tuple_bytes", plain, ofVacuum("dead_tuple_bytes", "bytes", "Memory taken by dead rows since the last pass over the indexes")},
	{"num_dead_item_ids", plain, ofVacuum("num_dead_item_ids", "", "Dead rows gathered since the last pass over the indexes")},
	{"indexes_total", plain, ofVacuum("indexes", "", "Indexes to be passed over")},
	{"indexes_processed", plain, ofVacuum("indexes_processed", "", "Indexes passed over in the present pass")},
}}

var (
	metricVacuumPhase = ofVacuum("phase", "", "The phase that a vacuum is in, always 1", "phase")
	metricVacuumStart = ofVacuum("start_timestamp_seconds", "seconds", "When a vacuum began")
	metricAutovacuum  = gauge("pg_autovacuum_workers", "", "pg_stat_activity", "Autovacuum workers at work")
	metricAntiWrap    = gauge("pg_autovacuum_wraparound_workers", "", "pg_stat_activity",
		"Autovacuum workers at work that cannot be put off, because a table's oldest transactions must be frozen")
)

// vacuumGroup is which vacuums are under way and how far they are. The name of a table in another
// database than the control connection's is not known here: its number stands for it.
func vacuumGroup() group {
	return group{
		name: "vacuum", views: []string{statVacuum.name}, sql: vacuumSQL, read: (*round).readVacuum,
		metrics: append(statVacuum.metrics(), metricVacuumPhase, metricVacuumStart),
	}
}

func vacuumSQL(f facts) string {
	return "SELECT v.datname, v.relid::regclass::text AS relname, v.phase, extract(epoch FROM a.xact_start) AS began" +
		statVacuum.choose(f, "v", "") + " FROM pg_stat_progress_vacuum v LEFT JOIN pg_stat_activity a ON a.pid = v.pid WHERE v.phase IS NOT NULL"
}

func (r *round) readVacuum(t table) {
	for line := range t.each {
		database := line.text("datname")
		tenant, id := r.tenant(database), []string{database, line.text("relname")}
		r.setView(tenant, statVacuum, line, "", id...)
		r.SetFor(tenant, metricVacuumPhase, 1, append(id, line.text("phase"))...)
		if began, known := line.number("began"); known {
			r.SetFor(tenant, metricVacuumStart, began, id...)
		}
	}
}

// workers counts the autovacuum workers among all sessions.
type workers struct{ all, wraparound int64 }

func (w *workers) take(line row) {
	if line.text("backend_type") != "autovacuum worker" {
		return
	}
	n, _ := line.count("n")
	urgent, _ := line.count("wraparound")
	w.all, w.wraparound = w.all+n, w.wraparound+urgent
}

func (r *round) setWorkers(w workers) {
	r.Set(metricAutovacuum, float64(w.all))
	r.Set(metricAntiWrap, float64(w.wraparound))
}
