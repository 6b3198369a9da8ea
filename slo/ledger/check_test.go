package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

func TestCheckOfASoundLedger(t *testing.T) {
	dir := written(t, 150)
	l := open(t, dir)
	_, err := l.Define([]slo.Objective{promise("login", "a")})
	require.NoError(t, err)
	_, err = l.Define([]slo.Objective{promise("login", "b")})
	require.NoError(t, err)
	require.NoError(t, l.Append(after(150), threeTenants(150)))
	got, err := l.Check(t.Context())
	require.NoError(t, err)
	require.Positive(t, got.Bytes)
	got.Bytes, got.FreeBytes = 0, 0
	require.Equal(t, Report{
		Path: ledgerPath(dir), Instances: 3, Ended: 3, Minutes: 151, Hours: 3,
		First: start, Through: after(151), Faults: []string{},
	}, got)
}

// TestCheckFindsFaults writes what the ledger never would, each with a seal that
// fits.
func TestCheckFindsFaults(t *testing.T) {
	minute := key(start.Unix() / 60)
	for name, c := range map[string]struct {
		spoil func(tx *boltTx) error
		want  string
	}{
		"a row that does not unpack": {
			func(tx *boltTx) error { return put(tx, minutesBucket, minute, []byte{0x80}) },
			"minute 2026-03-28T21:57:00Z: damaged row",
		},
		"an instance without a name": {
			func(tx *boltTx) error {
				return put(tx, minutesBucket, minute, pack([]entry{{id: 3, run: 1, good: 1, measured: 1}}))
			},
			"minute 2026-03-28T21:57:00Z: there is no instance 3",
		},
		"an instance before its first minute": {
			func(tx *boltTx) error {
				return put(tx, minutesBucket, key(start.Unix()/60-1), pack([]entry{{id: 1, run: 1, good: 1, measured: 1}}))
			},
			`minute 2026-03-28T21:56:00Z: login{tenant="clinic-002"} began only 2026-03-28T21:57:00Z`,
		},
		"a minute of who was absent": {
			func(tx *boltTx) error {
				return putJSON(tx, metaBucket, absencesKey, map[string]absences{"login": {{start.Unix() / 60, start.Unix()/60 + 1}}})
			},
			`minute 2026-03-28T21:57:00Z: login{tenant="clinic-001"} was absent`,
		},
		"an hour that is no sum": {
			func(tx *boltTx) error { return put(tx, hoursBucket, key(start.Unix()/3600+1), pack(nil)) },
			"hour 2026-03-28T22:00:00Z: it is not the sum of its minutes",
		},
		"a minute that is gone": {
			func(tx *boltTx) error { return tx.Bucket(minutesBucket).Delete(minute) },
			"149 minutes can be read of the 150 that there should be",
		},
		"a seal that does not fit": {
			func(tx *boltTx) error {
				return tx.Bucket(hoursBucket).Put(key(start.Unix()/3600), tx.Bucket(hoursBucket).Get(key(start.Unix()/3600+1)))
			},
			"hour 2026-03-28T21:00:00Z: it does not match its checksum",
		},
		"a closed period that is none": {
			func(tx *boltTx) error { return put(tx, periodsBucket, []byte("x"), []byte("x")) },
			`closed period "x": read a closed period: invalid character 'x' looking for beginning of value`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 150)
			l, err := Open(dir, DefaultOptions())
			require.NoError(t, err)
			require.NoError(t, l.db.Update(c.spoil))
			require.NoError(t, l.Close())
			l, err = Open(dir, Options{Retention: DefaultOptions().Retention, ReadOnly: true})
			require.NoError(t, err)
			report, err := l.Check(t.Context())
			require.NoError(t, err)
			require.Contains(t, report.Faults, c.want)
			require.Equal(t, len(report.Faults), report.FaultCount)
			require.NoError(t, l.Close())
		})
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	l := open(t, written(t, 1100))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err := l.Check(ctx)
	require.ErrorIs(t, err, cause)
}

func TestReadOnlyLeavesTheFileAlone(t *testing.T) {
	dir := written(t, 10)
	readOnly := Options{Retention: DefaultOptions().Retention, ReadOnly: true}
	l, err := Open(dir, readOnly)
	require.NoError(t, err)
	two, err := Open(dir, readOnly)
	require.NoError(t, err, "readers get along")
	require.ErrorContains(t, l.Append(after(10), good(1, 1)), "read-only")
	_, err = Open(dir, DefaultOptions())
	require.ErrorContains(t, err, "another process has it open; stop that one, or ask its API")
	require.NoError(t, two.Close())
	require.Error(t, l.Close(), "what could not be written")
	writer := open(t, dir)
	require.Equal(t, after(10), writer.Through())
	_, err = Open(dir, readOnly)
	require.ErrorContains(t, err, "another process has it open; stop that one, or ask its API")
}

func TestMinutesAsJSON(t *testing.T) {
	l := appended(t, 2)
	require.NoError(t, l.Append(after(2), []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Bad: 4}, Carried: true}, {Instance: tenant(2)}}))
	require.NoError(t, l.SetExclusions([]slo.Exclusion{exclusion(1, 2, slo.Remove, slo.Scope{}), exclusion(2, 3, slo.AsGood, slo.Scope{})}, tierOf))
	require.NoError(t, l.Add(after(7), good(1, 1)))
	var lines []string
	export := func(e *Entry) error {
		line, err := json.Marshal(e)
		lines = append(lines, string(line))
		return err
	}
	one := func(i slo.Instance) bool { return i == tenant(1) }
	require.NoError(t, l.Minutes(time.Time{}, after(99), one, export))
	require.Equal(t, []string{
		`{"minute":"2026-03-28T21:57:00Z","instance":"login{tenant=\"clinic-001\"}","good":1,"bad":0,"measured":true}`,
		`{"minute":"2026-03-28T21:58:00Z","instance":"login{tenant=\"clinic-001\"}","good":1,"bad":0,"measured":true,"excluded":"remove"}`,
		`{"minute":"2026-03-28T21:59:00Z","instance":"login{tenant=\"clinic-001\"}","good":0,"bad":4,"measured":false,"excluded":"as_good"}`,
	}, lines)
	stop := errors.New("stop")
	require.ErrorIs(t, l.Minutes(start, after(3), one, func(*Entry) error { return stop }), stop)
}

func TestCompact(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, Options{Retention: 2 * minRetention})
	require.NoError(t, err)
	l.db.NoSync = true
	_, err = l.Define([]slo.Objective{promise("login", "a")})
	require.NoError(t, err)
	for n := range 200 {
		require.NoError(t, l.Append(after(n), threeTenants(n)))
	}
	later := int(minRetention/time.Minute) + 300
	for n := later; n < later+200; n++ {
		require.NoError(t, l.Append(after(n), []slo.Delta{threeTenants(n)[0], threeTenants(n)[2]}))
		l.skipped = 0 // it is believed that the others are past the retention
	}
	want := map[slo.Instance]slo.Tally{}
	for _, i := range []slo.Instance{tenant(1), tenant(3)} {
		want[i], err = l.Sum(i, start.Truncate(time.Hour).Add(time.Hour), l.Through())
		require.NoError(t, err)
		require.Positive(t, want[i].Measured)
	}
	require.NoError(t, l.Close())

	before, now, err := Compact(dir, Options{Retention: minRetention})
	require.NoError(t, err)
	require.Less(t, now, before)
	l = open(t, dir)
	require.Equal(t, 2, l.Stats().Instances, "one has no minute left")
	for i, tally := range want {
		got, err := l.Sum(i, start.Truncate(time.Hour).Add(time.Hour), l.Through())
		require.NoError(t, err)
		require.Equal(t, tally, got)
	}
	report, err := l.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
	require.Equal(t, 200, report.Minutes)
	renewed, err := l.Define([]slo.Objective{promise("login", "b")})
	require.NoError(t, err)
	require.Equal(t, []string{"login"}, renewed, "what is measured is known still")
	_, _, err = Compact(dir, DefaultOptions())
	require.ErrorContains(t, err, "another process has it open")
}
