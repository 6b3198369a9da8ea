package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLSNClock(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	type step struct {
		minute         int
		told, replayed int64
		want           time.Duration
	}
	for name, steps := range map[string][]step{
		"caught up":             {{0, 100, 100, 0}, {1, 100, 100, 0}, {2, 200, 200, 0}},
		"first seen behind":     {{0, 100, 90, 0}, {1, 100, 90, time.Minute}},
		"quiet, then behind":    {{0, 100, 100, 0}, {60, 200, 100, 0}, {61, 200, 100, time.Minute}},
		"paused under writes":   {{0, 100, 100, 0}, {1, 200, 100, 0}, {2, 300, 100, time.Minute}, {3, 400, 100, 2 * time.Minute}},
		"catching up":           {{0, 100, 100, 0}, {1, 200, 100, 0}, {2, 300, 200, 0}, {3, 400, 250, time.Minute}, {4, 400, 400, 0}},
		"replayed beyond told":  {{0, 100, 150, 0}, {1, 200, 150, 0}},
		"another history":       {{0, 500, 400, 0}, {1, 100, 90, 0}, {2, 100, 90, time.Minute}},
		"behind after catch-up": {{0, 100, 50, 0}, {1, 100, 100, 0}, {9, 100, 100, 0}, {10, 110, 100, 0}, {12, 110, 100, 2 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			var clock lsnClock
			for i, s := range steps {
				got, _ := clock.behind(start.Add(time.Duration(s.minute)*time.Minute), s.told, s.replayed)
				require.Equal(t, s.want, got, "step %d", i)
			}
		})
	}
}

// TestLSNClockOfALongPause keeps its memory bounded, and says the lag rather too long than too short.
func TestLSNClockOfALongPause(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	var clock lsnClock
	clock.behind(start, 0, 0)
	const days = 10 * 24 * 60
	for minute := range days {
		clock.behind(start.Add(time.Duration(minute+1)*time.Minute), int64(minute+1), 0)
	}
	require.LessOrEqual(t, len(clock.marks), keptMarks)
	end := start.Add(days * time.Minute)
	least, most := clock.behind(end, days, 0)
	require.Equal(t, (days-1)*time.Minute, least)
	require.Equal(t, days*time.Minute, most)
	replayed := int64(days / 2)
	truth := end.Sub(start.Add(time.Duration(replayed+1) * time.Minute))
	least, most = clock.behind(end, days, replayed)
	require.GreaterOrEqual(t, least, truth)
	require.Greater(t, most, truth)
}

// TestLagOfDifferingClocks: what the server measures counts as far as it can be true.
func TestLagOfDifferingClocks(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		lag, ahead string // as the server says, in the second round, a minute after the first
		want       time.Duration
	}{
		"clocks agree":                    {"20", "0.001", 20 * time.Second},
		"not known":                       {"", "", 0},
		"quiet before":                    {"3600", "0.001", time.Minute},
		"ours is an hour ahead":           {"3620", "3600", 20 * time.Second},
		"ours is an hour behind":          {"-3580", "-3600", 20 * time.Second},
		"ours is ahead, and nobody knows": {"3620", "", time.Minute},
		"ours is behind, likewise":        {"-3580", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var clock lsnClock
			say := func(minute int, told string) time.Duration {
				answer := map[string]string{"told": told, "replayed": "100", "lag": test.lag, "ahead": test.ahead}
				line := answered(answer)
				lag, known := clock.lag(start.Add(time.Duration(minute)*time.Minute), line.first())
				require.True(t, known)
				return lag
			}
			require.Zero(t, say(0, "100"))
			require.Equal(t, test.want, say(1, "200"))
			if test.want < time.Minute { // by the third round it has been behind for a minute at least
				require.Equal(t, max(test.want, time.Minute), say(2, "200"))
			}
		})
	}
}
