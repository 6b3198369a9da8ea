package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// facts are what does not change while a connection lasts.
type facts struct {
	columns    map[string]map[string]bool // of the views whose columns differ between versions
	recovering bool                       // the server is a standby; a promotion leaves the connection as it is
	prepared   bool                       // it allows prepared transactions
}

// has says whether a view of the server has a column.
func (f facts) has(view, column string) bool { return f.columns[view][column] }

// session is a control connection, what was learned when it was opened, and what is asked of it.
type session struct {
	*connection
	facts
	questions []question
	planned   map[string]string   // statements that the server keeps for this connection, by their names
	entries   *statementQuestions // nil until it is known that the extension is there
}

// question is a group with the statement that suits the server. The server keeps it under the
// group's name, so that it is parsed and planned once for the connection; one without a name is
// asked as it is.
type question struct {
	group
	text string
}

const safetySQL = `SELECT current_setting('default_transaction_read_only') = 'on' AND current_setting('application_name') = '` + applicationName + `' AS safe,
  pg_is_in_recovery() AS recovering, current_setting('max_prepared_transactions') <> '0' AS prepared`

// columnsSQL lists the columns of the views that are asked by what they have.
const columnsSQL = `SELECT c.relname AS view, a.attname AS column
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname = ANY ($1::text[]) AND a.attnum > 0 AND NOT a.attisdropped`

// openSession opens a control connection, learns what the server is like and what of the groups
// can be asked of it.
func openSession(ctx context.Context, d *dialer, groups []group) (*session, error) {
	conn, err := d.open(ctx, controlDatabase)
	if err != nil {
		return nil, err
	}
	s := &session{connection: conn, facts: facts{columns: map[string]map[string]bool{}}, planned: map[string]string{}}
	if err := s.learn(ctx, groups); err != nil {
		conn.close()
		return nil, Classify(fmt.Errorf("learn what the server is like: %w", err))
	}
	s.questions = s.suiting(groups)
	return s, nil
}

// suiting are the groups of which the server has something, each with its statement.
func (s *session) suiting(groups []group) []question {
	var questions []question
	for _, g := range groups {
		if text := g.sql(s.facts); text != "" {
			questions = append(questions, question{group: g, text: text})
		}
	}
	return questions
}

func (s *session) learn(ctx context.Context, groups []group) error {
	var views []string
	for _, g := range groups {
		views = append(views, g.views...)
	}
	checked := s.ExecParams(ctx, safetySQL, nil, nil, nil, nil).Read()
	if checked.Err != nil {
		return checked.Err
	}
	listed := s.ExecParams(ctx, columnsSQL, [][]byte{[]byte("{" + strings.Join(views, ",") + "}")}, nil, nil, nil).Read()
	if listed.Err != nil {
		return listed.Err
	}
	safety, columns := newTable(checked), newTable(listed)
	if !safety.first().truth("safe") {
		return collectors.Because(collectors.ReasonProtocol, errors.New("our safety settings did not arrive, "+
			"as behind a connection pooler: let the target's dsn lead to PostgreSQL itself"))
	}
	s.recovering, s.prepared = safety.first().truth("recovering"), safety.first().truth("prepared")
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

// ask sends all questions in one round trip, each in a transaction of its own, so that one that
// fails leaves the others whole. The error is of the connection; then no answer counts.
func (s *session) ask(ctx context.Context, questions []question) ([]answer, error) {
	pipeline := s.StartPipeline(ctx)
	for _, q := range questions {
		s.send(pipeline, q)
	}
	answers := make([]answer, len(questions))
	err := pipeline.Flush()
	for i := 0; err == nil && i < len(questions); i++ {
		if answers[i], err = receive(pipeline); err == nil {
			s.keep(questions[i], answers[i].err == nil)
		}
	}
	if closing := pipeline.Close(); err == nil && s.IsClosed() {
		err = closing
	}
	return answers, err
}

func (s *session) send(pipeline *pgconn.Pipeline, q question) {
	switch {
	case q.name == "":
		pipeline.SendQueryParams(q.text, nil, nil, nil, nil)
	case s.planned[q.name] != q.text:
		pipeline.SendDeallocate(q.name) // of which there may be none
		pipeline.SendPrepare(q.name, q.text, nil)
		fallthrough
	default:
		pipeline.SendQueryPrepared(q.name, nil, nil, nil)
	}
	pipeline.SendPipelineSync()
}

// keep notes that the server keeps a statement. One that failed is prepared anew the next time.
func (s *session) keep(q question, went bool) {
	if q.name != "" && went {
		s.planned[q.name] = q.text
	} else {
		delete(s.planned, q.name)
	}
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
		case *pgconn.StatementDescription, *pgconn.CloseComplete:
		case *pgconn.PipelineSync:
			return a, nil
		default:
			return a, collectors.Because(collectors.ReasonProtocol, errors.New("the server answered fewer statements than were asked"))
		}
	}
}
