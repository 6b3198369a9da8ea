package slo

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestFaultsAreAllNamed(t *testing.T) {
	data, err := os.ReadFile("testdata/faults.yaml")
	require.NoError(t, err)
	_, err = ParseObjectives("faults.yaml", data)
	require.Error(t, err)
	golden(t, "faults.golden", err.Error()+"\n")
}

func TestNotYAML(t *testing.T) {
	_, err := ParseObjectives("x.yaml", []byte("name: a\n  b: [\n"))
	require.ErrorContains(t, err, "x.yaml:2:1: not YAML: ")
}

func TestEmptyFilesHoldNothing(t *testing.T) {
	for _, text := range []string{"", "# a comment\n", "---\n---\n"} {
		all, err := ParseObjectives("x.yaml", []byte(text))
		require.NoError(t, err)
		require.Empty(t, all)
	}
}

func TestDefaults(t *testing.T) {
	all, err := ParseObjectives("x.yaml", []byte("name: a\nquestion: healthy\ntitle: A\nindicator: {events: {good: g, total: t}}\ntargets: 99.9%\n"))
	require.NoError(t, err)
	o := all[0]
	require.Equal(t, []string{"tenant"}, o.By)
	require.Equal(t, Window{Rolling: 30 * Day}, o.Window)
	require.Equal(t, "default", o.Policy.Name)
	require.Equal(t, NoDataIgnore, o.NoData)
	require.Equal(t, One/2, o.MinCoverage)
	require.Equal(t, LowTraffic{MinBad: 2, BudgetSpent: true}, o.LowTraffic)
	require.Equal(t, Position{"x.yaml", 1, 1}, o.Position)
	require.Equal(t, Ratio(999_000_000), o.Targets.Of(Instance{}, "any"))
}

func TestEverythingSaid(t *testing.T) {
	all, err := ParseObjectives("x.yaml", []byte(`
name: a
question: recoverable
title: A
description: >
  Folded
  text.
owner: me
indicator:
  threshold: {metric: 'm{a="b"}', op: ">", value: 1h30m, age: true, zero: bad}
by: [target, cluster]
targets: {default: 99%, gold: 99.9%}
window: {calendar: quarter, zone: Europe/Berlin, anchor: 15}
policy: tickets
no_data: carry
min_coverage: 25%
low_traffic: {min_bad: 5, budget_spent: false}
links: {runbook: https://run.example/a, dashboard: https://dash.example/a}
`))
	require.NoError(t, err)
	o := all[0]
	require.Equal(t, "Folded text.", o.Description)
	require.Equal(t, &Threshold{Metric: Selector{`m{a="b"}`, Position{"x.yaml", 10, 23}}, Op: Greater, Value: 5400, Age: true, Zero: Bad}, o.Indicator.Threshold)
	require.Equal(t, []string{"cluster", "target"}, o.By)
	require.Equal(t, Ratio(999_000_000), o.Targets.Of(Instance{}, "gold"))
	require.Equal(t, "quarter from day 15 in Europe/Berlin", o.Window.String())
	require.Equal(t, "tickets", o.Policy.Name)
	require.Equal(t, LowTraffic{MinBad: 5}, o.LowTraffic)
	require.Equal(t, Links{"https://run.example/a", "https://dash.example/a"}, o.Links)
}

func TestOwnPolicies(t *testing.T) {
	all, err := ParsePolicies("p.yaml", []byte("name: calm\npairs: [{severity: info, share: 50%, long: 1d, short: 1h}]\n"))
	require.NoError(t, err)
	require.Equal(t, []Policy{{Name: "calm", Pairs: []Pair{{Info, One / 2, Day, time.Hour}}, Position: Position{"p.yaml", 1, 1}}}, all)
	_, err = ParsePolicies("p.yaml", []byte("name: odd\npairs: [{severity: wake, share: 2%, long: 5m, short: 1h}, {severity: page, share: 2%, long: 90s, short: 30s}]\n"))
	require.EqualError(t, err, `p.yaml:2:9: the short window must be shorter than the long one
p.yaml:2:20: "wake" is none of page, ticket, info
p.yaml:2:59: windows are whole minutes, a year at most`)
	_, err = ParsePolicies("p.yaml", []byte(`name: odd
pairs:
  - {severity: page, share: 2%, long: 1h, short: 5m}
  - {severity: ticket, share: 5%, long: 1h, short: 5m}
  - {severity: page, share: 3%, long: 60m, short: 10m}
  - {severity: info, share: 3%, long: 400d, short: 10m}
`))
	require.EqualError(t, err, `p.yaml:5:5: there is a pair page-1h already; give it another long window or another severity
p.yaml:6:5: windows are whole minutes, a year at most`)
}

func TestOwnPoliciesBesideEmbeddedOnes(t *testing.T) {
	embedded, err := DefaultPolicies()
	require.NoError(t, err)
	parse := func(file, text string) []Policy {
		all, err := ParsePolicies(file, []byte(text))
		require.NoError(t, err)
		return all
	}
	calm := parse("a.yaml", "name: calm\npairs: [{severity: info, share: 2%, long: 1d, short: 1h}]\n---\nname: tickets\npairs: []\n")
	all, err := embedded.With(calm)
	require.NoError(t, err)
	require.Equal(t, "calm, default, tickets", list(all))
	require.Empty(t, all["tickets"].Pairs, "an own one stands in place of an embedded one")
	require.NotEmpty(t, embedded["tickets"].Pairs, "what was given is not changed")
	o, err := all.ParseObjectives("x.yaml", []byte("name: a\nquestion: healthy\ntitle: A\nindicator: {events: {good: g, total: t}}\ntargets: 60%\npolicy: calm\n"))
	require.NoError(t, err)
	require.Equal(t, "info-1d", o[0].Policy.Pairs[0].Name())

	_, err = embedded.With(append(calm, parse("b.yaml", "# again\nname: calm\npairs: []\n")...))
	require.EqualError(t, err, `b.yaml:2:1: policy "calm" stands twice; the other is at a.yaml:1:1`)
}

func TestThresholdVerdicts(t *testing.T) {
	at := time.Unix(10_000, 500_000_000)
	for _, c := range []struct {
		name  string
		t     Threshold
		value float64
		want  bool
	}{
		{"at the bound", Threshold{Op: LessOrEqual, Value: 30}, 30, true},
		{"above it", Threshold{Op: LessOrEqual, Value: 30}, 30.1, false},
		{"age within", Threshold{Op: LessOrEqual, Value: 600, Age: true}, 9_400.5, true},
		{"age beyond", Threshold{Op: LessOrEqual, Value: 600, Age: true}, 9_400, false},
		{"due in the future", Threshold{Op: LessOrEqual, Value: 600, Age: true}, 20_000, true},
		{"zero means none", Threshold{Op: LessOrEqual, Value: 600, Age: true, Zero: Good}, 0, true},
		{"zero means never", Threshold{Op: LessOrEqual, Value: 600, Age: true, Zero: Bad}, 0, false},
		{"zero compared", Threshold{Op: LessOrEqual, Value: 600, Age: true}, 0, false},
		{"less", Threshold{Op: Less, Value: 1}, 1, false},
		{"greater", Threshold{Op: Greater, Value: 1}, 1, false},
		{"greater or equal", Threshold{Op: GreaterOrEqual, Value: 1}, 1, true},
		{"equal", Threshold{Op: Equal, Value: 1}, 1, true},
		{"not equal", Threshold{Op: NotEqual, Value: 1}, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.t.Good(c.value, at)) })
	}
}

func TestCatalogue(t *testing.T) {
	all, err := Catalogue()
	require.NoError(t, err)
	var lines string
	seen := map[string]bool{}
	for _, o := range all {
		require.False(t, seen[o.Name], o.Name)
		seen[o.Name] = true
		require.Equal(t, "catalogue/"+o.Name+".yaml", o.Position.File, "a file is named for its promise")
		require.NotEmpty(t, o.Description, o.Name)
		require.NotEmpty(t, o.Owner, o.Name)
		if slices.Contains(o.By, "tenant") {
			require.Contains(t, o.Targets.ByTier, "dedicated", o.Name)
		}
		lines += o.Name + " | " + string(o.Question) + " | " + o.Indicator.String() + " | " + o.Targets.Default.String() + ", dedicated " + o.Targets.Of(Instance{}, "dedicated").String() + " | " + o.Policy.Name + "\n"
	}
	golden(t, "catalogue.golden", lines)
}

func FuzzParseObjectives(f *testing.F) {
	for _, file := range []string{"testdata/faults.yaml", "testdata/indicator_faults.yaml", "catalogue/login.yaml"} {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, text := range indicators {
		f.Add([]byte("extends: login\nname: own\nindicator: " + text))
	}
	f.Add([]byte("name: &a a\nquestion: *a\n<<: {x: y}\n? [a]\n: b\n"))
	policies, err := DefaultPolicies()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := policies.ParseObjectives("fuzz.yaml", data)
		if err != nil {
			return
		}
		_ = Link(all) // members need not be there
		for _, o := range all {
			require.NotEmpty(t, o.Indicator.Kind())
			Evaluate(&o, Input{At: noon, Burn: func(d time.Duration) Tally { return full(1, 1, d) }})
		}
	})
}
