package collectors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collectorFunc is a collector made of one function.
type collectorFunc struct {
	collect func(ctx context.Context, b *Builder) error
}

func (c *collectorFunc) Collect(ctx context.Context, b *Builder) error { return c.collect(ctx, b) }

var metricSeen = &Metric{Name: "test_seen", Help: "Seen", Source: "test"}

func seen(context.Context, *Builder) error { return nil }

func collecting(f func(ctx context.Context, b *Builder) error) Collector {
	return &collectorFunc{collect: func(ctx context.Context, b *Builder) error {
		b.Set(metricSeen, 1)
		return f(ctx, b)
	}}
}

func startRounds(t *testing.T, change func(*Options)) (*Rounds, *Store) {
	t.Helper()
	o := DefaultOptions()
	o.Store = NewStore()
	if change != nil {
		change(&o)
	}
	r, err := NewRounds(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(r.Stop)
	return r, o.Store
}

func TestHangingTargetDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var healthy atomic.Int64
		r, _ := startRounds(t, nil)
		visits := []Visit{{Key: Key{"test", "hanging", ""}, Collector: collecting(func(ctx context.Context, _ *Builder) error {
			<-ctx.Done()
			return ctx.Err()
		})}}
		for i := range 20 {
			visits = append(visits, Visit{
				Key:       Key{"test", fmt.Sprintf("healthy%d", i), ""},
				Collector: collecting(func(context.Context, *Builder) error { healthy.Add(1); return nil }),
			})
		}
		require.NoError(t, r.Set(visits))
		pass(10*time.Minute + time.Second)
		require.InDelta(t, 200, healthy.Load(), 20, "each healthy target is visited every minute")
		for _, s := range r.Status() {
			if s.Key.Target != "hanging" {
				require.True(t, s.Up)
				continue
			}
			require.False(t, s.Up)
			require.Equal(t, ReasonTimeout, s.Logs[0].Reason)
			require.Equal(t, 10*time.Second, s.Logs[0].Duration, "the deadline ends the visit")
		}
	})
}

func TestFailingTargetBacksOffAndRecoversAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		var at moments
		r, _ := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{{Key: Key{"test", "flaky", ""}, Collector: collecting(func(context.Context, *Builder) error {
			at.note()
			if broken.Load() {
				return errors.New("no")
			}
			return nil
		})}}))
		pass(30 * time.Minute)
		tries := at.take()
		require.Less(t, len(tries), 12, "rarer and rarer")
		require.LessOrEqual(t, tries[len(tries)-1].Sub(tries[len(tries)-2]), 5*time.Minute, "never rarer than MaxBackoff")
		broken.Store(false)
		pass(5 * time.Minute)
		at.take()
		pass(10 * time.Minute)
		require.Len(t, at.take(), 10, "after one success the full pace")
	})
}

func TestLastGoodBatchOutlivesFailuresUntilStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		key := Key{"test", "t", ""}
		r, store := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{{Key: key, Eager: true, Collector: &collectorFunc{collect: func(_ context.Context, b *Builder) error {
			if broken.Load() {
				return Because(ReasonUnreachable, errors.New("gone away"))
			}
			b.Set(metricSeen, 1)
			return nil
		}}}}))
		synctest.Wait()
		_, ok := store.Get(key)
		require.True(t, ok)
		last := r.Status()[0].LastSuccess
		broken.Store(true)
		pass(time.Until(last.Add(3*time.Minute - time.Second)))
		_, ok = store.Get(key)
		require.True(t, ok, "kept for three intervals")
		pass(2 * time.Second)
		_, ok = store.Get(key)
		require.False(t, ok, "then it vanishes, although the next visit is not yet due")
		own, ok := store.Get(Key{roundsPrefix + "test", "t", ""})
		require.True(t, ok, "what is known of the visits themselves stays")
		require.Contains(t, render(own), `wardround_collector_up{target="t",collector="test"} 0`)
		require.Contains(t, render(own), `wardround_collector_errors_total{target="t",collector="test",reason="unreachable"}`)
	})
}

func TestWhatAFailedVisitWroteReplacesTheLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &Metric{Name: "test_up", Help: "Up", Source: "test"}
		var broken atomic.Bool
		key := Key{"test", "t", ""}
		r, store := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{{Key: key, Eager: true, Collector: &collectorFunc{collect: func(_ context.Context, b *Builder) error {
			if broken.Load() {
				b.Set(up, 0)
				return errors.New("down")
			}
			b.Set(up, 1)
			b.Set(metricSeen, 7)
			return nil
		}}}}))
		synctest.Wait()
		broken.Store(true)
		pass(time.Minute)
		shown, _ := store.Get(key)
		require.Equal(t, "test_seen{target=\"t\"} 7\ntest_up{target=\"t\"} 0\n", render(shown))
		pass(5 * time.Minute)
		shown, _ = store.Get(key)
		require.Equal(t, "test_up{target=\"t\"} 0\n", render(shown), "stale values vanish, the news stays")
		broken.Store(false)
		pass(5 * time.Minute)
		shown, _ = store.Get(key)
		require.Equal(t, "test_seen{target=\"t\"} 7\ntest_up{target=\"t\"} 1\n", render(shown))
	})
}

func TestPanicIsAFailedVisitWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{{Key: Key{"test", "t", ""}, Collector: collecting(func(context.Context, *Builder) error {
			panic("ouch")
		})}}))
		pass(time.Minute)
		log := r.Status()[0].Logs[0]
		require.Equal(t, ReasonPanic, log.Reason)
		require.Contains(t, log.Error, "ouch")
		require.Contains(t, log.Error, "rounds_test.go")
	})
}

func TestVisitsNeverOverlapAndBudgetIsHard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside, most atomic.Int64
		slow := func(ctx context.Context, _ *Builder) error {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
			}
			return nil
		}
		budget := NewBudget(2)
		r, _ := startRounds(t, nil)
		var visits []Visit
		for i := range 40 {
			visits = append(visits, Visit{Key: Key{"test", "t", fmt.Sprint(i)}, Collector: collecting(slow), Budget: budget})
		}
		require.NoError(t, r.Set(visits))
		pass(5 * time.Minute)
		require.EqualValues(t, 2, most.Load())
		for _, s := range r.Status() {
			require.GreaterOrEqual(t, len(s.Logs), 4, "%s got its turn", s.Key)
		}
	})
}

// quiet is a collector that knows when nothing has changed.
type quiet struct {
	changed atomic.Bool
	asked   atomic.Int64
}

func (q *quiet) Collect(_ context.Context, b *Builder) error {
	q.asked.Add(1)
	q.changed.Store(false)
	b.Set(metricSeen, 1)
	return nil
}
func (q *quiet) Unchanged(time.Time) bool { return !q.changed.Load() }

func TestUnchangedTargetIsNotAskedButSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var observed atomic.Int64
		r, store := startRounds(t, func(o *Options) {
			o.Sweep = 15 * time.Minute
			o.Observe = func(seen Observation) {
				observed.Add(1)
				require.WithinDuration(t, seen.At.Add(time.Minute), seen.Next, time.Second)
			}
		})
		q := &quiet{}
		key := Key{"test", "t", ""}
		require.NoError(t, r.Set([]Visit{{Key: key, Collector: q}}))
		pass(14 * time.Minute)
		require.EqualValues(t, 1, q.asked.Load())
		require.EqualValues(t, 14, observed.Load(), "each round is observed all the same")
		require.WithinDuration(t, time.Now(), r.Status()[0].LastSuccess, time.Minute)
		q.changed.Store(true)
		pass(time.Minute)
		require.EqualValues(t, 2, q.asked.Load())
		pass(16 * time.Minute)
		require.EqualValues(t, 3, q.asked.Load(), "the sweep asks even where nothing seems to have changed")
		_, ok := store.Get(key)
		require.True(t, ok)
	})
}

func TestSetKeepsWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := startRounds(t, nil)
		a := Visit{Key: Key{"test", "a", ""}, Collector: collecting(seen)}
		b := Visit{Key: Key{"test", "b", ""}, Collector: collecting(seen)}
		require.NoError(t, r.Set([]Visit{a, b}))
		pass(5 * time.Minute)
		c := Visit{Key: Key{"test", "c", ""}, Collector: collecting(seen)}
		a.Collector = collecting(seen)
		require.NoError(t, r.Set([]Visit{a, c}))
		synctest.Wait()
		_, ok := store.Get(b.Key)
		require.False(t, ok, "the series of what is no longer visited vanish at once")
		_, ok = store.Get(a.Key)
		require.True(t, ok)
		status := r.Status()
		require.Len(t, status, 2)
		require.Len(t, status[0].Logs, 5, "a's logs outlive a new collector")
		pass(time.Minute)
		require.Len(t, r.Status()[0].Logs, 6)
		require.Len(t, r.Status()[1].Logs, 1)
		require.ErrorContains(t, r.Set([]Visit{a, a}), "visited twice")
	})
}

func TestRetimeTakesEffectWithTheNextSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		r, _ := startRounds(t, nil)
		v := Visit{Key: Key{"test", "a", ""}, Collector: collecting(func(context.Context, *Builder) error { asked.Add(1); return nil })}
		require.NoError(t, r.Set([]Visit{v}))
		pass(10 * time.Minute)
		require.EqualValues(t, 10, asked.Load())
		timing := DefaultOptions().Timing
		timing.Interval = 10 * time.Second
		require.NoError(t, r.Retime(timing))
		require.NoError(t, r.Set([]Visit{v}))
		pass(10 * time.Minute)
		require.InDelta(t, 70, asked.Load(), 1)
		require.Equal(t, 10*time.Second, r.Status()[0].Interval)
		timing.StaleAfter = 0
		require.Error(t, r.Retime(timing))
	})
}

func TestReadyAfterTheFirstRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := startRounds(t, nil)
		bad := collecting(func(context.Context, *Builder) error { return errors.New("no") })
		require.NoError(t, r.Set([]Visit{
			{Key: Key{"test", "a", ""}, Collector: collecting(seen)},
			{Key: Key{"test", "b", ""}, Collector: bad},
			{Key: Key{"test", "rare", ""}, Collector: bad, Interval: 5 * time.Hour},
		}))
		select {
		case <-r.Ready():
			t.Fatal("ready before anything was visited")
		default:
		}
		pass(time.Minute)
		<-r.Ready()
	})
}

func TestTwentyLogsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{{Key: Key{"test", "a", ""}, Collector: collecting(func(_ context.Context, b *Builder) error {
			b.Notef("asked at %s", time.Now().Format(time.TimeOnly))
			return nil
		})}}))
		pass(time.Hour)
		logs := r.Status()[0].Logs
		require.Len(t, logs, 20)
		require.True(t, logs[0].Start.After(logs[1].Start), "newest first")
		require.Contains(t, logs[0].Notes[0], "asked at")
	})
}

func TestARepeatedErrorIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r, _ := startRounds(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
		var broken atomic.Bool
		broken.Store(true)
		require.NoError(t, r.Set([]Visit{{Key: Key{"test", "a", ""}, Collector: collecting(func(context.Context, *Builder) error {
			if broken.Load() {
				return Because(ReasonUnreachable, errors.New("refused"))
			}
			return nil
		})}}))
		pass(30 * time.Minute)
		broken.Store(false)
		pass(10 * time.Minute)
		require.Equal(t, 1, strings.Count(out.String(), "visit failed"))
		require.Equal(t, 1, strings.Count(out.String(), "succeeds again"))
	})
}

// moments are when something happened, in order.
type moments struct {
	mu  sync.Mutex
	all []time.Time
}

func (m *moments) note() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, time.Now())
}

// take returns those since it was last called.
func (m *moments) take() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all
	m.all = nil
	return all
}

// pass lets time go by on the bubble's fake clock.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
