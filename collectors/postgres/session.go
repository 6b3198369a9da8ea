package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// facts are what does not change while a connection lasts.
type facts struct {
	version int                        // server_version_num, such as 150020
	columns map[string]map[string]bool // of the views whose columns differ between versions
}

// has says whether a view of the server has a column.
func (f facts) has(view, column string) bool { return f.columns[view][column] }

// session is a control connection and what was learned when it was opened.
type session struct {
	*connection
	facts
}

const factsSQL = `SELECT current_setting('server_version_num') AS version,
  current_setting('default_transaction_read_only') = 'on' AND current_setting('application_name') = '` + applicationName + `' AS safe`

// columnsSQL lists the columns of the views that are asked by what they have.
const columnsSQL = `SELECT c.relname AS view, a.attname AS column
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname IN ('pg_stat_database') AND a.attnum > 0 AND NOT a.attisdropped`

// openSession opens a control connection and learns what the server is like.
func openSession(ctx context.Context, d *dialer) (*session, error) {
	conn, err := d.open(ctx, controlDatabase)
	if err != nil {
		return nil, err
	}
	s := &session{connection: conn, facts: facts{columns: map[string]map[string]bool{}}}
	if err := s.learn(ctx); err != nil {
		conn.close()
		return nil, Classify(fmt.Errorf("learn what the server is like: %w", err))
	}
	return s, nil
}

func (s *session) learn(ctx context.Context) error {
	results, err := s.Exec(ctx, factsSQL+";"+columnsSQL).ReadAll()
	if err != nil {
		return err
	}
	about, columns := newTable(results[0]), newTable(results[1])
	if !about.first().truth("safe") {
		return collectors.Because(collectors.ReasonProtocol, errors.New("our safety settings did not arrive, "+
			"as behind a connection pooler: let the target's dsn lead to PostgreSQL itself"))
	}
	version, _ := about.first().count("version")
	s.version = int(version)
	for r := range columns.each {
		view := r.text("view")
		if s.columns[view] == nil {
			s.columns[view] = map[string]bool{}
		}
		s.columns[view][r.text("column")] = true
	}
	return nil
}

// answer is the outcome of one statement.
type answer struct {
	table table
	err   error
}

// ask sends all statements in one round trip, each in a transaction of its own, so that one that
// fails leaves the others whole. The error is of the connection; then no answer counts.
func (s *session) ask(ctx context.Context, statements []string) ([]answer, error) {
	pipeline := s.StartPipeline(ctx)
	for _, sql := range statements {
		pipeline.SendQueryParams(sql, nil, nil, nil, nil)
		pipeline.SendPipelineSync()
	}
	answers := make([]answer, len(statements))
	err := pipeline.Flush()
	for i := 0; err == nil && i < len(statements); i++ {
		answers[i], err = receive(pipeline)
	}
	if closing := pipeline.Close(); err == nil && s.IsClosed() {
		err = closing
	}
	return answers, err
}

// receive reads one statement's answer, up to the mark behind it.
func receive(pipeline *pgconn.Pipeline) (answer, error) {
	var a answer
	for {
		result, err := pipeline.GetResults()
		var server *pgconn.PgError
		switch {
		case errors.As(err, &server):
			a.err = err
			if server.Severity == "FATAL" || server.SeverityUnlocalized == "FATAL" {
				return a, err
			}
			continue
		case err != nil:
			return a, err
		}
		switch result := result.(type) {
		case *pgconn.ResultReader:
			read := result.Read()
			if read.Err == nil {
				a.table = newTable(read)
				continue
			}
			a.err = read.Err
			if !errors.As(read.Err, &server) {
				return a, read.Err
			}
		case *pgconn.PipelineSync:
			return a, nil
		default:
			return a, collectors.Because(collectors.ReasonProtocol, errors.New("the server answered fewer statements than were asked"))
		}
	}
}
