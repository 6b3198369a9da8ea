package slo

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

// TestPeriodsTile asks of many instants in odd zones that each lies in exactly
// one period and that the next begins where it ends.
func TestPeriodsTile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	zones := []string{
		"UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Moscow", "Europe/Chisinau", "America/New_York",
		"America/Sao_Paulo", "America/Asuncion", "America/Santiago", "America/Havana", "America/St_Johns", "America/Caracas", "America/Godthab",
		"America/Scoresbysund", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza", "Asia/Amman", "Asia/Damascus", "Asia/Pyongyang",
		"Asia/Tokyo", "Asia/Beirut", "Africa/Cairo", "Africa/Casablanca", "Africa/Monrovia", "Australia/Lord_Howe", "Australia/Adelaide",
		"Pacific/Apia", "Pacific/Kiritimati", "Pacific/Kwajalein", "Pacific/Chatham", "Pacific/Marquesas", "Antarctica/Troll", "Antarctica/Casey",
	}
	for _, name := range zones {
		for _, unit := range []Calendar{Week, Month, Quarter, Year} {
			w := Window{Calendar: unit, Zone: zoneOf(t, name)}
			for range 100 {
				if unit != Week {
					w.Anchor = r.IntN(32)
				}
				at := time.Unix(r.Int64N(2<<30), 0)
				from, to := w.Bounds(at)
				require.True(t, !at.Before(from) && at.Before(to), "%s holds %s", w, at)
				next, _ := w.Bounds(to)
				require.True(t, next.Equal(to), "%s after %s", w, at)
				ending, _ := w.Ending(to)
				require.True(t, ending.Equal(from), "a reading at the period's end speaks of it")
				days := to.Sub(from).Hours() / 24
				require.InDelta(t, w.Nominal().Hours()/24, days, 6)
			}
		}
	}
}

func TestDays(t *testing.T) {
	berlin := zoneOf(t, "Europe/Berlin")
	from := time.Date(2026, time.March, 28, 13, 0, 0, 0, berlin)
	days := Days(from, from.AddDate(0, 0, 2), berlin)
	require.Len(t, days, 4)
	require.Equal(t, 24*time.Hour, days[1].Sub(days[0]))
	require.Equal(t, 23*time.Hour, days[2].Sub(days[1]))
	require.Len(t, Days(days[0], days[1], berlin), 2, "edges on midnights are not widened")
}

func TestWindowText(t *testing.T) {
	require.Equal(t, "30d", Window{Rolling: 30 * Day}.String())
	require.Equal(t, "month", Window{Calendar: Month}.String())
	require.Equal(t, "month from day 15 in Europe/Berlin", Window{Calendar: Month, Anchor: 15, Zone: zoneOf(t, "Europe/Berlin")}.String())
}
