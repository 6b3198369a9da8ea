package promsource

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// TestQueries is what is asked for the selectors of indicators.
func TestQueries(t *testing.T) {
	cases := map[string]struct {
		selectors []string
		want      []string
	}{
		"the good ones are among all":      {[]string{`r{code="200"}`, `r`}, []string{`r`}},
		"what both ask for":                {[]string{`r{job="a",code=~"5.."}`, `r{job="a",code!="404"}`}, []string{`r{job="a"}`}},
		"two metrics of one job":           {[]string{`ok_total{job="a"}`, `all_total{job="a"}`}, []string{`{__name__=~"all_total|ok_total",job="a"}`}},
		"two metrics as they are":          {[]string{`ok_total`, `all_total`}, []string{`{__name__=~"all_total|ok_total"}`}},
		"one of them narrower":             {[]string{`ok_total{zone="b",job="a"}`, `all_total{job="a"}`}, []string{`{__name__=~"all_total|ok_total",job="a"}`}},
		"nothing in common":                {[]string{`r{code="500"}`, `r{job="a"}`}, []string{`r{code="500"}`, `r{job="a"}`}},
		"two metrics, nothing in common":   {[]string{`a_total{x="1"}`, `b_total`}, []string{`a_total{x="1"}`, `b_total`}},
		"other kinds of the same matcher":  {[]string{`r{job="a",c="1"}`, `r{job=~"a",c="1"}`}, []string{`r{c="1"}`}},
		"names that look like expressions": {[]string{`job:ok:sum`, `job:all:sum`}, []string{`{__name__=~"job:all:sum|job:ok:sum"}`}},
		"values that need quoting":         {[]string{`r{path="a\"}[1d]"}`}, []string{`r{path="a\"}[1d]"}`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var selectors [][]*labels.Matcher
			for _, text := range c.selectors {
				matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
				require.NoError(t, err)
				selectors = append(selectors, matchers)
			}
			var got []string
			for _, q := range queriesFor(selectors) {
				asked := q.over(90 * time.Minute)
				_, err := parser.NewParser(parser.Options{}).ParseExpr(asked)
				require.NoError(t, err)
				got = append(got, asked)
			}
			for i := range c.want {
				c.want[i] += "[1h30m]"
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestQueriesOfAll asks once for what several objectives read.
func TestQueriesOfAll(t *testing.T) {
	text := `
name: wide
question: healthy
title: Wide
indicator: {source: fleet, events: {bad: 'r{code="500"}', total: r}}
targets: 99%
---
name: narrow
question: healthy
title: Narrow
by: [zone]
indicator: {source: fleet, events: {bad: 'r{job="a",code="500"}', total: 'r{job="a"}'}}
targets: 99%
---
name: slices
question: healthy
title: Slices
indicator: {source: fleet, threshold: {metric: 'lag{job="b"}', op: <, value: 3, slice: 1h}}
targets: 99%
---
name: both
question: healthy
title: Both
indicator: {composite: {of: [wide, slices]}}
targets: 99%
---
name: elsewhere
question: healthy
title: Elsewhere
indicator: {source: other, events: {bad: 'r{code="500"}', total: s}}
targets: 99%
`
	all, err := slo.ParseObjectives("test.yaml", []byte(text))
	require.NoError(t, err)
	require.NoError(t, slo.Link(all))
	p, err := newPlan("fleet", all)
	require.NoError(t, err)
	require.Equal(t, []string{"both", "narrow", "slices", "wide"}, p.names)
	require.Equal(t, []string{"code", "job", "tenant", "zone"}, p.labels, "others are dropped")
	require.Len(t, p.queries, 2)
	require.Equal(t, "r[1m]", p.queries[0].over(time.Minute))
	require.Equal(t, `lag{job="b"}[1m]`, p.queries[1].over(time.Minute))
	require.Equal(t, at(-60), p.begins(at(-1), time.Minute), "a slice is read from its begin")
	require.Equal(t, at(-62), p.begins(at(-60), time.Minute), "never less than the gap and a minute")
	require.Equal(t, at(-91), p.begins(at(-60), 30*time.Minute))

	uneven := &plan{slices: []time.Duration{23 * time.Minute}}
	for minute := range 23 {
		begin := uneven.begins(at(float64(minute)), time.Minute)
		require.True(t, begin.Unix()%(23*60) == 0 || begin.Equal(at(float64(minute-2))), "slices are counted from 1970 on")
		require.WithinRange(t, begin, at(float64(minute-23)), at(float64(minute-2)))
	}

	all[0].Indicator.Events.Total.Text = "r{"
	_, err = newPlan("fleet", all)
	require.ErrorContains(t, err, `plan queries to source fleet: test.yaml:`)
}

func TestSpellings(t *testing.T) {
	for bound, spelled := range map[float64][]string{
		1:       {"1", "1.0", "1.00"},
		0.5:     {"0.5", "0.50"},
		2500000: {"2500000", "2500000.0", "2.5e+06"},
		0.00001: {"0.00001", "1e-05"},
	} {
		m := buckets([]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "h")}, bound)
		require.Equal(t, "h_bucket", m[0].Value)
		for _, le := range append(spelled, "+Inf") {
			require.True(t, m[1].Matches(le), "%g as %s", bound, le)
		}
		for _, le := range []string{"", "10", "5", "1.05", "Inf", "0.05"} {
			require.False(t, m[1].Matches(le), "%g as %s", bound, le)
		}
	}
}
