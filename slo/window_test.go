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

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name   string
		window Window
		at     string
		from   string
		to     string
	}{
		{"rolling", Window{Rolling: 30 * Day}, "2026-03-31T12:00:00Z", "2026-03-01T12:00:00Z", "2026-03-31T12:00:00Z"},
		{"month of 31 days and a lost hour", Window{Calendar: Month, Zone: zoneOf(t, "Europe/Berlin")}, "2026-03-15T12:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
		{"month in UTC", Window{Calendar: Month}, "2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"leap February", Window{Calendar: Month}, "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"first instant", Window{Calendar: Month}, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		{"week begins on Monday", Window{Calendar: Week}, "2026-03-01T10:00:00Z", "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"week before 1970", Window{Calendar: Week}, "1969-12-28T10:00:00Z", "1969-12-22T00:00:00Z", "1969-12-29T00:00:00Z"},
		{"quarter", Window{Calendar: Quarter}, "2026-05-05T00:00:00Z", "2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z"},
		{"year over the line", Window{Calendar: Year, Zone: zoneOf(t, "Asia/Tokyo")}, "2026-12-31T16:00:00Z", "2026-12-31T15:00:00Z", "2027-12-31T15:00:00Z"},
		{"anchor before the day", Window{Calendar: Month, Anchor: 15}, "2026-03-14T00:00:00Z", "2026-02-15T00:00:00Z", "2026-03-15T00:00:00Z"},
		{"anchor after the day", Window{Calendar: Month, Anchor: 15}, "2026-03-15T00:00:00Z", "2026-03-15T00:00:00Z", "2026-04-15T00:00:00Z"},
		{"anchor clamps to February", Window{Calendar: Month, Anchor: 31}, "2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"midnight that is skipped", Window{Calendar: Month, Zone: zoneOf(t, "America/Asuncion"), Anchor: 1}, "2023-10-15T12:00:00Z", "2023-10-01T04:00:00Z", "2023-11-01T03:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			require.NoError(t, err)
			from, to := c.window.Bounds(at)
			require.Equal(t, c.from, from.UTC().Format(time.RFC3339))
			require.Equal(t, c.to, to.UTC().Format(time.RFC3339))
		})
	}
}

// TestPeriodsTile asks of many instants in odd zones that each lies in exactly
// one period and that the next begins where it ends.
func TestPeriodsTile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	zones := []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Asuncion", "Asia/Kolkata", "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Beirut"}
	for _, name := range zones {
		for _, unit := range []Calendar{Week, Month, Quarter, Year} {
			w := Window{Calendar: unit, Zone: zoneOf(t, name)}
			for range 300 {
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
