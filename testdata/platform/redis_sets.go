package platform

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// SentinelOptions describes a Sentinel that watches a primary and its replicas.
type SentinelOptions struct {
	Place
	// Master is the name that the Sentinels give the primary.
	Master string
	// Primary is whom it watches at first.
	Primary *Redis
	// Password of the primary and its replicas; empty for none.
	Password string
	// Quorum is how many Sentinels must agree that the primary is down.
	Quorum int
}

// StartSentinel starts a Sentinel that takes a server for down after half a second.
func StartSentinel(ctx context.Context, o SentinelOptions) (*Redis, error) {
	s, err := settle(o.Place, "sentinel")
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("bind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d %d\n", s.Dir(), o.Master, o.Primary.Port(), o.Quorum)
	if o.Password != "" {
		text += fmt.Sprintf("sentinel auth-pass %s %s\n", o.Master, o.Password)
	}
	text += fmt.Sprintf("sentinel down-after-milliseconds %s 500\nsentinel failover-timeout %s 3000\n", o.Master, o.Master)
	conf, err := s.write("sentinel.conf", text)
	if err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	s.command = func(port int) command {
		return command{
			name: "sentinel", path: "/usr/bin/redis-server", stop: syscall.SIGTERM,
			args: []string{conf, "--sentinel", "--port", strconv.Itoa(port)},
		}
	}
	r := &Redis{Server: s}
	s.probe = func(ctx context.Context) error { return r.ready(ctx, false) }
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return r, nil
}

// SentinelForTest starts a Sentinel that ends with the test.
func SentinelForTest(t testing.TB, o SentinelOptions) *Redis {
	t.Helper()
	s, err := StartSentinel(t.Context(), o)
	return forTest(t, s, err)
}

// slots is the number of hash slots of a cluster.
const slots = 16384

// RedisClusterForTest starts a cluster of as many primaries without replicas, which has the slots
// in equal parts, in the order of the servers. It ends with the test.
func RedisClusterForTest(t testing.TB, nodes int, settings map[string]string) []*Redis {
	t.Helper()
	all := make([]*Redis, nodes)
	buses := make([]int, nodes)
	for i := range all {
		bus, err := FreePort(t.Context())
		require.NoError(t, err)
		own := map[string]string{"cluster-enabled": "yes", "cluster-port": strconv.Itoa(bus), "cluster-node-timeout": "1000"}
		for name, value := range settings {
			own[name] = value
		}
		all[i], buses[i] = RedisForTest(t, RedisOptions{Settings: own}), bus
	}
	for i, r := range all {
		require.NoError(t, r.Command(t.Context(), fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", i*slots/nodes, (i+1)*slots/nodes-1)))
		require.NoError(t, r.Command(t.Context(), fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1)))
	}
	for i, r := range all[1:] {
		require.NoError(t, r.Command(t.Context(), fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %d", all[0].Port(), buses[0])), i)
	}
	require.Eventually(t, func() bool {
		for _, r := range all {
			state, err := r.ask(t.Context(), "CLUSTER INFO")
			if err != nil || !strings.Contains(state, "cluster_state:ok") || !strings.Contains(state, "cluster_known_nodes:"+strconv.Itoa(nodes)) {
				return false
			}
		}
		return true
	}, startup, 20*time.Millisecond)
	return all
}

// Command runs one command, of a server without a password, that answers with a simple string.
func (r *Redis) Command(ctx context.Context, command string) error {
	answer, err := r.ask(ctx, command)
	if err == nil && strings.HasPrefix(answer, "-") {
		err = fmt.Errorf("%s: %s", command, strings.TrimSpace(answer[1:]))
	}
	return err
}

// ask sends one command and returns the beginning of its answer, as it is on the wire.
func (r *Redis) ask(ctx context.Context, command string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", r.Addr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	answer := make([]byte, 4096)
	n, err := bufio.NewReader(conn).Read(answer)
	return string(answer[:n]), err
}
