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
		"plain":                {"{name: cache, address: '127.0.0.1:6379'}", ""},
		"socket":               {"{name: cache, address: /run/redis.sock}", ""},
		"full":                 {"{name: cache, address: 'r:6379', username: u, password: p, db: 3, compat: true, tls: {server_name: r}}", ""},
		"no name":              {"{address: 'r:6379'}", "name: is missing"},
		"no address":           {"{name: cache}", "address: is missing"},
		"no port":              {"{name: cache, address: r}", `address: "r" is neither host:port nor`},
		"two passwords":        {"{name: cache, address: 'r:6379', password: p, password_file: /p}", "password_file: is set beside password"},
		"user alone":           {"{name: cache, address: 'r:6379', username: u}", "username: needs a password"},
		"negative db":          {"{name: cache, address: 'r:6379', db: -1}", "db: is -1"},
		"sentinels":            {"{name: s, addresses: ['a:26379', 'b:26379'], sentinel: {master: m, password: p}}", ""},
		"cluster":              {"{name: s, address: '127.0.0.1:6379', addresses: ['a:7001'], cluster: true, keys: [{name: q}]}", ""},
		"queues":               {"{name: s, address: 'r:6379', keys: [{name: q}, {name: q, db: 1}], databases: {0: rosenhof, 1: lindenhof}, save: '900 1 60 1000'}", ""},
		"addresses of what":    {"{name: s, addresses: ['a:1']}", "addresses: are those of Sentinels or of a cluster"},
		"both kinds of set":    {"{name: s, addresses: ['a:1'], cluster: true, sentinel: {master: m}}", "cluster: is set beside sentinel"},
		"address and set":      {"{name: s, address: 'r:6379', addresses: ['a:1'], cluster: true}", "address: is set beside sentinel or cluster"},
		"set of none":          {"{name: s, cluster: true}", "addresses: are missing"},
		"bad one of a set":     {"{name: s, cluster: true, addresses: ['a:1', b]}", `addresses[1]: "b" is neither host:port`},
		"no master":            {"{name: s, addresses: ['a:1'], sentinel: {}}", "sentinel.master: is missing"},
		"sentinel user alone":  {"{name: s, addresses: ['a:1'], sentinel: {master: m, username: u}}", "sentinel.username: needs a password"},
		"sentinel passwords":   {"{name: s, addresses: ['a:1'], sentinel: {master: m, password: p, password_file: /p}}", "sentinel.password_file: is set beside password"},
		"nameless key":         {"{name: s, address: 'r:6379', keys: [{db: 1}]}", "keys[0].name: must have 1 to 100 bytes"},
		"key of no database":   {"{name: s, address: 'r:6379', keys: [{name: q, db: -1}]}", "keys[0].db: is -1"},
		"key twice":            {"{name: s, address: 'r:6379', keys: [{name: q}, {name: q}]}", "keys[1]: names a key that is listed already"},
		"key beyond a cluster": {"{name: s, addresses: ['a:1'], cluster: true, keys: [{name: q, db: 1}]}", "keys[0].db: is 1; a cluster has database 0 only"},
		"database of nobody":   {"{name: s, address: 'r:6379', databases: {3: ''}}", `databases: 3: "" is not`},
		"half a rule":          {"{name: s, address: 'r:6379', save: '900'}", "save: a rule for snapshots is pairs"},
		"all at once":          {"{db: -1}", "name: is missing; it becomes the target label\naddress: is missing; write host:port or the path of a Unix socket\ndb: is -1"},
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
	_, err = New(Config{Name: "cache", Addresses: []string{"127.0.0.1:1"}, Sentinel: &Sentinel{Master: "m", PasswordFile: missing}})
	require.ErrorContains(t, err, "sentinel.password_file: read password file: open "+missing)
	_, err = New(Config{Name: "cache", Address: "127.0.0.1:1", TLS: &config.TLSConfig{CAFile: missing}})
	require.ErrorContains(t, err, "tls: ")
	require.ErrorContains(t, err, missing)
}
