package platform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// superuser owns every cluster that this package makes.
const superuser = "postgres"

// PostgresOptions describes a cluster. The zero value is a small one with
// pg_stat_statements.
type PostgresOptions struct {
	Place
	// BinDir holds initdb and postgres; empty means Debian's, see PostgresBinDir.
	BinDir string
	// Name is the cluster_name, shown in process titles; default "primary".
	Name string
	// MaxConnections defaults to 60.
	MaxConnections int
	// Settings are further lines of postgresql.conf, unquoted.
	Settings map[string]string
	// Password of the superuser and of roles made by CreateRole; empty means a
	// random one.
	Password string
}

// Postgres is a running cluster, primary or standby.
type Postgres struct {
	*Server
	// Password of the superuser postgres and of every role made by CreateRole.
	Password string
	binDir   string
	user     *servant
	name     string
}

// StartPostgres makes a cluster with initdb and starts it: TCP on loopback only,
// scram passwords, pg_stat_statements, UTC. What was committed survives Kill but
// not a power cut. Where the folder already holds a cluster made with the same password, that one is
// started.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	o = o.withDefaults()
	p, err := newPostgres(o.Place, o.Name, o.BinDir, o.Password)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(p.dataDir())
	if errors.Is(err, os.ErrNotExist) {
		err = p.initialize(ctx, o)
	}
	if err == nil {
		err = p.Start(ctx)
	}
	if err == nil {
		err = p.Exec(ctx, superuser, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
	}
	if err != nil {
		return nil, errors.Join(err, p.Remove())
	}
	return p, nil
}

func (o PostgresOptions) withDefaults() PostgresOptions {
	if o.Name == "" {
		o.Name = "primary"
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 60
	}
	if o.Password == "" {
		o.Password = rand.Text()
	}
	return o
}

func newPostgres(place Place, name, binDir, password string) (*Postgres, error) {
	var err error
	if binDir == "" {
		if binDir, err = PostgresBinDir(); err != nil {
			return nil, err
		}
	}
	s, err := settle(place, name)
	if err != nil {
		return nil, err
	}
	user, err := servantFor(s.place.Dir, binDir)
	if err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	p := &Postgres{Server: s, Password: password, binDir: binDir, user: user, name: name}
	s.command = func(port int) command {
		return command{
			name: "postgres " + name, path: filepath.Join(binDir, "postgres"), user: user, stop: syscall.SIGINT,
			args: []string{"-D", p.dataDir(), "-p", strconv.Itoa(port), "-c", "cluster_name=" + name},
		}
	}
	s.probe = func(ctx context.Context) error { return p.Exec(ctx, superuser, "SELECT 1") }
	return p, nil
}

func (p *Postgres) initialize(ctx context.Context, o PostgresOptions) error {
	pwfile, err := p.write("password", o.Password)
	if err != nil {
		return err
	}
	if c := p.user; c != nil {
		if err := os.Chown(pwfile, int(c.credential.Uid), int(c.credential.Gid)); err != nil {
			return fmt.Errorf("hand over password file: %w", err)
		}
	}
	err = run(ctx, command{
		name: "initdb", path: filepath.Join(p.binDir, "initdb"), dir: p.Dir(), user: p.user,
		args: []string{
			"--pgdata=" + p.dataDir(), "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8",
			"--username=" + superuser, "--auth=scram-sha-256", "--pwfile=" + pwfile,
		},
	})
	if err != nil {
		return err
	}
	if err := os.Remove(pwfile); err != nil {
		return fmt.Errorf("remove password file: %w", err)
	}
	return p.configure(o)
}

func (p *Postgres) configure(o PostgresOptions) error {
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "",
		"max_connections": strconv.Itoa(o.MaxConnections), "shared_buffers": "64MB",
		"fsync": "off", "full_page_writes": "off",
		"shared_preload_libraries": "pg_stat_statements", "timezone": "UTC",
	}
	maps.Copy(settings, o.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	conf, err := os.OpenFile(filepath.Join(p.dataDir(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("configure cluster: %w", err)
	}
	_, err = conf.WriteString(text.String())
	if err := errors.Join(err, conf.Close()); err != nil {
		return fmt.Errorf("configure cluster: %w", err)
	}
	return nil
}

func (p *Postgres) dataDir() string { return filepath.Join(p.Dir(), "data") }

// slotName makes a replication slot's name, which allows fewer characters.
func slotName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// DSN returns a connection URL with the cluster's password for a user and a
// database; empty means the superuser and the database postgres.
func (p *Postgres) DSN(user, database string) string {
	if user == "" {
		user = superuser
	}
	if database == "" {
		database = "postgres"
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, p.Password), Host: p.Addr(),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Connect opens one connection; the caller closes it.
func (p *Postgres) Connect(ctx context.Context, user, database string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, p.DSN(user, database))
	if err != nil {
		return nil, fmt.Errorf("connect to %s of %s: %w", database, p.name, err)
	}
	return conn, nil
}

// Exec runs one or more statements as superuser on a connection of its own.
// Several statements run in one transaction.
func (p *Postgres) Exec(ctx context.Context, database, sql string) error {
	conn, err := p.Connect(ctx, superuser, database)
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	if err := errors.Join(err, conn.Close(context.WithoutCancel(ctx))); err != nil {
		return fmt.Errorf("run SQL in %s of %s: %w", database, p.name, err)
	}
	return nil
}

// Value returns the first column of the first row of a query as text, "" for
// NULL.
func (p *Postgres) Value(ctx context.Context, database, sql string) (string, error) {
	conn, err := p.Connect(ctx, superuser, database)
	if err != nil {
		return "", err
	}
	var value *string
	err = conn.QueryRow(ctx, "SELECT ("+sql+")::text").Scan(&value)
	if err := errors.Join(err, conn.Close(context.WithoutCancel(ctx))); err != nil {
		return "", fmt.Errorf("query %s of %s: %w", database, p.name, err)
	}
	if value == nil {
		return "", nil
	}
	return *value, nil
}

// CreateRole makes a login role with the cluster's password; attributes are
// written as in CREATE ROLE, such as "CONNECTION LIMIT 5 IN ROLE pg_monitor".
func (p *Postgres) CreateRole(ctx context.Context, name, attributes string) error {
	return p.Exec(ctx, superuser, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' %s",
		pgx.Identifier{name}.Sanitize(), p.Password, attributes))
}

// CreateDatabase makes a database, from a template unless that is empty.
func (p *Postgres) CreateDatabase(ctx context.Context, name, template string) error {
	sql := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		// file_copy is the faster way while nothing needs to be durable.
		sql += " STRATEGY file_copy TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	return p.Exec(ctx, superuser, sql)
}
