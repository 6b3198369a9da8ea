package postgres

import (
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// Inside is a set of facts that only a connection to a database itself can tell. Nobody connects
// for it: who visits the database for other reasons asks the statement along with their own.
type Inside struct {
	Name   string        // the indicator's name where it is unavailable
	Every  time.Duration // how often it is worth asking: in between the last answer stands
	Compat bool          // asked only where Cluster.Compat says so
	SQL    string        // one statement; it reads catalogs and statistics, no table of anybody's
	most   int           // rows that it has at most
	read   func(b *collectors.Builder, datname string, answer table)
	// columns are the names of the row's values, in their order.
	columns []string
}

// Read takes in the answer, in text format, attributed to the tenant that the Builder visits. The
// error says that it was not the answer to this statement.
func (i Inside) Read(b *collectors.Builder, datname string, rows [][][]byte) error {
	for _, r := range rows {
		if len(r) != len(i.columns) {
			return fmt.Errorf("%s: want rows of %d columns", i.Name, len(i.columns))
		}
	}
	if len(rows) > i.most || (len(rows) == 0 && !i.Compat) {
		return fmt.Errorf("%s: %d rows", i.Name, len(rows))
	}
	fields := make([]pgconn.FieldDescription, len(i.columns))
	for n, name := range i.columns {
		fields[n].Name = name
	}
	i.read(b, datname, newTable(&pgconn.Result{FieldDescriptions: fields, Rows: rows}))
	return nil
}

// InsideGroups are all such sets. A database of Odoo has some 700 tables, so that what they tell
// is summed up in the database: there are no series of tables.
func InsideGroups() []Inside {
	return []Inside{
		{
			Name: "tables", Every: time.Hour, SQL: tablesSQL, most: 1, read: readTables,
			columns: []string{"tables", "live", "dead", "big", "oldest", "never", "overdue", "age", "invalid"},
		},
		{
			Name: "sequences", Every: 6 * time.Hour, SQL: sequencesSQL, most: 1, read: readSequences,
			columns: []string{"readable", "hidden", "fullest", "nearly", "role"},
		},
		deadRowsInside(),
	}
}

// InsideMetrics is the catalogue of what InsideGroups tell, for the packages that ask them.
func InsideMetrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricTables, metricLiveRows, metricDeadRows, metricBigTables, metricOldestVacuum, metricNeverVacuumed, metricVacuumOverdue,
		metricInvalidIndexes, metricSequences, metricSequencesHidden, metricSequenceUsed, metricSequencesNearly,
		compatDeadRows, compatLiveRows,
	}
}

const tableStatistics = "statistics of tables"

var (
	metricTables    = gauge("pg_database_tables", "", tableStatistics, "Tables of the database, those of the system and temporary ones left out", "datname")
	metricLiveRows  = gauge("pg_database_live_rows", "", tableStatistics, "Rows in the database's tables, as estimated", "datname")
	metricDeadRows  = gauge("pg_database_dead_rows", "", tableStatistics, "Row versions that wait for a vacuum, as estimated", "datname")
	metricBigTables = gauge("pg_database_big_tables", "", tableStatistics, "Tables of 100,000 rows and more", "datname")

	metricOldestVacuum = gauge("pg_database_oldest_vacuum_timestamp_seconds", "seconds", tableStatistics,
		"When the big table was last vacuumed, by autovacuum or by hand, whose vacuum is the longest ago", "datname")
	metricNeverVacuumed = gauge("pg_database_big_tables_never_vacuumed", "", tableStatistics,
		"Big tables that were not vacuumed since statistics began", "datname")
	metricVacuumOverdue = gauge("pg_database_tables_vacuum_overdue", "", tableStatistics,
		"Tables with twice as many dead rows as should have brought autovacuum", "datname")
	metricInvalidIndexes = gauge("pg_database_invalid_indexes", "", "pg_index",
		"Indexes whose creation was cut short: each write maintains them, no query uses them", "datname")
	metricSequences = gauge("pg_database_sequences", "", "pg_sequence",
		"Sequences that our role may read, those that begin anew at their end left out", "datname")
	metricSequencesHidden = gauge("pg_database_sequences_hidden", "", "pg_sequence", "Sequences that our role may not read", "datname")
	metricSequenceUsed    = gauge("pg_database_sequence_used_ratio", "ratio", "pg_sequence_last_value()",
		"How much of its values the fullest sequence has given out", "datname")
	metricSequencesNearly = gauge("pg_database_sequences_nearly_exhausted", "", "pg_sequence_last_value()",
		"Sequences that have given out four fifths of their values", "datname")
)

// tablesSQL takes no lock on any table: sizes and counts are the server's own estimates.
const tablesSQL = `SELECT count(*), sum(live), sum(dead), count(*) FILTER (WHERE big),
  extract(epoch FROM min(vacuumed) FILTER (WHERE big)), count(*) FILTER (WHERE big AND vacuumed IS NULL),
  count(*) FILTER (WHERE dead > 2 * (base + scale * live)), extract(epoch FROM now() - min(vacuumed) FILTER (WHERE big)),
  (SELECT count(*) FROM pg_catalog.pg_index WHERE NOT indisvalid)
FROM (
  SELECT pg_catalog.pg_stat_get_live_tuples(c.oid) AS live, pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead, c.reltuples >= 100000 AS big,
    greatest(pg_catalog.pg_stat_get_last_autovacuum_time(c.oid), pg_catalog.pg_stat_get_last_vacuum_time(c.oid)) AS vacuumed,
    pg_catalog.current_setting('autovacuum_vacuum_threshold')::float8 AS base,
    pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::float8 AS scale
  FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'm') AND c.oid >= 16384 AND c.relpersistence <> 't' OFFSET 0
) t`

// sequencesSQL opens each sequence, which is why it is asked seldom. One that counts for a column
// ends where the column does: those of databases that were made before PostgreSQL 10 go on further.
const sequencesSQL = `SELECT count(*) FILTER (WHERE readable), count(*) FILTER (WHERE NOT readable), max(used), count(*) FILTER (WHERE used >= 0.8), current_user
FROM (
  SELECT readable, CASE WHEN readable THEN (pg_catalog.pg_sequence_last_value(seqrelid) - seqmin)::float8 / (seqmax - seqmin) END AS used FROM (
    SELECT s.seqrelid, s.seqmin, pg_catalog.has_sequence_privilege(s.seqrelid, 'SELECT, USAGE') AS readable,
      least(s.seqmax, (SELECT CASE a.atttypid WHEN 'pg_catalog.int2'::regtype THEN 32767 WHEN 'pg_catalog.int4'::regtype THEN 2147483647 END
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = s.seqrelid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 LIMIT 1)) AS seqmax
    FROM pg_catalog.pg_sequence s WHERE s.seqincrement > 0 AND NOT s.seqcycle AND s.seqmax > s.seqmin LIMIT 5000 OFFSET 0
  ) s WHERE seqmax > seqmin OFFSET 0
) t`

func readTables(b *collectors.Builder, datname string, answer table) {
	line := answer.first()
	for column, metric := range map[string]*collectors.Metric{
		"tables": metricTables, "live": metricLiveRows, "dead": metricDeadRows, "big": metricBigTables, "oldest": metricOldestVacuum,
		"never": metricNeverVacuumed, "overdue": metricVacuumOverdue, "invalid": metricInvalidIndexes,
	} {
		if v, ok := line.number(column); ok {
			b.Set(metric, v, datname)
		}
	}
	if n, _ := line.count("invalid"); n > 0 {
		b.Find(collectors.Finding{
			Name: "invalid_indexes", Question: collectors.Controlled, Severity: collectors.Warning,
			Text: fmt.Sprintf("%d indexes of database %s are invalid, because their creation was cut short: "+
				"they cost every write and serve no query; drop them or REINDEX them", n, datname),
		})
	}
	age, _ := line.number("age")
	if n, _ := line.count("overdue"); n > 0 && age > vacuumLate.Seconds() {
		b.Find(collectors.Finding{
			Name: "vacuum_overdue", Question: collectors.Contained, Severity: collectors.Warning,
			Text: fmt.Sprintf("%d tables of database %s have twice as many dead rows as should bring autovacuum, and a big one was not vacuumed for %s: "+
				"look for a transaction that is kept open, and at autovacuum's settings", n, datname, daysText(time.Duration(age*float64(time.Second)))),
		})
	}
}

// vacuumLate is how long ago a vacuum must be for dead rows to be told of.
const vacuumLate = 24 * time.Hour

// nearlyOver is how much of a sequence's values being used up is critical.
const nearlyOver = 0.95

func readSequences(b *collectors.Builder, datname string, answer table) {
	line := answer.first()
	for column, metric := range map[string]*collectors.Metric{
		"readable": metricSequences, "hidden": metricSequencesHidden, "fullest": metricSequenceUsed, "nearly": metricSequencesNearly,
	} {
		if v, ok := line.number(column); ok {
			b.Set(metric, v, datname)
		}
	}
	if hidden, _ := line.count("hidden"); hidden > 0 {
		b.Unavailable("sequences", collectors.ReasonPermission, fmt.Errorf("%d sequences are hidden from our role: in database %s, "+
			"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO %s", hidden, strconv.Quote(datname), strconv.Quote(line.text("role"))))
	}
	nearly, _ := line.count("nearly")
	fullest, _ := line.number("fullest")
	if nearly == 0 {
		return
	}
	severity := collectors.Warning
	if fullest >= nearlyOver {
		severity = collectors.Critical
	}
	b.Find(collectors.Finding{
		Name: "sequence_nearly_exhausted", Question: collectors.Contained, Severity: severity,
		Text: fmt.Sprintf("%d sequences of database %s have given out four fifths of their values, the fullest %.1f %%: "+
			"at its end no row can be added to its table", nearly, datname, 100*fullest),
	})
}
