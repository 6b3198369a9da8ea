package odoo

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors/postgres"
)

// question is a group with its statements as they are sent this time.
type question struct {
	*group
	sql []string
}

// preamble opens each batch (which is one transaction) with the server's clock and two settings
// for its length. No operator or function that a tenant's owner planted in a schema of theirs is
// ever called: tables are named with their schema, all else is PostgreSQL's own. And plans use an
// index wherever there is one: one made for a table's average would read the whole of it to find
// the few rows that are at its end.
const preamble = `SELECT pg_catalog.set_config('search_path', 'pg_catalog', true),
  pg_catalog.set_config('enable_seqscan', 'off', true), pg_catalog.date_part('epoch', pg_catalog.now())`

// reply is the answers to one question, or why there are none.
type reply struct {
	question
	clock   *row
	answers [][][][]byte
	err     error
}

// ask sends all questions in one round trip. A statement that fails takes the rest of its batch
// with it, so what comes after it is sent again without it: a locked table costs its lock
// timeout once, and everything else still comes. An error means that the connection is gone.
func ask(ctx context.Context, conn *pgconn.PgConn, questions []question) ([]reply, error) {
	var replies []reply
	for len(questions) > 0 {
		got, err := send(ctx, conn, questions)
		replies = append(replies, got...)
		if err == nil {
			return replies, nil
		}
		if fatal(conn, err) {
			return nil, postgres.Classify(err)
		}
		replies = append(replies, reply{question: questions[len(got)], err: postgres.Classify(err)})
		questions = questions[len(got)+1:]
	}
	return replies, nil
}

// send makes one round trip, and returns the replies that are whole.
func send(ctx context.Context, conn *pgconn.PgConn, questions []question) ([]reply, error) {
	sql := []string{preamble}
	for _, q := range questions {
		sql = append(sql, q.sql...)
	}
	results, err := conn.Exec(ctx, strings.Join(sql, ";\n")).ReadAll()
	var whole [][][][]byte
	for _, r := range results {
		if r.Err != nil {
			err = errors.Join(err, r.Err)
			break
		}
		whole = append(whole, r.Rows)
	}
	if len(whole) == 0 {
		return nil, err
	}
	clock, whole := &row{columns: whole[0][0]}, whole[1:]
	var replies []reply
	for _, q := range questions {
		if len(whole) < len(q.sql) {
			break
		}
		replies = append(replies, reply{question: q, clock: clock, answers: whole[:len(q.sql)]})
		whole = whole[len(q.sql):]
	}
	return replies, err
}

// fatal says whether nothing more can be asked after an error.
func fatal(conn *pgconn.PgConn, err error) bool {
	var pg *pgconn.PgError
	return conn.IsClosed() || !errors.As(err, &pg) || pg.Severity == "FATAL" || pg.Severity == "PANIC"
}
