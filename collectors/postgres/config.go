package postgres

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Config describes one PostgreSQL server: a primary, or a standby of one.
type Config struct {
	// Name of the target, as tenants and labels refer to it.
	Name string `yaml:"name"`
	// DSN is a connection URL or keyword=value string of one server. It is kept secret because it
	// may hold a password. Its database is postgres, also where it names none.
	DSN promconfig.Secret `yaml:"dsn"`
	// Password of the DSN's user; alternatively PasswordFile, which is read at each connect, so
	// that a changed password needs no reload.
	Password     promconfig.Secret `yaml:"password,omitempty"`
	PasswordFile string            `yaml:"password_file,omitempty"`
	// StandbyOf names the target whose standby this is; empty for a primary.
	StandbyOf string `yaml:"standby_of,omitempty"`
	// Budget is how many connections are held at once: one for control, the others for visits.
	Budget int `yaml:"budget"`
	// Reserve is how many connection slots must be free for visits to be made.
	Reserve int `yaml:"reserve"`
	// StatementTimeout and LockTimeout bind every statement, on the server's side.
	StatementTimeout model.Duration `yaml:"statement_timeout"`
	LockTimeout      model.Duration `yaml:"lock_timeout"`
	// TopStatements is how many statements, those that take the longest, have series of their own.
	TopStatements int `yaml:"top_statements"`
	// Cores is how many processors the server has. Zero means those of this machine where the
	// server is on it, and otherwise that it is not known.
	Cores int `yaml:"cores,omitempty"`
	// Sizes says how the databases are measured, and what there is room for.
	Sizes Sizes `yaml:"sizes"`
	// Compat has the names of postgres_exporter emitted too where ours differ.
	Compat bool `yaml:"compat,omitempty"`
}

// DefaultConfig is a primary on which two visitors beside the control connection are allowed.
func DefaultConfig() Config {
	return Config{
		Budget: 3, Reserve: 3,
		StatementTimeout: model.Duration(3 * time.Second),
		LockTimeout:      model.Duration(200 * time.Millisecond),
		TopStatements:    20,
		Sizes:            DefaultSizes(),
	}
}

// Format prints the target's name whatever the verb asks for: never a password.
func (c Config) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "postgres %s", c.Name) }

// controlDatabase is where the control connection goes.
const controlDatabase = "postgres"

// Validate says everything that is wrong with the configuration, as collectors.FieldError joined.
func (c Config) Validate() error {
	var errs []error
	fail := func(path, problem string, args ...any) {
		errs = append(errs, collectors.Invalid(path, problem, args...))
	}
	if c.Name == "" || strings.Contains(c.Name, "/") {
		fail("name", "give the target a name without slashes")
	}
	if c.StandbyOf != "" && c.StandbyOf == c.Name {
		fail("standby_of", "a server is not its own standby: name the primary's target")
	}
	if c.Password != "" && c.PasswordFile != "" {
		fail("password_file", "use either password or password_file")
	}
	if _, err := c.password(); err != nil {
		fail("password_file", "%v", err)
	}
	if c.Budget < 2 {
		fail("budget", "must be at least 2: one connection for control and one for visits")
	}
	if c.Reserve < 0 {
		fail("reserve", "must not be negative")
	}
	if c.StatementTimeout <= 0 {
		fail("statement_timeout", "must be positive: without it one statement could hold up the cluster")
	}
	if c.LockTimeout <= 0 {
		fail("lock_timeout", "must be positive: without it a visit would queue behind every lock")
	}
	if c.TopStatements < 1 || c.TopStatements > 200 {
		fail("top_statements", "must be between 1 and 200: each is five series")
	}
	if c.Cores < 0 {
		fail("cores", "must not be negative")
	}
	errs = append(errs, c.Sizes.validate()...)
	if _, err := c.parse(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// parse reads the DSN. Its errors never quote it: what cannot be parsed may hold a password
// anywhere.
func (c Config) parse() (*pgconn.Config, error) {
	if c.DSN == "" {
		return nil, collectors.Invalid("dsn", "is required, such as postgres://wardround@127.0.0.1:5432/postgres?sslmode=require")
	}
	parsed, err := pgconn.ParseConfig(string(c.DSN))
	if err != nil {
		return nil, collectors.Invalid("dsn", "cannot be read as a connection URL or keyword=value string: "+
			"check its parts, and that the files it names (sslrootcert, sslcert, sslkey) can be read")
	}
	for _, fallback := range parsed.Fallbacks {
		if fallback.Host != parsed.Host || fallback.Port != parsed.Port {
			return nil, collectors.Invalid("dsn", "names several hosts: give each server a target of its own")
		}
	}
	if db := parsed.Database; db != "" && db != controlDatabase {
		return nil, collectors.Invalid("dsn", "the database must be %s or left out: "+
			"a connection kept to any other would stop its owner from renaming or dropping it", controlDatabase)
	}
	parsed.Database = controlDatabase
	if parsed.Password != "" && (c.Password != "" || c.PasswordFile != "") && dsnHoldsPassword(c.DSN) {
		return nil, collectors.Invalid("dsn", "holds a password beside password or password_file: leave one of them out")
	}
	return parsed, nil
}

// dsnHoldsPassword tells a password in the DSN itself from one of a password file of libpq's.
func dsnHoldsPassword(dsn promconfig.Secret) bool {
	url := strings.HasPrefix(string(dsn), "postgres://") || strings.HasPrefix(string(dsn), "postgresql://")
	if !url {
		return strings.Contains(string(dsn), "password")
	}
	_, rest, _ := strings.Cut(string(dsn), "://")
	user, _, found := strings.Cut(rest, "@")
	return found && strings.Contains(user, ":") || strings.Contains(rest, "password=")
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
