package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/common/config"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/wardround/wardround/collectors"
)

// link is one connection to one server or Sentinel. It is kept between visits and made anew after
// a failed one. Only one visit uses it at a time.
type link struct {
	address string
	options redis.Options
	client  *redis.Client
	left    atomic.Int64 // bytes that the server may still answer during this visit
}

// mostAnswered is how much one visit reads from one server. INFO of a busy one has 50 kB.
const mostAnswered = 16 << 20

var errTooLong = fmt.Errorf("the server answers more than %d MiB", mostAnswered>>20)

// dial is how connections are made: within the context's deadline, TLS handshake included, which
// the client's own way does not heed.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

func dialer(settings *config.TLSConfig) (dial, error) {
	if settings == nil {
		return new(net.Dialer).DialContext, nil
	}
	parsed, err := config.NewTLSConfig(settings)
	if err != nil {
		return nil, collectors.Invalid("tls", "%v", err)
	}
	return (&tls.Dialer{Config: parsed}).DialContext, nil
}

// newLink prepares a connection; it connects to nothing yet.
func newLink(address string, db int, who login, connect dial) *link {
	l := &link{address: address}
	l.options = redis.Options{
		Network: "tcp", Addr: address, DB: db,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := connect(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return bound(conn, &l.left), nil
		},
		// Asked for at each connect, so that a changed password file is noticed.
		CredentialsProviderContext: func(context.Context) (string, string, error) {
			username, password, err := who.read()
			return username, password, collectors.Because(collectors.ReasonAuth, err)
		},
		OnConnect: introduce, DisableIdentity: true, Protocol: 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 2, // one is used; a pool of one would go on dialling by itself after an error
		MaxRetries:               -1,
		DialerRetries:            1, // a failed visit is made again by the rounds, not here
		ContextTimeoutEnabled:    true,
	}
	if strings.HasPrefix(address, "/") {
		l.options.Network = "unix"
	}
	l.connectAnew()
	return l
}

func (l *link) connectAnew() {
	options := l.options
	l.client = redis.NewClient(&options)
}

func (l *link) close() error { return l.client.Close() }

func closeAll(links []*link) error {
	errs := make([]error, len(links))
	for i, l := range links {
		errs[i] = l.close()
	}
	return errors.Join(errs...)
}

// visit lets f use the connection until ctx ends. An error of f means that the connection is not
// to be used again.
func (l *link) visit(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	client := l.client
	l.left.Store(mostAnswered)
	// The client heeds the context's deadline, but a cancellation only between two commands.
	heed := context.AfterFunc(ctx, func() { _ = client.Close() })
	err := f(ctx, client)
	if untouched := heed(); !untouched || err != nil {
		// After an error the client would repeat it from memory and dial in the background, on
		// a clock of its own; the next visit shall see for itself.
		_ = client.Close()
		l.connectAnew()
	}
	return err
}

// introduce shows in the server's CLIENT LIST who we are. A user who may not say so stays
// nameless.
func introduce(ctx context.Context, conn *redis.Conn) error {
	err := conn.ClientSetName(ctx, "wardround").Err()
	if isAnswer(err) {
		return nil
	}
	return err
}

// bounded is a connection that gives no more than it may.
type bounded struct {
	net.Conn
	left *atomic.Int64
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left.Load() <= 0 {
		return 0, collectors.Because(collectors.ReasonProtocol, errTooLong)
	}
	n, err := b.Conn.Read(into)
	b.left.Add(-int64(n))
	return n, err
}

// bound keeps what lets the client see whether the server closed a kept connection, which it looks
// for on sockets only.
func bound(conn net.Conn, left *atomic.Int64) net.Conn {
	b := &bounded{conn, left}
	if socket, ok := conn.(syscall.Conn); ok {
		return struct {
			*bounded
			syscall.Conn
		}{b, socket}
	}
	return b
}

// exec sends a pipeline. Its error means that the connection is lost, or that we could not log in;
// what the server answered to a command is that command's own error.
func exec(ctx context.Context, pipe redis.Pipeliner) error {
	commands, err := pipe.Exec(ctx)
	refused := func(c redis.Cmder) bool { return c.Err() != nil }
	if isAnswer(err) && slices.ContainsFunc(commands, refused) {
		return nil
	}
	return err
}

// isAnswer says whether an error is what the server answered, over a connection that is well.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// explain gives a failure its reason. The context's comes first: of a visit that was cut short
// the client says only that some read timed out.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return collectors.Because(reason(err), err)
}

func reason(err error) collectors.Reason {
	switch {
	case redis.IsAuthError(err):
		return collectors.ReasonAuth
	case redis.IsPermissionError(err):
		return collectors.ReasonPermission
	case redis.IsMaxClientsError(err):
		return collectors.ReasonConnections
	case redis.HasErrorPrefix(err, "unknown command"), redis.HasErrorPrefix(err, "unknown subcommand"),
		redis.HasErrorPrefix(err, "This instance has cluster support disabled"):
		return collectors.ReasonMissing
	case redis.HasErrorPrefix(err, "No such master"):
		return collectors.ReasonGone
	case redis.HasErrorPrefix(err, "BUSY"), redis.IsLoadingError(err):
		return collectors.ReasonLocked // a script or the loading of the data, for which we would have to wait
	case errors.Is(err, os.ErrDeadlineExceeded):
		return collectors.ReasonTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return collectors.ReasonUnreachable
	}
	known := collectors.ReasonOf(err)
	if known == collectors.ReasonOther && !isAnswer(err) {
		return collectors.ReasonProtocol // the client could not make sense of the answer
	}
	return known
}
