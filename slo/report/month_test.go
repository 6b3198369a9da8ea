package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo/report"
)

func TestMonths(t *testing.T) {
	for name, tc := range map[string]struct {
		month string
		zone  *time.Location
		title string
		days  int
		hours float64
	}{
		"28 days":                  {"2026-02", nil, "February 2026", 28, 672},
		"29 days":                  {"2028-02", nil, "February 2028", 29, 696},
		"30 days":                  {"2026-09", nil, "September 2026", 30, 720},
		"an hour less in spring":   {"2026-03", berlin(t), "March 2026", 31, 743},
		"an hour more in autumn":   {"2026-10", berlin(t), "October 2026", 31, 745},
		"a midnight that is not":   {"2026-04", beirut(t), "April 2026", 30, 720},
		"the last of a year":       {"2026-12", berlin(t), "December 2026", 31, 744},
		"a day that never existed": {"2011-12", apia(t), "December 2011", 31, 720},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := report.ParseMonth(tc.month, tc.zone)
			require.NoError(t, err)
			require.Equal(t, tc.month, m.String())
			require.Equal(t, tc.title, m.Title())
			edges := m.Edges()
			from, to := m.Bounds()
			require.Len(t, edges, tc.days+1)
			require.True(t, edges[0].Equal(from) && edges[tc.days].Equal(to))
			require.InDelta(t, tc.hours, to.Sub(from).Hours(), 0)
			require.Equal(t, tc.month, report.MonthOf(from, tc.zone).String())
			require.Equal(t, tc.month, report.MonthOf(to, tc.zone).Before().String())
		})
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

func beirut(t *testing.T) *time.Location { t.Helper(); return zone(t, "Asia/Beirut") }

func apia(t *testing.T) *time.Location { t.Helper(); return zone(t, "Pacific/Apia") }

func TestParseMonthRefuses(t *testing.T) {
	for _, text := range []string{"", "2026", "2026-13", "2026-9", "September", "2026-09-01"} {
		_, err := report.ParseMonth(text, time.UTC)
		require.EqualError(t, err, `"`+text+`" is not a month; write one such as 2026-09`)
	}
}
