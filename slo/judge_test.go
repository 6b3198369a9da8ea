package slo

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// TestIntoEqualsEvaluate judges ever other inputs into one Evaluation: nothing
// of the one before may show.
func TestIntoEqualsEvaluate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	judges := []*Judge{}
	for _, more := range [][]string{
		nil, {"policy: tickets", "no_data: bad"}, {"window: {calendar: week, zone: Asia/Tokyo}"}, {"window: {calendar: month}", "no_data: good"},
	} {
		o := promise(t, more...)
		judges = append(judges, NewJudge(&o))
	}
	some := func(time.Duration) Tally {
		expected := r.Int64N(200)
		return Tally{
			Counts:   Counts{Good: r.Uint64N(5000), Bad: r.Uint64N(4) * r.Uint64N(20)},
			Measured: r.Int64N(expected + 1), Expected: expected, Excluded: r.Int64N(expected + 1),
		}
	}
	var e Evaluation
	seen := map[Status]int{}
	for range 5000 {
		j := judges[r.IntN(len(judges))]
		in := Input{At: noon.Add(time.Duration(r.IntN(60*24*60)) * time.Minute), Tier: [...]string{"", "dedicated"}[r.IntN(2)], Period: some(0)}
		if r.IntN(10) > 0 {
			known := map[time.Duration]Tally{}
			for _, d := range j.windows {
				known[d] = some(d)
			}
			in.Burn = func(d time.Duration) Tally { return known[d] }
		}
		j.Into(&e, in)
		want := NewJudge(j.objective).Evaluate(in)
		require.Empty(t, cmp.Diff(want, e, cmp.AllowUnexported(Limit{}, Instance{}), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()))
		for i := range e.Conditions {
			c := &e.Conditions[i]
			require.Same(t, &e.Burn[slices.Index(j.windows, c.Pair.Short)], c.Short, "it points into its own burns")
			require.Same(t, &e.Burn[slices.Index(j.windows, c.Pair.Long)], c.Long)
		}
		seen[e.Status]++
	}
	for _, s := range Statuses() {
		require.Positive(t, seen[s], "%s never came", s)
	}
}

// TestJudgingAllocatesNothing, or a fleet judged every minute feeds the garbage
// collector.
func TestJudgingAllocatesNothing(t *testing.T) {
	for _, window := range []string{"30d", "{calendar: quarter, zone: Europe/Berlin}"} {
		o := promise(t, "window: "+window)
		j, e := NewJudge(&o), Evaluation{}
		for _, in := range []Input{steady(10, 0), steady(10, 10), steady(10, 10_000)} {
			in.Burn = remembered(&o, in)
			j.Into(&e, in)
			require.Zero(t, testing.AllocsPerRun(100, func() { j.Into(&e, in) }))
		}
	}
}

func TestScaled(t *testing.T) {
	require.Equal(t, uint64(3), scaled(10, 1, 4), "halves go up")
	require.Equal(t, uint64(2), scaled(9, 1, 4))
	require.Equal(t, uint64(1<<63), scaled(1<<62, 1<<20, 1<<19))
	require.Equal(t, ^uint64(0), scaled(1<<62, 1<<20, 1), "what does not fit is as much as fits")
}

func TestProjected(t *testing.T) {
	// Over 30 days, 1000 of a million events may fail; the longest window is 3 days.
	const perMinute = 10
	in := func(age time.Duration, badInPeriod, badInWindow uint64) Input {
		period := min(age, 30*Day)
		tally := func(d time.Duration, bad uint64) Tally {
			events := uint64(min(d, age)/time.Minute) * perMinute
			return full(events-bad, bad, min(d, age))
		}
		return Input{At: noon, Period: tally(period, badInPeriod), Burn: func(d time.Duration) Tally {
			switch d {
			case 3 * Day:
				return tally(d, badInWindow)
			case 30 * Day:
				return tally(d, badInPeriod)
			}
			return tally(d, 0)
		}}
	}
	month := "window: {calendar: month}" // March, at noon of the 11th: 10.5 of 31 days are over
	for _, c := range []struct {
		name   string
		more   string
		age    time.Duration
		period uint64
		window uint64
		want   bool
	}{
		// The budget is 432. In 3 days nine tenths of the period are still in it:
		// 0.9 · bad + window's bad.
		{"enough is left for three days more", "", 60 * Day, 400, 72, false},
		{"one bad event more ends it", "", 60 * Day, 400, 73, true},
		{"a fault that has ended leaves with its age", "", 60 * Day, 431, 1, false},
		{"it has ended already", "", 60 * Day, 432, 400, false},
		// A young one loses nothing: 10 days hold a budget of 144, 13 days 187.2.
		{"young and in time", "", 10 * Day, 100, 87, false},
		{"young and too late", "", 10 * Day, 100, 88, true},
		// The month's budget is 446.4, and 20.5 days are to come: 6.83 times the window.
		{"the month's end comes first", month, Day * 21 / 2, 100, 50, false},
		{"the month's end comes too late", month, Day * 21 / 2, 100, 51, true},
		{"fewer bad events than matter", "low_traffic: {min_bad: 200}", 60 * Day, 400, 199, false},
		{"as many as matter", "low_traffic: {min_bad: 200}", 60 * Day, 400, 200, true},
		{"none at all", "low_traffic: {min_bad: 0}", 60 * Day, 431, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var more []string
			if c.more != "" {
				more = append(more, c.more)
			}
			o := promise(t, more...)
			require.Equal(t, c.want, Evaluate(&o, in(c.age, c.period, c.window)).Projected)
		})
	}
	t.Run("too little is measured", func(t *testing.T) {
		o := promise(t)
		thin := in(60*Day, 400, 300)
		require.True(t, Evaluate(&o, thin).Projected)
		thin.Period.Measured /= 3
		require.False(t, Evaluate(&o, thin).Projected, "of the period")
		thin = in(60*Day, 400, 300)
		whole := thin.Burn
		thin.Burn = func(d time.Duration) Tally {
			tally := whole(d)
			if d == 3*Day {
				tally.Measured /= 3
			}
			return tally
		}
		require.False(t, Evaluate(&o, thin).Projected, "of the window")
	})
	t.Run("nobody watches", func(t *testing.T) {
		o := promise(t)
		o.Policy.Pairs = nil
		require.False(t, Evaluate(&o, in(60*Day, 400, 300)).Projected)
		o = promise(t)
		require.False(t, Evaluate(&o, Input{At: noon, Period: in(60*Day, 400, 300).Period}).Projected)
	})
	t.Run("minutes that are missing count as the objective says", func(t *testing.T) {
		// Half of the window is missing: its pace is that of what was measured.
		gap := in(60*Day, 200, 120)
		whole := gap.Burn
		gap.Burn = func(d time.Duration) Tally {
			tally := whole(d)
			if d == 3*Day {
				tally.Good, tally.Measured = tally.Good/2, tally.Measured/2
			}
			return tally
		}
		for how, want := range map[string]bool{"ignore": false, "good": false, "bad": true} {
			o := promise(t, "no_data: "+how)
			require.Equal(t, want, Evaluate(&o, gap).Projected, how)
		}
	})
}
