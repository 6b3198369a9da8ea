package app

import (
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/slo/indicator"
	"github.com/wardround/wardround/slo/ledger"
)

// BenchmarkTick is what a minute costs beyond visits: with eight windows each, instances are
// recorded, judged, shown as series, and their alerts stepped. cpu-ms/tick is processor time, that
// of the system for the disk included; judge-ms/tick is the part of judging.
func BenchmarkTick(b *testing.B) {
	for _, tenants := range []int{250, 2500} {
		b.Run(fmt.Sprintf("%d instances", 8*tenants), func(b *testing.B) {
			o, minute := promised(b, tenants), time.Now().Truncate(time.Minute)
			begin, judging := cpu(), time.Duration(0)
			b.ReportAllocs()
			for b.Loop() {
				minute = minute.Add(time.Minute)
				o.feed(minute, tenants)
				o.tick(b.Context(), minute)
				before := cpu()
				o.mu.Lock()
				o.judge()
				o.mu.Unlock()
				judging += cpu() - before
			}
			all := cpu() - begin - judging
			b.ReportMetric(float64(all.Microseconds())/1e3/float64(b.N), "cpu-ms/tick")
			b.ReportMetric(float64(judging.Microseconds())/1e3/float64(b.N), "judge-ms/tick")
		})
	}
}

// promised are eight promises to so many tenants.
func promised(b testing.TB, tenants int) *objectives {
	b.Helper()
	logger := slog.New(slog.DiscardHandler)
	book, err := ledger.Open(b.TempDir(), ledger.DefaultOptions())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, book.Close()) })
	indicators, err := indicator.New(nil, indicator.DefaultOptions())
	require.NoError(b, err)
	alerts, err := alert.Open(alert.Options{Dir: b.TempDir(), Logger: logger}, time.Now())
	require.NoError(b, err)
	o := &objectives{
		indicators: indicators, ledger: book, alerts: alerts, store: collectors.NewStore(), tenants: collectors.NewRegistry(),
		logger: logger, tracer: noop.NewTracerProvider().Tracer(""), totals: map[slo.Instance]slo.Counts{},
		evident: func(time.Time, string, string, any) {},
	}
	o.tenants.Replace(someTenants(b, tenants))
	c := &config.Config{}
	for k := range 8 {
		text := fmt.Sprintf("name: promise-%d\nquestion: healthy\ntitle: P\nindicator: {threshold: {metric: bench_value_%d, op: <=, value: 1}}\ntargets: 99.9%%\n", k, k)
		all, err := slo.ParseObjectives("bench.yaml", []byte(text))
		require.NoError(b, err)
		c.Objectives = append(c.Objectives, all...)
	}
	require.NoError(b, o.replace(c))
	return o
}

func someTenants(b testing.TB, n int) *collectors.Tenants {
	b.Helper()
	list := make([]collectors.Tenant, n)
	for i := range list {
		name := fmt.Sprintf("tenant_%04d", i)
		list[i] = collectors.Tenant{Name: name, Tier: "shared", Postgres: "main", Database: name}
	}
	all, err := collectors.NewTenants(list)
	require.NoError(b, err)
	return all
}

// feed is a minute in which all goes well.
func (o *objectives) feed(minute time.Time, tenants int) { o.show(minute, tenants, nil) }

// show is a minute with the values of some tenants, by their number; that of the others is 0.
func (o *objectives) show(minute time.Time, tenants int, values map[int]float64) {
	b := collectors.NewBuilder(collectors.Key{Collector: "bench", Target: "main"}, minute)
	for k := range 8 {
		m := benchMetrics[k]
		for i := range tenants {
			b.SetFor(fmt.Sprintf("tenant_%04d", i), m, values[i])
		}
	}
	o.observe(collectors.Observation{Batch: b.Batch(), At: minute.Add(-time.Second), Next: minute.Add(time.Minute)})
}

var benchMetrics = func() (all [8]*collectors.Metric) {
	for k := range all {
		all[k] = &collectors.Metric{Name: fmt.Sprintf("bench_value_%d", k)}
	}
	return all
}()

func cpu() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
