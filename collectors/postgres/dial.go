package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/wardround/wardround/collectors"
)

// applicationName is how our connections are called in pg_stat_activity.
const applicationName = "wardround"

// How long a connection's end is waited for: of one in good order until the server has let it go,
// of one that was cut short until the server knows that it may.
const (
	farewell   = time.Second
	cancelling = 500 * time.Millisecond
)

// dialer opens connections to one server with all safety settings in the start-up packet, where
// they cost no round trip and hold from the first statement on.
type dialer struct {
	config   *pgconn.Config
	password func() (string, error) // "" where the DSN has it, or there is none
	// settled is whether the server speaks TLS, once a connection has found out: sslmode=prefer
	// would otherwise try both at every visit.
	settled atomic.Pointer[settledTLS]
}

type settledTLS struct{ config *tls.Config }

func newDialer(c Config) (*dialer, error) {
	parsed, err := c.parse()
	if err != nil {
		return nil, err
	}
	if parsed.RuntimeParams == nil {
		parsed.RuntimeParams = map[string]string{}
	}
	for name, value := range safety(c) {
		maps.DeleteFunc(parsed.RuntimeParams, func(other, _ string) bool { return strings.EqualFold(other, name) })
		parsed.RuntimeParams[name] = value
	}
	return &dialer{config: parsed, password: c.password}, nil
}

// safety is what every session is bound by.
func safety(c Config) map[string]string {
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }
	return map[string]string{
		"application_name":                    applicationName,
		"statement_timeout":                   milliseconds(time.Duration(c.StatementTimeout)),
		"lock_timeout":                        milliseconds(time.Duration(c.LockTimeout)),
		"idle_in_transaction_session_timeout": milliseconds(10 * time.Second),
		"default_transaction_read_only":       "on",
		"DateStyle":                           "ISO", // whatever the role or the database prefers
		"jit":                                 "off",
		"max_parallel_workers_per_gather":     "0",
	}
}

// open makes one connection to a database. Errors are classified.
func (d *dialer) open(ctx context.Context, database string) (*connection, error) {
	password, err := d.password()
	if err != nil {
		return nil, err
	}
	config := d.config.Copy()
	config.Database = database
	if password != "" {
		config.Password = password
	}
	if known := d.settled.Load(); known != nil {
		config.TLSConfig, config.Fallbacks = known.config, nil
	}
	after := context.WithoutCancel(ctx)
	wires := newWires(after, config.DialFunc)
	config.DialFunc = wires.open
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		wires.cut()
		err = Classify(explain(err, config))
		switch collectors.ReasonOf(err) {
		case collectors.ReasonConnections, collectors.ReasonGone, collectors.ReasonPermission:
		default:
			d.settled.Store(nil) // the server may be set up differently by now
		}
		return nil, err
	}
	d.settle(conn)
	return &connection{PgConn: conn, wires: wires, after: after}, nil
}

// settle remembers which of the DSN's variants the server took.
func (d *dialer) settle(conn *pgconn.PgConn) {
	if d.settled.Load() != nil {
		return
	}
	found := &settledTLS{}
	if _, encrypted := conn.Conn().(*tls.Conn); encrypted {
		found.config = d.config.TLSConfig
		for _, fallback := range d.config.Fallbacks {
			if found.config == nil {
				found.config = fallback.TLSConfig
			}
		}
	}
	d.settled.Store(found)
}

// atDatabase is where in the server an error arose that concerns one database alone.
const atDatabase = "CheckMyDatabase"

// explain adds what to do where the server's words alone would puzzle.
func explain(err error, c *pgconn.Config) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return err
	}
	switch {
	case server.Code == "08P01":
		return fmt.Errorf("the server refuses our safety settings at start-up, as a connection pooler does: "+
			"let the target's dsn lead to PostgreSQL itself: %w", err)
	case server.Code == "42501" && server.Routine == atDatabase:
		return fmt.Errorf("role %s may not connect to database %s (%s lets it in): %w",
			c.User, c.Database, grantConnect(c.Database, c.User), err)
	}
	return err
}

// connection is one PostgreSQL connection with every socket that was opened for it, also those by
// which it cancels a statement.
type connection struct {
	*pgconn.PgConn
	wires *wires
	after context.Context // outlives the visit's deadline: for the connection's end only
}

// close ends the connection and returns when the server's backend is gone, so that its slot is
// free; from a server that does not answer it takes its sockets away after a moment.
func (c *connection) close() {
	defer c.wires.cut()
	if idle, err := c.Hijack(); err == nil {
		idle.Frontend.Send(&pgproto3.Terminate{})
		if idle.Conn.SetDeadline(time.Now().Add(farewell)) == nil && idle.Frontend.Flush() == nil {
			_, _ = io.Copy(io.Discard, idle.Conn) // ends when the server has closed its side
		}
		return
	}
	if !c.IsClosed() { // left in the middle of an answer
		ctx, cancel := context.WithTimeout(c.after, cancelling)
		defer cancel()
		_ = c.Close(ctx) // it closes the socket whatever it says
		return
	}
	// A statement was cut short: the driver is cancelling it in the background.
	timer := time.NewTimer(cancelling)
	defer timer.Stop()
	select {
	case <-c.CleanupDone():
	case <-timer.C:
		c.wires.cut()
		<-c.CleanupDone()
	}
}

// wires are the sockets of one connection, and the dials that lead to more.
type wires struct {
	dial  pgconn.DialFunc
	ended context.Context // ends with cut: the driver's own dials may outlive every deadline of ours
	end   context.CancelFunc

	mu      sync.Mutex
	sockets []net.Conn
}

func newWires(after context.Context, dial pgconn.DialFunc) *wires {
	w := &wires{dial: dial}
	w.ended, w.end = context.WithCancel(after)
	return w
}

func (w *wires) open(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.ended, cancel)()
	conn, err := w.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended.Err() != nil {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	w.sockets = append(w.sockets, conn)
	return conn, nil
}

// cut ends every dial and closes every socket; what waits on one returns with an error.
func (w *wires) cut() {
	w.end()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.sockets {
		_ = conn.Close() // often closed already
	}
	w.sockets = nil
}
