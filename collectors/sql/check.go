package sql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// Problem is something that keeps an indicator from being had.
type Problem struct {
	Indicator string
	Tenant    string // whose database it is; "" for one that a cluster is asked
	Target    string
	Text      string // what is wrong and what to do
}

// dear is the estimated cost, in units of the planner, from which a query is worth a look: about
// a second of reading.
const dear = 1e6

// Check tries every indicator in every place where it would be asked, without running it: the
// server says what its columns would be and what it would cost. The error is of ctx.
func (s *Indicators) Check(ctx context.Context, clusters []Cluster) ([]Problem, error) {
	var problems []Problem
	for _, v := range s.plan(clusters) {
		scratch := collectors.NewBuilder(v.visit().Key, time.Now()) // what does not apply is no problem
		for _, i := range v.asked {
			database, ok := v.applies(scratch, i)
			if !ok {
				continue
			}
			err := v.cluster.Visit(ctx, database, func(ctx context.Context, conn *pgconn.PgConn) error {
				found, err := i.check(ctx, conn)
				for _, text := range found {
					problems = append(problems, Problem{i.Name, v.place.tenant, v.place.target, text})
				}
				return err
			})
			if ctx.Err() != nil {
				return problems, context.Cause(ctx)
			}
			if err != nil {
				problems = append(problems, Problem{i.Name, v.place.tenant, v.place.target, fmt.Sprintf("it could not be tried: %v", err)})
			}
		}
	}
	return problems, nil
}

// check asks the server about the query, without running it, in a transaction as when it is run:
// who plans a query runs functions that promise to change nothing, and need not keep it.
func (i *indicator) check(ctx context.Context, conn *pgconn.PgConn) ([]string, error) {
	if _, err := conn.Exec(ctx, i.begin()).ReadAll(); err != nil {
		return nil, err
	}
	problems := i.described(ctx, conn)
	_, err := conn.Exec(ctx, "ROLLBACK").ReadAll()
	return problems, err
}

// described looks at the columns that the query would return, and then at its plan.
func (i *indicator) described(ctx context.Context, conn *pgconn.PgConn) []string {
	described, err := conn.Prepare(ctx, "", i.query(), nil)
	if err != nil {
		return []string{explain(err)}
	}
	var problems []string
	if len(described.ParamOIDs) > 0 {
		return []string{"the query has parameters, and nothing fills them in"}
	}
	for _, column := range i.columns {
		n := 0
		for _, field := range described.Fields {
			if field.Name == column {
				n++
			}
		}
		if n != 1 {
			problems = append(problems, fmt.Sprintf("the query returns %d columns called %s, and one is needed", n, column))
		}
	}
	for _, m := range i.metrics {
		at := slices.IndexFunc(described.Fields, func(f pgconn.FieldDescription) bool { return f.Name == i.columns[m.value] })
		if at >= 0 && !slices.Contains(numeric, described.Fields[at].DataTypeOID) {
			problems = append(problems, fmt.Sprintf("column %s is no number; of a time take extract(epoch from …)", i.columns[m.value]))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return i.explained(ctx, conn)
}

// numeric are the types of columns that can be a value: bool, int8, int2, int4, oid, float4, float8, numeric.
var numeric = []uint32{16, 20, 21, 23, 26, 700, 701, 1700}

// explained looks at the plan of the statement as it would be sent.
func (i *indicator) explained(ctx context.Context, conn *pgconn.PgConn) []string {
	answer := conn.ExecParams(ctx, "EXPLAIN (FORMAT JSON) "+i.statement, nil, nil, nil, nil).Read()
	if answer.Err != nil {
		return []string{explain(answer.Err)}
	}
	var plans []struct {
		Plan struct {
			Cost float64 `json:"Total Cost"`
		} `json:"Plan"`
	}
	if len(answer.Rows) != 1 || json.Unmarshal(answer.Rows[0][0], &plans) != nil || len(plans) != 1 {
		return []string{"the server's plan of the query cannot be read"}
	}
	if cost := plans[0].Plan.Cost; cost > dear {
		return []string{fmt.Sprintf("the query is dear: the planner expects a cost of %.0f, and above %.0f it is worth an index or a smaller question", cost, dear)}
	}
	return nil
}

// explain says what is wrong with a query to the operator who wrote it. Only messages that name
// an object are repeated.
func explain(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		switch server.Code {
		case "42P01", "42703", "42883", "3F000":
			return server.Message
		case "42501":
			return server.Message + ": let an administrator GRANT SELECT on the columns that the query reads to the monitoring role"
		case "42601":
			return fmt.Sprintf("the query has a syntax error at character %d", server.Position)
		}
	}
	return failure(err).Error()
}
