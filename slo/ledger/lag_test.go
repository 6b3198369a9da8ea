package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// everywhere is an instance's tally of the last day by each way of reading it,
// which must be the same.
func everywhere(t *testing.T, l *Ledger, o *slo.Objective, i slo.Instance) slo.Tally {
	t.Helper()
	got := l.Tally(i, day)
	in := l.Input(o, i, "")
	require.Equal(t, got, in.Period, "the Reader's period")
	require.Equal(t, got, in.Burns[0], "the Reader's burn window")
	sum, err := l.Sum(i, l.Through().Add(-slo.Day), l.Through())
	require.NoError(t, err)
	require.Equal(t, got, sum, "Sum")
	var total slo.Tally
	edges := []time.Time{l.Through().Add(-slo.Day), l.Through().Add(-2 * time.Minute), l.Through()}
	require.NoError(t, l.Walk(edges, func(s Slice) error {
		for of, tally := range s.All() {
			if of == i {
				total = plus(total, tally)
			}
		}
		return nil
	}))
	require.Equal(t, got, total, "Walk")
	return got
}

func TestYoungestMinutesAreNotExpectedOfWhatComesLate(t *testing.T) {
	for name, c := range map[string]struct {
		lag                 time.Duration
		measured            int // of 10 minutes
		excluded            []slo.Exclusion
		expected, outOfThem int64
	}{
		"no lag":                     {0, 10, nil, 10, 0},
		"whole minutes":              {3 * time.Minute, 7, nil, 7, 0},
		"rounded up":                 {3*time.Minute + 1, 6, nil, 6, 0},
		"earlier than late":          {4 * time.Minute, 9, nil, 6, 0},
		"longer than the record":     {time.Hour, 2, nil, 0, 0},
		"excluded when due":          {4 * time.Minute, 0, []slo.Exclusion{exclusion(0, 10, slo.Remove, slo.Scope{})}, 6, 6},
		"excluded before it is due":  {4 * time.Minute, 6, []slo.Exclusion{exclusion(7, 10, slo.Remove, slo.Scope{})}, 6, 0},
		"excluded though never due":  {time.Hour, 0, []slo.Exclusion{exclusion(0, 10, slo.Remove, slo.Scope{})}, 0, 0},
		"excluded in part, as good":  {time.Minute, 9, []slo.Exclusion{exclusion(5, 10, slo.AsGood, slo.Scope{})}, 9, 0},
		"excluded for somebody else": {time.Minute, 9, []slo.Exclusion{exclusion(5, 10, slo.Remove, slo.Scope{Objectives: []string{"mail"}})}, 9, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, o := open(t, t.TempDir()), promise("login", "a")
			l.SetLags(map[string]time.Duration{"login": c.lag})
			require.NoError(t, l.Watch(Windows([]slo.Objective{o})))
			mail := slo.NewInstance("mail")
			for n := range 10 {
				require.NoError(t, l.Append(after(n), []slo.Delta{{Instance: mail}}))
			}
			require.NoError(t, l.Add(start, []slo.Delta{{Instance: tenant(1), Carried: true}}))
			for n := range c.measured {
				require.NoError(t, l.Add(after(n), good(1, 1)))
			}
			require.NoError(t, l.SetExclusions(c.excluded, tierOf))
			got := everywhere(t, l, &o, tenant(1))
			require.Equal(t, c.expected, got.Expected)
			require.Equal(t, c.outOfThem, got.Excluded)
			require.Equal(t, int64(c.measured), got.Measured)
			require.Zero(t, got.Missing())
			require.Equal(t, int64(10), l.Tally(mail, day).Expected, "others are in time")
			if share, ok := got.Coverage(); ok {
				require.Equal(t, slo.One, share)
			}
		})
	}
}

func TestReadingWhatComesLateAllocatesNothing(t *testing.T) {
	l, o := appended(t, 30), promise("login", "a")
	l.SetLags(map[string]time.Duration{"login": 4 * time.Minute})
	read := l.Reader(&o)
	for _, all := range [][]slo.Exclusion{nil, {exclusion(0, 5, slo.Remove, slo.Scope{})}} {
		require.NoError(t, l.SetExclusions(all, tierOf))
		i, expected := tenant(1), int64(0)
		require.Zero(t, testing.AllocsPerRun(100, func() { expected = read(i, "").Period.Expected }))
		require.Equal(t, int64(26), expected)
	}
}

// TestPeriodsWaitForWhatComesLate closes a month no sooner than its last minute
// may be on record.
func TestPeriodsWaitForWhatComesLate(t *testing.T) {
	o := monthly(t)
	end := time.Date(2026, time.March, 31, 22, 0, 0, 0, time.UTC)
	for _, lag := range []int{0, 30} {
		t.Run(fmt.Sprint(lag), func(t *testing.T) {
			l := open(t, t.TempDir())
			l.SetLags(map[string]time.Duration{"login": time.Duration(lag) * time.Minute})
			require.NoError(t, l.Add(end.Add(-10*time.Minute), good(1, 1)))
			closed := 0
			for n := -3 * 60; closed == 0; n++ {
				require.NoError(t, l.Append(end.Add(time.Duration(n)*time.Minute), nil))
				all, err := l.Settle([]slo.Objective{o}, tierOf, 10*time.Minute)
				require.NoError(t, err)
				if closed = len(all); closed > 0 {
					require.Equal(t, int64(10), all[0].Recorded.Expected)
					require.Equal(t, max(10, lag)-1, n, "it ends when the minute is over")
				}
			}
		})
	}
}
