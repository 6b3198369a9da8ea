package rules

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var update = flag.Bool("update", false, "write the golden files anew")

func parse(t *testing.T, text string) []slo.Objective {
	t.Helper()
	objectives, err := slo.ParseObjectives("test.yaml", []byte(text))
	require.NoError(t, err)
	return objectives
}

func login(t *testing.T) *slo.Objective {
	t.Helper()
	return &parse(t, `
name: login
question: healthy
title: People can log in
owner: platform
indicator: {events: {good: 'logins_total{outcome="ok"}', total: logins_total}}
targets: {default: 99.5%, dedicated: 99.9%}
links: {runbook: 'https://example.test/runbook'}
`)[0]
}

// write generates files for the objectives into a folder of the test.
func write(t *testing.T, objectives []slo.Objective, o Options) string {
	t.Helper()
	files, err := Generate(objectives, o)
	require.NoError(t, err)
	dir := t.TempDir()
	for _, f := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o600))
	}
	return dir
}

// promtool runs it on all files of a folder that end so, and fails the test if it does.
func promtool(t *testing.T, command, dir, suffix string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out, err := exec.CommandContext(t.Context(), "promtool", append([]string{command, "rules"}, files...)...).CombinedOutput()
	require.NoError(t, err, string(out))
}

var sources = []Source{FromDaemon, FromSeries}

// TestCatalogue lets promtool check the rules of every shipped objective.
func TestCatalogue(t *testing.T) {
	objectives, err := slo.Catalogue()
	require.NoError(t, err)
	for _, source := range sources {
		promtool(t, "check", write(t, objectives, Options{Source: source}), ".rules.yaml")
	}
}

// TestShapes runs the generated tests of objectives of every shape that rules can express.
func TestShapes(t *testing.T) {
	objectives := parse(t, `
name: good-of-total
question: healthy
title: 'Uses {{ braces }}'
indicator: {events: {good: 'http_requests_total{code=~"2..|3..",route!=""}', total: 'http_requests_total{route!=""}'}}
targets: {default: 99%, dedicated: 99.9%}
---
name: by-name
question: healthy
title: Tenants with targets of their own
by: [tenant, zone]
indicator: {events: {good: 'http_requests_total{code=~"2.."}', total: http_requests_total}}
targets: {default: 99%, dedicated: 99.9%, shared: 99%, tenants: {north: 99.95%, 'south.1': 98%, 'south|2': 98%, west: 99.9%}}
---
name: by-name-alone
question: healthy
title: No tier has a target
indicator: {threshold: {metric: queue, op: <=, value: 3}}
targets: {default: 99%, tenants: {north: 97%, south: 99.5%}}
policy: tickets
---
name: bad-of-total
question: controlled
title: Two counters of two names
owner: somebody
by: [tenant, zone]
indicator: {events: {bad: errors_total, total: requests_total}}
targets: {default: 99.95%, dedicated: 99.9%}
window: 28d
low_traffic: {min_bad: 0, budget_spent: false}
links: {runbook: 'https://example.test/a', dashboard: 'https://example.test/b'}
---
name: by-target
question: protected
title: A gauge by target
by: [target]
indicator: {threshold: {metric: 'used_ratio{kind="x"}', op: <, value: 0.9}}
targets: 99.5%
---
name: for-all
question: contained
title: One instance, zero is bad
by: []
indicator: {threshold: {metric: replicas, op: <=, value: 3, zero: bad}}
targets: 95%
policy: tickets
window: {calendar: month, zone: Europe/Berlin}
---
name: age
question: recoverable
title: An age, zero is good
indicator: {threshold: {metric: last_backup_timestamp_seconds, op: <=, value: 10m, age: true, zero: good}}
targets: 99%
---
name: histogram
question: healthy
title: A histogram of another source
by: [tenant, service, service_2]
indicator: {source: main, histogram: {metric: 'request_seconds{code=~"2.."}', within: 1}}
targets: 99%
---
name: histogram-of-all
question: healthy
title: A histogram with a bound between
by: []
indicator: {histogram: {metric: '{__name__="wait_seconds"}', within: 0.25}}
targets: 99%
low_traffic: {min_bad: 5000}
---
name: probe
question: healthy
title: A probe
indicator: {probe: {success: 'probe_success{job="login"}'}}
targets: {default: 99%, dedicated: 99.9%}
---
name: probe-in-time
question: healthy
title: A probe in time, which needs some failures
by: [target]
indicator: {source: main, probe: {success: probe_success, duration: probe_duration_seconds, within: 2}}
targets: 99%
low_traffic: {min_bad: 70}
---
name: slices
question: contained
title: A gauge in slices
indicator: {threshold: {metric: queue, op: <=, value: 3, slice: 5m}}
targets: {default: 99%, dedicated: 99.5%}
---
name: long-slices
question: contained
title: A gauge in slices of an odd length
indicator: {threshold: {metric: queue, op: <=, value: 3, slice: 37m}}
targets: 97%
policy: tickets
`)
	for _, source := range sources {
		t.Run(string(source), func(t *testing.T) {
			t.Parallel()
			dir := write(t, objectives, Options{Source: source, Labels: map[string]string{"platform": "clinics"}})
			promtool(t, "check", dir, ".rules.yaml")
			promtool(t, "test", dir, ".test.yaml")
		})
	}
}

// TestGolden shows whole files, for people to read and to see what a change does.
func TestGolden(t *testing.T) {
	for _, source := range sources {
		files, err := Generate([]slo.Objective{*login(t)}, Options{Source: source})
		require.NoError(t, err)
		for _, f := range files {
			golden := filepath.Join("testdata", string(source), f.Name)
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, f.Content, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(f.Content), "run with -update if this is meant")
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	with := func(change func(*slo.Objective)) []slo.Objective {
		o := *login(t)
		change(&o)
		return []slo.Objective{o}
	}
	part := func(text string) []slo.Objective {
		return with(func(o *slo.Objective) {
			o.Indicator.Events = &slo.Events{Good: slo.Selector{Text: text}, Total: slo.Selector{Text: "x"}}
		})
	}
	for name, tt := range map[string]struct {
		objectives []slo.Objective
		source     Source
		want       string
	}{
		"unknown source": {nil, "thanos", `there is no source "thanos"; write series or daemon`},
		"twice":          {slices.Repeat(with(func(*slo.Objective) {}), 2), FromDaemon, `objective "login" stands twice`},
		"no PromQL":      {part("x{"), FromSeries, `test.yaml:2:1: rules of objective "login": read selector`},
		"an expression":  {part("rate(x[5m])"), FromSeries, "and nothing else"},
		"an offset":      {part("x offset 5m"), FromSeries, "and nothing else"},
		"no indicator":   {with(func(o *slo.Objective) { o.Indicator = slo.Indicator{} }), FromSeries, "use source daemon"},
		"a composite":    {with(func(o *slo.Objective) { o.Indicator = slo.Indicator{Composite: &slo.Composite{}} }), FromSeries, "use source daemon"},
		"slices too long": {with(func(o *slo.Objective) {
			o.Indicator = slo.Indicator{Threshold: &slo.Threshold{Metric: slo.Selector{Text: "x"}, Op: slo.Less, Slice: 6 * time.Minute}}
		}), FromSeries, "its slices of 6m are longer than the window of 5m"},
		"a nameless histogram": {with(func(o *slo.Objective) {
			o.Indicator = slo.Indicator{Histogram: &slo.Histogram{Metric: slo.Selector{Text: `{a="b"}`}, Within: 1}}
		}), FromSeries, "names no metric"},
		"a window too short": {with(func(o *slo.Objective) { o.Policy.Pairs[0].Short = 60e9 }), FromSeries, "has a window of 1m"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Generate(tt.objectives, Options{Source: tt.source})
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestPolicyWithoutPairs: an objective that alerts nobody needs no rules.
func TestPolicyWithoutPairs(t *testing.T) {
	policies, err := slo.ParsePolicies("calm.yaml", []byte("name: calm\ndescription: For reports alone.\npairs: []\n"))
	require.NoError(t, err)
	silent := *login(t)
	silent.Policy = policies[0]
	composite := silent // could not be written, and need not be
	composite.Name, composite.Indicator = "portal", slo.Indicator{Composite: &slo.Composite{}}
	for _, source := range sources {
		files, err := Generate([]slo.Objective{silent, *login(t), composite}, Options{Source: source})
		require.NoError(t, err)
		require.Len(t, files, 2)
		require.Equal(t, "login.rules.yaml", files[0].Name)
	}
}

// TestGroupsAreBounded keeps one objective in one group of each pace: groups run beside each other, and no rule waits
// for those of another objective.
func TestGroupsAreBounded(t *testing.T) {
	files, err := Generate([]slo.Objective{*login(t)}, Options{Source: FromSeries})
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(files[0].Content), "- name: slo-login-"))
	require.Less(t, strings.Count(string(files[0].Content), "expr:"), 60)
}
