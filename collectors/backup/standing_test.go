package backup

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStandingSumsUpPlacesAndRehearsals(t *testing.T) {
	at := now()
	here, there := folder(t.TempDir()), folder(t.TempDir())
	here.put(t, "clinic_north.1.sql", []byte(goodScript), at.Add(-2*time.Hour))
	o := options(t, north, south)
	nightly := place(t, Config{Name: "nightly", Dumps: &Dumps{In: here.location(), Path: "{database}.*"}}, o)
	place(t, Config{Name: "a-copy", CopyOf: "nightly", Dumps: &Dumps{In: there.location(), Path: "{database}.*"}}, o)
	place(t, Config{Name: "elsewhere", PgBackRest: &PgBackRest{Postgres: "pg2", Stanza: "x", File: "none"}}, o)
	r, err := OpenRehearsals(filepath.Join(t.TempDir(), "r.json"))
	require.NoError(t, err)
	p, err := NewProtection(o, r)
	require.NoError(t, err)
	visited(t, nightly, at)
	_, err = visit(t, p, p.Visit().Key, at) // meets the tenants
	require.NoError(t, err)

	s := p.Standing(north, at)
	require.Equal(t, o.Terms(north), s.Terms)
	require.Equal(t, at.Add(-2*time.Hour).Unix(), s.Point.Unix())
	require.Equal(t, at.AddDate(0, 0, 30).Unix(), s.Due.Unix())
	require.Len(t, s.Places, 2, "another cluster's backups are not this tenant's")
	require.Equal(t, "a-copy", s.Places[0].Place)
	require.False(t, s.Places[0].Read)
	require.True(t, s.Places[1].Read)
	require.Equal(t, Dump, s.Places[1].Newest.Type)
	require.Empty(t, s.Last)
	require.True(t, p.Standing(south, at).Point.IsZero())

	good := Rehearsal{Tenant: "north", Started: at, Ended: at, Success: true, RecoveryPoint: at}
	bad := Rehearsal{Tenant: "north", Started: at.Add(time.Hour), Ended: at.Add(time.Hour), Reason: "restore"}
	require.NoError(t, r.Add(good, at.Add(time.Hour)))
	require.NoError(t, r.Add(bad, at.Add(time.Hour)))
	s = p.Standing(north, at)
	require.Equal(t, []Rehearsal{bad, good}, []Rehearsal{s.Last, s.Good})
	bare, err := NewProtection(o, nil)
	require.NoError(t, err)
	require.Empty(t, bare.Standing(north, at).Due)
}
