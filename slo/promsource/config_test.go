package promsource

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
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

// TestSame tells what needs a new Source from what does not.
func TestSame(t *testing.T) {
	config := func(more string) Config {
		c := DefaultConfig()
		require.NoError(t, yaml.Unmarshal([]byte(`{name: fleet, url: 'http://p', http: {authorization: {credentials: p}, http_headers: {X-Scope-OrgID: {values: [a]}}}}`), &c))
		require.NoError(t, yaml.Unmarshal([]byte(more), &c))
		return c
	}
	of := map[string]int{}
	for i, o := range read(t, "testdata/kinds.yaml") {
		of[o.Name] = i
	}
	cases := map[string]struct {
		config string
		change func([]slo.Objective) []slo.Objective
		want   bool
	}{
		"as it was":        {want: true},
		"a timeout":        {config: "{timeout: 7s}"},
		"a password":       {config: "{http: {authorization: {credentials: q}}}"},
		"a header":         {config: "{http: {http_headers: {X-Scope-OrgID: {values: [b]}}}}"},
		"invalid settings": {config: "{chunk: 1s}"},
		"a title and a target": {change: func(all []slo.Objective) []slo.Objective {
			all[0].Title, all[0].Targets = "x", slo.Targets{}
			return all
		}, want: true},
		"their order":      {change: func(all []slo.Objective) []slo.Objective { slices.Reverse(all); return all }, want: true},
		"another source's": {change: func(all []slo.Objective) []slo.Objective { return append(all, promises(t)[3]) }, want: true},
		"one less":         {change: func(all []slo.Objective) []slo.Objective { return all[1:] }},
		"a name":           {change: func(all []slo.Objective) []slo.Objective { all[0].Name = "x"; return all }},
		"a bound": {change: func(all []slo.Objective) []slo.Objective {
			all[of["login"]].Indicator.Histogram.Within = 2.5
			return all
		}},
		"a selector that is none": {change: func(all []slo.Objective) []slo.Objective {
			all[of["carried"]].Indicator.Threshold.Metric.Text = "{"
			return all
		}},
		"labels":          {change: func(all []slo.Objective) []slo.Objective { all[0].By = []string{"instance"}; return all }},
		"minutes carried": {change: func(all []slo.Objective) []slo.Objective { all[of["carried"]].NoData = slo.NoDataBad; return all }},
		"a composite": {change: func(all []slo.Objective) []slo.Objective {
			all[of["both"]].Indicator.Composite.Of[0].Weight = 3
			return all
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := New(config("{}"), read(t, "testdata/kinds.yaml"), Options{Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			t.Cleanup(s.Close)
			all := read(t, "testdata/kinds.yaml")
			if c.change != nil {
				all = c.change(all)
			}
			require.Equal(t, c.want, s.Same(config(c.config), all))
		})
	}
}
