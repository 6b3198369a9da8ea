package pgbouncer

import (
	"fmt"
	"path/filepath"
	"testing"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
)

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		yaml string
		want string // "" where it is valid
	}{
		"plain":         {"{name: pool, postgres: main, dsn: 'postgres://stats@127.0.0.1:6432/pgbouncer?sslmode=require'}", ""},
		"no database":   {"{name: pool, postgres: main, dsn: 'host=/run/postgresql port=6432 user=stats'}", ""},
		"full":          {"{name: pool, postgres: main, dsn: 'host=p user=stats', password_file: /p, servers: {'db2:5432': other}, compat: true}", ""},
		"no name":       {"{postgres: main, dsn: 'host=p'}", "name: give the target a name"},
		"slash":         {"{name: a/b, postgres: main, dsn: 'host=p'}", "name: give the target a name"},
		"no dsn":        {"{name: pool, postgres: main}", "dsn: is missing"},
		"garbled":       {"{name: pool, postgres: main, dsn: 'postgres://stats:CANARY@[/pgbouncer'}", "dsn: cannot be read"},
		"two hosts":     {"{name: pool, postgres: main, dsn: 'host=a,b'}", "dsn: names several hosts"},
		"no console":    {"{name: pool, postgres: main, dsn: 'host=a dbname=clinic'}", "dsn: the database must be pgbouncer"},
		"no postgres":   {"{name: pool, dsn: 'host=p'}", "postgres: is missing"},
		"two passwords": {"{name: pool, postgres: main, dsn: 'host=p', password: CANARY, password_file: /p}", "password_file: is set beside password"},
		"odd server":    {"{name: pool, postgres: main, dsn: 'host=p', servers: {db2: other}}", `servers: "db2": write host:port`},
		"nowhere":       {"{name: pool, postgres: main, dsn: 'host=p', servers: {'db2:5432': ''}}", `servers: "db2:5432": write host:port`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parsed := DefaultConfig()
			require.NoError(t, yaml.Unmarshal([]byte(c.yaml), &parsed))
			err := parsed.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "CANARY")
		})
	}
}

// TestStartUpPacket holds only what the console takes, whatever the DSN says.
func TestStartUpPacket(t *testing.T) {
	c := Config{DSN: "postgres://stats@p/pgbouncer?default_query_exec_mode=simple_protocol&jit=off"}
	parsed, err := c.parse()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"application_name": "wardround"}, parsed.RuntimeParams)
	require.Equal(t, "pgbouncer", parsed.Database)
}

func TestConfigNeverShowsItsPassword(t *testing.T) {
	c := Config{Name: "pool", DSN: "postgres://u:CANARY@p", Password: promconfig.Secret("CANARY")}
	text, err := yaml.Marshal(c)
	require.NoError(t, err)
	require.NotContains(t, string(text), "CANARY")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, []Config{c}), "CANARY")
	}
}

func TestNewNamesWhatItCannotUse(t *testing.T) {
	c := configFor("127.0.0.1:1")
	_, err := New(c, Options{})
	require.ErrorContains(t, err, "Options.Tenants is required")
	c.Password, c.PasswordFile = "", filepath.Join(t.TempDir(), "missing")
	_, err = New(c, Options{Tenants: collectors.NewRegistry()})
	require.ErrorContains(t, err, "password_file: read the password: open "+c.PasswordFile)
	_, err = New(Config{}, Options{Tenants: collectors.NewRegistry()})
	require.ErrorContains(t, err, "dsn: is missing")
}
