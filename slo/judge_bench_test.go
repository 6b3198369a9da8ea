package slo

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkJudge judges a fleet once, as done every minute: instances of the
// default policy's seven windows and the period, of which one in so many burns.
func BenchmarkJudge(b *testing.B) {
	const instances = 2000
	for _, window := range []string{"30d", "{calendar: month, zone: Europe/Berlin}"} {
		o := promise(b, "window: "+window)
		quiet, burning := steady(10, 0), steady(10, 10)
		quiet.Burn, burning.Burn = remembered(&o, quiet), remembered(&o, burning)
		for _, c := range []struct {
			name  string
			every int
		}{{"quiet", instances + 1}, {"one in twenty burns", 20}} {
			b.Run(fmt.Sprintf("%s/%s", o.Window, c.name), func(b *testing.B) {
				j, fleet := NewJudge(&o), make([]Evaluation, instances)
				b.ReportAllocs()
				before := processor(b)
				for b.Loop() {
					for i := range fleet {
						in := quiet
						if (i+1)%c.every == 0 {
							in = burning
						}
						j.Into(&fleet[i], &in)
					}
				}
				b.ReportMetric(float64(processor(b)-before)/float64(b.N)/instances, "cpu-ns/instance")
			})
		}
	}
}

// processor is the time that this process has had of it, which other work on the
// machine disturbs less than wall time.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// remembered answers as the running sums of a ledger do, without computing.
func remembered(o *Objective, in Input) func(time.Duration) Tally {
	var all []Tally
	for _, d := range o.BurnWindows() {
		all = append(all, in.Burn(d))
	}
	next := -1
	return func(time.Duration) Tally {
		next = (next + 1) % len(all)
		return all[next]
	}
}
