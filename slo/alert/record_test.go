package alert

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// record is what was measured of one instance, minute by minute, as a ledger has it.
type record struct {
	judge   *slo.Judge
	first   time.Time // the instance's first minute
	minutes map[time.Time]slo.Counts
}

func newRecord(o *slo.Objective) *record {
	return &record{judge: slo.NewJudge(o), minutes: make(map[time.Time]slo.Counts)}
}

// measured notes the minute that ends at a time.
func (r *record) measured(at time.Time, c slo.Counts) {
	if r.first.IsZero() || at.Before(r.first) {
		r.first = at
	}
	r.minutes[at] = c
}

func (r *record) evaluate(at time.Time) *slo.Evaluation {
	tally := func(d time.Duration) slo.Tally {
		var t slo.Tally
		for m := at; m.After(at.Add(-d)) && !m.Before(r.first); m = m.Add(-time.Minute) {
			t.Expected++
			if c, there := r.minutes[m]; there {
				t.Measured++
				t.Counts = t.Add(c)
			}
		}
		return t
	}
	e := r.judge.Evaluate(slo.Input{
		Instance: slo.NewInstance("login-works", slo.Label{Name: "tenant", Value: "north"}),
		At:       at, Period: tally(30 * slo.Day), Burn: tally,
	})
	return &e
}

// life is an instance that is measured and judged each minute, and what was told of it.
type life struct {
	t      *testing.T
	o      *slo.Objective
	record *record
	engine *Engine
	steps  []Transition
}

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{t: t, o: objective(t, objectiveYAML)}
	l.record = newRecord(l.o)
	l.open(t.TempDir(), start)
	return l
}

func (l *life) open(dir string, now time.Time) {
	l.t.Helper()
	var err error
	l.engine, err = Open(Options{
		Dir: dir, Logger: slog.New(slog.DiscardHandler),
		OnTransition: func(_ context.Context, steps []Transition) {
			for _, s := range steps {
				if s.Alert.Labels[NameLabel] != WatchdogName {
					l.steps = append(l.steps, s)
				}
			}
		},
	}, now)
	require.NoError(l.t, err)
}

// lives through some minutes that end at and after a time.
func (l *life) lives(from time.Time, minutes int, c slo.Counts) time.Time {
	l.t.Helper()
	for range minutes {
		l.record.measured(from, c)
		l.engine.Evaluate(l.t.Context(), from, Conditions(l.o, l.record.evaluate(from)))
		from = from.Add(time.Minute)
	}
	return from
}

// fired are the names of the alerts that began to fire.
func (l *life) fired() []string {
	var names []string
	for _, s := range l.steps {
		if s.To == Firing && s.From != Frozen {
			names = append(names, s.Alert.Labels[NameLabel]+" "+s.Alert.Labels[LongWindowLabel])
		}
	}
	return names
}

var (
	well   = slo.Counts{Good: 100}
	broken = slo.Counts{Bad: 100}
)

// TestPauses lets nobody measure or look for a while, and then go on as before: of what is well nothing is told, and
// what fires goes on firing since it began.
func TestPauses(t *testing.T) {
	for name, pause := range map[string]time.Duration{
		"a minute": time.Minute, "two hours": 2 * time.Hour, "a day of suspend": slo.Day, "a week": 7 * slo.Day,
		"back an hour": -time.Hour, "back a day": -slo.Day,
	} {
		t.Run(name+", well", func(t *testing.T) {
			l := newLife(t)
			now := l.lives(start, 90, well)
			now = l.lives(now.Add(pause), 90, well)
			l.lives(now.Add(-pause), 90, well)
			require.Empty(t, l.fired())
		})
		t.Run(name+", well, restarted", func(t *testing.T) {
			l := newLife(t)
			now := l.lives(start, 90, well).Add(pause)
			l.open(l.engine.options.Dir, now)
			l.lives(now, 90, well)
			require.Empty(t, l.fired())
		})
		t.Run(name+", broken", func(t *testing.T) {
			l := newLife(t)
			now := l.lives(start, 60, broken)
			told := l.fired()
			require.NotEmpty(t, told)
			dir, again := l.engine.options.Dir, now.Add(pause)
			l.lives(again, 60, broken)
			l.open(dir, again.Add(time.Hour))
			l.lives(again.Add(time.Hour), 60, broken)
			require.Equal(t, told, l.fired(), "nothing is told anew")
			for _, s := range l.steps {
				require.NotEqual(t, Resolved, s.To, "nothing is resolved: %v", s.Alert.Labels)
			}
		})
	}
}

// TestFrozenOverRestart stops while nothing can be known, and finds that the outage has ended only when that is seen.
func TestFrozenOverRestart(t *testing.T) {
	l := newLife(t)
	now := l.lives(start, 60, broken)
	for range 10 { // nobody measures, but the daemon looks
		l.engine.Evaluate(t.Context(), now, Conditions(l.o, l.record.evaluate(now)))
		now = now.Add(time.Minute)
	}
	page := func() Alert {
		for _, a := range l.engine.Alerts() {
			if a.Labels[LongWindowLabel] == "1h" {
				return a
			}
		}
		require.Fail(t, "no page")
		return Alert{}
	}
	began := page().StartsAt
	require.Equal(t, Frozen, page().Shown())
	l.open(l.engine.options.Dir, now)
	require.Equal(t, Frozen, page().Shown())
	l.engine.Evaluate(t.Context(), now, Conditions(l.o, l.record.evaluate(now)))
	require.Equal(t, Frozen, page().Shown())
	require.Equal(t, began, page().StartsAt)
	l.lives(now.Add(time.Minute), 10, well)
	require.Equal(t, Resolved, page().Shown())
}

// TestSilenceOfMeasurementsIsTold shows that an instance that nobody measures any more does not stay unnoticed, be it
// after a while in which all was well again.
func TestSilenceOfMeasurementsIsTold(t *testing.T) {
	blind := func(history string) int {
		l := newLife(t)
		now := l.lives(start, 120, well)
		for minute := range 120 {
			if history[minute%len(history)] == 'x' {
				l.record.measured(now, well)
			}
			l.engine.Evaluate(t.Context(), now, Conditions(l.o, l.record.evaluate(now)))
			now = now.Add(time.Minute)
			if len(l.fired()) > 0 {
				require.Equal(t, []string{NoDataName + " "}, l.fired())
				return minute
			}
		}
		return -1
	}
	require.Equal(t, 17, blind("."), "three of five minutes are missing after three, then its For")
	require.Positive(t, blind("x..x..."), "measured now and then")
	require.Equal(t, -1, blind("xx.x"), "enough is measured")
}

// TestDetection measures how long an outage takes from its first bad minute to the Alertmanager: W·b·B/e as the theory
// has it, and one tick at most.
func TestDetection(t *testing.T) {
	for _, target := range []slo.Ratio{950_000_000, 990_000_000, 995_000_000, 999_000_000, 999_500_000, 999_900_000} {
		for _, failing := range []uint64{1000, 500, 100} { // of a thousand events a minute
			t.Run(target.String()+"_"+percent(float64(failing)/1000), func(t *testing.T) {
				o := objective(t, objectiveYAML)
				o.Targets = slo.Targets{Default: target}
				arrived := detection(t, o, failing)
				for _, pair := range o.Policy.Pairs {
					limit, e := pair.Limit(o.Window.Nominal()), float64(failing)/1000
					threshold := limit.Float() * target.Budget().Float()
					after, told := arrived[slo.FormatDuration(pair.Long)]
					if e <= threshold || pair.Long > slo.Day {
						require.False(t, told && e <= threshold, "it never burns so fast")
						continue
					}
					theory := time.Duration(float64(pair.Long) * threshold / e)
					require.True(t, told, pair.Name())
					require.GreaterOrEqual(t, after, theory-time.Millisecond, pair.Name())
					require.LessOrEqual(t, after, theory+time.Minute, pair.Name())
				}
			})
		}
	}
}

// detection is when, since an outage began, alerts of the pairs arrived at the Alertmanager. Before it, all was well
// for longer than the period.
func detection(t *testing.T, o *slo.Objective, failing uint64) map[string]time.Duration {
	arrived := make(map[string]time.Duration)
	synctest.Test(t, func(t *testing.T) {
		r, judge, began := newRig(t, 1), slo.NewJudge(o), time.Now()
		for lasting := range uint64(450) { // longer than any of these takes
			tally := func(d time.Duration) slo.Tally {
				minutes := uint64(d / time.Minute)
				bad := failing * min(lasting, minutes)
				return slo.Tally{
					Counts:   slo.Counts{Good: 1000*minutes - bad, Bad: bad},
					Measured: int64(minutes), Expected: int64(minutes),
				}
			}
			e := judge.Evaluate(slo.Input{
				Instance: slo.NewInstance(o.Name, slo.Label{Name: "tenant", Value: "north"}),
				At:       time.Now(), Period: tally(30 * slo.Day), Burn: tally,
			})
			r.tick(t, Conditions(o, &e)...)
			for _, post := range r.servers[0].taken() {
				for _, a := range of([]fakePost{post}, BurnName) {
					if _, before := arrived[a.Labels[LongWindowLabel]]; !before {
						arrived[a.Labels[LongWindowLabel]] = post.at.Sub(began)
					}
				}
			}
			time.Sleep(time.Minute)
		}
	})
	return arrived
}
