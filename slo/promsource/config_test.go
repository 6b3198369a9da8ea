package promsource

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		yaml string
		want string // "" where it is valid
	}{
		"plain":         {"{name: fleet, url: 'http://prometheus:9090'}", ""},
		"full":          {"{name: fleet, url: 'https://mimir/prometheus', timeout: 10s, delay: 2m, lookback: 10m, gap: 1h, catch_up: 30d, chunk: 2h, max_series: 10, max_samples: 5000, accept_partial: true, http: {basic_auth: {username: u, password: p}, http_headers: {X-Scope-OrgID: {values: [clinics]}}}}", ""},
		"no name":       {"{url: 'http://prometheus:9090'}", "name: is missing"},
		"no URL":        {"{name: fleet}", "url: must be a URL such as"},
		"no host":       {"{name: fleet, url: 'http:///x'}", "url: must be a URL such as"},
		"password":      {"{name: fleet, url: 'http://u:p@prometheus'}", "url: must not hold a user or password; put them under http.basic_auth"},
		"query":         {"{name: fleet, url: 'http://prometheus?x=1'}", "url: must not hold a query"},
		"timeout":       {"{name: fleet, url: 'http://p', timeout: 0s}", "timeout: is 0s"},
		"lookback":      {"{name: fleet, url: 'http://p', lookback: 0s}", "lookback: is 0s"},
		"gap":           {"{name: fleet, url: 'http://p', lookback: 5m, gap: 4m}", "gap: is 4m and thus shorter than lookback, 5m"},
		"short gap":     {"{name: fleet, url: 'http://p', lookback: 5s, gap: 30s}", "gap: is 30s; at least 1m"},
		"half a minute": {"{name: fleet, url: 'http://p', chunk: 90s}", "chunk: is 1m30s; give whole minutes"},
		"no series":     {"{name: fleet, url: 'http://p', max_series: 0}", "max_series: is 0"},
		"few samples":   {"{name: fleet, url: 'http://p', max_samples: 10}", "max_samples: is 10"},
		"all at once":   {"{chunk: 0s}", "name: is missing; objectives name their source by it\nurl: must be a URL such as http://127.0.0.1:9090\nchunk: is 0s; give whole minutes, at least 1m"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parsed := DefaultConfig()
			require.NoError(t, yaml.Unmarshal([]byte(c.yaml), &parsed))
			err := parsed.Validate()
			_, made := New(parsed, nil, Options{Logger: slog.New(slog.DiscardHandler)})
			if c.want == "" {
				require.NoError(t, err)
				require.NoError(t, made)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, made, c.want)
			var field *FieldError
			require.ErrorAs(t, err, &field)
		})
	}
}

// TestSecretsAreNotPrinted prints a configuration in every way.
func TestSecretsAreNotPrinted(t *testing.T) {
	parsed := DefaultConfig()
	require.NoError(t, yaml.Unmarshal([]byte(`{name: fleet, url: 'http://u:hidden1@p?token=hidden2', http: {basic_auth: {username: u, password: hidden3}, http_headers: {X-Token: {secrets: [hidden4], values: [hidden5]}}}}`), &parsed))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb, parsed)
		require.NotContains(t, text, "hidden")
		require.Equal(t, "source fleet at http://p", text)
	}
}

// TestNewNames what is missing.
func TestNewNamesWhatIsMissing(t *testing.T) {
	_, err := New(fleet("http://p"), nil, Options{})
	require.EqualError(t, err, "promsource: Logger is missing")
	c := fleet("http://p")
	c.HTTP.TLSConfig.CAFile = "/nowhere/ca.pem"
	_, err = New(c, nil, Options{Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "/nowhere/ca.pem")
	c.HTTP.TLSConfig.CAFile, c.HTTP.BearerToken, c.HTTP.BearerTokenFile = "", "a", "b"
	require.ErrorContains(t, c.Validate(), "http: at most one of")
	_, err = NewFollower(FollowerOptions{})
	require.Error(t, err)
	require.Equal(t, Reason(""), ReasonOf(errors.New("another's")))
}
