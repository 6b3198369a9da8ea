package slo

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, time.March, 11, 12, 0, 0, 0, time.UTC)

// promise is an objective of 99.9 % over 30 days with the default policy.
func promise(t testing.TB, more ...string) Objective {
	t.Helper()
	text := "name: p\nquestion: healthy\ntitle: P\nindicator: {events: {bad: b, total: t}}\ntargets: {default: 99.9%, dedicated: 99.99%}\n"
	for _, line := range more {
		text += line + "\n"
	}
	all, err := ParseObjectives("test.yaml", []byte(text))
	require.NoError(t, err)
	return all[0]
}

// full is a tally without gaps.
func full(good, bad uint64, length time.Duration) Tally {
	minutes := int64(length / time.Minute)
	return Tally{Counts: Counts{Good: good, Bad: bad}, Measured: minutes, Expected: minutes}
}

// steady is an input in which every minute of every window has the same events,
// with all bad ones in the last so many minutes.
func steady(perMinute uint64, badMinutes int64) Input {
	read := func(d time.Duration) Tally {
		minutes := uint64(d / time.Minute)
		bad := min(minutes, uint64(badMinutes)) * perMinute
		return full(minutes*perMinute-bad, bad, d)
	}
	return Input{Instance: NewInstance("p", Label{"tenant", "a"}), At: noon, Period: read(30 * Day), Burn: read}
}

func TestTheTierChoosesTheTarget(t *testing.T) {
	o := promise(t)
	in := Input{At: noon, Tier: "shared", Period: full(999_900, 100, 30*Day)}
	e := Evaluate(&o, in)
	require.Equal(t, Ratio(999_000_000), e.Target)
	require.Equal(t, OK, e.Status)
	require.InDelta(t, 0.0001, e.ErrorRatio, 0)
	in.Tier = "dedicated"
	e = Evaluate(&o, in)
	require.Equal(t, Ratio(999_900_000), e.Target)
	require.Equal(t, Exhausted, e.Status)
	require.Zero(t, e.ExhaustedIn)
}

func TestNoEventsAreNoData(t *testing.T) {
	o := promise(t)
	e := Evaluate(&o, steady(0, 0))
	require.Equal(t, NoDataYet, e.Status)
	require.True(t, math.IsNaN(e.ErrorRatio) && math.IsNaN(e.Budget.Remaining) && math.IsNaN(e.Burn[0].Rate))
	require.Equal(t, Never, e.ExhaustedIn)
	for _, c := range e.Conditions {
		require.False(t, c.Firing || c.Frozen)
	}
	e = Evaluate(&o, Input{At: noon, Burn: func(time.Duration) Tally { return Tally{} }})
	require.Equal(t, NoDataYet, e.Status, "nothing was expected yet")
}

// TestDetection walks through a total outage minute by minute: a pair of burn b
// is reached after W·b·B minutes, and not before.
func TestDetection(t *testing.T) {
	o := promise(t)
	want := map[string]int64{"page-1h": 1, "page-6h": 3, "ticket-1d": 5, "ticket-3d": 5}
	for name, minutes := range want {
		t.Run(name, func(t *testing.T) {
			require.False(t, firing(t, Evaluate(&o, steady(10, minutes-1)), name))
			require.True(t, firing(t, Evaluate(&o, steady(10, minutes)), name))
		})
	}
}

func firing(t *testing.T, e Evaluation, name string) bool {
	t.Helper()
	for _, c := range e.Conditions {
		if c.Pair.Name() == name {
			return c.Firing
		}
	}
	require.Fail(t, "no pair "+name)
	return false
}

func TestBothWindowsMustBurn(t *testing.T) {
	o := promise(t)
	over := steady(10, 10)
	e := Evaluate(&o, Input{At: noon, Period: over.Period, Burn: func(d time.Duration) Tally {
		if d <= 30*time.Minute {
			return full(300, 0, d) // it has ended
		}
		return over.Burn(d)
	}})
	require.False(t, firing(t, e, "page-1h"))
	require.False(t, firing(t, e, "page-6h"))
	require.True(t, firing(t, e, "ticket-1d"))
	require.Equal(t, Burning, e.Status)
}

func TestFrozen(t *testing.T) {
	o := promise(t)
	in := steady(10, 60)
	outage := in.Burn
	gap := func(d, missing time.Duration) Tally {
		tally := outage(d)
		tally.Measured -= min(int64(missing/time.Minute), tally.Measured)
		return tally
	}
	in.Burn = func(d time.Duration) Tally { return gap(d, 3*time.Minute) }
	e := Evaluate(&o, in)
	require.True(t, e.Conditions[0].Frozen, "two of five minutes are measured")
	require.False(t, e.Conditions[0].Firing)
	require.True(t, firing(t, e, "page-6h"), "the other pairs can be judged")
	require.Equal(t, Exhausted, Evaluate(&o, steady(10, 60)).Status)

	in = steady(10, 0)
	healthy := in.Burn
	in.Burn = func(d time.Duration) Tally {
		tally := healthy(d)
		tally.Measured = max(0, tally.Measured-3)
		return tally
	}
	require.Equal(t, InsufficientData, Evaluate(&o, in).Status)

	half := promise(t, "min_coverage: 40%")
	require.Equal(t, OK, Evaluate(&half, in).Status)

	in = steady(10, 0)
	in.Period.Measured = in.Period.Expected/2 - 1
	require.Equal(t, InsufficientData, Evaluate(&o, in).Status)
	in.Period.Excluded = 2
	require.Equal(t, OK, Evaluate(&o, in).Status, "what is excluded is not missed")
}

func TestYoungObjectivePagesAtOnce(t *testing.T) {
	o := promise(t)
	young := func(time.Duration) Tally { return full(0, 3, 3*time.Minute) }
	e := Evaluate(&o, Input{At: noon, Period: young(0), Burn: young})
	require.True(t, firing(t, e, "page-1h"))
	require.Equal(t, One, e.Coverage)
}

func TestCalendarPeriod(t *testing.T) {
	o := promise(t, "window: {calendar: month, zone: Europe/Berlin}")
	in := steady(1, 0)
	in.At = time.Date(2026, time.March, 1, 10, 0, 0, 0, zoneOf(t, "Europe/Berlin"))
	in.Period = full(590, 10, 10*time.Hour)
	e := Evaluate(&o, in)
	require.InDelta(t, 10/0.6, e.Budget.Consumed, 1e-9, "of the events so far")
	require.InDelta(t, 10/0.6*10/743, e.Prorated.Consumed, 1e-9, "March has 743 hours")
	require.Equal(t, OK, e.Status)
	require.Equal(t, 743*time.Hour, e.To.Sub(e.From))

	in.At = e.To
	e = Evaluate(&o, in)
	require.Equal(t, in.At, e.To, "a reading at the month's end is the month's")
}

func TestExhaustion(t *testing.T) {
	o := promise(t)
	in := steady(10, 0)
	in.Burn = func(d time.Duration) Tally { return full(uint64(d/time.Minute)*998, uint64(d/time.Minute)*2, d) } // burns 2
	in.Period = full(999_500, 500, 30*Day)
	e := Evaluate(&o, in)
	require.InDelta(t, float64(30*Day)*0.5/2, float64(e.ExhaustedIn), 1)
	require.Equal(t, Never, Evaluate(&o, steady(10, 0)).ExhaustedIn)
}

func TestEvaluateWithoutWindows(t *testing.T) {
	o := promise(t)
	e := Evaluate(&o, Input{At: noon, Period: full(1000, 0, 30*Day)})
	require.Empty(t, e.Conditions)
	require.Equal(t, OK, e.Status)
}
