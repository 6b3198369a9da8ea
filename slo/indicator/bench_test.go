package indicator

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kind is a kind of indicator and the series of one tenant: a label's values by
// metrics.
type kind struct {
	name, indicator string
	metrics         []string
	label           string
	values          []string
}

var kinds = []kind{
	{"events", `{events: {good: 'checks_total{outcome="ok"}', total: checks_total}}`, []string{"checks_total"}, "outcome", []string{"ok", "down"}},
	{"histogram", `{histogram: {metric: h, within: 2}}`, []string{"h_bucket"}, "le", []string{"0.5", "1", "2", "5", "+Inf"}},
	{"threshold", `{threshold: {metric: lag, op: <=, value: 3}}`, []string{"lag"}, "standby", []string{"a", "b"}},
	{"slice", `{threshold: {metric: lag, op: <=, value: 3, slice: 5m}}`, []string{"lag"}, "standby", []string{"a", "b"}},
	{"probe", `{probe: {success: ok, duration: took, within: 2}}`, []string{"ok", "took"}, "page", []string{"login"}},
	{"composite", `{threshold: {metric: lag, op: <=, value: 3}}`, []string{"lag"}, "standby", []string{"a", "b"}},
}

// engine measures the kind.
func (k kind) engine(t testing.TB) *Engine {
	document := func(name, indicator string) string {
		return "---\nname: " + name + "\nquestion: healthy\ntitle: It\ntargets: 99%\nindicator: " + indicator + "\n"
	}
	text := document(k.name, k.indicator)
	if k.name == "composite" {
		text = document("a", k.indicator) + document("b", k.indicator) + document(k.name, "{composite: {of: [a, b]}}")
	}
	return newEngine(t, text, func(o *Options) { o.MaxInstances = 200_000 })
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

// round are the samples of so many tenants, each a source, all wanted.
func (k kind) round(tenants int) []wanted {
	var all []wanted
	for n := range tenants {
		tenant := fmt.Sprintf("clinic-%05d", n)
		for _, metric := range k.metrics {
			for _, value := range k.values {
				labels := row{"tenant", tenant, k.label, value}
				all = append(all, wanted{"odoo/main/" + tenant, metric, &dense{labels, `tenant="` + tenant + `",` + k.label + `="` + value + `"`}})
			}
		}
	}
	return all
}

// see shows a round to an Engine.
func see(e *Engine, at time.Time, round []wanted) {
	for i := range round {
		w := &round[i]
		e.Observe(at, w.source, w.metric, w.labels, float64(at.Unix()))
	}
}

// BenchmarkObserve records a round of 100,000 samples that are all wanted, by
// kind of indicator.
func BenchmarkObserve(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			e, round := k.engine(b), k.round(100_000/len(k.metrics)/len(k.values))
			at := noon
			see(e, at, round)
			e.Drain(at)
			var spent time.Duration
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(15 * time.Second)
				before := cpu(b)
				see(e, at, round)
				spent += cpu(b) - before
				b.StopTimer()
				e.Drain(at)
				b.StartTimer()
			}
			b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpu is the processor time of this process, which others on the machine do not
// lengthen as they do the clock's.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDrain ends a minute of 20,000 tenants, by kind of indicator.
func BenchmarkDrain(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			e, round := k.engine(b), k.round(20_000)
			at := noon
			for b.Loop() {
				b.StopTimer()
				at = at.Add(time.Minute)
				see(e, at, round)
				b.StartTimer()
				e.Drain(at)
			}
			b.ReportMetric(float64(e.Stats().Instances), "instances")
			b.ReportMetric(float64(e.Stats().Series), "series")
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

// BenchmarkMemory says what an instance with its series takes, by kind of
// indicator, and what a series does.
func BenchmarkMemory(b *testing.B) {
	b.Run("series", func(b *testing.B) {
		k := kinds[0]
		k.values = make([]string, 100_000)
		for n := range k.values {
			k.values[n] = fmt.Sprintf("outcome-%06d", n)
		}
		k.weigh(b, 1, func(s Stats) (float64, string) { return float64(s.Series), "B/series" })
	})
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			k.weigh(b, 20_000, func(s Stats) (float64, string) { return float64(s.Instances), "B/instance" })
		})
	}
}

// weigh reports the memory of an Engine by what it holds.
func (k kind) weigh(b *testing.B, tenants int, by func(Stats) (count float64, unit string)) {
	round := k.round(tenants)
	var bytes, count float64
	var unit string
	for b.Loop() {
		before := heap()
		e := k.engine(b)
		see(e, noon, round)
		e.Drain(noon)
		bytes = float64(heap() - before)
		count, unit = by(e.Stats())
	}
	b.ReportMetric(bytes/count, unit)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestObservingAllocatesNothing holds for each kind, once its series are known.
func TestObservingAllocatesNothing(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			e, round := k.engine(t), k.round(100)
			at := noon
			minute := func() {
				at = at.Add(time.Minute)
				see(e, at, round)
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
			var before int64
			for n := range 500_000 {
				if n == 10 {
					before = heap()
				}
				labels.block = fmt.Sprint(n)
				labels.row[1] = labels.block
				e.Observe(noon, "pg", "lag_seconds", labels, 1)
			}
			require.Less(t, heap()-before, int64(1<<20))
			require.Equal(t, Stats{Series: 10, Instances: 10, OverLimit: 499_990}, e.Stats())
			require.Len(t, e.Problems(), 1)
			require.True(t, strings.HasPrefix(e.Problems()[0].Text, "there are 10 ") || strings.HasPrefix(e.Problems()[0].Text, "lag_seconds has more than 10 "))
		})
	}
}
