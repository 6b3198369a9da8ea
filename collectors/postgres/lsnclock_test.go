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
				got := clock.behind(start.Add(time.Duration(s.minute)*time.Minute), s.told, s.replayed)
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
	require.Equal(t, (days-1)*time.Minute, clock.behind(end, days, 0))
	replayed := int64(days / 2)
	truth := end.Sub(start.Add(time.Duration(replayed+1) * time.Minute))
	require.GreaterOrEqual(t, clock.behind(end, days, replayed), truth)
}
