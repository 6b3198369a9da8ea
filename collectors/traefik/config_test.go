package traefik

import (
	"fmt"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // "" where it is valid
	}{
		"metrics":              {"{name: edge, url: 'http://127.0.0.1:8080/metrics'}", ""},
		"all":                  {"{name: edge, url: 'https://edge:8080/metrics', api: 'https://edge:8080/api', names: ['(?P<tenant>.+)-tls'], access_log: {path: /var/log/traefik.json}}", ""},
		"a log":                {"{name: edge, access_log: {path: /var/log/traefik.json}}", ""},
		"nothing":              {"{}", "name: give the target a name without slashes\nurl: is missing, and so is access_log.path: nothing would be read"},
		"a slash":              {"{name: a/b, url: 'http://h'}", "name: give the target a name without slashes"},
		"credentials":          {"{name: edge, url: 'http://u:p@h/metrics'}", "url: must be http:// or https:// with a host and no credentials, such as http://127.0.0.1:8080/metrics"},
		"no URL":               {"{name: edge, url: '127.0.0.1:8080', api: 'unix:/run'}", "url: must be http:// or https:// with a host and no credentials, such as http://127.0.0.1:8080/metrics\napi: must be http:// or https:// with a host and no credentials, such as http://127.0.0.1:8080/api"},
		"a pattern that is no": {"{name: edge, url: 'http://h', names: ['(']}", "names[0]: is not a regular expression: error parsing regexp: missing closing ): `^(?:()$`"},
		"without a group":      {"{name: edge, url: 'http://h', names: ['(?P<tenant>x)', 'y']}", "names[1]: has no group named tenant; write (?P<tenant>…) around it"},
		"figures": {
			"{name: edge, url: 'http://h', timeout: 0s, routers: 1s, max_bytes: 0, errors: {share: 0, times: 0.5, requests: 0}, certificates: {warning: 1d, critical: 2d}}",
			"timeout: must be positive\nrouters: is 1s; write at least 10s\nerrors.share: is 0; write a share above 0, such as 0.02\nerrors.times: is 0.5; what is usual is 1\nerrors.requests: is 0; write at least 1\ncertificates.warning: is 1d; write at least as long as critical, which is 2d\nmax_bytes: must be positive",
		},
		"the log's part": {"{name: edge, url: 'http://h', access_log: {path: x, round_bytes: 1}}", "access_log.path: must be absolute\naccess_log.round_bytes: is 1; at least 1048576 are read in a round"},
	} {
		t.Run(name, func(t *testing.T) {
			config := DefaultConfig()
			decoder := yaml.NewDecoder(strings.NewReader(c.text))
			decoder.KnownFields(true)
			require.NoError(t, decoder.Decode(&config))
			if c.want == "" {
				require.NoError(t, config.Validate())
				return
			}
			require.EqualError(t, config.Validate(), c.want)
			_, err := New(config, Options{Tenants: tenants(t, nil)})
			require.Error(t, err)
		})
	}
}

func TestConfigShowsNoSecrets(t *testing.T) {
	c := DefaultConfig()
	c.Name, c.URL = "edge", "http://h/?token="+canary
	c.HTTP.BasicAuth = &promconfig.BasicAuth{Password: canary}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", c, c, c, c), canary)
}
