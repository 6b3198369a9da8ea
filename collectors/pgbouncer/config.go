package pgbouncer

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	promconfig "github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
)

// Config describes one PgBouncer process.
type Config struct {
	// Name is the target label of its series.
	Name string `yaml:"name"`
	// DSN is a connection URL or keyword=value string that leads to its console, as one of its
	// stats_users. It is kept secret because it may hold a password. Its database is pgbouncer,
	// also where it names none.
	DSN promconfig.Secret `yaml:"dsn"`
	// Password of the DSN's user, in place of one in the DSN; alternatively PasswordFile, which is
	// read at each visit, so that a changed password needs no reload.
	Password     promconfig.Secret `yaml:"password,omitempty"`
	PasswordFile string            `yaml:"password_file,omitempty"`
	// Postgres names the PostgreSQL target whose databases it leads to.
	Postgres string `yaml:"postgres"`
	// Servers names other PostgreSQL targets, by host:port as its databases are configured with.
	Servers map[string]string `yaml:"servers,omitempty"`
	// Compat also emits the names of older pgbouncer_exporters, some of them wrong.
	Compat bool `yaml:"compat,omitempty"`
}

// DefaultConfig names nothing: where the console is cannot be guessed.
func DefaultConfig() Config { return Config{} }

// Format prints the target's name whatever the verb asks for: never a password.
func (c Config) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "pgbouncer %s", c.Name) }

// consoleDatabase is the name by which PgBouncer's own console is reached.
const consoleDatabase = "pgbouncer"

// Validate says everything that is wrong with the configuration, as collectors.FieldError joined.
func (c Config) Validate() error {
	var errs []error
	fail := func(path, problem string, args ...any) {
		errs = append(errs, collectors.Invalid(path, problem, args...))
	}
	if c.Name == "" || strings.Contains(c.Name, "/") {
		fail("name", "give the target a name without slashes")
	}
	if _, err := c.parse(); err != nil {
		errs = append(errs, err)
	}
	if c.Password != "" && c.PasswordFile != "" {
		fail("password_file", "is set beside password; keep one of them")
	}
	if c.Postgres == "" {
		fail("postgres", "is missing; name the PostgreSQL target whose databases it leads to")
	}
	for server, target := range c.Servers {
		if !strings.Contains(server, ":") || target == "" {
			fail("servers", "%q: write host:port as in PgBouncer's own configuration, and the PostgreSQL target that is there", server)
		}
	}
	return errors.Join(errs...)
}

// parse reads the DSN. Its errors never quote it: what cannot be parsed may hold a password
// anywhere.
func (c Config) parse() (*pgconn.Config, error) {
	if c.DSN == "" {
		return nil, collectors.Invalid("dsn", "is missing; write such as postgres://stats@127.0.0.1:6432/pgbouncer?sslmode=require")
	}
	parsed, err := pgconn.ParseConfig(string(c.DSN))
	if err != nil {
		return nil, collectors.Invalid("dsn", "cannot be read as a connection URL or keyword=value string: "+
			"check its parts, and that the files it names (sslrootcert, sslcert, sslkey) can be read")
	}
	for _, fallback := range parsed.Fallbacks {
		if fallback.Host != parsed.Host || fallback.Port != parsed.Port {
			return nil, collectors.Invalid("dsn", "names several hosts; give each process a target of its own")
		}
	}
	if db := parsed.Database; db != "" && db != consoleDatabase {
		return nil, collectors.Invalid("dsn", "the database must be %s, the console, or left out", consoleDatabase)
	}
	parsed.Database = consoleDatabase
	// The console refuses any other setting, and knows none that would matter.
	parsed.RuntimeParams = map[string]string{"application_name": "wardround"}
	return parsed, nil
}

// password is the password as it is now; "" leaves it to the DSN.
func (c Config) password() (string, error) {
	if c.PasswordFile == "" {
		return string(c.Password), nil
	}
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", collectors.Because(collectors.ReasonAuth, fmt.Errorf("read the password: %w", err))
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
