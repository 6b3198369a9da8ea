package indicator

import (
	"fmt"
	"math"
	"math/rand/v2"
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

func newEngine(t testing.TB, text string) *Engine {
	t.Helper()
	e, err := New(parse(t, text), DefaultOptions())
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
		line := fmt.Sprintf("%s %d/%d", d.Instance, d.Counts.Good, d.Counts.Bad)
		if d.Carried {
			line += " carried"
		}
		lines = append(lines, line)
	}
	m.at = m.at.Add(time.Minute)
	return lines
}

func TestEventsAreDifferencedPerSeries(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	see := func(source string, ok, failed float64) {
		m.see(source, "checks_total", ok, "tenant", "a", "outcome", "ok")
		m.see(source, "checks_total", failed, "tenant", "a", "outcome", "refused")
	}
	see("web1", 100, 5)
	see("web2", 7000, 0)
	require.Empty(t, m.next(), "first sight gives no delta")
	see("web1", 103, 5)
	see("web2", 7001, 2)
	require.Equal(t, []string{`login{tenant="a"} 4/2`}, m.next())
	see("web1", 2, 1) // restarted
	see("web2", 7002, 2)
	require.Equal(t, []string{`login{tenant="a"} 3/1`}, m.next())
	see("web1", 2, 1)
	see("web2", 7002, 2)
	require.Equal(t, []string{`login{tenant="a"} 0/0`}, m.next(), "watched, and nothing happened")
	require.Empty(t, m.next(), "not watched")
	see("web2", 7010, 2)
	require.Equal(t, []string{`login{tenant="a"} 8/0`}, m.next(), "what happened in a short gap counts")
}

func TestBadEvents(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	for n := range 3 {
		grown := float64(n * n * 10)
		m.see("s", "requests_total", grown, "tenant", "a", "code", "200")
		m.see("s", "requests_total", grown/5, "tenant", "a", "code", "503")
		m.see("s", "requests_total", grown*9, "tenant", "a", "code", "404")
		if n < 2 {
			m.next()
		}
	}
	require.Equal(t, []string{`errors{tenant="a"} 30/6`}, m.next())
}

func TestThresholdIsOneEventPerRound(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	m.see("pg", "lag_seconds", 1, "target", "main", "standby", "a")
	m.see("pg", "lag_seconds", 31, "target", "main", "standby", "b")
	m.see("pg", "lag_seconds", 2, "target", "main", "standby", "c")
	m.see("pg2", "lag_seconds", 2, "target", "other", "standby", "a")
	m.at = m.at.Add(15 * time.Second)
	m.see("pg", "lag_seconds", 30, "target", "main", "standby", "a")
	require.Equal(t, []string{`lag{target="main"} 1/1`, `lag{target="other"} 1/0`}, m.next(), "a round is bad if any of its series is")
}

func TestAgesGrowByTheClock(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	due := float64(noon.Unix()) - 9*60
	var got []string
	for range 3 {
		m.see("db", "due_timestamp_seconds", due, "tenant", "a")
		m.see("db", "due_timestamp_seconds", 0, "tenant", "none")
		got = append(got, m.next()[0])
	}
	require.Equal(t, []string{`due{tenant="a"} 1/0`, `due{tenant="a"} 1/0`, `due{tenant="a"} 0/1`}, got)
}

func TestCarry(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	m.see("db", "due_timestamp_seconds", 1, "tenant", "a")
	require.Equal(t, []string{`due{tenant="a"} 0/1`}, m.next())
	require.Equal(t, []string{`due{tenant="a"} 0/1 carried`}, m.next())
	m.see("db", "due_timestamp_seconds", 0, "tenant", "a")
	require.Equal(t, []string{`due{tenant="a"} 1/0`}, m.next())
	m.engine.Forget("db")
	require.Empty(t, m.next(), "what is gone is not carried")
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

func TestUnusableSamples(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	ok := func(value float64) { m.see("web", "checks_total", value, "tenant", "a", "outcome", "ok") }
	ok(10)
	for _, value := range []float64{math.NaN(), math.Inf(1), -1, 1 << 54} {
		ok(value)
	}
	require.Equal(t, uint64(4), m.engine.Stats().Refused)
	require.Empty(t, m.next())
	ok(12.9)
	require.Equal(t, []string{`login{tenant="a"} 2/0`}, m.next(), "10 to 12, the rest is not whole yet")
	ok(13.1)
	require.Equal(t, []string{`login{tenant="a"} 1/0`}, m.next())
	m.see("web", "checks_total", 1, "outcome", "ok")
	require.Equal(t, uint64(2), m.engine.Stats().Unattributed, "good and total")
}

func TestInstancesAreLimited(t *testing.T) {
	opts := DefaultOptions()
	opts.MaxInstances = 2
	e, err := New(parse(t, objectives), opts)
	require.NoError(t, err)
	m := &minute{e, noon}
	for n := range 5 {
		m.see("pg", "lag_seconds", 1, "target", fmt.Sprint(n))
	}
	require.Equal(t, []string{`lag{target="0"} 1/0`, `lag{target="1"} 1/0`}, m.next())
	require.Equal(t, uint64(3), e.Stats().OverLimit)
	e.Forget("pg")
	m.next()
	m.see("pg", "lag_seconds", 1, "target", "4")
	require.Equal(t, []string{`lag{target="4"} 1/0`}, m.next(), "there is room again")
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

// TestNothingIsLost feeds counters that restart at random, though not before a
// restart can be told from growth, and compares what was counted with what
// happened.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := &minute{newEngine(t, objectives), noon}
		var value [4][2]float64
		var want, got slo.Counts
		for n := range 500 {
			for s := range value {
				if value[s][0] > 100 && value[s][1] > 3 && r.IntN(50) == 0 {
					value[s] = [2]float64{}
				}
				before := value[s]
				value[s][0] += float64(r.IntN(100))
				value[s][1] += float64(r.IntN(3))
				if n > 0 {
					want.Good += uint64(value[s][0] - before[0])
					want.Bad += uint64(value[s][1] - before[1])
				}
				source := fmt.Sprint("web", s)
				m.see(source, "checks_total", value[s][0], "tenant", "a", "outcome", "ok")
				m.see(source, "checks_total", value[s][1], "tenant", "a", "outcome", "down")
			}
			for _, d := range m.engine.Drain(m.at) {
				got = got.Add(d.Counts)
			}
			m.at = m.at.Add(time.Minute)
		}
		require.Equal(t, want, got)
	}
}

// BenchmarkObserveRound records a round of 100,000 samples of which 2 % are
// wanted, as app does: families are asked for first.
func BenchmarkObserveRound(b *testing.B) {
	e := newEngine(b, objectives)
	type sample struct {
		metric string
		labels row
	}
	var samples []sample
	for n := range 100_000 {
		s := sample{fmt.Sprintf("metric_%d", n%100), row{"target", "main", "tenant", fmt.Sprintf("clinic-%04d", n/100)}}
		switch n % 100 {
		case 0:
			s.metric, s.labels = "checks_total", append(s.labels, "outcome", "ok")
		case 1:
			s.metric = "due_timestamp_seconds"
		}
		samples = append(samples, s)
	}
	at := noon
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Minute)
		for i := range samples {
			if s := &samples[i]; e.Wants(s.metric) {
				e.Observe(at, "odoo/main", s.metric, s.labels, float64(at.Unix()))
			}
		}
		if n := len(e.Drain(at)); n != 2000 && n != 1000 {
			b.Fatalf("%d deltas", n)
		}
	}
}

func TestARestingSourceCoversItsMinutes(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	visit := func(n float64) {
		m.see("web", "checks_total", n, "tenant", "a", "outcome", "ok")
		m.engine.Rest("web", m.at, m.at.Add(2*time.Hour))
	}
	visit(1)
	for range 120 {
		require.Equal(t, []string{`login{tenant="a"} 0/0`}, m.next(), "nothing was due")
	}
	visit(2)
	require.Equal(t, []string{`login{tenant="a"} 1/0`}, m.next(), "so long a gap was meant to be")
	m.at = m.at.Add(3 * time.Hour)
	require.Empty(t, m.next(), "the next round was missed")
	m.engine.Rest("unknown", m.at, m.at)
}

func TestWhatARoundDoesNotBringIsNotCovered(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	m.see("pg", "lag_seconds", 1, "target", "main", "standby", "a")
	m.engine.Rest("pg", m.at, m.at.Add(90*time.Second))
	require.Equal(t, []string{`lag{target="main"} 1/0`}, m.next())
	m.see("pg", "other", 1)
	m.engine.Rest("pg", m.at, m.at.Add(90*time.Second))
	require.Empty(t, m.next(), "the source is well, and says nothing of the standby")
}
