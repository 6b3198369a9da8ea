package ledger

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var start = time.Date(2026, time.March, 28, 21, 57, 0, 0, time.UTC) // a clock change is near

func open(t testing.TB, dir string) *Ledger {
	t.Helper()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	l.db.NoSync = true // power stays on in tests
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func tenant(n int) slo.Instance {
	return slo.NewInstance("login", slo.Label{Name: "tenant", Value: fmt.Sprintf("clinic-%03d", n)})
}

func windows(t testing.TB) []slo.Window {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	kolkata, err := time.LoadLocation("Asia/Kolkata") // half an hour off the hours' rows
	require.NoError(t, err)
	return []slo.Window{
		{Rolling: 5 * time.Minute},
		{Rolling: time.Hour},
		{Rolling: 6 * time.Hour},
		{Rolling: 3 * slo.Day},
		{Rolling: 28 * slo.Day},
		{Calendar: slo.Week, Zone: zone},
		{Calendar: slo.Month, Zone: kolkata},
		{Calendar: slo.Quarter, Zone: zone},
		{Calendar: slo.Year},
	}
}

func TestWatchAgainKeepsAndAdds(t *testing.T) {
	l := open(t, t.TempDir())
	hour, day := slo.Window{Rolling: time.Hour}, slo.Window{Rolling: slo.Day}
	require.NoError(t, l.Watch([]slo.Window{hour}))
	for n := range 90 {
		require.NoError(t, l.Append(start.Add(time.Duration(n)*time.Minute), []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: 1}}}))
	}
	require.NoError(t, l.Watch([]slo.Window{day}))
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 90}, Measured: 90, Expected: 90}, l.Tally(tenant(1), day))
	require.Equal(t, slo.Tally{}, l.Tally(tenant(1), hour), "not watched any more")
}

func TestWalkDays(t *testing.T) {
	l := open(t, t.TempDir())
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for n := range 3 * 1440 {
		bad := uint64(0)
		if n%100 == 0 {
			bad = 1
		}
		at := start.Add(time.Duration(n) * time.Minute)
		require.NoError(t, l.Append(at, []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: 1, Bad: bad}}}))
		if n == 2000 {
			require.NoError(t, l.Append(at, []slo.Delta{{Instance: tenant(2), Counts: slo.Counts{Good: 1}}}))
		}
	}
	var total slo.Tally
	var expected, seen []int64
	edges := slo.Days(start, l.Through(), zone)
	require.NoError(t, l.Walk(edges, func(s Slice) error {
		day := s.Tally(tenant(1))
		total.Counts = total.Counts.Add(day.Counts)
		expected = append(expected, day.Expected)
		instances := int64(0)
		for range s.All() {
			instances++
		}
		seen = append(seen, instances)
		return nil
	}))
	require.Equal(t, slo.Counts{Good: 3 * 1440, Bad: 44}, total.Counts)
	require.Equal(t, []int64{63, 23 * 60, 1440, 3*1440 - 63 - 23*60 - 1440}, expected, "the day of the clock change has 23 hours")
	require.Equal(t, []int64{1, 1, 2, 2}, seen)
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	_, err := Open(dir, DefaultOptions())
	require.ErrorContains(t, err, "another process has it open")
}

func TestLaterLayoutIsRefused(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	require.NoError(t, l.db.Update(func(tx *boltTx) error { return tx.Bucket(metaBucket).Put(schemaKey, []byte("9")) }))
	require.NoError(t, l.Close())
	_, err = Open(dir, DefaultOptions())
	require.ErrorContains(t, err, "its layout is version 9")
}

func TestRetentionKeepsHours(t *testing.T) {
	l, err := Open(t.TempDir(), Options{Retention: minRetention})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	from := start.Truncate(time.Hour)
	put := func(at time.Time) {
		require.NoError(t, l.Append(at, []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: 1}}}))
	}
	for n := range 61 {
		put(from.Add(time.Duration(n) * time.Minute))
	}
	later := from.Add(minRetention + 2*time.Hour)
	put(later)
	believe(t, l)
	for n := range 40 {
		put(later.Add(time.Duration(n) * time.Minute))
	}
	rows := 0
	require.NoError(t, l.db.View(func(tx *boltTx) error { rows = tx.Bucket(minutesBucket).Stats().KeyN; return nil }))
	require.Equal(t, 40, rows)
	got, err := l.Sum(tenant(1), from, from.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, uint64(60), got.Good)
}

func TestReadingBesideAppending(t *testing.T) {
	l := open(t, t.TempDir())
	all, err := slo.Catalogue()
	require.NoError(t, err)
	o := &all[slices.IndexFunc(all, func(o slo.Objective) bool { return o.Name == "login" })]
	require.NoError(t, l.Watch(Windows(all)))
	put := func(n int) {
		require.NoError(t, l.Append(start.Add(time.Duration(n)*time.Minute), []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: 1}}}))
	}
	put(0)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				in := l.Reader(o)(tenant(1), "")
				minutes := uint64(in.At.Sub(start) / time.Minute)
				assert.Equal(t, minutes, in.Period.Good, "a reading is of one instant")
				assert.Equal(t, min(minutes, 60), burnOf(o, in, time.Hour).Good)
				sum, err := l.Sum(tenant(1), start, in.At)
				assert.Equal(t, minutes, sum.Good, "%v", err)
			}
		})
	}
	for n := range 150 {
		put(n + 1)
	}
	close(done)
	readers.Wait()
}

// burnOf is what an Input holds of one of the objective's windows.
func burnOf(o *slo.Objective, in *slo.Input, d time.Duration) slo.Tally {
	return in.Burns[slices.Index(o.BurnWindows(), d)]
}
