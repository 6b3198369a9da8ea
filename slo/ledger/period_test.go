package ledger

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

var instances = cmpopts.EquateComparable(slo.Instance{})

// monthly is a promise per month in Berlin.
func monthly(t *testing.T) slo.Objective {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	o := promise("login", "a")
	o.Window, o.MinCoverage = slo.Window{Calendar: slo.Month, Zone: zone}, slo.One/2
	return o
}

func TestClosedPeriodNeverChanges(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	l.db.NoSync = true
	o := monthly(t)
	end := time.Date(2026, time.March, 31, 22, 0, 0, 0, time.UTC) // midnight in Berlin
	settle := func() []Closed {
		closed, err := l.Settle([]slo.Objective{promise("mail", "rolls"), o}, tierOf, time.Hour)
		require.NoError(t, err)
		return closed
	}
	out := slo.Exclusion{ID: "x", From: start, To: start.Add(time.Hour), Mode: slo.Remove, Category: slo.Correction}
	other := slo.Exclusion{ID: "y", From: end, To: end.Add(time.Hour), Mode: slo.Remove, Category: slo.Correction}
	require.NoError(t, l.SetExclusions([]slo.Exclusion{out, other}, tierOf))
	for at := start; at.Before(end.Add(2 * time.Hour)); at = at.Add(time.Minute) {
		require.NoError(t, l.Append(at, []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: 1}}}))
		if at.Equal(end.Add(time.Minute)) {
			require.NoError(t, l.Append(at, []slo.Delta{{Instance: tenant(2), Counts: slo.Counts{Good: 1}}}))
		}
		if l.Through().Before(end.Add(time.Hour)) {
			require.Empty(t, settle(), "the grace is not over at %s", l.Through())
		}
	}
	minutes := int64(end.Sub(start) / time.Minute)
	consumed := 0.0
	want := []Closed{{
		Instance: tenant(1), Window: "month in Europe/Berlin",
		From: time.Date(2026, time.February, 28, 23, 0, 0, 0, time.UTC), To: end, ClosedAt: l.Through(),
		Measures: "a succeeds", Tier: "dedicated", Target: 900_000_000, Status: slo.OK,
		Recorded:   slo.Tally{Counts: slo.Counts{Good: uint64(minutes - 60)}, Measured: minutes - 60, Expected: minutes, Excluded: 60},
		Judged:     slo.Tally{Counts: slo.Counts{Good: uint64(minutes - 60)}, Measured: minutes - 60, Expected: minutes, Excluded: 60},
		Consumed:   &consumed,
		Exclusions: []slo.Exclusion{out},
	}}
	require.Empty(t, cmp.Diff(want, settle(), instances), "not tenant 2, who came later")
	require.Empty(t, settle())

	require.NoError(t, l.SetExclusions(nil, tierOf))
	require.NoError(t, l.Add(start, []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Bad: 9}}}))
	o.Targets.Default = slo.One / 2
	require.Empty(t, settle())
	require.NoError(t, l.Close())

	l = open(t, dir)
	require.Empty(t, settle(), "nor after a restart")
	got, err := l.Periods(tenant(1))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got, instances))
	all, err := l.Closed(want[0].From, end)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, all, instances))
	for _, out := range [][2]time.Time{{want[0].From.Add(1), end}, {want[0].From, end.Add(-1)}} {
		none, err := l.Closed(out[0], out[1])
		require.NoError(t, err)
		require.Empty(t, none)
	}
	one, ok, err := l.Period(tenant(1), o.Window, want[0].From)
	require.NoError(t, err)
	require.True(t, ok)
	require.Empty(t, cmp.Diff(want[0], one, instances))
	for _, never := range []struct {
		i    slo.Instance
		w    slo.Window
		from time.Time
	}{{tenant(2), o.Window, want[0].From}, {tenant(1), slo.Window{Calendar: slo.Month}, want[0].From}, {tenant(1), o.Window, end}} {
		_, ok, err = l.Period(never.i, never.w, never.from)
		require.NoError(t, err)
		require.False(t, ok)
	}

	// What is filled in for an instance that had no record is closed too.
	require.NoError(t, l.Add(start, []slo.Delta{{Instance: tenant(2), Counts: slo.Counts{Bad: 1}}}))
	closed := settle()
	require.Len(t, closed, 1)
	require.Equal(t, tenant(2), closed[0].Instance)
	require.Equal(t, slo.InsufficientData, closed[0].Status)
}

// TestPeriodsDuringDowntimeAreClosed finds several months over at once.
func TestPeriodsDuringDowntimeAreClosed(t *testing.T) {
	l := appended(t, 5)
	require.NoError(t, l.Append(start.Add(50*slo.Day), good(1, 1)))
	require.NoError(t, l.Append(start.Add(100*slo.Day), good(1, 1)))
	believe(t, l)
	closed, err := l.Settle([]slo.Objective{monthly(t)}, tierOf, time.Hour)
	require.NoError(t, err)
	var months []time.Month
	for _, c := range closed {
		months = append(months, c.To.Add(-time.Minute).Month())
	}
	require.Equal(t, []time.Month{time.March, time.May}, months, "nothing was measured in April and June")
}

// believe lets as much time go by as it takes until the clock is believed.
func believe(t *testing.T, l *Ledger) {
	t.Helper()
	l.doubt = min(l.doubt, 1)
	require.NoError(t, l.Append(l.Through(), nil))
	require.Zero(t, l.Stats().Skipped)
}

// TestClockAheadClosesNothing has a clock that is ahead for some minutes or to
// stay, and is set while the daemon runs or before it starts: the month closes
// when it is truly over.
func TestClockAheadClosesNothing(t *testing.T) {
	const always = 1 << 20
	end := time.Date(2026, time.March, 31, 22, 0, 0, 0, time.UTC)
	before := end.Add(-5 * time.Hour)
	for name, c := range map[string]struct{ ahead, minutes, restarts int }{
		"never":                           {0, 0, 0},
		"one minute":                      {23 * 1440, 1, 0},
		"some minutes":                    {23 * 1440, 60, 0},
		"some minutes, and restarts":      {23 * 1440, 120, 40},
		"by hours":                        {7 * 60, 1, 0},
		"for hours":                       {1440, 300, 0},
		"until after the end":             {1440, 365, 0},
		"to stay":                         {1440, always, 0},
		"to stay, with restarts":          {1440, always, 50},
		"by years, to stay":               {5 * 365 * 1440, always, 0},
		"from the first minute of a life": {1440, always, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := Open(dir, DefaultOptions())
			require.NoError(t, err)
			require.NoError(t, l.Append(before.Add(-time.Minute), good(1, 1)))
			for n := 0; ; n++ {
				if n < c.restarts || c.restarts > 1 && n%c.restarts == 0 {
					require.NoError(t, l.Close())
					l, err = Open(dir, DefaultOptions())
					require.NoError(t, err)
				}
				truly := before.Add(time.Duration(n) * time.Minute)
				shown := truly
				if n < c.minutes {
					shown = truly.Add(time.Duration(c.ahead) * time.Minute)
				}
				require.NoError(t, l.Append(shown, good(1, 1)))
				closed, err := l.Settle([]slo.Objective{monthly(t)}, tierOf, time.Hour)
				require.NoError(t, err)
				if truly.Add(time.Minute).Before(end.Add(time.Hour)) {
					require.Empty(t, closed, "not over at %s, when the clock says %s", truly, shown)
					continue
				}
				require.Len(t, closed, 1)
				break
			}
			require.NoError(t, l.Close())
		})
	}
}

// TestSkippedTimeIsBelievedAfterAWeek closes what ended in a long downtime when
// the clock has gone on for a week, and not sooner, though the file is rewritten meanwhile.
func TestSkippedTimeIsBelievedAfterAWeek(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	require.NoError(t, l.Append(start.AddDate(0, 0, -20), good(1, 1)))
	require.NoError(t, l.Append(start.AddDate(0, 0, 20), good(1, 1)))
	require.NoError(t, l.Close())
	_, _, err = Compact(dir, DefaultOptions())
	require.NoError(t, err)
	spoil(t, dir, func(d []byte) []byte { clear(d[:2*os.Getpagesize()]); return d })
	l = open(t, dir)
	require.NotNil(t, l.Stats().Recovery)
	require.NoError(t, l.Append(l.Through().Add(2*time.Hour), nil))
	require.Equal(t, 40*slo.Day-time.Minute, l.Stats().Skipped, "a shorter one changes nothing")
	settle := func() []Closed {
		closed, err := l.Settle([]slo.Objective{monthly(t)}, tierOf, time.Hour)
		require.NoError(t, err)
		return closed
	}
	for n := 1; n < 7*1440; n++ {
		require.NoError(t, l.Append(l.Through(), nil))
		if n%1000 == 0 {
			require.Empty(t, settle(), "after %d minutes", n)
			require.NoError(t, l.Append(l.Through().Add(-time.Minute), nil), "the same minute again")
		}
	}
	require.Empty(t, settle())
	require.NoError(t, l.Append(l.Through().Add(59*time.Minute), nil))
	require.Len(t, settle(), 1)
	require.Zero(t, l.Stats().Skipped)
}

// TestClockAheadCostsNoMinute has a clock that is ahead by years, so that all is
// past the retention.
func TestClockAheadCostsNoMinute(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	for n := range 3 {
		require.NoError(t, l.Append(after(n), good(1, 1)))
	}
	for n := range 3 {
		require.NoError(t, l.Append(after(n).AddDate(3, 0, 0), good(1, 1)))
	}
	require.NoError(t, l.Close())
	_, _, err = Compact(dir, DefaultOptions())
	require.NoError(t, err)
	spoil(t, dir, func(d []byte) []byte { clear(d[:2*os.Getpagesize()]); return d })
	l = open(t, dir)
	require.NoError(t, l.Add(after(3), good(1, 1)), "nor is the time over to add some")
	require.NoError(t, l.Append(after(4), good(1, 1)), "it is set")
	got, err := l.Sum(tenant(1), after(0), after(5))
	require.NoError(t, err)
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 5}, Measured: 5, Expected: 5}, got)
}

// TestPeriodClosesAfterDowntime finds the month over after a day without a watch.
// It waits as long as if the day had not passed.
func TestPeriodClosesAfterDowntime(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	end := time.Date(2026, time.March, 31, 22, 0, 0, 0, time.UTC)
	require.NoError(t, l.Append(end.Add(-2*time.Hour), good(1, 1)))
	require.NoError(t, l.Close())
	l = open(t, dir)
	var closed []int
	for n := range 200 {
		require.NoError(t, l.Append(end.Add(22*time.Hour+time.Duration(n)*time.Minute), good(1, 1)))
		all, err := l.Settle([]slo.Objective{monthly(t)}, tierOf, time.Hour)
		require.NoError(t, err)
		for range all {
			closed = append(closed, n)
		}
	}
	require.Equal(t, []int{178}, closed)
}

// TestSettleAnswersWhatItClosedBeforeItFailed has an instance whose period
// cannot be written.
func TestSettleAnswersWhatItClosedBeforeItFailed(t *testing.T) {
	l := open(t, t.TempDir())
	first, second := monthly(t), monthly(t)
	second.Name = "mail"
	endless := slo.NewInstance("mail", slo.Label{Name: "tenant", Value: strings.Repeat("x", bbolt.MaxKeySize)})
	require.NoError(t, l.Add(start, []slo.Delta{{Instance: tenant(1)}, {Instance: endless}}))
	require.NoError(t, l.Append(start.Add(20*slo.Day), nil))
	closed, err := l.Settle([]slo.Objective{first, second}, tierOf, time.Hour)
	require.ErrorContains(t, err, "close a period of mail: ")
	require.Len(t, closed, 1)
	kept, err := l.Periods(tenant(1))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(kept, closed, instances))
}

// TestPeriodsAreOfWhatWasMeasured closes a month for those with a measured
// minute in it, excluded or not, and for another when one comes late.
func TestPeriodsAreOfWhatWasMeasured(t *testing.T) {
	l := open(t, t.TempDir())
	settle := func() (all []slo.Instance) {
		closed, err := l.Settle([]slo.Objective{monthly(t)}, tierOf, time.Hour)
		require.NoError(t, err)
		for _, c := range closed {
			all = append(all, c.Instance)
		}
		return all
	}
	gone, carried, excluded, living := tenant(1), tenant(2), tenant(7), tenant(8)
	require.NoError(t, l.Add(start, []slo.Delta{{Instance: gone}, {Instance: carried}, {Instance: excluded}, {Instance: living}}))
	may := start.AddDate(0, 1, 10)
	require.NoError(t, l.Add(may, []slo.Delta{{Instance: carried, Carried: true}, {Instance: excluded}, {Instance: living}}))
	out := slo.Exclusion{ID: "x", From: may, To: may.Add(time.Hour), Mode: slo.Remove, Category: slo.Correction, Scope: slo.Scope{Tenants: []string{excluded.Tenant()}}}
	require.NoError(t, l.SetExclusions([]slo.Exclusion{out}, tierOf))
	require.NoError(t, l.Append(start.AddDate(0, 0, 10), nil))
	require.ElementsMatch(t, []slo.Instance{gone, carried, excluded, living}, settle(), "March")
	require.NoError(t, l.Append(may.AddDate(0, 1, 0), nil))
	believe(t, l)
	require.ElementsMatch(t, []slo.Instance{excluded, living}, settle(), "April nobody, May two")
	require.Empty(t, settle())

	require.NoError(t, l.Add(may, []slo.Delta{{Instance: gone}}))
	require.Equal(t, []slo.Instance{gone}, settle(), "what comes late is not lost")
	require.Empty(t, settle())
}

// TestLastPeriodHasTheLastTier closes the month in which a tenant left, after a
// restart with exclusions for its tier.
func TestLastPeriodHasTheLastTier(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	require.NoError(t, l.Append(start, append(good(1, 1), good(8, 1)...)))
	there := func(i slo.Instance) (string, bool) { return tierOf(i), true }
	l.Attend(there)
	require.NoError(t, l.Append(start.Add(time.Minute), append(good(1, 1), good(8, 1)...)))
	gone := func(slo.Instance) (string, bool) { return "", false }
	l.Attend(gone)
	require.NoError(t, l.Close(), "which writes who left")

	l = open(t, dir)
	l.Attend(gone)
	untold := func(slo.Instance) string { return "" }
	dedicated := slo.Exclusion{ID: "x", From: start, To: start.Add(time.Minute), Mode: slo.Remove, Scope: slo.Scope{Tiers: []string{"dedicated"}}}
	require.NoError(t, l.SetExclusions([]slo.Exclusion{dedicated}, untold))
	o := monthly(t)
	o.Targets.ByTier = map[string]slo.Ratio{"dedicated": slo.One / 100 * 99}
	require.NoError(t, l.Append(start.AddDate(0, 0, 5), good(8, 1)))
	believe(t, l)
	closed, err := l.Settle([]slo.Objective{o}, untold, time.Hour)
	require.NoError(t, err)
	require.Len(t, closed, 2)
	for _, c := range closed {
		require.Equal(t, tierOf(c.Instance), c.Tier)
		if c.Tier == "dedicated" {
			require.Equal(t, slo.One/100*99, c.Target)
			require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 1}, Measured: 1, Expected: 2, Excluded: 1}, c.Recorded, "nothing after it left")
			require.Equal(t, []slo.Exclusion{dedicated}, c.Exclusions)
		}
	}
	l.Attend(func(slo.Instance) (string, bool) { return "", true })
	require.Empty(t, l.records[0].Tier, "one may lose its tier")
}
