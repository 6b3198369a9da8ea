package sql

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// begin opens the transaction in which a query is held in check.
func (i *indicator) begin() string {
	return fmt.Sprintf("BEGIN READ ONLY; SET LOCAL statement_timeout = %d", time.Duration(i.Timeout).Milliseconds())
}

// rows asks an indicator's query in a transaction of its own. An error of the query alone is
// failed, and leaves the connection fit for the next one; err is of the connection.
func (i *indicator) rows(ctx context.Context, conn *pgconn.PgConn) (rows [][][]byte, failed, err error) {
	if _, err := conn.Exec(ctx, i.begin()).ReadAll(); err != nil {
		return nil, nil, fmt.Errorf("begin: %w", err)
	}
	answer := conn.ExecParams(ctx, i.statement, nil, nil, nil, nil).Read()
	if _, err := conn.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		return nil, nil, errors.Join(answer.Err, err)
	}
	switch {
	case answer.Err != nil:
		return nil, failure(answer.Err), nil
	case len(answer.Rows) > maxRows:
		return nil, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("the query returns more than %d rows", maxRows)), nil
	}
	return answer.Rows, nil, nil
}

// reasons are what errors of queries mean, by SQLSTATE and by its class.
var reasons = map[string]collectors.Reason{
	"08P01": collectors.ReasonProtocol,   // it has parameters
	"25":    collectors.ReasonPermission, // it would write, or would be allowed to
	"0A000": collectors.ReasonProtocol,   // it would write within a query
	"3F000": collectors.ReasonMissing,
	"42501": collectors.ReasonPermission,
	"42703": collectors.ReasonMissing,
	"42883": collectors.ReasonMissing,
	"42P01": collectors.ReasonMissing,
	"55P03": collectors.ReasonLocked,
	"57014": collectors.ReasonTimeout,
	"42":    collectors.ReasonProtocol, // not a query that the server understands
}

// failure is an error of a query without its words, which quote it or a value.
func failure(err error) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return collectors.Because(collectors.ReasonOf(err), errors.New("the query was not answered"))
	}
	reason, known := reasons[server.Code]
	if !known {
		reason, known = reasons[server.Code[:min(2, len(server.Code))]]
	}
	if !known {
		reason = collectors.ReasonOther
	}
	// A part that writes is not supported within a query, as other things are not: by what found it one
	// knows it in every language.
	if server.Code == "25006" || server.Code == "0A000" && server.Routine == "analyzeCTE" {
		return collectors.Because(reason, fmt.Errorf("the query would write, and only SELECT is allowed (SQLSTATE %s)", server.Code))
	}
	place := ""
	if server.Position > 0 {
		place = " at character " + strconv.Itoa(int(server.Position)) + " of the bounded statement"
	}
	return collectors.Because(reason, fmt.Errorf("the query failed with SQLSTATE %s%s", server.Code, place))
}
