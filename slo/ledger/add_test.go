package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var day = slo.Window{Rolling: slo.Day}

// after is a minute of the tests' history.
func after(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

func good(n int, count uint64) []slo.Delta {
	return []slo.Delta{{Instance: tenant(n), Counts: slo.Counts{Good: count}}}
}

// appended is a ledger that watches a day and holds minutes of one tenant.
func appended(t testing.TB, minutes int) *Ledger {
	t.Helper()
	l := open(t, t.TempDir())
	require.NoError(t, l.Watch([]slo.Window{day}))
	for n := range minutes {
		require.NoError(t, l.Append(after(n), good(1, 1)))
	}
	return l
}

func TestAddMovesNoTimeAndTheFirstMinuteBack(t *testing.T) {
	l := appended(t, 10)
	require.NoError(t, l.Add(after(-100), good(1, 5)))
	require.Equal(t, after(10), l.Through())
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 15}, Measured: 11, Expected: 110}, l.Tally(tenant(1), day))
	require.NoError(t, l.Add(after(3), []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Bad: 2}}}))
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 15, Bad: 2}, Measured: 11, Expected: 110}, l.Tally(tenant(1), day), "added to, not counted twice")
}

func TestAddedAheadCountsWhenItsTimeComes(t *testing.T) {
	l := appended(t, 10)
	require.NoError(t, l.Add(after(12), good(1, 5)))
	require.Equal(t, uint64(10), l.Tally(tenant(1), day).Good)
	for n := 10; n < 14; n++ {
		require.NoError(t, l.Append(after(n), good(1, 1)))
	}
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 19}, Measured: 14, Expected: 14}, l.Tally(tenant(1), day))
}

// hours is a history that may be filled in.
func hours(of int, from, to int) func(func(time.Time, []slo.Delta) bool) {
	return func(yield func(time.Time, []slo.Delta) bool) {
		for n := from; n < to; n++ {
			if !yield(after(n), good(of, 1)) {
				return
			}
		}
	}
}

func TestFillMayBeRepeated(t *testing.T) {
	l := appended(t, 10)
	carried := []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Bad: 7}, Carried: true}}
	require.NoError(t, l.Add(after(-5), carried))
	for range 3 {
		taken, err := l.Fill(hours(1, -50, 8))
		require.NoError(t, err)
		require.Equal(t, 58, taken)
	}
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 60}, Measured: 60, Expected: 60}, l.Tally(tenant(1), day), "a carried minute is replaced")
}

func TestManyMinutesAreOneTransaction(t *testing.T) {
	l := appended(t, 1)
	transaction := func() (id int) {
		require.NoError(t, l.db.View(func(tx *boltTx) error { id = tx.ID(); return nil }))
		return id
	}
	before := transaction()
	taken, err := l.AddAll(hours(2, -3000, -100))
	require.NoError(t, err)
	require.Equal(t, 2900, taken)
	require.Equal(t, 3, transaction()-before)
	require.Equal(t, int64(1439-100), l.Tally(tenant(2), day).Measured)
}

func TestAddRefusesMinutesThatAreNotKept(t *testing.T) {
	l := appended(t, 1)
	old := start.Add(-DefaultOptions().Retention)
	taken, err := l.AddAll(func(yield func(time.Time, []slo.Delta) bool) {
		_ = yield(after(-1), good(1, 1)) && yield(old, good(1, 1))
	})
	require.ErrorContains(t, err, "add minute 2025-02-21T21:57:00Z: minutes are kept from 2025-02-21T22:00:00Z on")
	require.Equal(t, 1, taken)
	require.Equal(t, uint64(2), l.Tally(tenant(1), day).Good, "what came before it stands")
}

func TestLastAndMissing(t *testing.T) {
	l := appended(t, 100)
	mail := slo.NewInstance("mail")
	require.NoError(t, l.Add(after(30), []slo.Delta{{Instance: mail}}))
	require.NoError(t, l.Add(after(31), []slo.Delta{{Instance: mail}, {Instance: mail}}))
	require.NoError(t, l.Add(after(40), []slo.Delta{{Instance: mail, Carried: true}}))
	for objective, want := range map[string]time.Time{"mail": after(31), "login": after(99)} {
		got, ok, err := l.Last(objective)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, got, objective)
	}
	_, ok, err := l.Last("unheard-of")
	require.NoError(t, err)
	require.False(t, ok)

	missing, err := l.Missing("mail", after(28), after(33))
	require.NoError(t, err)
	require.Equal(t, []slo.Span{{From: after(28), To: after(30)}, {From: after(32), To: after(33)}}, missing)
	missing, err = l.Missing("login", after(0), after(102))
	require.NoError(t, err)
	require.Equal(t, []slo.Span{{From: after(100), To: after(102)}}, missing)
}

func TestReadingAllocatesNothing(t *testing.T) {
	l := open(t, t.TempDir())
	o := benchObjective(t)
	require.NoError(t, l.Watch(Windows([]slo.Objective{o})))
	require.NoError(t, l.Append(start, []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: 3}}}))
	require.NoError(t, l.SetExclusions([]slo.Exclusion{{From: after(-9), To: after(-5), Mode: slo.Remove}}, tierOf))
	read, i, total := l.Reader(&o), tenant(1), uint64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		in := read(i, "shared")
		total += in.Burns[0].Good + in.Period.Good
	}))
	require.Equal(t, uint64(101*6), total)
	require.Equal(t, make([]slo.Tally, len(o.BurnWindows())), read(tenant(9), "").Burns, "of one without a record after one that has it")
}

// TestClockBackAndForth steps the clock as no history should: what is written
// twice is added, what is ahead counts when its time comes, and a restart on
// the way changes nothing.
func TestClockBackAndForth(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %v", restart), func(t *testing.T) {
			dir := t.TempDir()
			l, err := Open(dir, DefaultOptions())
			require.NoError(t, err)
			require.NoError(t, l.Watch([]slo.Window{day}))
			for _, n := range []int{0, 1, 2, 500, 501, 3, 4, 2, 3} {
				require.NoError(t, l.Append(after(n), good(1, 1)))
			}
			if restart {
				require.NoError(t, l.Close())
				l = open(t, dir)
				require.NoError(t, l.Watch([]slo.Window{day}))
			} else {
				defer func() { require.NoError(t, l.Close()) }()
			}
			require.Equal(t, after(4), l.Through())
			require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 6}, Measured: 4, Expected: 4}, l.Tally(tenant(1), day))
			require.NoError(t, l.Append(after(502), good(1, 1)))
			require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 10}, Measured: 8, Expected: 503}, l.Tally(tenant(1), day))
		})
	}
}

func TestDayOfSuspendIsMissing(t *testing.T) {
	l := appended(t, 10)
	require.NoError(t, l.Append(after(10+1440), good(1, 1)))
	got, err := l.Sum(tenant(1), start, l.Through())
	require.NoError(t, err)
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 11}, Measured: 11, Expected: 1451}, got)
	require.Equal(t, int64(1440), got.Missing())
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 1}, Measured: 1, Expected: 1440}, l.Tally(tenant(1), day))
}

// TestFilledBeforeTheFirstAppendIsOnRecord fills a new ledger in several pieces
// and processes, and then appends.
func TestFilledBeforeTheFirstAppendIsOnRecord(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	piece := func(from, to int) {
		taken, err := l.Fill(hours(1, from, to))
		require.NoError(t, err)
		require.Equal(t, to-from, taken)
	}
	require.NoError(t, l.Watch([]slo.Window{day}))
	require.True(t, l.Through().IsZero())
	piece(0, 90)
	require.Equal(t, after(90), l.Through())
	require.Equal(t, int64(90), l.Tally(tenant(1), day).Measured)
	require.NoError(t, l.Close())
	_, _, err = Compact(dir, DefaultOptions())
	require.NoError(t, err)
	l = open(t, dir)
	require.NoError(t, l.Watch([]slo.Window{day}))
	require.Equal(t, after(90), l.Through())
	piece(100, 160)
	piece(90, 95)
	require.Equal(t, after(160), l.Through(), "the end is that of the last minute")
	require.Equal(t, int64(155), l.Tally(tenant(1), day).Measured)
	require.Equal(t, int64(5), l.Tally(tenant(1), day).Missing())

	require.NoError(t, l.Append(after(170), nil))
	piece(171, 200)
	require.Equal(t, after(171), l.Through(), "from the first Append on, time is the clock's")
	require.NoError(t, l.Close())
	l = open(t, dir)
	piece(200, 210)
	require.Equal(t, after(171), l.Through(), "in the next process too")
}
