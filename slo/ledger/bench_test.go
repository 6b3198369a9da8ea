package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// reportCPU measures processor time from now on, which other work on the machine
// disturbs less than wall time.
func reportCPU(b *testing.B) (report func()) {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N)/1e6, "cpu-ms/op") }
}

// benchObjective has the default policy's seven windows and 30 days.
func benchObjective(t testing.TB) slo.Objective {
	t.Helper()
	all, err := slo.Catalogue()
	require.NoError(t, err)
	for _, o := range all {
		if o.Name == "login" {
			return o
		}
	}
	t.Fatal("the catalogue has no login")
	return slo.Objective{}
}

func benchDeltas(r *rand.Rand, instances int) []slo.Delta {
	deltas := make([]slo.Delta, instances)
	for n := range deltas {
		deltas[n] = slo.Delta{
			Instance: slo.NewInstance("login", slo.Label{Name: "tenant", Value: fmt.Sprintf("clinic-%05d", n)}),
			Counts:   slo.Counts{Good: r.Uint64N(60), Bad: r.Uint64N(2)},
		}
	}
	return deltas
}

// benchLedger has some days of history, in memory only after the first hours.
func benchLedger(b *testing.B, instances int, history time.Duration) (*Ledger, slo.Objective, []slo.Delta, time.Time) {
	b.Helper()
	l := open(b, b.TempDir())
	l.db.NoSync = true
	o := benchObjective(b)
	require.NoError(b, l.Watch(Windows([]slo.Objective{o})))
	r := rand.New(rand.NewPCG(1, 2))
	deltas := benchDeltas(r, instances)
	at := start
	for ; at.Before(start.Add(history)); at = at.Add(time.Minute) {
		require.NoError(b, l.Append(at, deltas))
	}
	return l, o, deltas, at
}

// BenchmarkEvaluateTick judges all instances: the sums and the arithmetic, as
// done once a minute.
func BenchmarkEvaluateTick(b *testing.B) {
	for _, instances := range []int{2000, 20000} {
		b.Run(fmt.Sprintf("instances=%d/windows=8", instances), func(b *testing.B) {
			l, o, deltas, _ := benchLedger(b, instances, 2*time.Hour)
			b.ReportAllocs()
			report := reportCPU(b)
			for b.Loop() {
				judge, read := slo.NewJudge(&o), l.Reader(&o)
				for _, d := range deltas {
					judge.Evaluate(read(d.Instance, "shared"))
				}
			}
			report()
		})
	}
}

// BenchmarkWindows keeps eight windows' sums through a minute: one row enters and
// one leaves each, with no two neighbours alike.
func BenchmarkWindows(b *testing.B) {
	for _, instances := range []int{2000, 20000} {
		b.Run(fmt.Sprintf("instances=%d/windows=8", instances), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			row := make([]entry, instances)
			for id := range row {
				row[id] = entry{id: uint32(id), run: 1, good: r.Uint64N(60), bad: r.Uint64N(2), measured: 1}
			}
			packed := pack(row)
			var windows [8]sums
			for w := range windows {
				windows[w].grow(instances)
			}
			report := reportCPU(b)
			for b.Loop() {
				for _, w := range windows {
					if err := errors.Join(w.add(packed), w.take(packed)); err != nil {
						b.Fatal(err)
					}
				}
			}
			report()
		})
	}
}

// BenchmarkAppend is the minute's transaction and the running sums, without
// waiting for the disk.
func BenchmarkAppend(b *testing.B) {
	for _, instances := range []int{2000, 20000} {
		b.Run(fmt.Sprintf("instances=%d/windows=8", instances), func(b *testing.B) {
			l, _, deltas, at := benchLedger(b, instances, 8*time.Hour)
			before := l.Stats().Bytes
			b.ReportAllocs()
			report := reportCPU(b)
			for b.Loop() {
				require.NoError(b, l.Append(at, deltas))
				at = at.Add(time.Minute)
			}
			report()
			b.ReportMetric(float64(l.Stats().Bytes-before)/float64(b.N), "B/minute")
		})
	}
}

// BenchmarkOpen is the start with days of history: all running sums anew.
func BenchmarkOpen(b *testing.B) {
	const days = 4
	b.Run(fmt.Sprintf("instances=2000/days=%d", days), func(b *testing.B) {
		dir := b.TempDir()
		l, err := Open(dir, DefaultOptions())
		require.NoError(b, err)
		l.db.NoSync = true
		o := benchObjective(b)
		deltas := benchDeltas(rand.New(rand.NewPCG(1, 2)), 2000)
		for n := range days * 1440 {
			require.NoError(b, l.Append(start.Add(time.Duration(n)*time.Minute), deltas))
		}
		require.NoError(b, l.db.Sync())
		require.NoError(b, l.Close())
		report := reportCPU(b)
		for b.Loop() {
			l, err := Open(dir, DefaultOptions())
			require.NoError(b, err)
			require.NoError(b, l.Watch(Windows([]slo.Objective{o})))
			require.NoError(b, l.Close())
		}
		report()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse)/1e6, "MB-heap")
	})
}
