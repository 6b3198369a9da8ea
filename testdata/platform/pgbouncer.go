package platform

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
)

// PgBouncerOptions describes a pooler in front of one cluster.
type PgBouncerOptions struct {
	Place
	Upstream *Postgres
	// Users may log in, with the cluster's password, and use the admin console;
	// the superuser postgres is always one of them.
	Users []string
	// Databases are entries of its [databases] section beside the wildcard that leads to Upstream,
	// such as clinic -> host=127.0.0.1 port=5432 dbname=clinic_north.
	Databases map[string]string
	// Settings are further lines of its [pgbouncer] section.
	Settings map[string]string
}

// PgBouncer is a running pooler for all databases of its cluster.
type PgBouncer struct {
	*Server
	password string
}

// StartPgBouncer starts pgbouncer in transaction mode.
func StartPgBouncer(ctx context.Context, o PgBouncerOptions) (*PgBouncer, error) {
	s, err := settle(o.Place, "pgbouncer")
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{Server: s, password: o.Upstream.Password}
	err = b.configure(ctx, o)
	if err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return b, nil
}

func (b *PgBouncer) configure(ctx context.Context, o PgBouncerOptions) error {
	if b.place.Port == 0 {
		port, err := FreePort(ctx)
		if err != nil {
			return err
		}
		b.place.Port = port // pgbouncer knows its port from the file only
	}
	users := append([]string{superuser}, o.Users...)
	var list strings.Builder
	for _, user := range users {
		fmt.Fprintf(&list, "%q %q\n", user, b.password)
	}
	auth, err := b.write("userlist.txt", list.String())
	if err != nil {
		return err
	}
	settings := map[string]string{
		"listen_addr": "127.0.0.1", "listen_port": fmt.Sprint(b.Port()), "unix_socket_dir": "",
		"auth_type": "scram-sha-256", "auth_file": auth, "pool_mode": "transaction",
		"admin_users": superuser, "stats_users": strings.Join(users, ","),
		"ignore_startup_parameters": "extra_float_digits",
	}
	maps.Copy(settings, o.Settings)
	text := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d\n", o.Upstream.Port())
	for _, name := range slices.Sorted(maps.Keys(o.Databases)) {
		text += name + " = " + o.Databases[name] + "\n"
	}
	text += "\n[pgbouncer]\n"
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		text += name + " = " + settings[name] + "\n"
	}
	ini, err := b.write("pgbouncer.ini", text)
	if err != nil {
		return err
	}
	user, err := servantFor(b.Dir())
	if err != nil {
		return err
	}
	b.command = func(int) command {
		return command{name: "pgbouncer", path: "/usr/sbin/pgbouncer", args: []string{ini}, user: user, stop: syscall.SIGTERM}
	}
	b.probe = b.dialable
	return os.Chmod(b.Dir(), 0o755)
}

// DSN returns a connection URL; the database pgbouncer is its admin console,
// which understands the simple protocol only.
func (b *PgBouncer) DSN(user, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, b.password), Host: b.Addr(),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}
