package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wardround/wardround/collectors"
)

// extensionSQL finds the extension in the control database and what columns its version has.
const extensionSQL = `SELECT n.nspname AS schema, a.attname AS column
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'pg_stat_statements'
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE e.extname = 'pg_stat_statements'`

// mostStatements bounds a round. Beyond it nothing is counted, because of some of the statements
// nothing can be told that is true of all.
const mostStatements = 50_000

// statementQuestions ask for the statistics of statements, and for those of all of them together.
type statementQuestions struct{ entries, info question }

func (q *statementQuestions) all() []question { return []question{q.entries, q.info} }

// questionsOfStatements are the questions that suit the extension that was found, or why there are none.
// Texts are left out (the function's false): they are in a file that would be read each time, and
// say more than may be told.
func (extension answer) questionsOfStatements() (*statementQuestions, error) {
	if err := Classify(extension.err); err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for line := range extension.table.each {
		has[line.text("column")] = true
	}
	if len(has) == 0 {
		return nil, collectors.Because(collectors.ReasonMissing, errors.New("pg_stat_statements is not there: "+
			"name it in shared_preload_libraries, restart the server, and run CREATE EXTENSION pg_stat_statements in database "+controlDatabase))
	}
	var sql strings.Builder
	sql.WriteString(`SELECT s.userid, pg_get_userbyid(s.userid) AS "user", s.dbid, s.queryid`)
	for i, c := range countedAmounts {
		for _, column := range c.columns {
			if has[column] {
				fmt.Fprintf(&sql, ", "+c.sql+" AS amount%d", column, i)
				break
			}
		}
	}
	schema := pgx.Identifier{extension.table.first().text("schema")}.Sanitize()
	fmt.Fprintf(&sql, " FROM %s.pg_stat_statements(false) s", schema)
	if has["toplevel"] { // what functions run inside is in the time of who called them
		sql.WriteString(" WHERE s.toplevel")
	}
	fmt.Fprintf(&sql, " LIMIT %d", mostStatements+1)
	info := fmt.Sprintf(`SELECT dealloc, extract(epoch FROM stats_reset) AS reset,
  current_setting('pg_stat_statements.max', true) AS max FROM %s.pg_stat_statements_info`, schema)
	return &statementQuestions{
		entries: question{group: group{name: "statements"}, text: sql.String()},
		info:    question{group: group{name: "statements_info"}, text: info},
	}, nil
}
