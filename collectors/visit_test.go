package collectors

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Tenants who come and go change the interval of all others: that must cost no visit more.
func TestChangingIntervalsBringNoVisitForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := startRounds(t, nil)
		var asked, early atomic.Int64
		var visits []Visit
		for i := range 200 {
			var last time.Time
			visits = append(visits, Visit{Key: Key{"test", "t", fmt.Sprint(i)}, Collector: collecting(func(context.Context, *Builder) error {
				asked.Add(1)
				if !last.IsZero() && time.Since(last) < 10*time.Hour {
					early.Add(1)
				}
				last = time.Now()
				return nil
			})})
		}
		const days = 10
		for n := range days * 24 {
			for i := range visits {
				visits[i].Interval = []time.Duration{20 * time.Hour, 22 * time.Hour}[n%2]
			}
			require.NoError(t, r.Set(visits))
			pass(time.Hour)
		}
		require.LessOrEqual(t, asked.Load(), int64(200*(days*24/20+1)), "no more than at the shorter interval")
		require.GreaterOrEqual(t, asked.Load(), int64(200*(days*24/23)), "and everyone had their turns")
		require.Zero(t, early.Load(), "none comes before half an interval has passed")
	})
}

func TestShorterIntervalTakesEffectAfterOneOfItsLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at moments
		v := Visit{Key: Key{"test", "t", ""}, Interval: time.Hour, Collector: collecting(func(context.Context, *Builder) error {
			at.note()
			return nil
		})}
		r, _ := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{v}))
		var visits []time.Time
		for len(visits) == 0 {
			pass(time.Minute)
			visits = at.take()
		}
		v.Interval = 20 * time.Minute
		require.NoError(t, r.Set([]Visit{v}))
		pass(70 * time.Minute)
		visits = append(visits, at.take()...)
		require.GreaterOrEqual(t, visits[1].Sub(visits[0]), 20*time.Minute)
		require.Less(t, visits[1].Sub(visits[0]), 40*time.Minute)
		require.Equal(t, 20*time.Minute, visits[2].Sub(visits[1]))
	})
}

// A reload closes a collector while its visit is under way.
func TestFailureOfAReplacedCollectorDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, closed := make(chan struct{}), make(chan struct{})
		old := Visit{Key: Key{"test", "t", ""}, Eager: true, Collector: collecting(func(context.Context, *Builder) error {
			close(began)
			<-closed
			return errors.New("closed")
		})}
		r, store := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{old}))
		<-began
		var asked atomic.Int64
		next := old
		next.Collector = collecting(func(context.Context, *Builder) error { asked.Add(1); return nil })
		require.NoError(t, r.Set([]Visit{next}))
		select {
		case <-r.Ready():
			require.Fail(t, "ready before a visit counted")
		default:
		}
		close(closed)
		synctest.Wait()
		require.EqualValues(t, 1, asked.Load(), "the new one is asked at once")
		<-r.Ready()
		status := r.Status()[0]
		require.True(t, status.Up)
		require.Len(t, status.Logs, 1)
		own, _ := store.Get(Key{roundsPrefix + "test", "t", ""})
		require.NotContains(t, render(own), "wardround_collector_errors_total")
	})
}

// sleeper is a Watcher that panics when asked whether anything has changed.
type sleeper struct{ Collector }

func (sleeper) Unchanged(time.Time) bool { panic("ouch") }

// Whatever panics within a visit is a failed visit, and the next is made all the same.
func TestPanicsAreContained(t *testing.T) {
	for name, tc := range map[string]struct {
		collector Collector
		observe   func(Observation)
		shown     bool // what was brought is shown all the same
	}{
		"in Collect":   {collector: collecting(func(context.Context, *Builder) error { panic("ouch") }), shown: true},
		"in Unchanged": {collector: &sleeper{collecting(seen)}, shown: true},
		"in Observe":   {collector: collecting(seen), observe: func(Observation) { panic("ouch") }, shown: true},
		"over what was brought": {collector: collecting(func(_ context.Context, b *Builder) error {
			b.families[nil] = []Sample{{}}
			return nil
		})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, store := startRounds(t, func(o *Options) {
					if tc.observe != nil {
						o.Observe = tc.observe
					}
				})
				require.NoError(t, r.Set([]Visit{{Key: Key{"test", "t", ""}, Collector: tc.collector}}))
				pass(6 * time.Minute)
				status := r.Status()[0]
				require.Greater(t, len(status.Logs), 2, "the visits go on")
				var failures int
				for _, log := range status.Logs {
					if log.Outcome == Failure {
						failures++
						require.Equal(t, ReasonPanic, log.Reason)
						require.Contains(t, log.Error, ".go:", "the stack")
					}
				}
				require.Positive(t, failures)
				_, shown := store.Get(status.Key)
				require.Equal(t, tc.shown, shown)
			})
		})
	}
}

// TestWhatAFailedVisitBroughtIsObserved: that a target is down is known although nothing else is.
func TestWhatAFailedVisitBroughtIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var whole, partial atomic.Int64
		r, _ := startRounds(t, func(o *Options) {
			o.Observe = func(seen Observation) {
				require.True(t, seen.Next.After(seen.At))
				if seen.Failed {
					partial.Add(1)
				} else {
					whole.Add(1)
				}
			}
		})
		refused := errors.New("connection refused")
		require.NoError(t, r.Set([]Visit{
			{Key: Key{"test", "down", ""}, Collector: collecting(func(context.Context, *Builder) error { return refused })},
			{Key: Key{"test", "mute", ""}, Collector: &collectorFunc{func(context.Context, *Builder) error { return refused }}},
		}))
		pass(time.Minute + time.Second)
		require.Zero(t, whole.Load())
		require.Positive(t, partial.Load())
		for _, s := range r.Status() {
			require.Equal(t, "connection refused", s.Logs[0].Error)
			if s.Key.Target == "down" {
				require.EqualValues(t, len(s.Logs), partial.Load(), "of the mute one nothing is known")
			}
		}
	})
}
