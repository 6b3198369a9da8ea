package simulate

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// busy is a history of days in which every minute differs and now and then
// something fails.
func busy(b *testing.B, instances, days int) *History {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	deltas := make([]slo.Delta, instances)
	for n := range deltas {
		deltas[n].Instance = tenant(fmt.Sprintf("clinic-%05d", n))
	}
	h := NewHistory()
	for m := range days * 1440 {
		for n := range deltas {
			c := slo.Counts{Good: 5 + r.Uint64N(60)}
			if r.Uint32N(200) == 0 {
				c.Bad = 1 + r.Uint64N(5)
			}
			deltas[n].Counts = c
		}
		require.NoError(b, h.Add(start.Add(time.Duration(m)*time.Minute), deltas))
	}
	return h
}

// BenchmarkRun replays 90 days of 100 instances through three variants: one that
// is kept, one that burns and one whose budget is gone.
func BenchmarkRun(b *testing.B) {
	h := busy(b, 100, 90)
	opts := Options{Variants: []Variant{
		{"99%", promise(b, "targets: 99%")},
		{"99.95%", promise(b, "targets: 99.95%")},
		{"month", promise(b, "targets: 99.9%", "window: {calendar: month, zone: Europe/Berlin}")},
	}}
	b.ReportAllocs()
	for b.Loop() {
		result, err := Run(b.Context(), h, opts)
		require.NoError(b, err)
		b.ReportMetric(float64(len(result.Variants[1].Alerts)), "alerts")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(3*100*90*1440), "ns/look")
}

// BenchmarkHistory is 90 days of 2,000 instances in memory.
func BenchmarkHistory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		h := busy(b, 2000, 90)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		require.Len(b, h.series, 2000)
	}
}

// BenchmarkReadCSV is in rows.
func BenchmarkReadCSV(b *testing.B) {
	var text strings.Builder
	text.WriteString("minute,objective,tenant,good,bad\n")
	rows := 0
	for m := range 1440 {
		for n := range 20 {
			fmt.Fprintf(&text, "%s,login,clinic-%05d,%d,0\n", stamp(start.Add(time.Duration(m)*time.Minute)), n, m%60)
			rows++
		}
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		_, err := Load(ReadCSV("bench.csv", strings.NewReader(text.String())))
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}
