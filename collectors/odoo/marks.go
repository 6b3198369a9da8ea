package odoo

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors/postgres"
)

// marks say which tables were written to: the text of each is another one than before if it was.
type marks struct {
	clock string            // when they were made, by the server's clock; it never comes again
	of    map[string]string // by the table's object id
}

// parametersTable is what the function for parameters reads.
const parametersTable = "ir_config_parameter"

// marksSQL reads what the server counts of each table, without a look at any table or its place in
// the catalog. What a transaction wrote is counted after it has ended, within ten seconds as a rule and
// a minute at most: who sees it counted sees what it wrote. TRUNCATE is seen by there being no rows any
// more. The path, that of the table of tables, is another one in another database of the same name, and
// the times are those at which counting began anew: on demand, or after the server crashed. As nothing
// is named but functions of PostgreSQL's own, and no operator, it needs no preamble.
const marksSQL = `SELECT pg_catalog.date_part('epoch', pg_catalog.now()), o, pg_catalog.pg_relation_filepath({class}),
  pg_catalog.pg_stat_get_tuples_inserted(o), pg_catalog.pg_stat_get_tuples_updated(o), pg_catalog.pg_stat_get_tuples_deleted(o),
  pg_catalog.pg_stat_get_live_tuples(o), pg_catalog.pg_stat_get_db_stat_reset_time({database}), pg_catalog.pg_stat_get_bgwriter_stat_reset_time()
FROM pg_catalog.unnest('{{tables}}'::pg_catalog.oid[]) o`

// classID is the object id of the table of tables, the same in each database.
const classID = "1259"

// readMarks asks for the marks of all tables that a schema knows, and for the server's clock.
func readMarks(ctx context.Context, conn *pgconn.PgConn, s *schema) (marks, time.Time, error) {
	tables := append(slices.Sorted(maps.Values(s.counted)), classID) // there is a row at any rate
	sql := fill(marksSQL, "{class}", classID, "{database}", s.database, "{tables}", strings.Join(tables, ","))
	answers, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return marks{}, time.Time{}, fmt.Errorf("read what was written: %w", postgres.Classify(err))
	}
	m, now := marks{of: map[string]string{}}, time.Time{}
	err = each(answers[0].Rows, func(row *row) {
		m.clock, now = row.text(0), row.time(0)
		m.of[row.text(1)] = string(bytes.Join(row.columns[2:], []byte(" ")))
	})
	return m, now, err
}

// mark is the marks of all that a group reads; of one that reads no table of Odoo's, how much was
// written to the database. A table of which nothing is counted may be written to at any time.
func (r *reading) mark(g *group) string {
	tables := g.tables()
	if len(tables) == 0 {
		return fmt.Sprint(r.writes)
	}
	parts := make([]string, len(tables))
	for i, table := range tables {
		mark, counted := r.marks.of[r.schema.counted[table]]
		if !counted && r.schema.tables[table] {
			mark = r.marks.clock
		}
		parts[i] = mark
	}
	return strings.Join(parts, ", ")
}

// counted says whether all that is written to what a group reads is counted.
func (r *reading) counted(g *group) bool {
	return !slices.ContainsFunc(g.tables(), func(table string) bool {
		_, counted := r.marks.of[r.schema.counted[table]]
		return !counted
	})
}

// tables are those that a group reads.
func (g *group) tables() []string {
	var all []string
	for _, name := range slices.Concat(g.needs, g.wants) {
		table, _, _ := strings.Cut(name, ".")
		if !slices.Contains(all, table) {
			all = append(all, table)
		}
	}
	if g.param {
		all = append(all, parametersTable)
	}
	return all
}
