package indicator

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var noon = time.Date(2026, time.March, 11, 12, 0, 0, 0, time.UTC)

// row is a series' labels as name, value, name, value.
type row []string

func (r row) Get(label string) string {
	for i := 0; i < len(r); i += 2 {
		if r[i] == label {
			return r[i+1]
		}
	}
	return ""
}

func (r row) Block() string { return strings.Join(r, "\xff") }

const objectives = `
name: login
question: healthy
title: Login
indicator: {events: {good: 'checks_total{outcome="ok"}', total: checks_total}}
targets: 99.9%
---
name: errors
question: healthy
title: Errors
indicator: {events: {bad: 'requests_total{code=~"5.."}', total: 'requests_total{code!="404"}'}}
targets: 99.9%
---
name: lag
question: protected
title: Lag
indicator: {threshold: {metric: lag_seconds, op: <=, value: 30}}
by: [target]
targets: 99.5%
---
name: due
question: healthy
title: Due
indicator: {threshold: {metric: due_timestamp_seconds, age: true, zero: good, op: <=, value: 10m}}
targets: 99%
no_data: carry
`

func parse(t testing.TB, text string) []slo.Objective {
	t.Helper()
	all, err := slo.ParseObjectives("test.yaml", []byte(text))
	require.NoError(t, err)
	return all
}

func newEngine(t testing.TB, text string, limits ...func(*Options)) *Engine {
	t.Helper()
	all := parse(t, text)
	require.NoError(t, slo.Link(all))
	opts := DefaultOptions()
	for _, limit := range limits {
		limit(&opts)
	}
	e, err := New(all, opts)
	require.NoError(t, err)
	return e
}

// minute is one minute's samples of one source.
type minute struct {
	engine *Engine
	at     time.Time
}

func (m *minute) see(source, metric string, value float64, labels ...string) {
	m.engine.Observe(m.at, source, metric, row(labels), value)
}

// next drains the minute and begins the one after, as text for comparing.
func (m *minute) next() []string {
	var lines []string
	for _, d := range m.engine.Drain(m.at) {
		lines = append(lines, text(d))
	}
	m.at = m.at.Add(time.Minute)
	return lines
}

func TestForgottenSourceStillCountsItsMinute(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	m.see("pg", "lag_seconds", 1, "target", "main")
	m.engine.Forget("pg")
	require.Equal(t, []string{`lag{target="main"} 1/0`}, m.next())
	require.Empty(t, m.engine.Instances())
	require.Equal(t, Stats{}, m.engine.Stats())
}

func TestVanishedSeriesAreDropped(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	m.see("pg", "lag_seconds", 1, "target", "gone")
	for range 61 {
		m.see("pg", "lag_seconds", 1, "target", "main")
		m.next()
	}
	require.Len(t, m.engine.Instances(), 2)
	m.see("pg", "lag_seconds", 1, "target", "main")
	m.next()
	require.Equal(t, []slo.Instance{slo.NewInstance("lag", slo.Label{Name: "target", Value: "main"})}, m.engine.Instances())
}

// TestAFailingSourceLosesNothing: what it tells although its rounds fail counts and covers, and what
// it does not tell may be there all the same.
func TestAFailingSourceLosesNothing(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	m.see("pg", "lag_seconds", 1, "target", "away")
	m.see("pg", "lag_seconds", 1, "target", "main")
	m.engine.Rest("pg", m.at, m.at.Add(time.Minute))
	m.next()
	for range 90 {
		m.see("pg", "lag_seconds", 60, "target", "main")
		m.engine.Fail("pg", m.at, m.at.Add(time.Minute))
		require.Equal(t, []string{`lag{target="main"} 0/1`}, m.next())
		require.Equal(t, []string{`lag{target="main"} 0/0`}, m.next(), "until its next round is due")
	}
	require.Len(t, m.engine.Instances(), 2)
	m.see("pg", "lag_seconds", 1, "target", "main")
	m.engine.Rest("pg", m.at, m.at.Add(time.Minute))
	m.next()
	require.Len(t, m.engine.Instances(), 1, "it tells all again, and nothing of the other one")
}

func TestSilentSourceKeepsItsInstances(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	ok := func(n float64) { m.see("web", "checks_total", n, "tenant", "a", "outcome", "ok") }
	ok(1)
	for range 90 {
		require.Empty(t, m.next())
	}
	require.Len(t, m.engine.Instances(), 1, "it has no data, which must be seen")
	ok(50)
	require.Empty(t, m.next(), "what happened in so long a gap fits into no minute")
	ok(51)
	require.Equal(t, []string{`login{tenant="a"} 1/0`}, m.next())
}

func TestUpdateKeepsWhatDidNotChange(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	see := func(n float64) {
		m.see("web", "checks_total", n, "tenant", "a", "outcome", "ok")
		m.see("pg", "lag_seconds", n, "target", "main")
	}
	see(10)
	m.next()
	see(20)
	changed := strings.Replace(objectives, "targets: 99.9%", "targets: 99%", 1)
	changed = strings.Replace(changed, "value: 30}", "value: 3}", 1)
	require.NoError(t, m.engine.Update(parse(t, changed)))
	see(21)
	require.Equal(t, []string{`lag{target="main"} 0/1`, `login{tenant="a"} 11/0`}, m.next(),
		"the minute of login goes on, that of lag begins anew with its new bound")

	require.ErrorContains(t, m.engine.Update(parse(t, strings.Replace(objectives, "checks_total}}", "'checks_total{'}}", 1))),
		"test.yaml:5:65: \"checks_total{\" is no PromQL selector")
	require.ErrorContains(t, m.engine.Update(parse(t, strings.Replace(objectives, "lag_seconds", "'{a=\"b\"}'", 1))),
		`{a="b"} names no metric`)
	see(22)
	require.Equal(t, []string{`lag{target="main"} 0/1`, `login{tenant="a"} 1/0`}, m.next(), "a refused update changes nothing")

	require.NoError(t, m.engine.Update(nil))
	require.False(t, m.engine.Wants("checks_total"))
	see(30)
	require.Empty(t, m.next())
}

func TestWants(t *testing.T) {
	e := newEngine(t, strings.ReplaceAll(objectives, "requests_total", "request_seconds_count"))
	for name, want := range map[string]bool{
		"checks_total": true, "lag_seconds": true, "other": false,
		"request_seconds": true, "request_seconds_count": true, "request_seconds_sum": false, "checks": false,
	} {
		require.Equal(t, want, e.Wants(name), name)
	}
}

func TestCatalogueIsReadable(t *testing.T) {
	all, err := slo.Catalogue()
	require.NoError(t, err)
	for _, o := range all {
		require.NoError(t, Check(&o))
	}
}

const sources = `
name: ours
question: healthy
title: Ours
indicator: {threshold: {metric: up, op: ==, value: 1}}
targets: 99%
---
name: theirs
question: healthy
title: Theirs
indicator: {source: prod, threshold: {metric: up, op: ==, value: 1}}
targets: 99%
---
name: theirs-too
question: healthy
title: Theirs, too
indicator: {source: prod, threshold: {metric: ready, op: ==, value: 1}}
targets: 99%
---
name: both-theirs
question: healthy
title: Both of theirs
indicator: {composite: {of: [theirs, theirs-too]}}
targets: 99%
`

func TestAnEngineCountsItsSourcesObjectivesOnly(t *testing.T) {
	for source, want := range map[string][]string{
		"":      {`ours{tenant="a"} 1/0`},
		"prod":  {`both-theirs{tenant="a"} 1000/0`, `theirs{tenant="a"} 1/0`},
		"other": nil,
	} {
		m := &minute{newEngine(t, sources, func(o *Options) { o.Source = source }), noon}
		m.see("s", "up", 1, "tenant", "a")
		require.Equal(t, want, m.next(), source)
		require.Equal(t, source == "prod", m.engine.Wants("ready"), source)
	}
}

func TestCheckAll(t *testing.T) {
	objective := func(name, indicator string) string {
		return "---\nname: " + name + "\nquestion: healthy\ntitle: It\nindicator: " + indicator + "\ntargets: 99%\n"
	}
	for name, test := range map[string]struct{ text, want string }{
		"good":       {sources, ""},
		"twice":      {objective("a", "{threshold: {metric: m, op: <, value: 1}}"), ""},
		"no member":  {objective("c", "{composite: {of: [ours, gone]}}"), `test.yaml:29:36: there is no objective "gone"`},
		"two places": {objective("c", "{composite: {of: [ours, theirs]}}"), `test.yaml:29:36: "theirs" is measured by the source prod, "ours" by Wardround's own rounds; the members of a composite must have the same source`},
		"le":         {objective("h", `{histogram: {metric: 'h{le="1"}', within: 1}}`), `test.yaml:29:33: leave le out of h{le="1"}; within chooses the bucket`},
		"by le":      {objective("h", "{histogram: {metric: h, within: 1}}\nby: [le]"), `test.yaml:29:33: a histogram cannot be grouped by le; each bucket would be an instance`},
		"probe":      {objective("p", "{probe: {success: 'p{', duration: d, within: 1}}"), `test.yaml:29:30: "p{" is no PromQL selector`},
	} {
		t.Run(name, func(t *testing.T) {
			text := test.text
			if text != sources {
				text = sources + text
			}
			err := CheckAll(parse(t, text))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
	all := parse(t, sources)
	require.ErrorContains(t, CheckAll(append(all, all[0])), `test.yaml:2:1: objective "ours" stands twice`)
}

func TestOptionsAreChecked(t *testing.T) {
	for want, spoil := range map[string]func(*Options){
		"MaxInstances must be above 0":                func(o *Options) { o.MaxInstances = 0 },
		"MaxSeries must be above 0":                   func(o *Options) { o.MaxSeries = 0 },
		"Expiry must be a minute at least":            func(o *Options) { o.Expiry = time.Second },
		"Lookback must be between 0 and Expiry":       func(o *Options) { o.Lookback = -1 },
		"Lookback must be between 0 and Expiry\u200b": func(o *Options) { o.Lookback = 2 * time.Hour },
	} {
		opts := DefaultOptions()
		spoil(&opts)
		_, err := New(nil, opts)
		require.ErrorContains(t, err, strings.TrimSuffix(want, "\u200b"))
	}
}

func TestCompositesKeepTheirCountsWhereMembersDo(t *testing.T) {
	text := objectives + `---
name: both
question: healthy
title: Both
indicator: {composite: {of: [due, login], delayed: bad}}
targets: 99%
no_data: carry
`
	m := &minute{newEngine(t, text), noon}
	m.see("db", "due_timestamp_seconds", 0, "tenant", "a")
	require.Equal(t, []string{`both{tenant="a"} 1000/0`, `due{tenant="a"} 1/0`}, m.next())
	update := func(text string) {
		all := parse(t, text)
		require.NoError(t, slo.Link(all))
		require.NoError(t, m.engine.Update(all))
	}
	update(strings.ReplaceAll(text, "targets: 99%", "targets: 98%"))
	require.Equal(t, []string{`both{tenant="a"} 1000/0 carried`, `due{tenant="a"} 1/0 carried`}, m.next())
	update(strings.ReplaceAll(text, "value: 10m", "value: 20m"))
	require.Empty(t, m.next(), "what is measured is another thing")
	m.see("db", "due_timestamp_seconds", 0, "tenant", "a")
	require.Equal(t, []string{`both{tenant="a"} 1000/0`, `due{tenant="a"} 1/0`}, m.next())
	update(strings.ReplaceAll(objectives, "value: 10m", "value: 20m"))
	require.Equal(t, []string{`due{tenant="a"} 1/0 carried`}, m.next())
}

// born are labels that know when their counter began.
type born struct {
	row
	at time.Time
}

func (b born) Created() time.Time { return b.at }

func TestACounterThatANewObjectiveFindsMayBeOld(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	m.see("pg", "lag_seconds", 1, "target", "main")
	m.next()
	began := m.at
	m.see("pg", "lag_seconds", 1, "target", "main")
	m.next()
	all := strings.ReplaceAll(objectives, "requests_total", "calls_total")
	require.NoError(t, m.engine.Update(parse(t, all)))
	m.engine.Observe(m.at, "web", "calls_total", born{row{"tenant", "a"}, began}, 50)
	m.engine.Observe(m.at, "new", "checks_total", born{row{"tenant", "a", "outcome", "ok"}, began}, 5)
	require.Equal(t, []string{`login{tenant="a"} 5/0`}, m.next(), "calls were not watched when these began, checks were")
}

// TestADayOfThePast replays a day as a Prometheus-compatible API has it: series by
// series, scraped every 15, 30 or 60 seconds with jitter.
func TestADayOfThePast(t *testing.T) {
	for _, interval := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute} {
		e := newEngine(t, strings.ReplaceAll(objectives, "indicator: {", "indicator: {source: prod, "), func(o *Options) {
			o.Source, o.Lookback = "prod", 2*interval
		})
		day := noon.AddDate(-3, 0, 0)
		next, value, first := day, 0.0, -1.0
		var got slo.Counts
		measured := map[string]int{}
		for at := day; at.Before(day.Add(slo.Day)); {
			end := at.Add(time.Minute)
			for ; next.Before(end); next = next.Add(interval) {
				seen := next.Add(time.Duration(int(value)%7) * 100 * time.Millisecond)
				value++
				if first < 0 {
					first = value
				}
				e.Observe(seen, "prod", "checks_total", row{"tenant", "a", "outcome", "ok"}, value)
				e.Observe(seen, "prod", "lag_seconds", row{"target", "main"}, 1)
			}
			for _, d := range e.Drain(end) {
				measured[d.Instance.Objective]++
				if d.Instance.Objective == "login" {
					got = got.Add(d.Counts)
				}
			}
			at = end
		}
		require.Equal(t, map[string]int{"login": 1440, "lag": 1440}, measured, interval)
		require.Equal(t, slo.Counts{Good: uint64(value - first)}, got, interval)
	}
}
