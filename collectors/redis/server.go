package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/prometheus/common/config"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/wardround/wardround/collectors"
)

// Server is one Redis server as a collectors.Collector. It keeps one connection between visits,
// until Close.
type Server struct {
	config  Config
	options redis.Options

	asking sync.Mutex    // held during a visit and by Close
	client *redis.Client // replaced after a failed visit
	closed bool
}

// Quiet silences the Redis client's own logger, which is one for the whole process and would say
// on standard error what the rounds' log already says. A program calls it once, in main.
func Quiet() { logging.Disable() }

// New prepares the visits to a server; it connects to nothing yet. The configuration must be
// valid; what cannot be read (password file, certificates) is an error here, not at night.
func New(c Config) (*Server, error) {
	if _, err := c.password(); err != nil {
		return nil, collectors.Invalid("password_file", "%v", err)
	}
	dial, err := dialer(c)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, options: redis.Options{
		Network: "tcp", Addr: c.Address, DB: c.DB, Dialer: dial,
		CredentialsProviderContext: credentials(c),
		OnConnect:                  introduce, DisableIdentity: true, Protocol: 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 2, // one is used; a pool of one would go on dialling by itself after an error
		MaxRetries:               -1,
		DialerRetries:            1, // a failed visit is made again by the rounds, not here
		ContextTimeoutEnabled:    true,
	}}
	if strings.HasPrefix(c.Address, "/") {
		s.options.Network = "unix"
	}
	s.connectAnew()
	return s, nil
}

// dialer dials within the context's deadline, TLS handshake included: the client's own does not.
func dialer(c Config) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	if c.TLS == nil {
		return new(net.Dialer).DialContext, nil
	}
	settings, err := config.NewTLSConfig(c.TLS)
	if err != nil {
		return nil, collectors.Invalid("tls", "%v", err)
	}
	return (&tls.Dialer{Config: settings}).DialContext, nil
}

// credentials are asked for at each connect, so that a changed password file is noticed.
func credentials(c Config) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) {
		password, err := c.password()
		return c.Username, password, collectors.Because(collectors.ReasonAuth, err)
	}
}

// introduce shows in the server's CLIENT LIST who we are. A user who may not say so stays nameless.
func introduce(ctx context.Context, conn *redis.Conn) error {
	err := conn.ClientSetName(ctx, "wardround").Err()
	if isAnswer(err) {
		return nil
	}
	return err
}

// isAnswer says whether an error is what the server answered, over a connection that is well.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

func (s *Server) connectAnew() {
	options := s.options
	s.client = redis.NewClient(&options)
}

// Close closes the connection, after a visit under way; visits that follow fail.
func (s *Server) Close() error {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.client.Close()
}

// Visit is the server's place in the rounds.
func (s *Server) Visit() collectors.Visit {
	return collectors.Visit{Key: collectors.Key{Collector: "redis", Target: s.config.Name}, Collector: s}
}

// Collect asks the server how it is, in two commands. Of a server that does not answer it says
// that it is down.
func (s *Server) Collect(ctx context.Context, b *collectors.Builder) error {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.closed {
		return errors.New("the server is no longer watched")
	}
	client := s.client
	// The client heeds the context's deadline, but a cancellation only between two commands.
	heed := context.AfterFunc(ctx, func() { _ = client.Close() })
	got, err := s.ask(ctx)
	if untouched := heed(); !untouched || err != nil {
		// After an error the client would repeat it from memory and dial in the background, on
		// a clock of its own; the next visit shall see for itself.
		_ = client.Close()
		s.connectAnew()
	}
	if err != nil {
		b.Set(metricUp, 0)
		return err
	}
	got.emit(b, s.config.Compat)
	return nil
}

// answers is what the server said. Its snapshot rule may be had or not.
type answers struct {
	info    reading
	rule    string
	ruleErr error
}

func (a answers) emit(b *collectors.Builder, names bool) {
	a.info.emit(b, names)
	if a.ruleErr != nil {
		b.Unavailable("rdb_rule", reason(a.ruleErr), a.ruleErr)
		return
	}
	emitRule(b, a.rule)
}

func (s *Server) ask(ctx context.Context) (answers, error) {
	text, err := s.client.Info(ctx).Result()
	if err != nil {
		return answers{}, explain(ctx, fmt.Errorf("ask redis at %s for INFO: %w", s.config.Address, err))
	}
	info, err := parse(text)
	if err != nil {
		return answers{}, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("read INFO of redis at %s: %w", s.config.Address, err))
	}
	save, err := s.client.ConfigGet(ctx, "save").Result()
	if err != nil && !isAnswer(err) {
		return answers{}, explain(ctx, fmt.Errorf("ask redis at %s for its snapshot rule: %w", s.config.Address, err))
	}
	return answers{info, save["save"], err}, nil
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
	case redis.HasErrorPrefix(err, "unknown command"):
		return collectors.ReasonMissing
	case errors.Is(err, os.ErrDeadlineExceeded):
		return collectors.ReasonTimeout
	case errors.Is(err, io.EOF):
		return collectors.ReasonUnreachable
	}
	known := collectors.ReasonOf(err)
	if known == collectors.ReasonOther && !isAnswer(err) {
		return collectors.ReasonProtocol // the client could not make sense of the answer
	}
	return known
}
