package postgres

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// reasons maps SQLSTATE codes, and classes of them by their first two characters, to what a visit
// says about them.
var reasons = map[string]collectors.Reason{
	"08P01": collectors.ReasonProtocol,
	"08":    collectors.ReasonUnreachable,
	"28":    collectors.ReasonAuth,
	"3D000": collectors.ReasonGone, // no such database
	"57P04": collectors.ReasonGone, // dropped while we were in it
	"3F000": collectors.ReasonMissing,
	"42501": collectors.ReasonPermission,
	"42703": collectors.ReasonMissing, // column
	"42704": collectors.ReasonMissing, // type, role, setting
	"42883": collectors.ReasonMissing, // function
	"42P01": collectors.ReasonMissing, // table
	"53300": collectors.ReasonConnections,
	"55000": collectors.ReasonPermission, // the database accepts no connections
	"55P03": collectors.ReasonLocked,
	"57014": collectors.ReasonTimeout,
	"57P01": collectors.ReasonUnreachable, // shut down, or our session ended by an administrator
	"57P02": collectors.ReasonUnreachable,
	"57P03": collectors.ReasonUnreachable, // starting up
}

// plainClasses are the classes of SQLSTATE whose messages name objects, roles and limits only.
// The others can quote a value, which may be a patient's.
var plainClasses = map[string]bool{
	"08": true, "25": true, "28": true, "3D": true, "3F": true, "42": true, "53": true, "55": true, "57": true,
}

// sqlError is an error with the text that may be shown.
type sqlError struct {
	text string
	err  error
}

func (e *sqlError) Error() string { return e.text }
func (e *sqlError) Unwrap() error { return e.err }

// Classify gives an error of a connection or statement its reason and a text fit to be shown: one
// line, and no value out of a row. Errors that have a reason already, and nil, stay as they are.
func Classify(err error) error {
	var known *collectors.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return collectors.Because(reason(err), &sqlError{text: showable(err), err: err})
}

func reason(err error) collectors.Reason {
	var server *pgconn.PgError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &server):
		if r, ok := reasons[server.Code]; ok {
			return r
		}
		if r, ok := reasons[server.Code[:min(2, len(server.Code))]]; ok {
			return r
		}
		return collectors.ReasonOther
	case errors.As(err, &certificate):
		return collectors.ReasonAuth
	case pgconn.Timeout(err):
		return collectors.ReasonTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, pgconn.ErrConnClosed):
		return collectors.ReasonUnreachable
	case strings.Contains(err.Error(), noTLS):
		return collectors.ReasonProtocol
	}
	return collectors.ReasonOf(err)
}

// noTLS is how the driver says, by its words alone, that the server has no TLS and sslmode asks for it.
const noTLS = "server refused TLS connection"

func showable(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	var server *pgconn.PgError
	if errors.As(err, &server) && !plainClasses[server.Code[:min(2, len(server.Code))]] {
		message := strings.Join(strings.Fields(server.Message), " ")
		text = strings.ReplaceAll(text, message, "(message withheld: it may quote a value)")
	}
	return text
}
