package platform

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// remover is what the ForTest functions clean up.
type remover interface{ Remove() error }

// forTest ends a server with the test. It is removed, not stopped: nobody needs
// an orderly end of what is thrown away.
func forTest[S remover](t testing.TB, server S, err error) S {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Remove()) })
	return server
}

// PostgresForTest starts a cluster that ends with the test. It takes about a
// second; tests that can share one use SharePostgres.
func PostgresForTest(t testing.TB, o PostgresOptions) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), o)
	return forTest(t, p, err)
}

// ReplicaForTest starts a standby of primary that ends with the test.
func ReplicaForTest(t testing.TB, primary *Postgres) *Postgres {
	t.Helper()
	p, err := StartReplica(t.Context(), primary, PostgresOptions{})
	return forTest(t, p, err)
}

// RedisForTest starts a Redis that ends with the test.
func RedisForTest(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	r, err := StartRedis(t.Context(), o)
	return forTest(t, r, err)
}

// PrometheusForTest starts a Prometheus that ends with the test.
func PrometheusForTest(t testing.TB, config string) *Monitor {
	t.Helper()
	m, err := StartPrometheus(t.Context(), MonitorOptions{Config: config})
	return forTest(t, m, err)
}

// AlertmanagerForTest starts an Alertmanager that ends with the test.
func AlertmanagerForTest(t testing.TB, config string) *Monitor {
	t.Helper()
	m, err := StartAlertmanager(t.Context(), MonitorOptions{Config: config})
	return forTest(t, m, err)
}

// PgBouncerForTest starts a pooler that ends with the test.
func PgBouncerForTest(t testing.TB, o PgBouncerOptions) *PgBouncer {
	t.Helper()
	b, err := StartPgBouncer(t.Context(), o)
	return forTest(t, b, err)
}

// Runner is what TestMain is given, and what goleak.VerifyTestMain takes.
type Runner interface{ Run() int }

// SharePostgres gives all tests of a package one cluster: it is started before
// the first and removed after the last one.
//
//	func TestMain(m *testing.M) {
//		goleak.VerifyTestMain(platform.SharePostgres(m, platform.PostgresOptions{}, &cluster))
//	}
func SharePostgres(m Runner, o PostgresOptions, cluster **Postgres) Runner {
	return sharing{tests: m, options: o, cluster: cluster}
}

type sharing struct {
	tests   Runner
	options PostgresOptions
	cluster **Postgres
}

// Run starts the cluster, runs the tests and removes the cluster.
func (s sharing) Run() int {
	p, err := StartPostgres(context.Background(), s.options) // TestMain has no context of its own
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*s.cluster = p
	code := s.tests.Run()
	if err := p.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// DatabaseForTest makes a database with a name of its own, dropped when the test
// ends, also from under those who hold connections to it.
func (p *Postgres) DatabaseForTest(t testing.TB, template string) string {
	t.Helper()
	name := strings.ToLower("test_" + rand.Text()[:12])
	require.NoError(t, p.CreateDatabase(t.Context(), name, template))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, p.Exec(ctx, superuser, fmt.Sprintf("DROP DATABASE IF EXISTS %q WITH (FORCE)", name)))
	})
	return name
}
