package slo

import (
	"math/big"
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
	for range 600 {
		j := judges[r.IntN(len(judges))]
		in := Input{At: noon.Add(time.Duration(r.IntN(60*24*60)) * time.Minute), Tier: [...]string{"", "dedicated"}[r.IntN(2)], Period: some(0)}
		if r.IntN(10) > 0 {
			known := map[time.Duration]Tally{}
			for _, d := range j.windows {
				known[d] = some(d)
			}
			in.Burn = func(d time.Duration) Tally { return known[d] }
		}
		j.Into(&e, &in)
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

// TestPeriodsOfOneJudge crosses a month's end to and fro: a reading at its last
// instant is still the month's.
func TestPeriodsOfOneJudge(t *testing.T) {
	o := promise(t, "window: {calendar: month, zone: Europe/Berlin}")
	j := NewJudge(&o)
	end := time.Date(2026, time.April, 1, 0, 0, 0, 0, zoneOf(t, "Europe/Berlin"))
	for _, minute := range []int{0, 1, 0, -1, 0, 2, -2, 31 * 24 * 60, 0} {
		at := end.Add(time.Duration(minute) * time.Minute)
		from, to := o.Window.Ending(at)
		e := j.Evaluate(Input{At: at})
		require.Equal(t, from, e.From, minute)
		require.Equal(t, to, e.To, minute)
		require.Equal(t, minute <= 0, to.Equal(end))
	}
}

// TestJudgingAllocatesNothing, or a fleet judged every minute feeds the garbage
// collector.
func TestJudgingAllocatesNothing(t *testing.T) {
	for _, window := range []string{"30d", "{calendar: quarter, zone: Europe/Berlin}"} {
		o := promise(t, "window: "+window)
		o.Targets.ByTenant = map[string]Ratio{"b": 999_500_000}
		j, e := NewJudge(&o), Evaluation{}
		for _, in := range []Input{steady(10, 0), steady(10, 10), steady(10, 10_000)} {
			in.Burn = remembered(&o, in)
			j.Into(&e, &in)
			require.Zero(t, testing.AllocsPerRun(100, func() { j.Into(&e, &in) }))
		}
	}
}

// TestEvaluationEqualsFractions judges random histories with numbers of any size,
// many of them near a limit, and computes the same with fractions.
func TestEvaluationEqualsFractions(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	o := promise(t)
	fired, projected := 0, 0
	for range 3000 {
		o.Targets = Targets{Default: One - 1 - Ratio(r.Int64N(1<<r.IntN(27)))}
		o.LowTraffic = LowTraffic{MinBad: r.Uint64N(4), BudgetSpent: r.IntN(2) == 0}
		budget := big.NewRat(int64(o.Targets.Default.Budget()), int64(One))
		perMinute := 1 + r.Uint64N(1<<r.IntN(30))
		limit := [...]float64{14.4, 6, 3, 1, 0.5}[r.IntN(5)]
		known := map[time.Duration]Tally{}
		for _, d := range o.BurnWindows() {
			n := perMinute * uint64(d/time.Minute)
			near := uint64(float64(n)*limit*o.Targets.Default.Budget().Float()) + r.Uint64N(3)
			bad := min(n, near)
			known[d] = full(n-bad, bad, d)
		}
		age := time.Duration(1+r.IntN(40*24*60)) * time.Minute
		events := perMinute * uint64(min(age, 30*Day)/time.Minute)
		bad := min(events, uint64(float64(events)*o.Targets.Default.Budget().Float()*r.Float64()*1.1))
		in := Input{At: noon, Period: full(events-bad, bad, min(age, 30*Day)), Burn: func(d time.Duration) Tally { return known[d] }}
		e := Evaluate(&o, in)

		closeTo(t, quotient(bad, events, budget), e.Budget.Consumed)
		for _, b := range e.Burn {
			closeTo(t, quotient(known[b.Window].Bad, known[b.Window].Total(), budget), b.Rate)
		}
		for _, c := range e.Conditions {
			long, short := known[c.Pair.Long], known[c.Pair.Short]
			b := big.NewRat(int64(c.Pair.Share)*int64(30*Day/time.Second), int64(One)*int64(c.Pair.Long/time.Second))
			want := quotient(long.Bad, long.Total(), budget).Cmp(b) > 0 && quotient(short.Bad, short.Total(), budget).Cmp(b) > 0 && long.Bad >= o.LowTraffic.MinBad
			if o.LowTraffic.BudgetSpent { // bad / (budget · events of the period) above the pair's share
				want = want && quotient(long.Bad, known[30*Day].Total(), budget).Cmp(big.NewRat(int64(c.Pair.Share), int64(One))) > 0
			}
			require.Equal(t, want, c.Firing, "%s of %+v", c.Pair.Name(), known)
			if want {
				fired++
			}
		}
		// In 3 days the period will hold those and what is not older than 27 days now.
		lived, window := in.Period.Expected, known[3*Day]
		kept := big.NewRat(max(0, min(lived, 27*24*60)), lived)
		part := func(old, recent uint64) *big.Rat {
			past := new(big.Rat).Mul(kept, new(big.Rat).SetInt(new(big.Int).SetUint64(old)))
			return past.Add(past, new(big.Rat).SetInt(new(big.Int).SetUint64(recent)))
		}
		allowed := new(big.Rat).Mul(budget, part(events, window.Total()))
		want := e.Status != Exhausted && window.Bad >= max(1, o.LowTraffic.MinBad) && part(bad, window.Bad).Cmp(allowed) > 0
		require.Equal(t, want, e.Projected)
		if want {
			projected++
		}
	}
	require.Greater(t, fired, 1000)
	require.Greater(t, projected, 500)
}

// quotient is bad / (events · budget).
func quotient(bad, events uint64, budget *big.Rat) *big.Rat {
	share := new(big.Rat).SetFrac(new(big.Int).SetUint64(bad), new(big.Int).SetUint64(events))
	return share.Quo(share, budget)
}

func closeTo(t *testing.T, want *big.Rat, got float64) {
	t.Helper()
	f, _ := want.Float64()
	require.InDelta(t, f, got, 1e-14*f)
}

func TestWideNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	exact := func(w wide) *big.Int {
		sum := new(big.Int)
		for _, word := range w {
			sum.Add(sum.Lsh(sum, 64), new(big.Int).SetUint64(word))
		}
		return sum
	}
	for range 1000 {
		w, v := product(r.Uint64(), r.Uint64(), r.Uint64()>>1), product(r.Uint64(), r.Uint64(), r.Uint64()>>1)
		require.Equal(t, new(big.Int).Add(exact(w), exact(v)), exact(w.plus(v)))
		require.Equal(t, exact(w).Cmp(exact(v)), w.compare(v))
		if w.compare(v) >= 0 {
			require.Equal(t, new(big.Int).Sub(exact(w), exact(v)), exact(w.less(v)))
		}
		f, _ := new(big.Float).SetInt(exact(w)).Float64()
		require.InEpsilon(t, f, w.float(), 1e-15)
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
	t.Run("fewer events are no more failures", func(t *testing.T) {
		o := promise(t, month, "low_traffic: {min_bad: 0}")
		calm := in(Day*21/2, 446, 0)
		whole := calm.Burn
		calm.Burn = func(d time.Duration) Tally {
			if d == 3*Day {
				return full(10, 0, d)
			}
			return whole(d)
		}
		require.False(t, Evaluate(&o, calm).Projected)
	})
	t.Run("nobody watches", func(t *testing.T) {
		o := promise(t)
		o.Policy.Pairs = nil
		require.False(t, Evaluate(&o, in(60*Day, 400, 300)).Projected)
		o = promise(t)
		require.False(t, Evaluate(&o, Input{At: noon, Period: in(60*Day, 400, 300).Period}).Projected)
	})
	t.Run("minutes that are missing count as the objective says", func(t *testing.T) {
		// Half of the window is missing: its pace is that of what was measured,
		// unless what was not is good or bad.
		gap := in(60*Day, 400, 60)
		whole := gap.Burn
		gap.Burn = func(d time.Duration) Tally {
			tally := whole(d)
			if d == 3*Day {
				tally.Good, tally.Measured = tally.Good/2, tally.Measured/2
			}
			return tally
		}
		for how, want := range map[string]bool{"ignore": true, "good": false, "bad": true} {
			o := promise(t, "no_data: "+how)
			require.Equal(t, want, Evaluate(&o, gap).Projected, how)
		}
	})
}
