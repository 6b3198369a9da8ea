package collectors

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// Reason is why a visit failed or an indicator is unavailable: a metric label, so the set is fixed.
type Reason string

// The reasons.
const (
	ReasonTimeout     Reason = "timeout"              // the deadline passed
	ReasonUnreachable Reason = "unreachable"          // no connection: refused, reset, no route, unknown name
	ReasonAuth        Reason = "authentication"       // the target does not accept our credentials
	ReasonPermission  Reason = "permission"           // the target does not let us read this
	ReasonConnections Reason = "too_many_connections" // the target, or our budget for it, has no slot left
	ReasonGone        Reason = "gone"                 // what was to be visited is no longer there
	ReasonMissing     Reason = "missing"              // a table or column is not there
	ReasonLocked      Reason = "locked"               // somebody holds a lock that we would have to wait for
	ReasonProtocol    Reason = "protocol"             // the answer was not what this target should answer
	ReasonCancelled   Reason = "cancelled"            // we are stopping
	ReasonPanic       Reason = "panic"                // a fault of ours
	ReasonOther       Reason = "other"
)

// Error is an error whose reason its maker knows.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Because gives an error a reason; nil stays nil.
func Because(reason Reason, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Reason: reason, Err: err}
}

// ReasonOf finds the reason of an error: the one its maker gave it, else what the network or the
// context says.
func ReasonOf(err error) Reason {
	var known *Error
	var network net.Error
	switch {
	case errors.As(err, &known):
		return known.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	case errors.Is(err, context.Canceled):
		return ReasonCancelled
	case errors.As(err, &network) && network.Timeout():
		return ReasonTimeout
	case isUnreachable(err):
		return ReasonUnreachable
	}
	return ReasonOther
}

func isUnreachable(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}
