package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/report"
)

// monthly is single with a promise over calendar months, of which the record shows no failure any more.
func monthly(t *testing.T) report.Input {
	in := single(t, steady(never))
	in.Objectives[0].Window = slo.Window{Calendar: slo.Month}
	c := frozen(in.Month, of("jobs", "north"), slo.Counts{Good: 42_000, Bad: 1200})
	c.Recorded.Measured -= 4320
	c.Judged.Measured -= 4320
	c.Exclusions = exclusions(t, "id: revoked\ncategory: correction\napprover: A\nreason: R\nscope: {}\nfrom: 2026-09-20T10:00:00Z\nduration: 30m\n")
	in.Closed = []report.Closed{c}
	return in
}

func TestClosedIsFinal(t *testing.T) {
	in := monthly(t)
	m := build(t, in)
	r := m.Tiers[0].Rows[0]
	require.Equal(t, "dedicated", m.Tiers[0].Name, "the tier of then")
	require.True(t, r.Final)
	require.Equal(t, in.Closed[0].At, r.ClosedAt)
	require.Equal(t, report.Broken, r.Verdict)
	require.Equal(t, []string{"98%", "97.222%", "138.9%", "90%"}, []string{r.Target.String(), r.Achieved(), r.Budget(), r.Coverage()})
	require.Equal(t, []string{"revoked"}, r.Exclusions, "as it was laid over it then")
	require.EqualValues(t, 30, m.Uncounted[0].Minutes)
	require.Contains(t, m.Scope, "1 of the promises are final")

	in.Exclusions = exclusions(t, "id: later\ncategory: correction\napprover: A\nreason: R\nscope: {}\nfrom: 2026-09-21T10:00:00Z\nduration: 30m\n")
	m = build(t, in)
	require.Len(t, m.Uncounted, 2)
	require.Zero(t, m.Uncounted[1].Minutes, "it came after the month was closed")

	require.Empty(t, m.Answers[0].Chart.Marks, "the record says something else now")
	require.Empty(t, m.WorstDays)
	in.Objectives[0].NoData = slo.NoDataBad
	require.Equal(t, "97.222%", build(t, in).Tiers[0].Rows[0].Achieved(), "missing minutes were read then")
	in.Closed[0].Judged.Counts = slo.Counts{Good: 43_200}
	in.Closed[0].Status = slo.InsufficientData
	require.Equal(t, report.NotEnoughData, build(t, in).Tiers[0].Rows[0].Verdict)
}

// TestClosedAsRecorded closes a month whose record has stayed as it was.
func TestClosedAsRecorded(t *testing.T) {
	in := monthly(t)
	in.Days = days(in.Month, 31, map[slo.Instance]record{of("jobs", "north"): steady(on(1200, 3))})
	m := build(t, in)
	require.Equal(t, "3 Sep 138.9%", m.WorstDays[0].Label[4:]+" "+m.WorstDays[0].Budget(), "of the target of then")
	require.Contains(t, m.Answers[0].Chart.Summary, "38.9% over")
}

func TestClosedOutlivesItsRecord(t *testing.T) {
	in := monthly(t)
	in.Days = nil
	m := build(t, in)
	require.Equal(t, "97.222%", m.Tiers[0].Rows[0].Achieved())
	require.Empty(t, m.Answers[0].Chart.Marks, "no day of it is known")
	require.NotEmpty(t, written(t, m.WritePDF))
}

func TestClosedOfOthersIsIgnored(t *testing.T) {
	for name, change := range map[string]func(*report.Input){
		"a rolling window now":   func(in *report.Input) { in.Objectives[0].Window = slo.Window{Rolling: 30 * slo.Day} },
		"a quarter":              func(in *report.Input) { in.Closed[0].From = in.Closed[0].From.AddDate(0, -2, 0) },
		"a month of other zones": func(in *report.Input) { in.Closed[0].To = in.Closed[0].To.Add(time.Hour) },
		"no objective any more":  func(in *report.Input) { in.Closed[0].Instance = of("other", "north") },
	} {
		t.Run(name, func(t *testing.T) {
			in := monthly(t)
			change(&in)
			m := build(t, in)
			require.Len(t, m.Tiers, 1)
			require.False(t, m.Tiers[0].Rows[0].Final)
			require.Equal(t, report.Kept, m.Tiers[0].Rows[0].Verdict)
		})
	}
}
