package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func summed(t *testing.T, o Options, r *Rehearsals, at time.Time) *collectors.Batch {
	t.Helper()
	p, err := NewProtection(o, r)
	require.NoError(t, err)
	batch, err := visit(t, p, p.Visit().Key, at)
	require.NoError(t, err)
	return batch
}

func TestProtectionIsThatOfTheBestPlace(t *testing.T) {
	at := now()
	main, offsite := folder(t.TempDir()), folder(t.TempDir())
	main.put(t, "clinic_north.1.sql", []byte(goodScript), at.Add(-2*time.Hour))
	offsite.put(t, "clinic_north.1.sql", []byte(goodScript), at.Add(-50*time.Hour))
	offsite.put(t, "clinic_south.1.sql", []byte(goodScript), at.Add(-50*time.Hour))
	staging := collectors.Tenant{Name: "staging", Database: "clinic_staging", Postgres: "pg1", Staging: true}
	o := options(t, north, south, staging)
	here := place(t, Config{Name: "main", Dumps: &Dumps{In: main.location(), Path: "{database}.*"}}, o)
	there := place(t, Config{Name: "offsite", CopyOf: "main", Dumps: &Dumps{In: offsite.location(), Path: "{database}.*"}}, o)

	text := page(summed(t, o, nil, at))
	require.NotContains(t, text, "places{", "no place was read yet")
	require.Contains(t, text, `backup_tenant_recovery_point_objective_seconds{tenant="north"} 86400`)

	require.Contains(t, page(visited(t, there, at)), `backup_copy_present{tenant="north",of="main"} 1`)
	unread := summed(t, o, nil, at)
	require.NotContains(t, page(unread), "recovery_point_timestamp", "one place is unknown: nobody may say that a tenant is unprotected")
	require.Empty(t, names(unread))
	visited(t, here, at)
	copied := page(visited(t, there, at))
	require.Contains(t, copied, `backup_copy_behind_seconds{tenant="north",of="main"} 172800`)
	require.NotContains(t, copied, `backup_copy_behind_seconds{tenant="south"`, "there is nothing to compare with")

	batch := summed(t, o, nil, at)
	text = page(batch)
	for _, line := range []string{
		`backup_tenant_places{tenant="north"} 2`, `backup_tenant_places{tenant="south"} 1`,
		fmt.Sprintf(`backup_tenant_recovery_point_timestamp_seconds{tenant="north"} %v`, float64(at.Add(-2*time.Hour).Unix())),
		fmt.Sprintf(`backup_tenant_recovery_point_due_timestamp_seconds{tenant="north"} %v`, float64(at.Add(22*time.Hour).Unix())),
	} {
		require.Contains(t, text, line)
	}
	require.Equal(t, []string{"south/recovery_point_exceeded"}, names(batch))
	require.Contains(t, text, "The work of the last 2 days would be lost now; the tier allows 24 hours.")
	require.NotContains(t, text, "staging")
	require.Equal(t, []string{"south/recovery_point_exceeded"}, names(summed(t, o, nil, at.Add(22*time.Hour))), "north's is just in time")
	require.Contains(t, names(summed(t, o, nil, at.Add(22*time.Hour+time.Second))), "north/recovery_point_exceeded")

	// A place that cannot be read any more still holds what it held.
	require.NoError(t, os.RemoveAll(string(main)))
	_, err := visit(t, here, here.Visit().Key, at.Add(time.Hour))
	require.Error(t, err)
	require.Contains(t, page(summed(t, o, nil, at.Add(time.Hour))), `backup_tenant_places{tenant="north"} 2`)
	here.Close()
	text = page(summed(t, o, nil, at.Add(time.Hour)))
	require.Contains(t, text, `backup_tenant_places{tenant="north"} 1`, "a place that was taken out of the configuration is forgotten")
	require.NoError(t, os.RemoveAll(string(offsite)+"/clinic_north.1.sql"))
	visited(t, there, at)
	batch = summed(t, o, nil, at)
	require.Contains(t, names(batch), "north/tenant_unprotected")
	require.Contains(t, page(batch), `backup_tenant_recovery_point_due_timestamp_seconds{tenant="north"} 9.466848e+08`)
}

// TestOnePlaceSuffices starts while one place cannot be read: what another holds is the least that
// is there, and says so where that is what the tier allows.
func TestOnePlaceSuffices(t *testing.T) {
	at := now()
	keep := folder(t.TempDir())
	keep.put(t, "clinic_north.1.sql", []byte(goodScript), at.Add(-24*time.Hour))
	o := options(t, north)
	here := place(t, Config{Name: "main", Dumps: &Dumps{In: keep.location(), Path: "{database}.*"}}, o)
	place(t, Config{Name: "offsite", Dumps: &Dumps{In: folder(t.TempDir()).location(), Path: "{database}.*"}}, o)
	visited(t, here, at)
	p, err := NewProtection(o, nil)
	require.NoError(t, err)

	text := page(summed(t, o, nil, at))
	require.Contains(t, text, fmt.Sprintf(`backup_tenant_recovery_point_due_timestamp_seconds{tenant="north"} %v`, float64(at.Unix())))
	require.NotContains(t, text, "places{", "how many they are is not known")
	s := p.Standing(north, at)
	require.True(t, s.Known)
	require.Equal(t, at.Add(-24*time.Hour).Unix(), s.Point.Unix())

	late := summed(t, o, nil, at.Add(time.Second))
	require.NotContains(t, page(late), "recovery_point_timestamp", "the other may hold a newer one")
	require.Empty(t, names(late))
	s = p.Standing(north, at.Add(time.Second))
	require.False(t, s.Known)
	require.Zero(t, s.Point)
	o.Terms = func(collectors.Tenant) Terms { return Terms{} }
	require.NotContains(t, page(summed(t, o, nil, at)), "recovery_point_timestamp", "no promise says what suffices")
}

func TestFilestoreCopiesProtectNoDatabase(t *testing.T) {
	keep := folder(t.TempDir())
	keep.put(t, "clinic_north/ab/ab01", nil, now())
	o := options(t, north)
	visited(t, place(t, Config{Filestore: &FilestoreConfig{In: keep.location(), Path: "{database}"}}, o), now().Add(time.Minute))
	require.Contains(t, page(summed(t, o, nil, now())), `backup_tenant_places{tenant="north"} 0`)
	place(t, Config{Name: "attachments", Filestore: &FilestoreConfig{In: keep.location(), Path: "{database}"}}, o)
	require.Contains(t, page(summed(t, o, nil, now())), `backup_tenant_places{tenant="north"} 0`, "nor is the database less known while one was not read")
}

func TestRehearsalsAreRememberedAndJudged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rehearsals.json")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o := options(t, north, south)
	r, err := OpenRehearsals(path)
	require.NoError(t, err)

	text := page(summed(t, o, r, at))
	require.Contains(t, text, fmt.Sprintf(`backup_rehearsal_due_timestamp_seconds{tenant="north"} %v`, float64(at.AddDate(0, 0, 30).Unix())))
	require.NotContains(t, text, "rehearsal_last")

	good := Rehearsal{Tenant: "north", Place: "nightly", Started: at, Ended: at.Add(time.Hour), Success: true, Seconds: 1800, RecoveryPoint: at.Add(-3 * time.Hour)}
	require.NoError(t, r.Add(good, at.Add(time.Hour)))
	bad := Rehearsal{Tenant: "north", Place: "nightly", Started: at.Add(48 * time.Hour), Ended: at.Add(49 * time.Hour), Reason: "restore"}
	require.NoError(t, r.Add(bad, at.Add(50*time.Hour)))
	require.NoError(t, r.Add(Rehearsal{Tenant: "north", Started: at.Add(time.Hour), Ended: at.Add(time.Hour), Reason: "disk"}, at.Add(50*time.Hour)), "an older one comes late")

	r, err = OpenRehearsals(path)
	require.NoError(t, err)
	batch := summed(t, o, r, at.Add(50*time.Hour))
	text = page(batch)
	for _, line := range []string{
		fmt.Sprintf(`backup_rehearsal_last_timestamp_seconds{tenant="north"} %v`, float64(bad.Started.Unix())),
		`backup_rehearsal_last_success{tenant="north"} 0`, `backup_rehearsal_within_objectives{tenant="north"} 0`,
		fmt.Sprintf(`backup_rehearsal_last_success_timestamp_seconds{tenant="north"} %v`, float64(at.Unix())),
		`backup_rehearsal_recovery_duration_seconds{tenant="north"} 1800`, `backup_rehearsal_lost_seconds{tenant="north"} 10800`,
		fmt.Sprintf(`backup_rehearsal_due_timestamp_seconds{tenant="north"} %v`, float64(at.AddDate(0, 0, 30).Unix())),
		`backup_tenant_recovery_time_objective_seconds{tenant="north"} 7200`,
	} {
		require.Contains(t, text, line)
	}
	require.Equal(t, []string{"north/rehearsal_failed"}, names(batch))
	require.Contains(t, names(summed(t, o, r, at.AddDate(0, 0, 31))), "south/rehearsal_overdue")

	for name, c := range map[string]struct {
		change func(*Rehearsal)
		finds  string
		within string
	}{
		"as promised": {func(*Rehearsal) {}, "", "1"},
		"too slow":    {func(r *Rehearsal) { r.Seconds = 7201 }, "north/recovery_too_slow", "0"},
		"too old":     {func(r *Rehearsal) { r.RecoveryPoint = r.Started.Add(-25 * time.Hour) }, "north/recovery_too_old", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := OpenRehearsals(filepath.Join(t.TempDir(), "r.json"))
			require.NoError(t, err)
			one := good
			c.change(&one)
			require.NoError(t, r.Add(one, at.Add(time.Hour)))
			batch := summed(t, o, r, at.Add(2*time.Hour))
			require.Equal(t, c.finds, strings.Join(names(batch), " "))
			require.Contains(t, page(batch), `backup_rehearsal_within_objectives{tenant="north"} `+c.within)
		})
	}
}

func TestRehearsalsThatCannotBe(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	good := Rehearsal{Tenant: "north", Started: at, Ended: at.Add(time.Hour), Success: true, Seconds: 1, RecoveryPoint: at.Add(-time.Hour)}
	require.NoError(t, good.Validate(at.Add(time.Hour)))
	for name, change := range map[string]func(*Rehearsal){
		"nobody's":             func(r *Rehearsal) { r.Tenant = "" },
		"ends before it began": func(r *Rehearsal) { r.Ended = at.Add(-time.Second) },
		"in the future":        func(r *Rehearsal) { r.Ended = at.Add(2 * time.Hour) },
		"to no point":          func(r *Rehearsal) { r.RecoveryPoint = time.Time{} },
		"to the future":        func(r *Rehearsal) { r.RecoveryPoint = at.Add(time.Hour) },
		"in less than no time": func(r *Rehearsal) { r.Seconds = -1 },
		"from a story":         func(r *Rehearsal) { r.Reporter, r.Place = "desk", "the tapes of CANARY Miller" },
		"with a story":         func(r *Rehearsal) { r.Reason = "the server of CANARY burnt down" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			change(&bad)
			r, err := OpenRehearsals(filepath.Join(t.TempDir(), "r.json"))
			require.NoError(t, err)
			require.Error(t, r.Add(bad, at.Add(time.Hour)))
			last, _ := r.Last("north")
			require.Empty(t, last)
		})
	}
}

func TestRehearsalsThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	r, err := OpenRehearsals(filepath.Join(dir, "gone", "r.json"))
	require.NoError(t, err)
	at := now()
	require.Error(t, r.Add(Rehearsal{Tenant: "north", Started: at, Ended: at, Reason: "disk"}, at))
	last, _ := r.Last("north")
	require.Empty(t, last, "what is not on disk did not happen")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "r.json"), []byte("{"), 0o600))
	_, err = OpenRehearsals(filepath.Join(dir, "r.json"))
	require.Error(t, err)
}
