package redis

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/testdata/platform"
)

func TestMain(m *testing.M) {
	Quiet()
	goleak.VerifyTestMain(m)
}

const (
	password = "CANARY-password"
	key      = "session:CANARY-key"
	value    = "CANARY-value"
)

// start gives a Redis with a password, and a session in it.
func start(t *testing.T, settings map[string]string) *platform.Redis {
	t.Helper()
	all := map[string]string{"requirepass": password}
	for name, value := range settings {
		all[name] = value
	}
	r := platform.RedisForTest(t, platform.RedisOptions{Settings: all})
	do(t, r, "SET", key, value)
	return r
}

// do runs one command as an administrator.
func do(t *testing.T, r *platform.Redis, command ...any) {
	t.Helper()
	client := administrator(r, 0)
	defer client.Close()
	require.NoError(t, client.Do(t.Context(), command...).Err())
}

func administrator(r *platform.Redis, db int) *goredis.Client {
	return goredis.NewClient(&goredis.Options{Addr: r.Addr(), Password: password, DB: db, DisableIdentity: true, Protocol: 2})
}

func server(t *testing.T, c Config) *Server {
	t.Helper()
	c.Name = "cache"
	require.NoError(t, c.Validate())
	s, err := New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func at(t *testing.T, address string) collectors.Visit {
	t.Helper()
	return server(t, Config{Address: address, Password: password}).Visit()
}

func builder(s *Server) *collectors.Builder { return collectors.NewBuilder(s.Visit().Key, time.Now()) }

// visit makes one visit as the daemon does, and returns its notes too.
func visit(t *testing.T, s *Server) (*collectors.Batch, []string) {
	t.Helper()
	o := collectors.DefaultOptions()
	o.Store = collectors.NewStore()
	v := s.Visit()
	v.Eager = true
	rounds, err := collectors.NewRounds(t.Context(), o)
	require.NoError(t, err)
	defer rounds.Stop()
	require.NoError(t, rounds.Set([]collectors.Visit{v}))
	<-rounds.Ready()
	batch, _ := o.Store.Get(v.Key)
	return batch, rounds.Status()[0].Logs[0].Notes
}

func collect(t *testing.T, s *Server) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(s.Visit().Key, time.Now())
	require.NoError(t, s.Collect(t.Context(), b))
	return b.Batch()
}

// shown is the batch as text, its labels without the target.
func shown(b *collectors.Batch) string {
	return strings.ReplaceAll(strings.ReplaceAll(string(collectortest.Text(b)), `target="cache",`, ""), `{target="cache"}`, "")
}

func TestSuite(t *testing.T) {
	broken := func(reason collectors.Reason, address func(t *testing.T) string) collectortest.Broken {
		return collectortest.Broken{Reason: reason, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			v := at(t, address(t))
			v.Timeout = time.Second
			return v
		}}
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(),
		Canaries:  []string{"CANARY"},
		Want: []string{
			"redis_up", "redis_instance_info", "redis_maxmemory_policy", "redis_memory_used_bytes", "redis_memory_headroom_bytes",
			"redis_mem_fragmentation_ratio", "redis_rdb_last_save_timestamp_seconds", "redis_rdb_enabled", "redis_connected_clients",
			"redis_connected_slaves", "redis_db_keys", "redis_commands_processed_total", "redis_evicted_keys_total", "redis_start_time_seconds",
		},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			return at(t, start(t, map[string]string{"maxmemory": "64mb"}).Addr())
		},
		Broken: map[string]collectortest.Broken{
			"down": broken(collectors.ReasonUnreachable, func(t *testing.T) string {
				r := start(t, nil)
				require.NoError(t, r.Kill())
				return r.Addr()
			}),
			"hanging": broken(collectors.ReasonTimeout, func(t *testing.T) string {
				wire := platform.Proxy(t, start(t, nil).Addr())
				wire.Hang()
				return wire.Addr()
			}),
			"hanging before TLS": {Reason: collectors.ReasonTimeout, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
				wire := platform.Proxy(t, start(t, nil).Addr())
				wire.Hang()
				v := server(t, Config{Address: wire.Addr(), TLS: &config.TLSConfig{}}).Visit()
				v.Timeout = time.Second
				return v
			}},
			"reset": broken(collectors.ReasonUnreachable, func(t *testing.T) string {
				wire := platform.Proxy(t, start(t, nil).Addr())
				wire.Reset()
				return wire.Addr()
			}),
			"other password": broken(collectors.ReasonAuth, func(t *testing.T) string {
				r := start(t, nil)
				do(t, r, "CONFIG", "SET", "requirepass", "another")
				return r.Addr()
			}),
			"no rights": {Reason: collectors.ReasonPermission, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
				r := start(t, nil)
				do(t, r, "ACL", "SETUSER", "watcher", "on", ">"+password, "+ping")
				return server(t, Config{Address: r.Addr(), Username: "watcher", Password: password}).Visit()
			}},
			"no Redis": broken(collectors.ReasonProtocol, notRedis),
		},
	})
}

// notRedis answers every command with a bulk string that is no INFO.
func notRedis(t *testing.T) string {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	return listener.Addr().String()
}

func answer(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		for range strings.Count(string(buffer[:n]), "*") {
			if _, err := fmt.Fprint(conn, "$5\r\nhello\r\n"); err != nil {
				return
			}
		}
	}
}

func TestPrimaryAndReplica(t *testing.T) {
	primary := platform.RedisForTest(t, platform.RedisOptions{})
	replica := platform.RedisForTest(t, platform.RedisOptions{ReplicaOf: primary})
	atPrimary, atReplica := server(t, Config{Address: primary.Addr()}), server(t, Config{Address: replica.Addr()})
	port := strconv.Itoa(primary.Port())

	var text string
	lag := `redis_connected_slave_lag_bytes{slave_ip="127.0.0.1",slave_port="` + strconv.Itoa(replica.Port()) + `",slave_state="online"}`
	require.Eventually(t, func() bool {
		text = shown(collect(t, atPrimary))
		return strings.Contains(text, lag)
	}, patience, 50*time.Millisecond)
	require.Contains(t, text, "redis_connected_slaves 1\n")
	require.Contains(t, text, `redis_instance_info{role="master",redis_version="`)
	require.NotContains(t, text, "redis_master_link_up")

	batch := collect(t, atReplica)
	text = shown(batch)
	require.Contains(t, text, `redis_master_link_up{master_host="127.0.0.1",master_port="`+port+`"} 1`)
	require.Contains(t, text, `redis_slave_info{master_host="127.0.0.1",master_port="`+port+`",read_only="1"} 1`)
	require.Contains(t, text, "redis_master_last_io_timestamp_seconds")
	require.Empty(t, batch.Findings)

	require.NoError(t, primary.Kill())
	require.Eventually(t, func() bool {
		batch = collect(t, atReplica)
		return len(batch.Findings) == 1
	}, patience, 50*time.Millisecond)
	require.Equal(t, "redis_replica_link_down", batch.Findings[0].Name)
	text = shown(batch)
	require.Contains(t, text, `redis_master_link_up{master_host="127.0.0.1",master_port="`+port+`"} 0`)
	require.Contains(t, text, "redis_master_link_down_timestamp_seconds")
	require.NotContains(t, text, "redis_master_last_io_timestamp_seconds")
}

func TestMemoryUsedUp(t *testing.T) {
	r := start(t, nil)
	s := server(t, Config{Address: r.Addr(), Password: password})
	require.NotContains(t, shown(collect(t, s)), "redis_memory_headroom_bytes", "without a limit there is no headroom")

	do(t, r, "CONFIG", "SET", "maxmemory", "1mb")
	batch := collect(t, s)
	text := shown(batch)
	require.Contains(t, text, "redis_memory_max_bytes 1.048576e+06\n")
	require.Contains(t, text, "redis_maxmemory_policy{policy=\"noeviction\"} 1\n")
	require.Contains(t, text, "redis_maxmemory_policy{policy=\"allkeys-lru\"} 0\n")
	require.Len(t, batch.Findings, 1)
	require.Equal(t, "redis_memory_nearly_full", batch.Findings[0].Name)

	do(t, r, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	require.Empty(t, collect(t, s).Findings, "a cache that evicts may be full")
}

func TestSnapshotFails(t *testing.T) {
	r := start(t, map[string]string{"save": "1 1", "dir": "/proc"})
	s := server(t, Config{Address: r.Addr(), Password: password})
	var batch *collectors.Batch
	require.Eventually(t, func() bool {
		batch = collect(t, s)
		return len(batch.Findings) == 1
	}, patience, 50*time.Millisecond)
	require.Equal(t, "redis_persistence_failing", batch.Findings[0].Name)
	require.Contains(t, shown(batch), "redis_rdb_last_bgsave_status 0\n")
	require.Contains(t, shown(batch), "redis_rdb_rule_seconds 1\n")
}

func TestWithoutTheRightToReadConfig(t *testing.T) {
	r := start(t, nil)
	do(t, r, "ACL", "SETUSER", "watcher", "on", ">"+password, "+info")
	text := shown(collect(t, server(t, Config{Address: r.Addr(), Username: "watcher", Password: password})))
	require.Contains(t, text, "redis_up 1\n")
	require.NotContains(t, text, "redis_rdb_enabled")
	require.Contains(t, text, `wardround_indicator_unavailable{collector="redis",indicator="settings",reason="permission"} 1`)
}

func TestDownIsSaidAndNothingElse(t *testing.T) {
	r := start(t, nil)
	s := server(t, Config{Address: r.Addr(), Password: password})
	require.Contains(t, shown(collect(t, s)), "redis_up 1\n")
	require.NoError(t, r.Kill())
	b := collectors.NewBuilder(s.Visit().Key, time.Now())
	require.Error(t, s.Collect(t.Context(), b))
	batch := b.Batch()
	require.Equal(t, 1, batch.Len())
	require.Contains(t, shown(batch), "redis_up 0\n")
}

func TestKeepsOneConnection(t *testing.T) {
	r := start(t, nil)
	s := server(t, Config{Address: r.Addr(), Password: password})
	for range 5 {
		require.Contains(t, shown(collect(t, s)), "redis_connected_clients 1\n")
	}
}

// TestCloseWaitsForTheVisit is a reload that takes the server out while it is being asked.
func TestCloseWaitsForTheVisit(t *testing.T) {
	r := start(t, nil)
	wire := platform.Proxy(t, r.Addr())
	wire.Latency(200 * time.Millisecond)
	s := server(t, Config{Address: wire.Addr(), Password: password})
	visited := make(chan error, 1)
	go func() { visited <- s.Collect(t.Context(), builder(s)) }()
	require.Eventually(t, func() bool {
		if s.asking.TryLock() {
			s.asking.Unlock()
			return false
		}
		return true
	}, patience, time.Millisecond)
	require.NoError(t, s.Close())
	require.NoError(t, <-visited, "it came to its end")
	b := collectors.NewBuilder(s.Visit().Key, time.Now())
	require.ErrorContains(t, s.Collect(t.Context(), b), "no longer watched")
	require.Zero(t, b.Batch().Len(), "it is not said to be down")
	require.NoError(t, s.Close(), "again")
}

func TestPasswordFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("old\n"), 0o600))
	r := start(t, nil)
	s := server(t, Config{Address: r.Addr(), PasswordFile: file})
	err := s.Collect(t.Context(), builder(s))
	require.Equal(t, collectors.ReasonAuth, collectors.ReasonOf(err))

	require.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600))
	collect(t, s)

	require.NoError(t, os.Remove(file))
	require.NoError(t, r.Kill())
	require.NoError(t, r.Start(t.Context()))
	require.Eventually(t, func() bool {
		err = s.Collect(t.Context(), builder(s))
		return collectors.ReasonOf(err) == collectors.ReasonAuth
	}, patience, 20*time.Millisecond)
	require.ErrorContains(t, err, "read password file")
}

func TestUnixSocketAndRecovery(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "redis.sock")
	r := start(t, map[string]string{"unixsocket": socket})
	s := server(t, Config{Address: socket, Password: config.Secret(password)})
	collect(t, s)
	require.NoError(t, r.Kill())
	require.Error(t, s.Collect(t.Context(), builder(s)))
	require.NoError(t, r.Start(t.Context()))
	require.Eventually(t, func() bool { // the socket comes a moment after the port
		return s.Collect(t.Context(), builder(s)) == nil
	}, patience, 20*time.Millisecond)
}

// TestTLS goes through something that speaks TLS in front of a Redis, as managed ones are.
func TestTLS(t *testing.T) {
	r := start(t, nil)
	identity := httptest.NewUnstartedServer(nil)
	identity.StartTLS()
	defer identity.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: identity.Certificate().Raw}
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(block), 0o600))
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: identity.TLS.Certificates})
	require.NoError(t, err)
	defer front.Close()
	go forward(front, r.Addr())

	c := Config{Address: front.Addr().String(), Password: password}
	c.TLS = &config.TLSConfig{CAFile: authority}
	collect(t, server(t, c))

	c.TLS = &config.TLSConfig{}
	stranger := server(t, c)
	err = stranger.Collect(t.Context(), collectors.NewBuilder(stranger.Visit().Key, time.Now()))
	require.ErrorContains(t, err, "certificate signed by unknown authority")
}

// forward copies between each connection to front and one of its own, until front is closed.
func forward(front net.Listener, address string) {
	for {
		near, err := front.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", address)
		if err != nil {
			_ = near.Close()
			continue
		}
		go pour(near, far)
		go pour(far, near)
	}
}

func pour(into io.WriteCloser, from io.Reader) {
	defer into.Close()
	_, _ = io.Copy(into, from)
}
