package indicator

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// clinics are the indicators that are measured, one of each kind, and the series
// of one tenant: a label and its values to each metric.
var clinics = []struct {
	name, indicator string
	metrics         []string
	label           string
	values          []string
}{
	{"events", `{events: {good: 'checks_total{outcome="ok"}', total: checks_total}}`, []string{"checks_total"}, "outcome", []string{"ok", "down"}},
	{"histogram", `{histogram: {metric: h, within: 2}}`, []string{"h_bucket"}, "le", []string{"0.5", "1", "2", "5", "+Inf"}},
	{"threshold", `{threshold: {metric: lag, op: <=, value: 3}}`, []string{"lag"}, "standby", []string{"a", "b"}},
	{"slice", `{threshold: {metric: lag, op: <=, value: 3, slice: 5m}}`, []string{"lag"}, "standby", []string{"a", "b"}},
	{"probe", `{probe: {success: ok, duration: took, within: 2}}`, []string{"ok", "took"}, "page", []string{"login"}},
	{"composite", `{threshold: {metric: lag, op: <=, value: 3}}`, []string{"lag"}, "standby", []string{"a", "b"}},
}

func catalogue(kind, indicator string) string {
	document := func(name, indicator string) string {
		return "---\nname: " + name + "\nquestion: healthy\ntitle: It\ntargets: 99%\nindicator: " + indicator + "\n"
	}
	text := document(kind, indicator)
	if kind == "composite" {
		text = document("a", indicator) + document("b", indicator) + document(kind, "{composite: {of: [a, b]}}")
	}
	return text
}

// dense are labels whose block is made once, as collectors make it.
type dense struct {
	row
	block string
}

func (d *dense) Block() string { return d.block }

type wanted struct {
	source, metric string
	labels         *dense
}

// round100k are 100,000 samples, all wanted, of which each source is a tenant.
func round100k(metrics []string, label string, values []string) []wanted {
	var all []wanted
	for n := 0; len(all) < 100_000; n++ {
		tenant := fmt.Sprintf("clinic-%05d", n)
		for _, metric := range metrics {
			for _, value := range values {
				labels := row{"tenant", tenant, label, value}
				all = append(all, wanted{"odoo/main/" + tenant, metric, &dense{labels, `tenant="` + tenant + `",` + label + `="` + value + `"`}})
			}
		}
	}
	return all
}

// BenchmarkObserve records a round of 100,000 samples that are all wanted, by
// kind of indicator.
func BenchmarkObserve(b *testing.B) {
	for _, c := range clinics {
		b.Run(c.name, func(b *testing.B) {
			e := newEngine(b, catalogue(c.name, c.indicator), func(o *Options) { o.MaxInstances = 200_000 })
			round := round100k(c.metrics, c.label, c.values)
			at := noon
			observe := func() {
				at = at.Add(15 * time.Second)
				for i := range round {
					w := &round[i]
					e.Observe(at, w.source, w.metric, w.labels, float64(at.Unix()))
				}
			}
			observe()
			e.Drain(at)
			b.ReportAllocs()
			for b.Loop() {
				observe()
				b.StopTimer()
				e.Drain(at)
				b.StartTimer()
			}
		})
	}
}

// BenchmarkDrain ends a minute of 100,000 samples, by kind of indicator.
func BenchmarkDrain(b *testing.B) {
	for _, c := range clinics {
		b.Run(c.name, func(b *testing.B) {
			e := newEngine(b, catalogue(c.name, c.indicator), func(o *Options) { o.MaxInstances = 200_000 })
			at := noon
			for _, w := range round100k(c.metrics, c.label, c.values) {
				e.Observe(at, w.source, w.metric, w.labels, 1)
				e.Rest(w.source, at, at.Add(365*slo.Day))
			}
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(time.Minute)
				e.Drain(at)
			}
			b.ReportMetric(float64(e.Stats().Instances), "instances")
		})
	}
}

// BenchmarkObserveRound records a round of 100,000 samples of which 2 % are
// wanted, as the daemon does: families are asked for first.
func BenchmarkObserveRound(b *testing.B) {
	e := newEngine(b, objectives)
	var samples []wanted
	for n := range 100_000 {
		tenant := fmt.Sprintf("clinic-%04d", n/100)
		w := wanted{"odoo/main", fmt.Sprintf("metric_%d", n%100), &dense{row{"target", "main", "tenant", tenant}, tenant}}
		switch n % 100 {
		case 0:
			w.metric, w.labels.row = "checks_total", append(w.labels.row, "outcome", "ok")
		case 1:
			w.metric = "due_timestamp_seconds"
		}
		samples = append(samples, w)
	}
	at := noon
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Minute)
		for i := range samples {
			if w := &samples[i]; e.Wants(w.metric) {
				e.Observe(at, w.source, w.metric, w.labels, float64(at.Unix()))
			}
		}
		if n := len(e.Drain(at)); n != 2000 && n != 1000 {
			b.Fatalf("%d deltas", n)
		}
	}
}

// BenchmarkMemory says what an instance and its series take.
func BenchmarkMemory(b *testing.B) {
	for _, c := range clinics {
		b.Run(c.name, func(b *testing.B) {
			var before, after runtime.MemStats
			var bytes, instances, series float64
			round := round100k(c.metrics, c.label, c.values)
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				e := newEngine(b, catalogue(c.name, c.indicator), func(o *Options) { o.MaxInstances = 200_000 })
				for _, w := range round {
					e.Observe(noon, w.source, w.metric, w.labels, 1)
				}
				e.Drain(noon)
				runtime.GC()
				runtime.ReadMemStats(&after)
				stats := e.Stats()
				bytes, instances, series = float64(after.HeapAlloc-before.HeapAlloc), float64(stats.Instances), float64(stats.Series)
			}
			b.ReportMetric(bytes/instances, "B/instance")
			b.ReportMetric(series/instances, "series/instance")
		})
	}
}

// TestObservingAllocatesNothing holds for each kind, once its series are known.
func TestObservingAllocatesNothing(t *testing.T) {
	for _, c := range clinics {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, catalogue(c.name, c.indicator))
			round := round100k(c.metrics, c.label, c.values)[:200]
			at := noon
			minute := func() {
				at = at.Add(time.Minute)
				for i := range round {
					w := &round[i]
					e.Observe(at, w.source, w.metric, w.labels, 1)
				}
				e.Drain(at)
			}
			minute()
			require.LessOrEqual(t, testing.AllocsPerRun(100, minute), 1.0, "the deltas that are handed over")
		})
	}
}

// TestRefusedSeriesTakeNoMemory shows an Engine that is full half a million
// further series.
func TestRefusedSeriesTakeNoMemory(t *testing.T) {
	for name, limit := range map[string]func(*Options){
		"instances": func(o *Options) { o.MaxInstances = 10 },
		"series":    func(o *Options) { o.MaxSeries = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, objectives, limit)
			labels := &dense{row: row{"target", "x"}}
			var before, after runtime.MemStats
			for n := range 500_000 {
				if n == 10 {
					runtime.GC()
					runtime.ReadMemStats(&before)
				}
				labels.block = fmt.Sprint(n)
				labels.row[1] = labels.block
				e.Observe(noon, "pg", "lag_seconds", labels, 1)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
			require.Equal(t, Stats{Series: 10, Instances: 10, OverLimit: 499_990}, e.Stats())
			require.Len(t, e.Problems(), 1)
			require.True(t, strings.HasPrefix(e.Problems()[0].Text, "there are 10 ") || strings.HasPrefix(e.Problems()[0].Text, "lag_seconds has more than 10 "))
		})
	}
}
