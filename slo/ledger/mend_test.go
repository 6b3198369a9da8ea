package ledger

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// written is the folder of a ledger with minutes of three tenants and a closed
// period, as a daemon leaves it.
func written(t *testing.T, minutes int) string {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	l.db.NoSync = true
	for n := range minutes {
		require.NoError(t, l.Append(after(n), threeTenants(n)))
	}
	require.NoError(t, l.Close())
	return dir
}

func threeTenants(n int) []slo.Delta {
	return []slo.Delta{
		{Instance: tenant(1), Counts: slo.Counts{Good: uint64(n)}},
		{Instance: tenant(2), Counts: slo.Counts{Bad: uint64(n % 7)}},
		{Instance: tenant(3), Counts: slo.Counts{Good: uint64(n % 100), Bad: 1}},
	}
}

// spoil changes the file of a ledger that is closed.
func spoil(t *testing.T, dir string, how func(data []byte) []byte) {
	t.Helper()
	path := ledgerPath(dir)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, how(data), 0o600))
}

func keptBeside(t *testing.T, dir, what string) []string {
	t.Helper()
	all, err := filepath.Glob(ledgerPath(dir) + "." + what + "-*")
	require.NoError(t, err)
	return all
}

// soundMinutes checks that what a mended ledger says of each minute is what was
// written, or nothing at all, and that all its sums agree with that.
func soundMinutes(t *testing.T, l *Ledger, minutes int) (readable int64) {
	t.Helper()
	report, err := l.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
	want := map[slo.Instance]slo.Counts{}
	seen := map[time.Time]bool{}
	require.NoError(t, l.Minutes(start, after(minutes), func(slo.Instance) bool { return true }, func(e *Entry) error {
		if e.Instance.Objective == "lost" {
			seen[e.Minute] = true
			return nil
		}
		n := int(e.Minute.Sub(start) / time.Minute)
		for _, d := range threeTenants(n) {
			if d.Instance == e.Instance {
				require.Equal(t, d.Counts, e.Counts, "minute %d", n)
			}
		}
		want[e.Instance] = want[e.Instance].Add(e.Counts)
		seen[e.Minute] = true
		return nil
	}))
	for i, counts := range want {
		got, err := l.Sum(i, start, after(minutes))
		require.NoError(t, err)
		require.Equal(t, counts, got.Counts)
		require.Equal(t, int64(len(seen)), got.Measured)
		require.Equal(t, counts, l.Tally(i, slo.Window{Rolling: 28 * slo.Day}).Counts)
	}
	return int64(len(seen))
}

// TestDamagedFileIsMended spoils a file in the ways that disks, people and
// power cuts do: what is left is read, and the rest is counted.
func TestDamagedFileIsMended(t *testing.T) {
	const minutes = 3000
	page := os.Getpagesize()
	for name, c := range map[string]struct {
		how     func([]byte) []byte
		atLeast int64 // minutes that must be left
	}{
		"both heads":      {func(d []byte) []byte { clear(d[:2*page]); return d }, minutes},
		"cut in half":     {func(d []byte) []byte { return d[:len(d)/2] }, minutes / 4},
		"cut within page": {func(d []byte) []byte { return d[:len(d)/2+100] }, minutes / 4},
		"a stretch of zeros": {func(d []byte) []byte {
			clear(d[len(d)/4 : len(d)/4+8*page])
			return d
		}, minutes / 2},
		"every branch": {func(d []byte) []byte {
			for at := 0; at < len(d); at += page {
				if d[at+8] == 1 {
					clear(d[at : at+page])
				}
			}
			return d
		}, minutes},
		"nothing left": {func(d []byte) []byte { clear(d); return d }, 0},
		"another file": {func([]byte) []byte { return []byte("not a ledger at all") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, minutes)
			spoil(t, dir, c.how)
			damaged, err := os.ReadFile(ledgerPath(dir))
			require.NoError(t, err)
			requireDamageSeen(t, dir)

			l := open(t, dir)
			require.NoError(t, l.Watch([]slo.Window{{Rolling: 28 * slo.Day}}))
			require.NoError(t, l.Minutes(start, after(minutes), func(slo.Instance) bool { return false }, nil))
			found := l.Stats().Recovery
			require.NotNil(t, found)
			require.Equal(t, soundMinutes(t, l, minutes), found.Minutes)
			require.GreaterOrEqual(t, found.Minutes, c.atLeast)
			require.Zero(t, found.Unnamed, "their names are kept twice")
			if found.Lost >= 0 || c.atLeast == minutes { // else the end of the record is lost, as it was written last
				require.Equal(t, int64(minutes), found.Minutes+found.Lost)
			}
			require.Equal(t, []string{found.Kept}, keptBeside(t, dir, "damaged"))
			kept, err := os.ReadFile(found.Kept)
			require.NoError(t, err)
			require.Equal(t, damaged, kept, "the damaged file stays as it was")
			require.NoError(t, l.Append(after(minutes), threeTenants(minutes)), "and the watch goes on")
			require.NoError(t, l.Close())
			require.Nil(t, open(t, dir).Stats().Recovery, "mended once")
		})
	}
}

// TestLostIsNotGuessed loses the last transaction's values, in a file whose heads
// or whose minutes tell that there was one: what it said before is not taken for
// its last word.
func TestLostIsNotGuessed(t *testing.T) {
	const minutes = 300
	for name, c := range map[string]struct {
		lost  func(bucket string) bool
		heads bool
	}{
		"all but the heads":   {func(string) bool { return true }, true},
		"all but the minutes": {func(bucket string) bool { return bucket != string(minutesBucket) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, minutes)
			file, err := os.Open(ledgerPath(dir))
			require.NoError(t, err)
			s := scan{file: file, newest: map[string]map[string]found{}}
			require.NoError(t, s.pages())
			require.NoError(t, file.Close())
			spoil(t, dir, func(d []byte) []byte {
				for bucket, values := range s.newest {
					for _, v := range values {
						if v.tx == s.head && c.lost(bucket) {
							d[v.at] ^= 1
						}
					}
				}
				if !c.heads {
					clear(d[:2*os.Getpagesize()])
				}
				return d
			})
			found := open(t, dir).Stats().Recovery
			require.NotNil(t, found)
			require.Equal(t, int64(-1), found.Lost)
			require.GreaterOrEqual(t, found.Minutes, int64(minutes-1))
		})
	}
}

// requireDamageSeen reads the file without mending it.
func requireDamageSeen(t *testing.T, dir string) {
	t.Helper()
	l, err := Open(dir, Options{Retention: DefaultOptions().Retention, ReadOnly: true})
	if err != nil {
		require.ErrorContains(t, err, ledgerPath(dir)+": the file is damaged: ")
		return
	}
	report, err := l.Check(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, report.Faults)
	require.NoError(t, l.Close())
}

// TestRandomDamage spoils random pages and bytes, and lets the ledger be used on:
// it must neither panic nor say anything that is not so.
func TestRandomDamage(t *testing.T) {
	const minutes = 1500
	dir := written(t, minutes)
	whole, err := os.ReadFile(ledgerPath(dir))
	require.NoError(t, err)
	mended := 0
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 3))
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(ledgerPath(dir), whole, 0o600))
		spoil(t, dir, func(d []byte) []byte {
			for range 1 + r.IntN(4) {
				at, n := r.IntN(len(d)), 1+r.IntN(64)
				for k := range min(n, len(d)-at) {
					d[at+k] = byte(r.Uint32())
				}
			}
			return d
		})
		l, err := Open(dir, DefaultOptions())
		require.NoError(t, err, "seed %d", seed)
		l.db.NoSync = true
		require.NoError(t, l.Watch([]slo.Window{{Rolling: 28 * slo.Day}, {Rolling: time.Hour}}), "seed %d", seed)
		for n := range 70 {
			require.NoError(t, l.Append(after(minutes+n), threeTenants(minutes+n)), "seed %d", seed)
		}
		if l.Stats().Recovery != nil {
			mended++
			soundMinutes(t, l, minutes+70)
		}
		require.NoError(t, l.Close())
	}
	require.Positive(t, mended)
	require.Less(t, mended, 120)
}

// TestDamagedRowIsMissing spoils one minute's row in a file whose structure is
// whole: before a start, and while windows hold it.
func TestDamagedRowIsMissing(t *testing.T) {
	const minutes, bad = 200, 100
	two := []slo.Window{{Rolling: 2 * time.Hour}, {Rolling: slo.Day}}
	check := func(l *Ledger, n int) {
		t.Helper()
		for _, w := range two {
			from, _ := w.Ending(l.Through())
			want := slo.Tally{Expected: min(int64(n), int64(w.Rolling/time.Minute))}
			for m := max(0, int(from.Sub(start)/time.Minute)); m < n; m++ {
				if m != bad {
					want.Good, want.Measured = want.Good+uint64(m), want.Measured+1
				}
			}
			require.Equal(t, want, l.Tally(tenant(1), w), "%s after %d", w, n)
		}
	}
	spoilRow := func(l *Ledger) {
		require.NoError(t, l.db.Update(func(tx *boltTx) error {
			k := key(start.Unix()/60 + bad)
			value := append([]byte(nil), tx.Bucket(minutesBucket).Get(k)...)
			value[1] ^= 4
			return tx.Bucket(minutesBucket).Put(k, value)
		}))
	}
	t.Run("while it runs", func(t *testing.T) {
		l := open(t, written(t, minutes))
		require.NoError(t, l.Watch(two))
		spoilRow(l)
		for n := minutes; n < minutes+150; n++ {
			require.NoError(t, l.Append(after(n), threeTenants(n)))
		}
		check(l, minutes+150)
		require.Equal(t, 1, l.Stats().Damaged)
	})
	t.Run("before a start", func(t *testing.T) {
		dir := written(t, minutes)
		l, err := Open(dir, DefaultOptions())
		require.NoError(t, err)
		spoilRow(l)
		require.NoError(t, l.Close())
		l = open(t, dir)
		require.NoError(t, l.Watch(two))
		for n := minutes; n < minutes+150; n++ {
			require.NoError(t, l.Append(after(n), threeTenants(n)))
		}
		check(l, minutes+150)
		report, err := l.Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{
			"minute 2026-03-28T23:37:00Z: it does not match its checksum",
			"349 minutes can be read of the 350 that there should be",
			"hour 2026-03-28T23:00:00Z: it is not the sum of its minutes",
		}, report.Faults)
		require.NoError(t, l.Add(after(bad), []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: bad}}}))
		report, err = l.Check(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Faults, "written anew")
	})
}

// TestDamageIsMendedWhileRunning spoils pages under a ledger that is in use.
func TestDamageIsMendedWhileRunning(t *testing.T) {
	const minutes = 3000
	dir := written(t, minutes)
	l := open(t, dir)
	w := slo.Window{Rolling: slo.Day}
	require.NoError(t, l.Watch([]slo.Window{w}))
	spoil := func(flag uint16) {
		file, err := os.OpenFile(ledgerPath(dir), os.O_RDWR, 0)
		require.NoError(t, err)
		defer file.Close()
		head := make([]byte, 16)
		for at := int64(2 * os.Getpagesize()); ; at += int64(os.Getpagesize()) {
			if _, err := file.ReadAt(head, at); err != nil {
				return
			}
			if binary.NativeEndian.Uint16(head[8:]) == flag {
				_, err := file.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, at+8)
				require.NoError(t, err)
			}
		}
	}
	spoil(1) // all branches
	for n := minutes; n < minutes+5; n++ {
		require.NoError(t, l.Append(after(n), threeTenants(n)))
	}
	found := l.Stats().Recovery
	require.NotNil(t, found)
	require.Zero(t, found.Lost)
	require.NoError(t, l.Watch([]slo.Window{{Rolling: 28 * slo.Day}}))
	require.Equal(t, int64(minutes+5), soundMinutes(t, l, minutes+5))
}

// TestInstancesWithLostNames loses a name in both files.
func TestInstancesWithLostNames(t *testing.T) {
	dir := written(t, 100)
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	require.NoError(t, l.db.Update(func(tx *boltTx) error { return tx.Bucket(instancesBucket).Put(key(uint32(1)), []byte("{}")) }))
	require.NoError(t, l.Close())
	// The record's earlier version may lie on a page that is free.
	spoil(t, dir, func(d []byte) []byte {
		name := []byte(`clinic-002`)
		for at := range len(d) - len(name) {
			if string(d[at:at+len(name)]) == string(name) {
				d[at] = 'X'
			}
		}
		return d
	})
	require.NoError(t, os.Remove(namesPath(ledgerPath(dir))))
	l = open(t, dir)
	require.Equal(t, int64(1), l.Stats().Recovery.Unnamed)
	require.Equal(t, []string{tenant(1).String(), tenant(3).String()}, living(l))
	got, err := l.Sum(tenant(3), start, after(100))
	require.NoError(t, err)
	require.Equal(t, slo.Counts{Good: 4950, Bad: 100}, got.Counts, "others keep their numbers")
	require.NoError(t, l.Append(after(100), threeTenants(100)))
	require.Equal(t, fmt.Sprint([]slo.Instance{tenant(1), tenant(3), tenant(2)}), fmt.Sprint(living(l)))
}
