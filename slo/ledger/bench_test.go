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

// BenchmarkTick is what a minute costs: the transaction (without waiting for the
// disk), the running sums, and judging all instances.
func BenchmarkTick(b *testing.B) {
	for _, instances := range []int{2000, 20000} {
		b.Run(fmt.Sprintf("instances=%d/windows=8", instances), func(b *testing.B) {
			l, o, deltas, at := benchLedger(b, instances, 8*time.Hour)
			judge, read, e := slo.NewJudge(&o), l.Reader(&o), slo.Evaluation{}
			b.ReportAllocs()
			report := reportCPU(b)
			for b.Loop() {
				require.NoError(b, l.Append(at, deltas))
				for _, d := range deltas {
					judge.Into(&e, read(d.Instance, "shared"))
				}
				at = at.Add(time.Minute)
			}
			report()
			b.ReportMetric(heapOf(l)/float64(instances), "B/instance")
		})
	}
}

// heapOf is the memory that the process needs, of which a benchmark's ledger is
// nearly all, in bytes.
func heapOf(l *Ledger) float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(l)
	return float64(m.HeapAlloc)
}

// BenchmarkEvaluate reads and judges all instances.
func BenchmarkEvaluate(b *testing.B) {
	for _, instances := range []int{2000, 20000} {
		b.Run(fmt.Sprintf("instances=%d/windows=8", instances), func(b *testing.B) {
			l, o, deltas, _ := benchLedger(b, instances, 2*time.Hour)
			judge, read, e := slo.NewJudge(&o), l.Reader(&o), slo.Evaluation{}
			b.ReportAllocs()
			report := reportCPU(b)
			for b.Loop() {
				for _, d := range deltas {
					judge.Into(&e, read(d.Instance, "shared"))
				}
			}
			report()
		})
	}
}

// BenchmarkRead reads the sums of all instances and windows, and judges nothing;
// also where a tenth, or all, were absent for a while.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct{ instances, absent int }{{2000, 0}, {20000, 0}, {20000, 2000}, {20000, 20000}} {
		b.Run(fmt.Sprintf("instances=%d/windows=8/absent=%d", c.instances, c.absent), func(b *testing.B) {
			l, o, deltas, at := benchLedger(b, c.instances, 2*time.Hour)
			for id := range c.absent {
				l.records[id].Absences = absences{{at.Unix()/60 - 60, at.Unix()/60 - 30}}
			}
			l.missAll()
			read, total := l.Reader(&o), uint64(0)
			b.ReportAllocs()
			report := reportCPU(b)
			for b.Loop() {
				for _, d := range deltas {
					for _, t := range read(d.Instance, "shared").Burns {
						total += t.Good
					}
				}
			}
			report()
			require.Positive(b, total)
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
// waiting for the disk, for random counts and for a fleet that nearly all does
// well.
func BenchmarkAppend(b *testing.B) {
	for _, instances := range []int{2000, 20000} {
		for traffic, bad := range map[string]uint64{"random": 60, "calm": 0} {
			b.Run(fmt.Sprintf("instances=%d/windows=8/%s", instances, traffic), func(b *testing.B) {
				l, _, deltas, at := benchLedger(b, instances, 8*time.Hour)
				r := rand.New(rand.NewPCG(3, 4))
				before := l.Stats().Bytes
				b.ReportAllocs()
				report := reportCPU(b)
				for b.Loop() {
					b.StopTimer()
					for n := range deltas {
						deltas[n].Counts = slo.Counts{Good: 1}
						if bad > 0 {
							deltas[n].Counts = slo.Counts{Good: r.Uint64N(bad), Bad: r.Uint64N(2)}
						} else if r.IntN(500) == 0 {
							deltas[n].Counts = slo.Counts{Bad: 1}
						}
					}
					b.StartTimer()
					require.NoError(b, l.Append(at, deltas))
					at = at.Add(time.Minute)
				}
				report()
				perMinute := float64(l.Stats().Bytes-before) / float64(b.N)
				b.ReportMetric(perMinute, "B/minute")
				b.ReportMetric(perMinute*366*1440/1e9, "GB/year")
			})
		}
	}
}

// BenchmarkBackfill adds history to a ledger that watches eight windows.
func BenchmarkBackfill(b *testing.B) {
	l, _, deltas, _ := benchLedger(b, 2000, time.Hour)
	day := 0
	report := reportCPU(b)
	for b.Loop() {
		day++
		taken, err := l.Fill(func(yield func(time.Time, []slo.Delta) bool) {
			for n := range 1440 {
				if !yield(start.Add(-time.Duration(day)*slo.Day+time.Duration(n)*time.Minute), deltas) {
					return
				}
			}
		})
		require.NoError(b, err)
		require.Equal(b, 1440, taken)
	}
	report()
}

// BenchmarkExclude lays a day over a month of all instances, and takes it away.
func BenchmarkExclude(b *testing.B) {
	l, _, _, at := benchLedger(b, 2000, 26*time.Hour)
	all := []slo.Exclusion{{From: at.Add(-25 * time.Hour), To: at.Add(-time.Hour), Mode: slo.Remove}}
	report := reportCPU(b)
	for b.Loop() {
		require.NoError(b, l.SetExclusions(all, tierOf))
		require.NoError(b, l.SetExclusions(nil, tierOf))
	}
	report()
}

// BenchmarkOpen is the start with days of history: all running sums anew.
func BenchmarkOpen(b *testing.B) {
	for _, days := range []int{4, 90} {
		b.Run(fmt.Sprintf("instances=2000/days=%d", days), func(b *testing.B) {
			dir := b.TempDir()
			buildHistory(b, dir, 2000, days)
			o := benchObjective(b)
			report := reportCPU(b)
			for b.Loop() {
				l, err := Open(dir, DefaultOptions())
				require.NoError(b, err)
				require.NoError(b, l.Watch(Windows([]slo.Objective{o})))
				require.NoError(b, l.Close())
			}
			report()
			size, err := fileSize(ledgerPath(dir))
			require.NoError(b, err)
			b.ReportMetric(float64(size)/1e6, "MB-file")
		})
	}
}

// buildHistory writes a file with random minutes, faster than they are appended.
func buildHistory(b *testing.B, dir string, instances, days int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	first, minutes := start.Unix()/60, int64(days*1440)
	require.NoError(b, rebuild(ledgerPath(dir), func(w *builder) error {
		w.state.End = first + minutes
		for id, d := range benchDeltas(r, instances) {
			if err := putJSON(w.tx, instancesBucket, key(uint32(id)), record{Instance: d.Instance, First: first}); err != nil {
				return err
			}
		}
		h := hourSums{of: -1}
		entries := make([]entry, instances)
		for m := first; m < first+minutes; m++ {
			for id := range entries {
				entries[id] = entry{id: uint32(id), run: 1, good: r.Uint64N(60), bad: r.Uint64N(2), measured: 1}
			}
			row := pack(entries)
			if err := errors.Join(h.add(w, m, row), w.put(minutesBucket, key(m), row)); err != nil {
				return err
			}
		}
		return h.write(w)
	}))
}
