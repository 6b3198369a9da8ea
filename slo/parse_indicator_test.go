package slo

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFaultsOfIndicatorsAreAllNamed(t *testing.T) {
	data, err := os.ReadFile("testdata/indicator_faults.yaml")
	require.NoError(t, err)
	_, err = ParseObjectives("indicator_faults.yaml", data)
	require.Error(t, err)
	golden(t, "indicator_faults.golden", err.Error()+"\n")
}

// indicators are one of each kind, as objective files have them.
var indicators = map[string]string{
	"events":     "{events: {good: g, total: 't{a=\"b\"}'}}",
	"bad events": "{source: mimir, events: {bad: b, total: t}}",
	"histogram":  "{histogram: {metric: latency_seconds, within: 0.5}}",
	"threshold":  "{threshold: {metric: m, op: '!=', value: 3}}",
	"slices":     "{threshold: {metric: m, op: <=, value: 1h, age: true, zero: bad, slice: 5m}}",
	"probe":      "{probe: {success: up}}",
	"fast probe": "{source: blackbox, probe: {success: up, duration: d, within: 2s}}",
	"composite":  "{composite: {of: [login, {objective: mail, weight: 3}]}}",
	"worst":      "{composite: {of: [login, mail], method: worst, delayed: bad}}",
}

func TestIndicators(t *testing.T) {
	at := func(column int) Position { return Position{"x.yaml", 5, column} }
	for name, want := range map[string]struct {
		indicator Indicator
		kind      string
		line      string
		selectors []string
	}{
		"events": {
			Indicator{Events: &Events{Good: Selector{"g", at(28)}, Total: Selector{`t{a="b"}`, at(38)}}},
			"events", `good g of t{a="b"}`,
			[]string{"g", `t{a="b"}`},
		},
		"bad events": {
			Indicator{Source: "mimir", Events: &Events{Bad: Selector{"b", at(42)}, Total: Selector{"t", at(52)}}},
			"events", "bad b of t in mimir",
			[]string{"b", "t"},
		},
		"histogram": {
			Indicator{Histogram: &Histogram{Metric: Selector{"latency_seconds", at(33)}, Within: 0.5}},
			"histogram", "latency_seconds within 0.5",
			[]string{"latency_seconds"},
		},
		"threshold": {
			Indicator{Threshold: &Threshold{Metric: Selector{"m", at(33)}, Op: NotEqual, Value: 3}},
			"threshold", "m != 3",
			[]string{"m"},
		},
		"slices": {
			Indicator{Threshold: &Threshold{Metric: Selector{"m", at(33)}, Op: LessOrEqual, Value: 3600, Age: true, Zero: Bad, Slice: 5 * time.Minute}},
			"threshold", "age of m <= 3600s, 0 is bad, in slices of 5m",
			[]string{"m"},
		},
		"probe": {
			Indicator{Probe: &Probe{Success: Selector{"up", at(30)}}},
			"probe", "up succeeds",
			[]string{"up"},
		},
		"fast probe": {
			Indicator{Source: "blackbox", Probe: &Probe{Success: Selector{"up", at(48)}, Duration: Selector{"d", at(62)}, Within: 2}},
			"probe", "up and d within 2 in blackbox",
			[]string{"up", "d"},
		},
		"composite": {
			Indicator{Composite: &Composite{
				Of:     []Member{{Objective: "login", Weight: 1, Position: at(30)}, {Objective: "mail", Weight: 3, Position: at(37)}},
				Method: Mean, Delayed: NoDataIgnore,
			}},
			"composite", "mean of 1 × login (), 3 × mail (); delayed is ignore", nil,
		},
		"worst": {
			Indicator{Composite: &Composite{
				Of:     []Member{{Objective: "login", Weight: 1, Position: at(30)}, {Objective: "mail", Weight: 1, Position: at(37)}},
				Method: Worst, Delayed: NoDataBad,
			}},
			"composite", "worst of 1 × login (), 1 × mail (); delayed is bad", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := ParseObjectives("x.yaml", []byte("name: a\nquestion: healthy\ntitle: A\ntargets: 99.9%\nindicator: "+indicators[name]+"\n"))
			require.NoError(t, err)
			got := all[0].Indicator
			require.Equal(t, want.indicator, got)
			require.Equal(t, want.kind, got.Kind())
			require.Equal(t, want.line, got.String())
			var selectors []string
			for _, s := range got.Selectors() {
				selectors = append(selectors, s.Text)
			}
			require.Equal(t, want.selectors, selectors)
		})
	}
}

func TestLink(t *testing.T) {
	const text = `
{name: login, question: healthy, title: L, targets: 99.9%, indicator: {events: {bad: b, total: t}}}
---
{name: mail, question: healthy, title: M, targets: 99.9%, indicator: {threshold: {metric: m, op: <=, value: 1}}}
---
{name: servers, question: healthy, title: S, targets: 99.9%, by: [target], indicator: {probe: {success: up}}}
---
name: desk
question: healthy
title: D
targets: 99%
indicator: {composite: {of: [login, {objective: mail, weight: 3}]}}
---
name: odd
question: healthy
title: O
targets: 99%
indicator:
  composite:
    of:
      - login
      - maul
      - desk
      - servers
`
	all, err := ParseObjectives("x.yaml", []byte(text))
	require.NoError(t, err)
	require.NoError(t, Link(all[:4]))
	require.Equal(t, "mean of 1 × login (bad b of t), 3 × mail (m <= 1); delayed is ignore", all[3].Indicator.String())

	require.EqualError(t, Link(all), `x.yaml:22:9: there is no objective "maul"; it may be disabled
x.yaml:23:9: "desk" is a composite itself; name its members instead
x.yaml:24:9: "servers" is grouped by [target], the composite by [tenant]; they must be the same`)

	require.EqualError(t, Link(append(all[:1:1], all[0])), `x.yaml:2:1: objective "login" stands twice; the other is at x.yaml:2:1`)
}
