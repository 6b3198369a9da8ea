package simulate

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// busy is a history of days in which every minute differs. One instance in ten
// fails a little all the time, the others now and then; each is out for a quarter
// of an hour a month.
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
			often := uint32(5000)
			if n%10 == 0 {
				often = 200
			}
			if r.Uint32N(often) == 0 {
				c.Bad = 1 + r.Uint64N(5)
			}
			if (m+7*n)%43200 < 15 {
				c = slo.Counts{Bad: c.Good}
			}
			deltas[n].Counts = c
		}
		require.NoError(b, h.Add(start.Add(time.Duration(m)*time.Minute), deltas))
	}
	return h
}

// processorTime is what was used so far, which other work on the machine disturbs
// less than wall time.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
	before := processorTime(b)
	for b.Loop() {
		result, err := Run(b.Context(), h, opts)
		require.NoError(b, err)
		b.ReportMetric(float64(len(result.Variants[1].Alerts)), "alerts")
	}
	used := float64(processorTime(b)-before) / float64(b.N)
	b.ReportMetric(used/1e9, "cpu-s/op")
	b.ReportMetric(used/float64(3*100*90*1440), "cpu-ns/look")
}

// BenchmarkHistory is what 2,000 instances take in memory of which no two minutes
// are alike.
func BenchmarkHistory(b *testing.B) {
	const instances, days = 2000, 5
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		h := busy(b, instances, days)
		runtime.GC()
		runtime.ReadMemStats(&after)
		perMinute := float64(after.HeapAlloc-before.HeapAlloc) / (instances * days * 1440)
		b.ReportMetric(perMinute, "B/minute")
		b.ReportMetric(perMinute*instances*90*1440/1e6, "MB/90d")
		require.Len(b, h.series, instances)
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
