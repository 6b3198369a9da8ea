package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

func exclusion(from, to int, mode slo.ExclusionMode, scope slo.Scope) slo.Exclusion {
	return slo.Exclusion{From: after(from), To: after(to), Mode: mode, Scope: scope, Category: slo.Correction}
}

// mixed is 200 minutes of two tenants of two tiers, each with 2 good and 1 bad
// events a minute.
func mixed(t *testing.T) *Ledger {
	t.Helper()
	l := open(t, t.TempDir())
	require.NoError(t, l.Watch([]slo.Window{day}))
	for n := range 200 {
		c := slo.Counts{Good: 2, Bad: 1}
		require.NoError(t, l.Append(after(n), []slo.Delta{{Instance: tenant(1), Counts: c}, {Instance: tenant(8), Counts: c}}))
	}
	return l
}

func tally(good, bad uint64, measured, excluded int64) slo.Tally {
	return slo.Tally{Counts: slo.Counts{Good: good, Bad: bad}, Measured: measured, Expected: 200, Excluded: excluded}
}

func TestExclusions(t *testing.T) {
	whole := tally(400, 200, 200, 0)
	for name, c := range map[string]struct {
		exclusions       []slo.Exclusion
		dedicated, share slo.Tally
	}{
		"nothing":            {nil, whole, whole},
		"removed":            {[]slo.Exclusion{exclusion(10, 110, slo.Remove, slo.Scope{})}, tally(200, 100, 100, 100), tally(200, 100, 100, 100)},
		"as good":            {[]slo.Exclusion{exclusion(10, 110, slo.AsGood, slo.Scope{})}, tally(500, 100, 200, 0), tally(500, 100, 200, 0)},
		"one minute":         {[]slo.Exclusion{exclusion(63, 64, slo.Remove, slo.Scope{})}, tally(398, 199, 199, 1), tally(398, 199, 199, 1)},
		"of a tier":          {[]slo.Exclusion{exclusion(10, 110, slo.Remove, slo.Scope{Tiers: []string{"dedicated"}})}, tally(200, 100, 100, 100), whole},
		"of a tenant":        {[]slo.Exclusion{exclusion(10, 110, slo.Remove, slo.Scope{Tenants: []string{"clinic-008"}})}, whole, tally(200, 100, 100, 100)},
		"of another promise": {[]slo.Exclusion{exclusion(10, 110, slo.Remove, slo.Scope{Objectives: []string{"mail"}})}, whole, whole},
		"before all":         {[]slo.Exclusion{exclusion(-100, 0, slo.Remove, slo.Scope{})}, whole, whole},
		"to come":            {[]slo.Exclusion{exclusion(200, 300, slo.Remove, slo.Scope{})}, whole, whole},
		"removed over as good, in part": {
			[]slo.Exclusion{exclusion(0, 20, slo.AsGood, slo.Scope{}), exclusion(10, 30, slo.Remove, slo.Scope{}), exclusion(15, 40, slo.AsGood, slo.Scope{})},
			tally(3*20+2*160, 160, 180, 20), tally(3*20+2*160, 160, 180, 20),
		},
		"twice the same": {[]slo.Exclusion{exclusion(0, 20, slo.Remove, slo.Scope{}), exclusion(0, 20, slo.Remove, slo.Scope{})}, tally(360, 180, 180, 20), tally(360, 180, 180, 20)},
	} {
		t.Run(name, func(t *testing.T) {
			l := mixed(t)
			for _, round := range []struct {
				all              []slo.Exclusion
				dedicated, share slo.Tally
			}{{c.exclusions, c.dedicated, c.share}, {nil, whole, whole}, {c.exclusions, c.dedicated, c.share}} {
				require.NoError(t, l.SetExclusions(round.all, tierOf))
				require.Equal(t, round.dedicated, l.Tally(tenant(1), day))
				require.Equal(t, round.share, l.Tally(tenant(8), day))
				got, err := l.Sum(tenant(1), start, l.Through())
				require.NoError(t, err)
				require.Equal(t, round.dedicated, got)
				raw, err := l.SumRaw(tenant(1), start, l.Through())
				require.NoError(t, err)
				require.Equal(t, whole, raw)
			}
		})
	}
}

func TestTierMayChange(t *testing.T) {
	l := mixed(t)
	all := []slo.Exclusion{exclusion(10, 110, slo.Remove, slo.Scope{Tiers: []string{"shared"}})}
	require.NoError(t, l.SetExclusions(all, tierOf))
	require.Zero(t, l.Tally(tenant(1), day).Excluded)
	require.NoError(t, l.SetExclusions(all, func(slo.Instance) string { return "shared" }))
	require.Equal(t, tally(200, 100, 100, 100), l.Tally(tenant(1), day))
}

// TestRecurringExclusionsGoOn lets a month pass by steps of a minute, of days,
// and back, with one call at its start only.
func TestRecurringExclusionsGoOn(t *testing.T) {
	l := appended(t, 1)
	nightly := slo.Exclusion{
		From: start.Truncate(slo.Day).Add(22 * time.Hour), To: start.Truncate(slo.Day).Add(23 * time.Hour),
		Rule: "FREQ=DAILY", Mode: slo.Remove, Category: slo.Correction,
	}
	require.NoError(t, l.SetExclusions([]slo.Exclusion{nightly}, tierOf))
	for _, at := range []int{60 * 24 * 9, 60*24*20 + 1, 60 * 24 * 3, 60 * 24 * 28} {
		for n := range 1440 {
			require.NoError(t, l.Append(after(at+n), good(1, 1)))
		}
		got := l.Tally(tenant(1), day)
		require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 1380}, Measured: 1380, Expected: 1440, Excluded: 60}, got, "day %d", at/1440)
	}
	// A new instance, and one whose history begins earlier than all.
	require.NoError(t, l.Add(after(-4*1440), good(2, 1)))
	got, err := l.Sum(tenant(2), after(-4*1440), after(0))
	require.NoError(t, err)
	require.Zero(t, got.Excluded, "the rule had not begun")
	got, err = l.Sum(tenant(2), after(0), after(1440))
	require.NoError(t, err)
	require.Equal(t, int64(60), got.Excluded)
}

// TestExclusionsReachNoFurtherThanMinutes keeps an hour whose minutes are gone,
// rather than to take it out whole.
func TestExclusionsReachNoFurtherThanMinutes(t *testing.T) {
	l, err := Open(t.TempDir(), Options{Retention: minRetention})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	l.db.NoSync = true
	from := start.Truncate(time.Hour)
	for n := range 61 {
		require.NoError(t, l.Append(from.Add(time.Duration(n)*time.Minute), good(1, 1)))
	}
	require.NoError(t, l.SetExclusions([]slo.Exclusion{{From: from, To: from.Add(20 * time.Minute), Mode: slo.Remove}}, tierOf))
	got, err := l.Sum(tenant(1), from, from.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 40}, Measured: 40, Expected: 60, Excluded: 20}, got)
	for n := range 40 {
		require.NoError(t, l.Append(from.Add(minRetention+2*time.Hour+time.Duration(n)*time.Minute), good(1, 1)))
	}
	got, err = l.Sum(tenant(1), from, from.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, int64(20), got.Excluded, "the clock may be ahead")
	believe(t, l)
	for n := 41; n < 80; n++ {
		require.NoError(t, l.Append(from.Add(minRetention+2*time.Hour+time.Duration(n)*time.Minute), good(1, 1)))
	}
	got, err = l.Sum(tenant(1), from, from.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 60}, Measured: 60, Expected: 60}, got)
}
