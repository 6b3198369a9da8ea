package platform

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// RedisOptions describes a Redis without persistence.
type RedisOptions struct {
	Place
	// ReplicaOf makes it a replica of another one.
	ReplicaOf *Redis
	// Settings are further directives, such as maxmemory.
	Settings map[string]string
}

// Redis is a running redis-server.
type Redis struct{ *Server }

// StartRedis starts redis-server.
func StartRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	s, err := settle(o.Place, "redis")
	if err != nil {
		return nil, err
	}
	settings := map[string]string{
		"bind": "127.0.0.1", "save": "", "appendonly": "no", "daemonize": "no", "dir": s.Dir(),
		"repl-diskless-sync-delay": "0",
	}
	if o.ReplicaOf != nil {
		settings["replicaof"] = "127.0.0.1 " + strconv.Itoa(o.ReplicaOf.Port())
	}
	maps.Copy(settings, o.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := settings[name]
		if value == "" {
			value = `""`
		}
		fmt.Fprintln(&text, name, value)
	}
	conf, err := s.write("redis.conf", text.String())
	if err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	s.command = func(port int) command {
		return command{
			name: "redis", path: "/usr/bin/redis-server", stop: syscall.SIGTERM,
			args: []string{conf, "--port", strconv.Itoa(port)},
		}
	}
	r := &Redis{Server: s}
	s.probe = func(ctx context.Context) error { return r.ready(ctx, o.ReplicaOf != nil) }
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return r, nil
}

// ready waits for an answer of any kind (a password may be set), and of a
// replica for its first synchronisation.
func (r *Redis) ready(ctx context.Context, replica bool) error {
	question, want := "PING\r\n", ""
	if replica {
		question, want = "INFO replication\r\n", "master_link_status:up"
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", r.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(question)); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, err := bufio.NewReader(conn).Read(answer)
	if err != nil {
		return err
	}
	if text := string(answer[:n]); strings.HasPrefix(text, "-LOADING") || !strings.Contains(text, want) {
		return errors.New("not yet in sync")
	}
	return nil
}
