package postgres

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	compatDeadRows = ofTable("n_dead_tup", "pg_database_dead_rows")
	compatLiveRows = ofTable("n_live_tup", "pg_database_live_rows")
)

func ofTable(name, ours string) *collectors.Metric {
	return gauge("pg_stat_user_tables_"+name, "", "pg_stat_user_tables",
		"Use "+ours+"; of the tables with most dead rows, and of the others together", "datname", "schemaname", "relname")
}

const (
	namedTables = 10 // of a database, those with most dead rows
	tableSeries = 50 // bounds what comes back of a database with many schemas
	otherTables = "other"
)

// deadRowsSQL sums up the tables that are not among those with most dead rows by schema, so that
// the sums of dead and of live rows over a database's tables are those of all its tables.
const deadRowsSQL = `SELECT schema, CASE WHEN place <= %d THEN name END, sum(live), sum(dead)
FROM (
  SELECT *, row_number() OVER (ORDER BY dead DESC, live DESC, oid) AS place FROM (
    SELECT c.oid, n.nspname AS schema, c.relname AS name,
      pg_catalog.pg_stat_get_live_tuples(c.oid) AS live, pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND c.oid >= 16384 AND c.relpersistence <> 't' OFFSET 0
  ) t
) t GROUP BY 1, 2 ORDER BY sum(dead) DESC, sum(live) DESC LIMIT %d`

// deadRowsInside are the dead and live rows of tables under the names of postgres_exporter.
func deadRowsInside() Inside {
	return Inside{
		Name: "dead_rows", Every: 15 * time.Minute, Compat: true, SQL: fmt.Sprintf(deadRowsSQL, namedTables, tableSeries),
		most: tableSeries, read: readDeadRows, columns: []string{"schema", "name", "live", "dead"},
	}
}

// tableForm is what modules call their tables. Those of models that users make up begin with x_:
// the name may say anything.
var tableForm = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func tableName(name string) string {
	if !tableForm.MatchString(name) || strings.HasPrefix(name, "x_") {
		return otherTables
	}
	return name
}

func readDeadRows(b *collectors.Builder, datname string, answer table) {
	type named struct{ schema, name string }
	type rows struct{ live, dead float64 }
	tables := map[named]rows{}
	for line := range answer.each {
		id := named{tableName(line.text("schema")), tableName(line.text("name"))}
		live, _ := line.number("live")
		dead, _ := line.number("dead")
		tables[id] = rows{tables[id].live + live, tables[id].dead + dead}
	}
	for id, n := range tables {
		b.Set(compatLiveRows, n.live, datname, id.schema, id.name)
		b.Set(compatDeadRows, n.dead, datname, id.schema, id.name)
	}
}
