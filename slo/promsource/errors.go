package promsource

import (
	"errors"
	"fmt"
)

// Reason is why a source could not be read: a metric label, so the set is fixed.
type Reason string

// The reasons.
const (
	ReasonUnreachable Reason = "unreachable" // no connection, or it broke
	ReasonTimeout     Reason = "timeout"     // no answer in time, or the source gave up on the query
	ReasonRejected    Reason = "rejected"    // it does not accept our credentials, or the query
	ReasonServer      Reason = "server"      // it failed
	ReasonProtocol    Reason = "protocol"    // the answer is not Prometheus'
	ReasonPartial     Reason = "partial"     // it could not ask all its stores
	ReasonTooMuch     Reason = "too_much"    // a minute has more series or samples than it or we allow
	ReasonRecord      Reason = "record"      // what was read could not be recorded
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{
		ReasonUnreachable, ReasonTimeout, ReasonRejected, ReasonServer,
		ReasonProtocol, ReasonPartial, ReasonTooMuch, ReasonRecord,
	}
}

// Error is why a source could not be read.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf is the reason of an error of this package, "" of any other.
func ReasonOf(err error) Reason {
	var known *Error
	if errors.As(err, &known) {
		return known.Reason
	}
	return ""
}

// passes says whether it makes sense to ask the same again later.
func passes(err error) bool {
	switch ReasonOf(err) {
	case ReasonUnreachable, ReasonTimeout, ReasonServer, ReasonPartial:
		return true
	}
	return false
}

func failed(reason Reason, format string, args ...any) error {
	return &Error{reason, fmt.Errorf(format, args...)}
}
