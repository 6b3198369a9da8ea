package postgres

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/testdata/platform"
)

// visitTo makes the visit of a Cluster that ends with the test.
func visitTo(t *testing.T, c Config, logger *slog.Logger) collectors.Visit {
	cluster := clusterForTest(t, c, Options{Logger: logger})
	return collectors.Visit{
		Key: collectors.Key{Collector: "postgres", Target: cluster.Name()}, Collector: cluster, Timeout: time.Second,
	}
}

const canary = "canary-7f3a"

func TestConformance(t *testing.T) {
	role := roleForTest(t, primary, "IN ROLE pg_monitor")
	full := roleForTest(t, primary, "CONNECTION LIMIT 0")
	broken := func(reason collectors.Reason, change func(t *testing.T, c *Config)) collectortest.Broken {
		return collectortest.Broken{Reason: reason, New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
			c := configFor(primary, role)
			change(t, &c)
			return visitTo(t, c, logger)
		}}
	}
	through := func(fault func(*platform.Wire)) func(*testing.T, *Config) {
		return func(t *testing.T, c *Config) {
			wire := platform.Proxy(t, primary.Addr())
			fault(wire)
			c.DSN = promconfig.Secret(strings.Replace(string(c.DSN), primary.Addr(), wire.Addr(), 1))
		}
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(),
		New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
			return visitTo(t, configFor(primary, role), logger)
		},
		Want: []string{
			"pg_up", "pg_static", "pg_connections_used_ratio", "pg_stat_database_xact_commit_total",
			"pg_stat_activity_backends", "pg_lock_roots", "pg_replication_is_replica",
		},
		Canaries: []string{canary, primary.Password},
		Broken: map[string]collectortest.Broken{
			"refused":        broken(collectors.ReasonUnreachable, through((*platform.Wire).Cut)),
			"reset":          broken(collectors.ReasonUnreachable, through((*platform.Wire).Reset)),
			"hangs":          broken(collectors.ReasonTimeout, through((*platform.Wire).Hang)),
			"wrong password": broken(collectors.ReasonAuth, func(_ *testing.T, c *Config) { c.Password = canary }),
			"password in dsn": broken(collectors.ReasonAuth, func(_ *testing.T, c *Config) {
				c.Password, c.DSN = "", promconfig.Secret(strings.Replace(string(c.DSN), role, role+":"+canary, 1))
			}),
			"password file gone": {Reason: collectors.ReasonAuth, New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
				c := configFor(primary, role)
				c.Password, c.PasswordFile = "", filepath.Join(t.TempDir(), "password")
				require.NoError(t, os.WriteFile(c.PasswordFile, []byte(primary.Password), 0o600))
				visit := visitTo(t, c, logger)
				require.NoError(t, os.Remove(c.PasswordFile))
				return visit
			}},
			"no connection left": broken(collectors.ReasonConnections, func(_ *testing.T, c *Config) {
				c.DSN = promconfig.Secret(strings.Replace(string(c.DSN), role, full, 1))
			}),
			"demands TLS that is not there": broken(collectors.ReasonProtocol, func(_ *testing.T, c *Config) {
				c.DSN = promconfig.Secret(strings.Replace(string(c.DSN), "disable", "require", 1))
			}),
		},
	})
}

// promptly gives something half a second, after which it must be over within a time. It may try a
// few times: a busy machine delays one of them, a fault delays all.
func promptly(t *testing.T, within time.Duration, name string, ask func(ctx context.Context)) {
	t.Helper()
	late := func() time.Duration {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		ask(ctx)
		deadline, _ := ctx.Deadline()
		return time.Since(deadline)
	}
	took := late()
	for try := 1; try < 5 && took >= within; try++ {
		took = late()
	}
	require.Less(t, took, within, name)
}

// TestHang freezes the server while the control connection and a visit are open.
func TestHang(t *testing.T) {
	t.Parallel()
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	c := monitored(t, server, Options{})
	collect(t, c)
	require.NoError(t, server.Pause())
	defer func() { require.NoError(t, server.Resume()) }()
	for name, ask := range map[string]func(context.Context) error{
		"round": func(ctx context.Context) error {
			return c.Collect(ctx, collectors.NewBuilder(collectors.Key{}, time.Now()))
		},
		"visit": func(ctx context.Context) error { return c.Visit(ctx, "postgres", exec("SELECT 1")) },
	} {
		promptly(t, farewell+500*time.Millisecond, name, func(ctx context.Context) {
			err := ask(ctx)
			require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err), "%s: %v", name, err)
		})
	}
	_, known := c.Writes("postgres")
	require.False(t, known, "what was written is not known while the cluster does not answer")
	require.NotEmpty(t, c.Databases(), "which databases there are is remembered")
	require.NoError(t, server.Resume())
	require.Eventually(t, func() bool {
		return c.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, time.Now())) == nil
	}, soon, tick)
}

// TestDeadlineFreesItsSlot: whatever has become of the server, a visit is over soon after its
// deadline.
func TestDeadlineFreesItsSlot(t *testing.T) {
	for name, cancelling := range map[string]func(ctx context.Context) error{
		"cancelling is not answered": func(context.Context) error { return nil },
		"cancelling goes nowhere":    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			wire := platform.Proxy(t, primary.Addr())
			config := configFor(primary, roleForTest(t, primary, "IN ROLE pg_monitor"))
			config.DSN = promconfig.Secret(strings.Replace(string(config.DSN), primary.Addr(), wire.Addr(), 1))
			c := clusterForTest(t, config, Options{})
			dialled, dial := 0, c.dialer.config.DialFunc
			c.dialer.config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				if dialled++; dialled > 1 {
					if err := cancelling(ctx); err != nil {
						return nil, err
					}
				}
				return dial(ctx, network, address)
			}
			promptly(t, time.Second, name, func(ctx context.Context) {
				wire.Heal()
				dialled = 0
				err := c.Visit(ctx, "postgres", func(ctx context.Context, conn *pgconn.PgConn) error {
					wire.Hang()
					_, err := conn.Exec(ctx, "SELECT 1").ReadAll()
					return err
				})
				require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err), "%v", err)
			})
			require.Equal(t, 2, dialled, "it was tried")
		})
	}
}

// TestDownAndBack restarts the server between two rounds, which must not show, and keeps it down
// for one, which must.
func TestDownAndBack(t *testing.T) {
	t.Parallel()
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	c := monitored(t, server, Options{})
	collect(t, c)
	require.NoError(t, server.Stop())
	require.NoError(t, server.Start(t.Context()))
	requireValue(t, collect(t, c), 1, "pg_up")

	require.NoError(t, server.Stop())
	down := collectors.NewBuilder(collectors.Key{}, time.Now())
	err := c.Collect(t.Context(), down)
	require.Equal(t, collectors.ReasonUnreachable, collectors.ReasonOf(err), "%v", err)
	requireValue(t, down.Batch(), 0, "pg_up")
	require.NoError(t, server.Start(t.Context()))
	requireValue(t, collect(t, c), 1, "pg_up")
}

// TestControlConnectionEnded is what an administrator's clean-up does to us.
func TestControlConnectionEnded(t *testing.T) {
	c := monitored(t, primary, Options{})
	collect(t, c)
	require.NoError(t, primary.Exec(t.Context(), "", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'wardround'"))
	requireValue(t, collect(t, c), 1, "pg_up")
}

// TestPooler: behind one, sessions would not be what they are asked to be.
func TestPooler(t *testing.T) {
	for name, ignored := range map[string]string{
		"refuses our settings": "extra_float_digits",
		"drops our settings": "extra_float_digits,statement_timeout,lock_timeout,idle_in_transaction_session_timeout," +
			"default_transaction_read_only,jit,max_parallel_workers_per_gather",
	} {
		t.Run(name, func(t *testing.T) {
			pooler := platform.PgBouncerForTest(t, platform.PgBouncerOptions{
				Upstream: primary, Settings: map[string]string{"ignore_startup_parameters": ignored},
			})
			config := configFor(primary, "postgres")
			config.DSN = promconfig.Secret(strings.Replace(string(config.DSN), primary.Addr(), pooler.Addr(), 1))
			c := clusterForTest(t, config, Options{})
			err := c.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, time.Now()))
			require.Equal(t, collectors.ReasonProtocol, collectors.ReasonOf(err), "%v", err)
			require.ErrorContains(t, err, "let the target's dsn lead to PostgreSQL itself")
		})
	}
}

// TestPreferIsTriedOnce counts how often a server without TLS is asked for it.
func TestPreferIsTriedOnce(t *testing.T) {
	config := configFor(primary, roleForTest(t, primary, "IN ROLE pg_monitor"))
	config.DSN = promconfig.Secret(strings.Replace(string(config.DSN), "sslmode=disable", "sslmode=prefer", 1))
	c := clusterForTest(t, config, Options{})
	dialled, dial := 0, c.dialer.config.DialFunc
	c.dialer.config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled++
		return dial(ctx, network, address)
	}
	collect(t, c)
	require.Equal(t, 2, dialled, "with TLS and without")
	require.NoError(t, c.Visit(t.Context(), "postgres", exec("SELECT 1")))
	require.Equal(t, 3, dialled, "known by now")
}

// TestPausesAreLoggedWithoutSecrets reads what a refusing server makes us log.
func TestPausesAreLoggedWithoutSecrets(t *testing.T) {
	var lines bytes.Buffer
	full := roleForTest(t, primary, "CONNECTION LIMIT 0")
	c := clusterForTest(t, configFor(primary, full), Options{Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	for range 3 {
		require.Error(t, c.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, time.Now())))
	}
	require.Equal(t, 1, strings.Count(lines.String(), "visits paused"))
	require.NotContains(t, lines.String(), primary.Password)
}
