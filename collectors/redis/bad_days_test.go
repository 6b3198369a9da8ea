package redis

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

func refuses(reason string, value int) string {
	return fmt.Sprintf("redis_writes_refused{reason=%q} %d\n", reason, value)
}

// TestMemoryIsFull fills a server until it refuses to write.
func TestMemoryIsFull(t *testing.T) {
	r := start(t, map[string]string{"maxmemory": "4mb"})
	s := server(t, Config{Address: r.Addr(), Password: password})
	text := shown(collect(t, s))
	require.Contains(t, text, refuses("memory", 0))
	require.NotContains(t, text, "wardround_finding")

	client := administrator(r, 0)
	defer client.Close()
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = client.Set(t.Context(), fmt.Sprint("filler", i), strings.Repeat("x", 10_000), 0).Err()
	}
	require.ErrorContains(t, err, "OOM")
	text = shown(collect(t, s))
	require.Contains(t, text, refuses("memory", 1))
	require.Contains(t, text, `redis_errors_total{err="OOM"} 1`)
	require.Contains(t, text, `finding="redis_memory_nearly_full",question="contained",severity="critical"`)

	do(t, r, "FLUSHALL")
	text = shown(collect(t, s))
	require.Contains(t, text, refuses("memory", 0))
	require.NotContains(t, text, "wardround_finding")
}

// TestWritesRefusedAfterAFailedSnapshot is a folder in which nothing can be written.
func TestWritesRefusedAfterAFailedSnapshot(t *testing.T) {
	r := start(t, map[string]string{"save": "1 1", "dir": "/proc"})
	s := server(t, Config{Address: r.Addr(), Password: password})
	text := eventually(t, s, refuses("persistence", 1), `finding="redis_persistence_failing"`)
	require.NotContains(t, text, "redis_snapshot_overdue", "that it fails is said already")
	client := administrator(r, 0)
	defer client.Close()
	require.ErrorContains(t, client.Set(t.Context(), "a", "b", 0).Err(), "MISCONF")

	do(t, r, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
	require.Contains(t, shown(collect(t, s)), refuses("persistence", 0))
	do(t, r, "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes", "save", "")
	require.Contains(t, shown(collect(t, s)), refuses("persistence", 0), "without a rule nothing stops")
}

func TestTooFewReplicas(t *testing.T) {
	r := start(t, nil)
	do(t, r, "CONFIG", "SET", "min-replicas-to-write", "1")
	s := server(t, Config{Address: r.Addr(), Password: password})
	text := shown(collect(t, s))
	require.Contains(t, text, refuses("replicas", 1))
	require.Contains(t, text, `finding="redis_replicas_missing",question="healthy",severity="critical"`)
	do(t, r, "CONFIG", "SET", "min-replicas-to-write", "0")
	require.Contains(t, shown(collect(t, s)), refuses("replicas", 0))
}

// TestLoading fills a replica slowly: it answers INFO and nothing else.
func TestLoading(t *testing.T) {
	primary := platform.RedisForTest(t, platform.RedisOptions{Settings: map[string]string{"enable-debug-command": "yes"}})
	require.NoError(t, primary.Command(t.Context(), "DEBUG POPULATE 4000"))
	replica := platform.RedisForTest(t, platform.RedisOptions{})
	s := server(t, Config{Address: replica.Addr(), Keys: []Key{{Name: "queue"}}})
	for _, setting := range []string{"key-load-delay 1000", "loading-process-events-interval-bytes 1024"} {
		require.NoError(t, replica.Command(t.Context(), "CONFIG SET "+setting))
	}
	require.NoError(t, replica.Command(t.Context(), "REPLICAOF 127.0.0.1 "+port(primary)))
	text := eventually(t, s, "redis_loading_dump_file 1\n", refuses("loading", 1), "redis_up 1\n",
		`finding="redis_loading",question="healthy",severity="critical"`,
		`wardround_indicator_unavailable{collector="redis",indicator="keys",reason="locked"} 1`)
	require.NotContains(t, text, "redis_key_size")

	require.NoError(t, replica.Command(t.Context(), "CONFIG SET key-load-delay 0"))
	eventually(t, s, "redis_loading_dump_file 0\n", refuses("loading", 0), `redis_key_size{db="db0",key="queue"} 0`, `redis_master_link_up{master_host="127.0.0.1",master_port="`+port(primary)+`"} 1`)
}

// TestBlocked is a server whose one thread is busy for longer than a visit may take.
func TestBlocked(t *testing.T) {
	r := start(t, map[string]string{"enable-debug-command": "yes"})
	s := server(t, Config{Address: r.Addr(), Password: password})
	collect(t, s)
	asleep := make(chan error, 1)
	client := administrator(r, 0)
	defer client.Close()
	go func() { asleep <- client.Do(t.Context(), "DEBUG", "SLEEP", "2").Err() }()
	require.Eventually(t, func() bool {
		began := time.Now()
		return !answers100ms(t, s) && time.Since(began) < time.Second // a busy machine may delay one
	}, patience, time.Millisecond)
	require.NoError(t, <-asleep)
	require.Contains(t, shown(collect(t, s)), "redis_up 1\n", "it is well again at once")
}

func answers100ms(t *testing.T, s *Server) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := s.Collect(ctx, collectors.NewBuilder(s.Visit().Key, time.Now()))
	if err != nil {
		require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err))
	}
	return err == nil
}

// TestBusyScript is a server that a script keeps busy: it answers, but only that it is busy.
func TestBusyScript(t *testing.T) {
	r := start(t, map[string]string{"busy-reply-threshold": "50"})
	s := server(t, Config{Address: r.Addr(), Password: password})
	collect(t, s)
	client := administrator(r, 0)
	defer client.Close()
	ended := make(chan error, 1)
	go func() { ended <- client.Eval(t.Context(), "while true do end", nil).Err() }()
	require.Eventually(t, func() bool {
		err := s.Collect(t.Context(), collectors.NewBuilder(s.Visit().Key, time.Now()))
		return collectors.ReasonOf(err) == collectors.ReasonLocked
	}, patience, 10*time.Millisecond)
	do(t, r, "SCRIPT", "KILL")
	require.Error(t, <-ended)
	collect(t, s)
}

// TestPasswordChanges rotates it: the kept connection goes on, the next one reads the file anew.
func TestPasswordChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(password), 0o600))
	r := start(t, nil)
	s := server(t, Config{Address: r.Addr(), PasswordFile: file})
	collect(t, s)
	client := administrator(r, 0)
	defer client.Close()
	require.NoError(t, client.ConfigSet(t.Context(), "requirepass", "CANARY-new").Err())
	collect(t, s)

	drop := func() {
		require.NoError(t, client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err())
	}
	drop()
	b := collectors.NewBuilder(s.Visit().Key, time.Now())
	err := s.Collect(t.Context(), b)
	require.Equal(t, collectors.ReasonAuth, collectors.ReasonOf(err))
	require.NotContains(t, err.Error()+shown(b.Batch()), "CANARY")

	require.NoError(t, os.WriteFile(file, []byte("CANARY-new\n"), 0o600))
	collect(t, s)
}

// TestHalfAnAnswer cuts the connection in the middle of INFO.
func TestHalfAnAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"cut":      "$100000\r\n# Server\r\nredis_version:7.0.15\r\nused_mem",
		"no end":   "$1000",
		"other":    ":12\r\n:13\r\n:14\r\n:15\r\n:16\r\n",
		"nonsense": "\x00\xff\xfe\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, Config{Address: talker(t, func(conn net.Conn) { _, _ = fmt.Fprint(conn, answer) })})
			b := collectors.NewBuilder(s.Visit().Key, time.Now())
			err := s.Collect(t.Context(), b)
			require.Contains(t, []collectors.Reason{collectors.ReasonUnreachable, collectors.ReasonProtocol}, collectors.ReasonOf(err), "%v", err)
			require.Equal(t, 1, b.Batch().Len(), "nothing but that it is down")
		})
	}
}

// TestEndlessAnswer is a server that never stops talking.
func TestEndlessAnswer(t *testing.T) {
	line := []byte(strings.Repeat("cmdstat_x:calls=1\r\n", 5000))
	s := server(t, Config{Address: talker(t, func(conn net.Conn) {
		_, err := fmt.Fprint(conn, "$500000000\r\n# Server\r\nredis_version:7.0.15\r\n")
		for err == nil {
			_, err = conn.Write(line)
		}
	})})
	err := s.Collect(t.Context(), collectors.NewBuilder(s.Visit().Key, time.Now()))
	require.ErrorContains(t, err, "the server answers more than 16 MiB")
	require.Equal(t, collectors.ReasonProtocol, collectors.ReasonOf(err))
}

// talker is a server that says its piece to those who ask for INFO, and closes.
func talker(t *testing.T, say func(net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				question := make([]byte, 4096)
				for {
					n, err := conn.Read(question)
					if err != nil {
						return
					}
					if strings.Contains(string(question[:n]), "info") {
						say(conn)
						return
					}
					for range strings.Count(string(question[:n]), "*") { // a greeting
						_, _ = fmt.Fprint(conn, "-ERR unknown command\r\n")
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}
