package backup

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// program writes a program that answers as recorded: `case` says which arguments get which file.
func program(t *testing.T, script string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	return []string{path}
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	require.NoError(t, err)
	return path
}

func pgBackRestPlace(t *testing.T, c PgBackRest) *Place {
	t.Helper()
	c.Postgres, c.Stanza = "pg1", "odoo"
	return place(t, Config{PgBackRest: &c, Keep: 2}, options(t, north, south))
}

// recordedNow is an hour after the newest recorded backup.
var recordedNow = time.Unix(1795290035, 0).Add(time.Hour).UTC()

func TestPgBackRestFromFile(t *testing.T) {
	for _, c := range []struct {
		name string
		repo int
	}{{"full-diff-incr", 1}, {"two-repos", 2}, {"running", 1}, {"no-backup", 1}, {"repo2-cryptoerror", 1}} {
		t.Run(c.name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "info.json")
			text, err := os.ReadFile(recorded(t, "pgbackrest/"+c.name+".json"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(copied, text, 0o644))
			require.NoError(t, os.Chtimes(copied, recordedNow, recordedNow))
			p := pgBackRestPlace(t, PgBackRest{File: copied, Repo: c.repo, Compat: c.name == "full-diff-incr"})
			golden(t, "pgbackrest/"+c.name, visited(t, p, recordedNow))
		})
	}
}

func TestPgBackRestThatCannotBeRead(t *testing.T) {
	hold := "cat " + recorded(t, "pgbackrest/")
	for name, c := range map[string]struct {
		script string
		repo   int
		reason collectors.Reason
	}{
		"missing stanza":    {hold + "/missing-stanza.json", 1, collectors.ReasonMissing},
		"no stanza":         {hold + "/none.json", 1, collectors.ReasonMissing},
		"no such repo":      {hold + "/full-diff-incr.json", 3, collectors.ReasonMissing},
		"S3 down":           {hold + "/s3-down.json", 2, collectors.ReasonUnreachable},
		"wrong certificate": {hold + "/repo2-cryptoerror.json", 2, collectors.ReasonAuth},
		"noise only":        {"echo CANARY-noise; echo '[unfinished'", 1, collectors.ReasonProtocol},
		"flood":             {"yes CANARY", 1, collectors.ReasonProtocol},
		"failing":           {"echo CANARY-secret >&2; exit 56", 1, collectors.ReasonOther},
		"another shape":     {`echo '[{"name": "odoo", "backup": "CANARY"}]'`, 1, collectors.ReasonProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			p := pgBackRestPlace(t, PgBackRest{Command: program(t, c.script), Repo: c.repo})
			batch, err := visit(t, p, p.Visit().Key, recordedNow)
			require.Error(t, err)
			require.Equal(t, c.reason, collectors.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error()+page(batch), "CANARY")
			require.Equal(t, []string{"backup_place_unreadable"}, names(batch))
			require.Contains(t, page(batch), "backup_up 0\n")
		})
	}
}

func TestPgBackRestCommand(t *testing.T) {
	dir := recorded(t, "pgbackrest")
	p := pgBackRestPlace(t, PgBackRest{Command: program(t, fmt.Sprintf(`
case "$*" in
*"repo-ls"*"archive/odoo/15-1/0000000100000000"*) echo '{".":{"type":"path"},"000000010000000000000009-ab.gz":{"size":1,"time":1795290100,"type":"file"},"00000001000000000000000A-ab.gz":{"size":1,"time":1795290200,"type":"file"}}' ;;
*--set=20261121-194023F*) echo "WARN: CANARY noise"; cat %[1]s/set-detail.json ;;
*) echo "2026-11-21 WARN: CANARY"; cat %[1]s/full-diff-incr.json; echo CANARY trailing ;;
esac`, dir))})
	batch := visited(t, p, recordedNow)
	require.NotContains(t, page(batch), "CANARY")
	require.Contains(t, page(batch), `backup_recovery_point_timestamp_seconds{tenant="north"} 1.7952902e+09`)
}

func TestPgBackRestDatabaseLeftOut(t *testing.T) {
	dir := recorded(t, "pgbackrest")
	c := PgBackRest{Postgres: "pg1", Stanza: "odoo", Command: program(t, fmt.Sprintf(`
case "$*" in
*repo-ls*) exit 1 ;;
*--set=*) cat %[1]s/set-detail.json ;;
*) cat %[1]s/repo2-cryptoerror.json ;;
esac`, dir))}
	late := collectors.Tenant{Name: "late", Tier: "shared", Postgres: "pg1", Database: "clinic_late"}
	elsewhere := collectors.Tenant{Name: "elsewhere", Tier: "shared", Postgres: "pg2", Database: "clinic_late"}
	p := place(t, Config{PgBackRest: &c}, options(t, north, late, elsewhere))
	batch := visited(t, p, recordedNow)
	text := page(batch)
	require.Contains(t, text, `backup_tenant_included{tenant="north"} 1`)
	require.Contains(t, text, `backup_tenant_included{tenant="late"} 0`)
	require.NotContains(t, text, `backup_recovery_point_timestamp_seconds{tenant="late"}`)
	require.NotContains(t, text, "elsewhere")
	require.Equal(t, []string{"late/backup_database_left_out"}, names(batch))
	require.Contains(t, text, `indicator="wal_archived",reason="other"`)
}

func TestBarman(t *testing.T) {
	dir := recorded(t, "barman")
	c := Barman{Postgres: "pg1", Server: "pg", Command: program(t, fmt.Sprintf(`
case "$*" in
"-f json list-backup pg") cat %[1]s/list-backup.json ;;
"-f json show-backup pg latest") cat %[1]s/show-backup.json ;;
"-f json check pg") echo "2026-11-21 WARNING: CANARY"; cat %[1]s/check.json; exit 1 ;;
*) exit 2 ;;
esac`, dir))}
	p := place(t, Config{Barman: &c}, options(t, north))
	golden(t, "barman/all", visited(t, p, time.Date(2026, 11, 23, 20, 30, 0, 0, time.UTC)))
}

func TestNewestSegmentAfterAnUpgrade(t *testing.T) {
	var s stanza
	require.NoError(t, json.Unmarshal([]byte(`{"archive": [
		{"database": {"id": 2, "repo-key": 1}, "id": "16-2", "max": "0000000100000000000000A0"},
		{"database": {"id": 3, "repo-key": 2}, "id": "16-3", "max": "0000000100000000000000F0"},
		{"database": {"id": 1, "repo-key": 1}, "id": "15-1", "max": "000000010000000000000090"},
		{"database": {"id": 4, "repo-key": 1}, "id": "../CANARY", "max": "0000000100000000000000FF"},
		{"database": {"id": 5, "repo-key": 1}, "id": "17-1", "max": null}]}`), &s))
	segment, folder := s.archived(1)
	require.Equal(t, "0000000100000000000000A0", segment)
	require.Equal(t, "16-2", folder)
}

func TestWALClock(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	type told struct{ archived, latest time.Time }
	w := walClock{}
	for _, c := range []struct {
		segment string
		minute  int
		told    told
		why     string
	}{
		{"000000010000000000000001", 0, told{latest: at(0)}, "nobody saw it come"},
		{"000000010000000000000001", 5, told{latest: at(0)}, "it was there at the beginning already"},
		{"000000010000000000000002", 10, told{archived: at(5)}, "it was not there five minutes ago"},
		{"000000010000000000000002", 15, told{archived: at(5)}, "nothing came since"},
		{"", 20, told{}, "nothing is archived"},
		{"000000010000000000000003", 25, told{archived: at(15)}, "it was not there when last looked"},
	} {
		archived, latest := w.archivedBy(c.segment, at(c.minute))
		require.Equal(t, c.told.archived, archived, c.why)
		require.Equal(t, c.told.latest, latest, c.why)
	}
}
