package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestConfigValidate(t *testing.T) {
	valid := func() Config {
		c := DefaultConfig()
		c.Name, c.DSN = "main", "postgres://wardround@127.0.0.1:5432/postgres"
		return c
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"valid":                   {func(*Config) {}, ""},
		"keywords":                {func(c *Config) { c.DSN = "host=127.0.0.1 user=wardround" }, ""},
		"no database":             {func(c *Config) { c.DSN = "postgres://wardround@127.0.0.1" }, ""},
		"no name":                 {func(c *Config) { c.Name = "" }, "name: "},
		"slash in name":           {func(c *Config) { c.Name = "a/b" }, "name: "},
		"no dsn":                  {func(c *Config) { c.DSN = "" }, "dsn: is required"},
		"unreadable dsn":          {func(c *Config) { c.DSN = "postgres://u:hunter2@[::1" }, "dsn: cannot be read"},
		"bad port":                {func(c *Config) { c.DSN = "postgres://u:hunter2@h:notaport/postgres" }, "dsn: cannot be read"},
		"bad sslmode":             {func(c *Config) { c.DSN = "host=h password=hunter2 sslmode=maybe" }, "dsn: cannot be read"},
		"tenant database":         {func(c *Config) { c.DSN = "postgres://u@h/clinic" }, "dsn: the database must be postgres"},
		"several hosts":           {func(c *Config) { c.DSN = "postgres://u@a,b/postgres" }, "dsn: names several hosts"},
		"two passwords":           {func(c *Config) { c.Password, c.PasswordFile = "hunter2", "f" }, "password_file: "},
		"password twice":          {func(c *Config) { c.DSN, c.Password = "postgres://u:hunter2@h", "hunter2" }, "dsn: holds a password"},
		"password twice, keyword": {func(c *Config) { c.DSN, c.Password = "host=h password=hunter2", "hunter2" }, "dsn: holds a password"},
		"unreadable password":     {func(c *Config) { c.PasswordFile = "no/such/file" }, "password_file: read the password"},
		"standby of itself":       {func(c *Config) { c.StandbyOf = "main" }, "standby_of: "},
		"no visitor":              {func(c *Config) { c.Budget = 1 }, "budget: "},
		"negative reserve":        {func(c *Config) { c.Reserve = -1 }, "reserve: "},
		"no statement timeout":    {func(c *Config) { c.StatementTimeout = 0 }, "statement_timeout: "},
		"no lock timeout":         {func(c *Config) { c.LockTimeout = 0 }, "lock_timeout: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := valid()
			test.change(&c)
			err := c.Validate()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestConfigIsDecodedAndHidesSecrets(t *testing.T) {
	c := DefaultConfig()
	decoder := yaml.NewDecoder(strings.NewReader(`
name: main
dsn: postgres://wardround:hunter2@127.0.0.1/postgres
statement_timeout: 1m
budget: 4
`))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&c))
	require.NoError(t, c.Validate())
	require.Equal(t, "1m", c.StatementTimeout.String())
	require.Equal(t, 4, c.Budget)
	require.Equal(t, DefaultConfig().Reserve, c.Reserve)
	written, err := yaml.Marshal(c)
	require.NoError(t, err)
	require.NotContains(t, string(written), "hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "postgres main", fmt.Sprintf(verb, c))
	}
}

func TestDialerSettings(t *testing.T) {
	c := DefaultConfig()
	c.DSN = "postgres://wardround@127.0.0.1/?application_name=other&statement_timeout=0&Lock_Timeout=0&datestyle=German"
	d, err := newDialer(c)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"application_name": "wardround", "statement_timeout": "3000", "lock_timeout": "200",
		"idle_in_transaction_session_timeout": "10000", "default_transaction_read_only": "on", "DateStyle": "ISO",
		"jit": "off", "max_parallel_workers_per_gather": "0",
	}, d.config.RuntimeParams)
	require.Equal(t, "postgres", d.config.Database)
}

func TestPasswordFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	password := Config{PasswordFile: file}.password
	_, err := password()
	require.ErrorContains(t, err, "read the password")
	for _, want := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(file, []byte(want+"\n"), 0o600))
		got, err := password()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
