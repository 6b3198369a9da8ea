package platform

import (
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
	// TLS makes it accept encrypted connections at TLSAddr beside plain ones at Addr.
	TLS *RedisTLS
	// Settings are further directives, such as maxmemory.
	Settings map[string]string
}

// RedisTLS are the files of a server's identity, and of the authority whose clients it accepts.
type RedisTLS struct {
	CertFile, KeyFile string
	// ClientCAFile is empty where clients need no certificate.
	ClientCAFile string
}

// Redis is a running redis-server.
type Redis struct {
	*Server
	tlsPort int
}

// TLSAddr returns host:port of encrypted connections.
func (r *Redis) TLSAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.tlsPort)) }

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
	tlsPort := 0
	if o.TLS != nil {
		if tlsPort, err = FreePort(ctx); err != nil {
			return nil, errors.Join(err, s.Remove())
		}
		maps.Copy(settings, o.TLS.settings(tlsPort))
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
	r := &Redis{Server: s, tlsPort: tlsPort}
	s.probe = func(ctx context.Context) error { return r.ready(ctx, o.ReplicaOf != nil) }
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return r, nil
}

func (t RedisTLS) settings(port int) map[string]string {
	all := map[string]string{
		"tls-port": strconv.Itoa(port), "tls-cert-file": t.CertFile, "tls-key-file": t.KeyFile, "tls-auth-clients": "no",
	}
	if t.ClientCAFile != "" {
		all["tls-ca-cert-file"], all["tls-auth-clients"] = t.ClientCAFile, "yes"
	}
	return all
}

// ready waits for an answer of any kind (a password may be set), and of a
// replica for its first synchronisation.
func (r *Redis) ready(ctx context.Context, replica bool) error {
	question, want := "PING", ""
	if replica {
		question, want = "INFO replication", "master_link_status:up"
	}
	text, err := r.ask(ctx, question)
	if err != nil {
		return err
	}
	if strings.HasPrefix(text, "-LOADING") || !strings.Contains(text, want) {
		return errors.New("not yet in sync")
	}
	return nil
}
