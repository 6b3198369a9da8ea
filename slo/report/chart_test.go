package report_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/report"
)

// drawn are the lines of a role.
func drawn(c report.Chart, role report.Role) [][]report.Point {
	var all [][]report.Point
	for _, m := range c.Marks {
		if m.Role == role && m.Text == "" {
			all = append(all, m.Points)
		}
	}
	return all
}

func chartOf(t *testing.T, records ...record) report.Chart {
	t.Helper()
	in, named := single(t, steady(never)), map[slo.Instance]record{}
	for i, r := range records {
		named[of("jobs", string(rune('a'+i)))] = r
	}
	in.Days = days(in.Month, 31, named)
	return build(t, in).Answers[0].Chart
}

func TestLineFallsWhereTheBudgetWent(t *testing.T) {
	lines := drawn(chartOf(t, steady(on(216, 3))), report.RoleLine1) // half of a month's 432 minutes, on the 3rd
	require.Len(t, lines, 1)
	line := lines[0]
	require.Len(t, line, 31, "the start and the end of each of 30 days")
	require.Equal(t, line[0].Y, line[2].Y, "level until the 3rd begins")
	require.Greater(t, line[3].Y, line[2].Y, "down on the 3rd")
	require.Equal(t, line[3].Y, line[30].Y, "level from then on")
	require.InDelta(t, (8.0+130.0)/2, line[30].Y, 0.1, "half of the height")
}

func TestMissingDaysAreGaps(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to int
		points   []int // of each stretch
	}{
		"in the middle":    {10, 12, []int{10, 19}},
		"at the beginning": {1, 2, []int{29}},
		"at the end":       {30, 30, []int{30}},
	} {
		t.Run(name, func(t *testing.T) {
			lines := drawn(chartOf(t, unseen(steady(on(10, 5)), tc.from, tc.to)), report.RoleLine1)
			var points []int
			for _, line := range lines {
				points = append(points, len(line))
			}
			require.Equal(t, tc.points, points)
		})
	}
}

func TestThreeWorstAreDrawnApart(t *testing.T) {
	c := chartOf(t, steady(on(10, 5)), steady(on(11, 5)), steady(on(12, 5)), steady(on(13, 5)), steady(never))
	var names []string
	var heights []float64
	for _, m := range c.Marks {
		if m.Strong {
			names, heights = append(names, m.Text), append(heights, m.Points[0].Y)
		}
	}
	require.Equal(t, []string{"d", "c", "b"}, names)
	slices.Sort(heights)
	for i := range heights[1:] {
		require.GreaterOrEqual(t, heights[i+1]-heights[i], 24.0, "labels do not overlap")
	}
}

func TestMarksStayOnThePlane(t *testing.T) {
	for name, c := range map[string]report.Chart{
		"total outage":  chartOf(t, steady(func(int) uint64 { return 1440 }), steady(on(1440, 30)), steady(on(1, 1))),
		"three at once": chartOf(t, steady(on(9, 1)), steady(on(9, 1)), steady(on(9, 1))),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, c.Marks)
			for _, m := range c.Marks {
				for _, p := range m.Points {
					require.True(t, p.X >= 0 && p.X <= c.Width && p.Y >= 0 && p.Y <= c.Height, "%+v", m)
				}
			}
		})
	}
}

func TestChartWithoutLinesSaysWhy(t *testing.T) {
	c := chartOf(t, steady(never))
	require.Empty(t, c.Marks)
	require.Equal(t, "No failure was recorded in what was measured.", c.Summary)
	c = chartOf(t)
	require.Empty(t, c.Marks)
	require.Equal(t, "Nothing was measured.", c.Summary)
}
