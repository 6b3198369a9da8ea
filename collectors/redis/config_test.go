package redis

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		yaml string
		want string // "" where it is valid
	}{
		"plain":         {"{name: cache, address: '127.0.0.1:6379'}", ""},
		"socket":        {"{name: cache, address: /run/redis.sock}", ""},
		"full":          {"{name: cache, address: 'r:6379', username: u, password: p, db: 3, compat: true, tls: {server_name: r}}", ""},
		"no name":       {"{address: 'r:6379'}", "name: is missing"},
		"no address":    {"{name: cache}", "address: is missing"},
		"no port":       {"{name: cache, address: r}", `address: "r" is neither host:port nor`},
		"two passwords": {"{name: cache, address: 'r:6379', password: p, password_file: /p}", "password_file: is set beside password"},
		"user alone":    {"{name: cache, address: 'r:6379', username: u}", "username: needs a password"},
		"negative db":   {"{name: cache, address: 'r:6379', db: -1}", "db: is -1"},
		"all at once":   {"{db: -1}", "name: is missing; it becomes the target label\naddress: is missing; write host:port or the path of a Unix socket\ndb: is -1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var parsed Config
			require.NoError(t, yaml.Unmarshal([]byte(c.yaml), &parsed))
			err := parsed.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestValidateTLS(t *testing.T) {
	c := Config{Name: "cache", Address: "r:6379", TLS: &config.TLSConfig{CertFile: "/c"}}
	require.ErrorContains(t, c.Validate(), "tls: exactly one of key or key_file")
}

func TestConfigNeverShowsItsPassword(t *testing.T) {
	c := Config{Name: "cache", Password: config.Secret("CANARY")}
	text, err := yaml.Marshal(c)
	require.NoError(t, err)
	require.NotContains(t, string(text), "CANARY")
	require.Contains(t, string(text), "<secret>")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, []Config{c}), "CANARY")
	}
}

func TestNewNamesTheFileThatItCannotRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := New(Config{Name: "cache", Address: "127.0.0.1:1", PasswordFile: missing})
	require.ErrorContains(t, err, "password_file: read password file: open "+missing)
	_, err = New(Config{Name: "cache", Address: "127.0.0.1:1", TLS: &config.TLSConfig{CAFile: missing}})
	require.ErrorContains(t, err, "tls: ")
	require.ErrorContains(t, err, missing)
}
