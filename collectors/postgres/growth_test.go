package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const megabyte = 1_000_000

// after is the trail of something that was measured four times an hour for so long.
func after(lasted time.Duration, over span, size func(age time.Duration) float64) trail {
	var t trail
	for age := time.Duration(0); age <= lasted; age += 15 * time.Minute {
		t = t.add(point{t0.Add(age), int64(size(age))}, over)
	}
	return t
}

func TestGrowth(t *testing.T) {
	day, week := spans[0], spans[1]
	perHour := func(megabytes float64) float64 { return megabytes * megabyte / 3600 }
	steady := func(age time.Duration) float64 { return 1e9 + 10*megabyte*age.Hours() }
	for name, test := range map[string]struct {
		lasted time.Duration
		over   span
		size   func(age time.Duration) float64
		want   float64 // bytes a second; -1 where it is not known
	}{
		"too young for a day":  {5 * time.Hour, day, steady, -1},
		"a quarter of a day":   {6 * time.Hour, day, steady, perHour(10)},
		"a day":                {30 * time.Hour, day, steady, perHour(10)},
		"too young for a week": {41 * time.Hour, week, steady, -1},
		"a week":               {10 * 24 * time.Hour, week, steady, perHour(10)},
		"standing still":       {30 * time.Hour, day, func(time.Duration) float64 { return 5e9 }, 0},
		"shrinking":            {30 * time.Hour, day, func(age time.Duration) float64 { return 5e9 - megabyte*age.Hours() }, perHour(-1)},
		"an import undone": {24 * time.Hour, day, func(age time.Duration) float64 {
			if age > 10*time.Hour && age < 14*time.Hour {
				return 50e9
			}
			return steady(age)
		}, perHour(10)},
		"a table rewritten": {24 * time.Hour, day, func(age time.Duration) float64 {
			if age > 22*time.Hour {
				return steady(age) - 500*megabyte
			}
			return steady(age)
		}, perHour(10)},
		"by day only": {7 * 24 * time.Hour, week, func(age time.Duration) float64 {
			days := float64(int(age.Hours() / 24))
			return 1e9 + 240*megabyte*(days+min(1, (age.Hours()-24*days)/8))
		}, perHour(10)},
		"what has been is forgotten": {5 * 24 * time.Hour, day, func(age time.Duration) float64 {
			if age < 48*time.Hour {
				return 10e9 * age.Hours()
			}
			return 480e9 + megabyte*age.Hours()
		}, perHour(1)},
	} {
		t.Run(name, func(t *testing.T) {
			kept := after(test.lasted, test.over, test.size)
			require.LessOrEqual(t, len(kept), test.over.steps+1)
			got, known := kept.growth(test.over)
			require.Equal(t, test.want != -1, known)
			if known {
				require.InDelta(t, test.want, got, perHour(2), "%.1f MB an hour", got*3600/megabyte)
			}
		})
	}
}

func TestTrailOfAClockThatWasSetBack(t *testing.T) {
	kept := after(10*time.Hour, spans[0], func(time.Duration) float64 { return 1 })
	kept = kept.add(point{t0.Add(-time.Hour), 7}, spans[0])
	require.Equal(t, trail{{t0.Add(-time.Hour), 7}}, kept)
}

func TestTimeTo(t *testing.T) {
	var unknown, day, both, slower, shrinking rates
	day[0].rate, day[0].known = 1000, true
	both = day
	both[1].rate, both[1].known = 4000, true
	slower = day
	slower[1].rate, slower[1].known = 10, true
	shrinking[0].rate, shrinking[0].known = -1, true
	for name, test := range map[string]struct {
		rates rates
		free  float64
		want  time.Duration
		known bool
	}{
		"nothing known":  {unknown, 1e6, longest, false},
		"one window":     {day, 1e6, 1000 * time.Second, true},
		"the faster":     {both, 1e6, 250 * time.Second, true},
		"of late only":   {slower, 1e6, 1000 * time.Second, true},
		"not growing":    {shrinking, 1e6, longest, true},
		"hardly growing": {day, 1e15, longest, true},
		"full already":   {both, 0, 0, true},
		"more than full": {both, -5, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, known := test.rates.timeTo(test.free)
			require.Equal(t, test.known, known)
			require.Equal(t, test.want, got)
		})
	}
}
