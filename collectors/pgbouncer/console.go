package pgbouncer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// console is one connection to the admin console, which understands the simple protocol only.
type console struct {
	*pgconn.PgConn
	wires   *wires
	version string // such as 1.18.0
}

// open connects within ctx. Errors have their reason.
func open(ctx context.Context, config *pgconn.Config) (*console, error) {
	config = config.Copy()
	w := &wires{dial: config.DialFunc}
	config.DialFunc = w.open
	conn, err := pgconn.ConnectConfig(ctx, config)
	w.connected.Store(true)
	if err != nil {
		w.cut()
		return nil, explain(ctx, fmt.Errorf("connect to the console: %w", err))
	}
	c := &console{PgConn: conn, wires: w}
	says := conn.ParameterStatus("server_version")
	version, ok := strings.CutSuffix(says, "/bouncer")
	if !ok {
		c.close(ctx)
		return nil, collectors.Because(collectors.ReasonProtocol,
			fmt.Errorf("what answers calls itself version %q, which is not PgBouncer's console: let the target's dsn lead to it", says))
	}
	c.version = version
	return c, nil
}

// show asks for one table.
func (c *console) show(ctx context.Context, what string) (table, error) {
	results, err := c.Exec(ctx, "SHOW "+what).ReadAll()
	if err != nil {
		return table{}, explain(ctx, fmt.Errorf("ask for %s: %w", what, err))
	}
	if len(results) == 0 {
		return table{}, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask for %s: the answer has no table", what))
	}
	return newTable(results[0]), nil
}

// farewell is how long the end of a connection may take.
const farewell = 500 * time.Millisecond

// close ends the connection and leaves nothing of it behind. The driver would go on for a while with
// one that was cut short, to cancel what it had asked; the console has nothing to be cancelled.
func (c *console) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if !c.IsClosed() {
		_ = c.Close(ctx) // it closes the socket whatever it says
	}
	c.wires.cut()
	<-c.CleanupDone()
}

// wires are the sockets of one connection: more than one where sslmode leaves the choice of TLS open.
// They are opened while the driver connects and not afterwards, when it would only be to cancel.
type wires struct {
	dial      pgconn.DialFunc
	sockets   []net.Conn
	connected atomic.Bool
}

var errConnected = errors.New("nothing is dialled once the connection is made")

func (w *wires) open(ctx context.Context, network, address string) (net.Conn, error) {
	if w.connected.Load() {
		return nil, errConnected
	}
	conn, err := w.dial(ctx, network, address)
	if err == nil {
		w.sockets = append(w.sockets, conn)
	}
	return conn, err
}

func (w *wires) cut() {
	for _, socket := range w.sockets {
		_ = socket.Close()
	}
}

// noDatabase is PostgreSQL's code for a database that is not there; PgBouncer always has its console.
const noDatabase = "3D000"

// explain gives a failure its reason. The context's comes first: of a visit that was cut short the
// driver says only that some read failed.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return collectors.Because(reason(err), err)
}

// words are how PgBouncer says, by its text alone, what went wrong: versions before 1.21 have one
// code for all of it.
var words = []struct {
	text   string
	reason collectors.Reason
}{
	{"authentication failed", collectors.ReasonAuth},
	{"no such user", collectors.ReasonAuth},
	{"not allowed", collectors.ReasonPermission},
	{"no more connections allowed", collectors.ReasonConnections},
	{"connections exceeded", collectors.ReasonConnections},
	{"shutting down", collectors.ReasonUnreachable},
	{"invalid command", collectors.ReasonMissing},
	{"unsupported command", collectors.ReasonMissing},
}

// noTLS is how the driver says, by its words alone, that the server has no TLS and sslmode asks for it.
const noTLS = "server refused TLS connection"

func reason(err error) collectors.Reason {
	var server *pgconn.PgError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &server):
		return saidReason(server)
	case errors.As(err, &certificate):
		return collectors.ReasonAuth
	case pgconn.Timeout(err):
		return collectors.ReasonTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, pgconn.ErrConnClosed):
		return collectors.ReasonUnreachable
	case strings.Contains(err.Error(), noTLS):
		return collectors.ReasonProtocol
	}
	if known := collectors.ReasonOf(err); known != collectors.ReasonOther {
		return known
	}
	return collectors.ReasonProtocol // the driver could not make sense of the answer
}

func saidReason(said *pgconn.PgError) collectors.Reason {
	if said.Code == noDatabase {
		return collectors.ReasonProtocol
	}
	for _, w := range words {
		if strings.Contains(said.Message, w.text) {
			return w.reason
		}
	}
	switch said.Code[:min(2, len(said.Code))] {
	case "28":
		return collectors.ReasonAuth
	case "53":
		return collectors.ReasonConnections
	case "57":
		return collectors.ReasonUnreachable
	}
	return collectors.ReasonOther
}
