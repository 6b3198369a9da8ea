package app_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// plant is a stage on servers of its own, which it breaks:
//
//	main     the tenants' cluster, with the standbys "standby", "spare" and "far"
//	second   a cluster that archives, and keeps little WAL for slots
//	pool     a PgBouncer before main, with one connection for each database
//	cache, queue  two Redis that evict nothing; cache has room
type plant struct {
	*stage
	*daemon
	second, spare, far *platform.Postgres
	toSpare            *platform.Wire // over which the spare standby receives
	pool               *platform.PgBouncer
	queue              *platform.Redis

	held       map[string][]*pgx.Conn // connections to a tenant's database
	poolHolder func()                 // lets the pool's one connection go

	replicas          atomic.Int64 // of the ill tenant; 4 are the most
	failing, dragging atomic.Bool  // what people of the ill and of the slow tenant meet at the edge
	authority         *authority   // of the certificates there
}

// room is how many connections main has for those without special rights.
const room = 60

func newPlant(t *testing.T) *plant {
	t.Helper()
	main := platform.PostgresForTest(t, platform.PostgresOptions{MaxConnections: room + 3})
	w := &plant{held: map[string][]*pgx.Conn{}}
	standby := platform.ReplicaForTest(t, main)
	w.spare, w.far = standbyForTest(t, main, "spare"), standbyForTest(t, main, "far")
	w.second = platform.PostgresForTest(t, platform.PostgresOptions{Name: "second", Password: main.Password, Settings: map[string]string{
		"archive_mode": "on", "archive_command": "true", "max_slot_wal_keep_size": "1MB", "max_wal_size": "64MB",
	}})
	w.stage = newStageOn(t, main, standby, "plant",
		patient{name: "ill", series: seeds.Series18, listed: true}, patient{name: "slow", series: seeds.Series18, listed: true},
		patient{name: "calm", series: seeds.Series18, listed: true}, patient{name: "greedy", series: seeds.Series17, listed: true},
	)
	w.makeRole(w.second)
	w.toSpare = w.follow(w.spare)
	w.pool = platform.PgBouncerForTest(t, platform.PgBouncerOptions{Upstream: main, Users: []string{w.role}, Settings: map[string]string{
		"default_pool_size": "1", "query_wait_timeout": "0",
	}})
	memory := map[string]string{"maxmemory": "16mb", "maxmemory-policy": "noeviction"}
	w.redis = platform.RedisForTest(t, platform.RedisOptions{Settings: memory}).Addr()
	w.queue = platform.RedisForTest(t, platform.RedisOptions{Settings: memory})
	w.exec("ill", "ALTER DATABASE "+w.tenant("ill")+" CONNECTION LIMIT 4")
	w.targets()
	judgedBy(w.stage, "3%", append(breakdowns(), crowding()...))
	w.extra = "objectives: {files: ['own-*.yaml'], policies: [quick.yaml]}\n"
	for _, a := range breakdowns() {
		if a.before {
			a.fall(w)
		}
	}
	w.work()
	w.serve()
	w.daemon = w.stage.start().ready()
	return w
}

// standbyForTest is one more standby, with a name of its own.
func standbyForTest(t *testing.T, main *platform.Postgres, name string) *platform.Postgres {
	t.Helper()
	standby, err := platform.StartReplica(t.Context(), main, platform.PostgresOptions{Name: name})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Remove()) })
	return standby
}

// follow has a standby of main receive over a wire.
func (w *plant) follow(standby *platform.Postgres) *platform.Wire {
	t := w.stage.t
	wire := platform.Proxy(t, w.cluster.Addr())
	host, port, _ := strings.Cut(wire.Addr(), ":")
	w.do(standby, fmt.Sprintf("ALTER SYSTEM SET primary_conninfo = 'host=%s port=%s user=postgres password=%s sslmode=disable'", host, port, w.cluster.Password))
	w.do(standby, "SELECT pg_reload_conf()")
	eventually(t, "the standby receives over the wire", func() bool {
		at, err := standby.Value(t.Context(), "", "SELECT sender_port FROM pg_stat_wal_receiver WHERE status = 'streaming'")
		return err == nil && at == port
	})
	return wire
}

func (w *plant) do(server *platform.Postgres, sql string) {
	w.stage.t.Helper()
	require.NoError(w.stage.t, server.Exec(w.stage.t.Context(), "", sql))
}

func (w *plant) targets() {
	t := w.stage.t
	kubernetes := httptest.NewServer(http.HandlerFunc(w.kubernetes))
	t.Cleanup(kubernetes.Close)
	w.authority = found(t, filepath.Join(w.dir, "authority.pem"))
	for _, p := range w.patients {
		w.certify(p.name, 90*24*time.Hour)
	}
	edge := httptest.NewUnstartedServer(http.NotFoundHandler())
	edge.TLS = &tls.Config{GetCertificate: w.authority.serve}
	edge.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // nobody asks for a page
	edge.StartTLS()
	t.Cleanup(edge.Close)
	w.replace("  redis: [", strings.NewReplacer(
		"NAME", w.name, "ROLE", w.role, "DIR", w.dir, "SPARE", w.spare.Addr(), "FAR", w.far.Addr(), "SECOND", w.second.Addr(), "POOL", w.pool.Addr(),
		"EDGE", edge.Listener.Addr().String(), "KUBERNETES", kubernetes.URL, "QUEUE", w.queue.Addr(),
	).Replace(`    - {name: NAME-spare, standby_of: NAME-main, dsn: 'postgres://ROLE@SPARE/postgres?sslmode=disable', password_file: DIR/password}
    - {name: NAME-far, standby_of: NAME-main, dsn: 'postgres://ROLE@FAR/postgres?sslmode=disable', password_file: DIR/password}
    - {name: NAME-second, dsn: 'postgres://ROLE@SECOND/postgres?sslmode=disable', password_file: DIR/password}
  pgbouncer: [{name: NAME-pool, dsn: 'postgres://ROLE@POOL/pgbouncer?sslmode=disable', password_file: DIR/password, postgres: NAME-main}]
  tls: [{name: NAME-edge, address: 'EDGE', ca_file: DIR/authority.pem, interval: 10s, retry: 10s}]
  traefik: [{name: NAME-proxy, access_log: {path: DIR/access.json}}]
  scrape: [{name: NAME-kube, urls: ['KUBERNETES'], rules: [kubernetes], tenants: [{label: namespace, pattern: 'odoo-(?P<tenant>.+)'}]}]
  redis: [{name: NAME-queue, address: 'QUEUE'}, `))
}

// kubernetes answers as kube-state-metrics does.
func (w *plant) kubernetes(out http.ResponseWriter, _ *http.Request) {
	out.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for family, replicas := range map[string][2]int64{
		"kube_horizontalpodautoscaler_spec_max_replicas":       {4, 4},
		"kube_horizontalpodautoscaler_status_current_replicas": {w.replicas.Load(), 2},
	} {
		_, _ = fmt.Fprintf(out, "# TYPE %s gauge\n", family)
		for i, name := range []string{"ill", "calm"} {
			_, _ = fmt.Fprintf(out, "%s{namespace=\"odoo-%s\",horizontalpodautoscaler=\"web\"} %d\n", family, w.tenant(name), replicas[i])
		}
	}
}

// hold opens connections to a tenant's database, as Odoo's own role, until release. Who looks in at the moment may
// have one of the last.
func (w *plant) hold(name string, n int) {
	t := w.stage.t
	t.Cleanup(func() { w.release(name) })
	eventually(t, "there is room for them", func() bool {
		for len(w.held[name]) < n {
			conn, err := w.cluster.Connect(t.Context(), seeds.Owner, w.tenant(name))
			if err != nil {
				require.ErrorContains(t, err, "too many connections")
				return false
			}
			w.held[name] = append(w.held[name], conn)
		}
		return true
	})
}

func (w *plant) release(name string) {
	t := w.stage.t
	for _, conn := range w.held[name] {
		require.NoError(t, conn.Close(context.WithoutCancel(t.Context())))
	}
	delete(w.held, name)
}

// crowd takes nearly all connections for one tenant.
func (w *plant) crowd() {
	t := w.stage.t
	taken, err := w.cluster.Value(t.Context(), "", "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
	require.NoError(t, err)
	var others int
	_, err = fmt.Sscan(taken, &others)
	require.NoError(t, err)
	w.hold("greedy", room*95/100-others)
}

// holdPool has one client keep a transaction open, so that another one waits for the pool's connection.
func (w *plant) holdPool() {
	t := w.stage.t
	ctx := context.WithoutCancel(t.Context())
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx, w.pool.DSN("postgres", w.tenant("ill"))+"&default_query_exec_mode=simple_protocol")
		require.NoError(t, err)
		return conn
	}
	holder, waiter := connect(), connect()
	_, err := holder.Exec(ctx, "BEGIN")
	require.NoError(t, err)
	var waits sync.WaitGroup
	waits.Go(func() {
		if _, err := waiter.Exec(ctx, "SELECT 1"); err != nil {
			t.Errorf("wait for a connection: %v", err)
		}
	})
	w.poolHolder = sync.OnceFunc(func() {
		require.NoError(t, holder.Close(ctx))
		waits.Wait()
		require.NoError(t, waiter.Close(ctx))
	})
	t.Cleanup(w.poolHolder)
}

func (w *plant) queueDo(command ...any) {
	t := w.stage.t
	client := goredis.NewClient(&goredis.Options{Addr: w.queue.Addr(), DisableIdentity: true, Protocol: 2})
	defer client.Close()
	require.NoError(t, client.Do(t.Context(), command...).Err())
}

// fillQueue leaves less than a tenth of the queue's memory.
func (w *plant) fillQueue() {
	for i := range 130 {
		w.queueDo("SET", fmt.Sprintf("job:%d", i), strings.Repeat("x", 100_000))
	}
}

// work lets two tenants work a little on main, so that statements have a usual pace, and somebody
// is there who could be disturbed.
func (w *plant) work() {
	w.exec("slow", "SET ROLE "+seeds.Owner+"; CREATE TABLE visit_card AS SELECT i AS id, i % 4000 AS patient FROM generate_series(1, 40000) i")
	w.exec("slow", "CREATE INDEX visit_card_patient ON visit_card (patient)")
	w.exec("slow", "ANALYZE visit_card")
	const find = "SELECT count(*) FROM visit_card WHERE patient = 7"
	t := w.stage.t
	conn, err := w.cluster.Connect(t.Context(), seeds.Owner, w.tenant("slow"))
	require.NoError(t, err)
	for range 5000 { // of years, in which it was fast
		_, err := conn.Exec(t.Context(), find, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close(t.Context()))
	w.repeat("slow", find)
	w.repeat("calm", "SELECT pg_sleep(0.05)")
}

// repeat runs a statement in a tenant's database again and again until the test ends.
func (w *plant) repeat(name, sql string) {
	t := w.stage.t
	conn, err := w.cluster.Connect(t.Context(), seeds.Owner, w.tenant(name))
	require.NoError(t, err)
	w.always(50*time.Millisecond, func(ctx context.Context) {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Errorf("work of %s: %v", name, err)
		}
	}, func(ctx context.Context) { _ = conn.Close(ctx) })
}

// always does something at an interval until the test ends, and then what ends it.
func (w *plant) always(interval time.Duration, do, end func(ctx context.Context)) {
	t := w.stage.t
	done, ctx := make(chan struct{}), context.WithoutCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				do(ctx)
			}
		}
	})
	t.Cleanup(func() { close(done); working.Wait(); end(ctx) })
}
