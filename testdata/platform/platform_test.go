package platform_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/testdata/platform"
)

var cluster *platform.Postgres

func TestMain(m *testing.M) {
	if os.Getenv(ownerRole) != "" {
		owner()
		return
	}
	goleak.VerifyTestMain(platform.SharePostgres(m, platform.PostgresOptions{}, &cluster))
}

const soon, often = time.Minute, 20 * time.Millisecond

func TestPostgres(t *testing.T) {
	name := cluster.DatabaseForTest(t, "")
	require.NoError(t, cluster.Exec(t.Context(), name, "CREATE TABLE a(x int); INSERT INTO a VALUES (7)"))
	require.Equal(t, "7", value(t, cluster, name, "SELECT x FROM a"))
	require.Equal(t, "UTC", value(t, cluster, "postgres", "SELECT current_setting('timezone')"))
	require.Equal(t, "t", value(t, cluster, "postgres", "SELECT left((count(*) > 0)::text, 1) FROM pg_stat_statements"))

	require.NoError(t, cluster.CreateRole(t.Context(), "visitor", "IN ROLE pg_monitor"))
	conn, err := cluster.Connect(t.Context(), "visitor", name)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	_, err = pgx.Connect(t.Context(), "postgres://visitor:wrong@"+cluster.Addr()+"/postgres?sslmode=disable")
	require.ErrorContains(t, err, "28P01")
}

func TestPostgresSettings(t *testing.T) {
	p := platform.PostgresForTest(t, platform.PostgresOptions{
		MaxConnections: 17, Settings: map[string]string{"log_line_prefix": "it's %m "},
	})
	require.Equal(t, "17", value(t, p, "", "SELECT current_setting('max_connections')"))
	require.Equal(t, "it's %m ", value(t, p, "", "SELECT current_setting('log_line_prefix')"))
}

func TestPostgresComesBack(t *testing.T) {
	for name, end := range map[string]func(*platform.Postgres) error{
		"after an orderly stop": func(p *platform.Postgres) error { return p.Stop() },
		"after a crash":         func(p *platform.Postgres) error { return p.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			p := platform.PostgresForTest(t, platform.PostgresOptions{})
			require.NoError(t, p.Exec(t.Context(), "", "CREATE TABLE kept()"))
			address := p.Addr()

			require.NoError(t, end(p))
			require.False(t, p.Running())
			require.Error(t, p.Exec(t.Context(), "", "SELECT 1"))

			require.NoError(t, p.Start(t.Context()))
			require.Equal(t, address, p.Addr())
			require.Equal(t, "0", value(t, p, "", "SELECT count(*) FROM kept"))
		})
	}
}

func TestReplicaStreams(t *testing.T) {
	eighteen, err := platform.Postgres18BinDir()
	require.NoError(t, err)
	for major, bin := range map[string]string{"15": "", "18": eighteen} {
		t.Run(major, func(t *testing.T) {
			primary := platform.PostgresForTest(t, platform.PostgresOptions{BinDir: bin})
			require.Equal(t, major, value(t, primary, "", "SELECT split_part(current_setting('server_version'), '.', 1)"))
			testStreams(t, primary)
		})
	}
}

func testStreams(t *testing.T, primary *platform.Postgres) {
	replica := platform.ReplicaForTest(t, primary)
	require.Equal(t, "true", value(t, replica, "", "SELECT pg_is_in_recovery()"))
	require.Equal(t, "replica", value(t, primary, "", "SELECT slot_name FROM pg_replication_slots WHERE active"))

	require.NoError(t, primary.Exec(t.Context(), "", "CREATE TABLE streamed()"))
	require.Eventually(t, func() bool {
		v, err := replica.Value(t.Context(), "", "SELECT to_regclass('streamed')")
		return err == nil && v == "streamed"
	}, soon, often)
}

func TestPauseHangsAndResumeHeals(t *testing.T) {
	p := platform.PostgresForTest(t, platform.PostgresOptions{})
	conn, err := p.Connect(t.Context(), "", "")
	require.NoError(t, err)
	defer conn.Close(t.Context())

	require.NoError(t, p.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.Error(t, p.Exec(ctx, "", "SELECT 1"), "new connection")
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = conn.Exec(ctx, "SELECT 1")
	require.Error(t, err, "open connection")

	require.NoError(t, p.Resume())
	require.Equal(t, "1", value(t, p, "", "SELECT 1"))
}

func TestRedis(t *testing.T) {
	primary := platform.RedisForTest(t, platform.RedisOptions{Settings: map[string]string{"maxmemory": "50mb"}})
	replica := platform.RedisForTest(t, platform.RedisOptions{ReplicaOf: primary})
	require.Equal(t, "+OK", redis(t, primary, "SET a 7"))
	require.Eventually(t, func() bool { return redis(t, replica, "STRLEN a") == ":1" }, soon, often)
	require.NoError(t, primary.Stop())
	require.False(t, primary.Running())
}

func TestMonitors(t *testing.T) {
	am := platform.AlertmanagerForTest(t, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
	prom := platform.PrometheusForTest(t, "global: {scrape_interval: 1s}\n")
	require.Contains(t, get(t, am.URL()+"/api/v2/status"), "nobody")
	require.Contains(t, get(t, prom.URL()+"/api/v1/query?query=vector(7)"), `"7"`)
	for _, m := range []*platform.Monitor{am, prom} {
		require.NoError(t, m.Stop())
		require.False(t, m.Running())
	}
}

func TestBadConfigurationIsExplained(t *testing.T) {
	_, err := platform.StartPrometheus(t.Context(), platform.MonitorOptions{Config: "nonsense: true"})
	require.ErrorContains(t, err, "field nonsense not found")
}

func TestPgBouncer(t *testing.T) {
	b := platform.PgBouncerForTest(t, platform.PgBouncerOptions{Upstream: cluster})
	conn, err := pgx.Connect(t.Context(), b.DSN("postgres", "postgres")+"&default_query_exec_mode=simple_protocol")
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var seven int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT 7").Scan(&seven))
	require.Equal(t, 7, seven)

	admin, err := pgx.Connect(t.Context(), b.DSN("postgres", "pgbouncer")+"&default_query_exec_mode=simple_protocol")
	require.NoError(t, err)
	defer admin.Close(t.Context())
	results, err := admin.PgConn().Exec(t.Context(), "SHOW POOLS").ReadAll()
	require.NoError(t, err)
	require.NotEmpty(t, results[0].Rows)
}

func TestProxy(t *testing.T) {
	redisServer := platform.RedisForTest(t, platform.RedisOptions{})
	wire := platform.Proxy(t, redisServer.Addr())
	ping := func() (time.Duration, error) {
		start := time.Now()
		_, err := ask(t, wire.Addr(), "PING", 400*time.Millisecond)
		return time.Since(start), err
	}
	for _, tc := range []struct {
		name  string
		fault func()
		check func(took time.Duration, err error)
	}{
		{"none", func() {}, func(_ time.Duration, err error) { require.NoError(t, err) }},
		{"latency", func() { wire.Latency(200 * time.Millisecond) }, func(took time.Duration, err error) {
			require.NoError(t, err)
			require.GreaterOrEqual(t, took, 200*time.Millisecond)
		}},
		{"hang", wire.Hang, func(_ time.Duration, err error) { require.ErrorIs(t, err, os.ErrDeadlineExceeded) }},
		{"reset", wire.Reset, func(_ time.Duration, err error) { require.Error(t, err) }},
		{"cut", wire.Cut, func(_ time.Duration, err error) {
			require.ErrorContains(t, err, "refused")
			require.False(t, free(t, wire.Addr()), "the wire keeps its port, so that it can be mended")
		}},
		{"mended", wire.Mend, func(_ time.Duration, err error) { require.NoError(t, err) }},
	} {
		wire.Heal()
		tc.fault()
		tc.check(ping())
	}
}

// free says whether the kernel would give the port to somebody who asks for any.
func free(t *testing.T, address string) bool {
	t.Helper()
	at, err := netip.ParseAddrPort(address)
	require.NoError(t, err)
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer syscall.Close(socket)
	return syscall.Bind(socket, &syscall.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}) == nil
}

func value(t *testing.T, p *platform.Postgres, database, sql string) string {
	t.Helper()
	v, err := p.Value(t.Context(), database, sql)
	require.NoError(t, err)
	return v
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func redis(t *testing.T, r *platform.Redis, command string) string {
	t.Helper()
	answer, err := ask(t, r.Addr(), command, soon)
	require.NoError(t, err)
	return answer
}

func ask(t *testing.T, address, command string, timeout time.Duration) (string, error) {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(timeout)))
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	line, _, err := bufio.NewReader(conn).ReadLine()
	return string(line), err
}
