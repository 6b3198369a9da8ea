package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// Options are what a Server needs from the daemon.
type Options struct {
	Tenants *collectors.Registry // whose databases are whose; required
}

// Server is one PgBouncer process as a collectors.Collector. Between visits it holds nothing.
type Server struct {
	config  Config
	tenants *collectors.Registry
	console *pgconn.Config
}

// New returns the PgBouncer that c describes, without connecting.
func New(c Config, o Options) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("pgbouncer %q: %w", c.Name, err)
	}
	if o.Tenants == nil {
		return nil, errors.New("pgbouncer: Options.Tenants is required")
	}
	if _, err := c.password(); err != nil {
		return nil, collectors.Invalid("password_file", "%v", err)
	}
	console, err := c.parse()
	if err != nil {
		return nil, err
	}
	return &Server{config: c, tenants: o.Tenants, console: console}, nil
}

// Name is the target's name.
func (s *Server) Name() string { return s.config.Name }

// Visit is the PgBouncer's place in the rounds.
func (s *Server) Visit() collectors.Visit {
	return collectors.Visit{Key: collectors.Key{Collector: "pgbouncer", Target: s.config.Name}, Collector: s}
}

// Collect asks the console how things are. Of one that does not answer it says that it is down; a
// table that could not be had is unavailable, and the others are not touched by it.
func (s *Server) Collect(ctx context.Context, b *collectors.Builder) error {
	got, err := s.ask(ctx)
	if err != nil {
		b.Set(metricUp, 0)
		return err
	}
	got.emit(b, s.config, s.tenants.Current())
	return nil
}

func (s *Server) ask(ctx context.Context) (*reading, error) {
	password, err := s.config.password()
	if err != nil {
		return nil, err
	}
	config := s.console.Copy()
	if password != "" {
		config.Password = password
	}
	c, err := open(ctx, config)
	if err != nil {
		return nil, err
	}
	defer c.close(ctx)
	r := newReading(c.version)
	r.shared = severalBehind(s.console)
	for _, what := range []string{"LISTS", "CONFIG", "STATE", "DATABASES", "POOLS", "STATS", "USERS", "MEM", "CLIENTS", "SERVERS"} {
		if !r.worthAsking(what) {
			continue
		}
		t, err := c.show(ctx, what)
		if err != nil && (ctx.Err() != nil || c.IsClosed()) {
			return nil, err
		}
		r.take(what, t, err)
	}
	if len(r.tables) == 0 {
		return nil, r.errs[pools.show]
	}
	return r, nil
}

// severalBehind says whether several processes can answer at the console's address, as with
// so_reuseport at a port; a Unix socket is one process's own.
func severalBehind(c *pgconn.Config) bool {
	network, _ := pgconn.NetworkAddress(c.Host, c.Port)
	return network != "unix"
}

// since are the versions that brought a command which older ones would refuse and log.
var since = map[string]int{"STATE": 19}

// has says whether a version has a command; one that cannot be read is taken to have all.
func has(version, what string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(minor)
	return major != "1" || err != nil || n >= since[what]
}
