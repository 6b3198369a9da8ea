package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/report"
)

// TestUncounted takes minutes out of a month of two instances: north is as old as the record, and south was first seen
// at noon of the 16th.
func TestUncounted(t *testing.T) {
	young := func(day int, minutes int64) slo.Tally {
		switch {
		case day < 16:
			return slo.Tally{}
		case day == 16:
			minutes /= 2
		}
		return steady(never)(day, minutes)
	}
	const head = "id: x\ncategory: correction\napprover: A\nreason: R\n"
	const planned = "id: x\ncategory: maintenance\napprover: A\nreason: R\n"
	for name, tc := range map[string]struct {
		exclusion                   string
		instances, minutes, late    int
		effect, when, about, reason string
	}{
		"both": {
			head + "scope: {}\nfrom: 2026-09-20T10:00:00Z\nduration: 30m\n", 2, 60, 0,
			"Removed 60 minutes of 2 promises", "Sun 20 Sep 2026 10:00 to 10:30", "All promises", "Correction: R. Approved by A.",
		},
		"across the first minute of one": {
			head + "scope: {}\nfrom: 2026-09-16T11:00:00Z\nduration: 90m\n", 2, 120, 0,
			"Removed 120 minutes of 2 promises", "Wed 16 Sep 2026 11:00 to 12:30", "All promises", "Correction: R. Approved by A.",
		},
		"before one was seen": {
			head + "scope: {}\nfrom: 2026-09-15T23:00:00Z\nduration: 2h\n", 1, 120, 0,
			"Removed 120 minutes of 1 promise", "Tue 15 Sep 2026 23:00 to Wed 16 Sep 2026 01:00", "All promises", "Correction: R. Approved by A.",
		},
		"one minute, as good": {
			head + "scope: {tenants: [north]}\nmode: as_good\nfrom: 2026-09-20T10:00:00Z\nduration: 1m\n", 1, 1, 0,
			"Counted 1 minute of 1 promise as good", "Sun 20 Sep 2026 10:00 to 10:01", "All promises, for north", "Correction: R. Approved by A.",
		},
		"begun in the month before": {
			head + "scope: {objectives: [jobs], tiers: [shared]}\nfrom: 2026-08-31T23:00:00Z\nduration: 2h\n", 1, 60, 0,
			"Removed 60 minutes of 1 promise", "Mon 31 Aug 2026 23:00 to Tue 1 Sep 2026 01:00", "Jobs finish, for tier shared", "Correction: R. Approved by A.",
		},
		"nobody": {
			head + "scope: {tenants: [east, west], tiers: [other]}\nfrom: 2026-09-20T10:00:00Z\nduration: 30m\n", 0, 0, 0,
			"Changed nothing: no promise was concerned", "Sun 20 Sep 2026 10:00 to 10:30", "All promises, for east and west where of tier other", "Correction: R. Approved by A.",
		},
		"announced too late": {
			planned + "scope: {tenants: [north]}\nannounced: 2026-09-20T10:01:00Z\nfrom: 2026-09-20T10:00:00Z\nduration: 30m\n", 0, 0, 30,
			"Does not count: it was announced after it began", "Sun 20 Sep 2026 10:00 to 10:30", "All promises, for north", "Maintenance: R. Approved by A, announced 20 September 2026 10:01.",
		},
		"announced for the later half": {
			planned + "scope: {tenants: [north]}\nannounced: 2026-09-12T00:00:00Z\nfrom: 2026-09-06T10:00:00Z\nduration: 30m\nrule: FREQ=WEEKLY;BYDAY=SU\nzone: Europe/Berlin\n", 1, 90, 30,
			"Removed 90 minutes of 1 promise; 30 minutes were announced too late and count as they are",
			"Every week on Sunday at 12:00 for 30m in Europe/Berlin, 4 times in this month", "All promises, for north", "Maintenance: R. Approved by A, announced 12 September 2026 00:00.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := single(t, steady(never))
			in.Tenants = append(in.Tenants, report.Tenant{Name: "south"})
			in.Days = days(in.Month, 31, map[slo.Instance]record{of("jobs", "north"): steady(never), of("jobs", "south"): young})
			in.Exclusions = exclusions(t, tc.exclusion)
			m := build(t, in)
			require.Len(t, m.Uncounted, 1)
			u := m.Uncounted[0]
			require.Equal(t, []int{tc.instances, tc.minutes, tc.late}, []int{u.Instances, int(u.Minutes), int(u.Late)})
			require.Equal(t, []string{tc.effect, tc.when, tc.about, tc.reason}, []string{u.Effect(), u.When, u.About, u.Why()})
			touched := 0
			for _, tier := range m.Tiers {
				for _, r := range tier.Rows {
					touched += len(r.Exclusions)
				}
			}
			require.Equal(t, tc.instances, touched)
		})
	}
}

func TestUncountedBelongsToTheMonth(t *testing.T) {
	in := single(t, steady(never))
	in.Exclusions = exclusions(t, "id: x\ncategory: correction\napprover: A\nreason: R\nscope: {}\nfrom: 2026-10-01T00:00:00Z\nduration: 30m\n")
	require.Empty(t, build(t, in).Uncounted, "it is of the next month")
	require.Contains(t, string(written(t, build(t, in).WriteHTML)), "Everything counted")

	in.Exclusions[0].From, in.Exclusions[0].To = in.Days[19].From.Add(time.Hour), in.Days[19].From.Add(3*time.Hour)
	in.Days = in.Days[:20]
	in.Through = in.Days[19].From.Add(2 * time.Hour)
	in.Days[19].Tallies[of("jobs", "north")] = slo.Tally{Measured: 60, Expected: 120, Excluded: 60}
	require.EqualValues(t, 60, build(t, in).Uncounted[0].Minutes, "what is still to come took nothing yet")
	in.Through = in.Days[19].From
	require.Empty(t, build(t, in).Uncounted)
}

// TestRemovedIsNotMissing removes whole days: nothing is missing of them, and they are no gaps in the chart.
func TestRemovedIsNotMissing(t *testing.T) {
	removed := func(day int, minutes int64) slo.Tally {
		if day >= 10 && day <= 12 {
			return slo.Tally{Expected: minutes, Excluded: minutes}
		}
		return steady(on(10, 5))(day, minutes)
	}
	require.Len(t, drawn(chartOf(t, removed), report.RoleLine1), 1)
	r := build(t, single(t, removed)).Tiers[0].Rows[0]
	require.Equal(t, "100%", r.Coverage())
	require.EqualValues(t, 3*1440, r.Excluded)
	require.Len(t, drawn(chartOf(t, unseen(steady(on(10, 5)), 10, 12)), report.RoleLine1), 2)
}
