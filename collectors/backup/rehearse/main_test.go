package rehearse

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/backup/files"
	"github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// live is the server whose tenants are backed up.
var live *platform.Postgres

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(platform.SharePostgres(m, platform.PostgresOptions{}, &live))
}

const database = "clinic_north"

var north = collectors.Tenant{Name: "north", Tier: "shared", Postgres: "pg1", Database: database}

// scratchDir is a folder that PostgreSQL's user may pass, with a short path.
func scratchDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wr")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// clinic makes the live database of the tenant anew.
func clinic(t *testing.T, pg *platform.Postgres, troubles ...odoo.Trouble) {
	t.Helper()
	require.NoError(t, pg.Exec(t.Context(), "", `DROP DATABASE IF EXISTS clinic_north WITH (FORCE)`))
	require.NoError(t, odoo.Seed(t.Context(), pg, database, odoo.Series18, troubles...))
	require.NoError(t, pg.Exec(t.Context(), database, `UPDATE account_move SET write_date = now() AT TIME ZONE 'UTC' - id * interval '1 hour'`))
}

// dump runs pg_dump on the live database.
func dump(t testing.TB, path string, args ...string) {
	t.Helper()
	bin, err := platform.PostgresBinDir()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "pg_dump"), append(args,
		"--host=127.0.0.1", "--port="+strconv.Itoa(live.Port()), "--username=postgres", "--file="+path, database)...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+live.Password)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// newest finds the tenant's backup in a place.
func newest(t testing.TB, c backup.Config) backup.Artifact {
	t.Helper()
	artifact, err := place(t, c).Newest(t.Context(), north)
	require.NoError(t, err)
	return artifact
}

// place is where the tenant's backups are kept.
func place(t testing.TB, c backup.Config) *backup.Place {
	t.Helper()
	whole := backup.DefaultConfig()
	whole.Name, whole.Dumps, whole.PgBackRest = "nightly", c.Dumps, c.PgBackRest
	require.NoError(t, whole.Validate())
	tenants, err := collectors.NewTenants([]collectors.Tenant{north})
	require.NoError(t, err)
	registry := collectors.NewRegistry()
	registry.Replace(tenants)
	p, err := backup.New(whole, backup.Options{
		Tenants: registry, Terms: func(collectors.Tenant) backup.Terms { return backup.Terms{} }, Memory: backup.NewMemory(),
	})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// downBucket is a bucket whose server is not there.
func downBucket(t *testing.T) files.Store {
	t.Helper()
	server := httptest.NewServer(nil)
	server.Close()
	bucket, err := files.NewBucket(files.BucketConfig{Endpoint: server.URL, Bucket: "copies", Region: "us-east-1"})
	require.NoError(t, err)
	t.Cleanup(bucket.Close)
	return bucket
}

func inFolder(dir string) backup.Config {
	return backup.Config{Dumps: &backup.Dumps{In: backup.Location{Folder: dir}, Path: "{database}.*"}}
}

// nothingLeft makes sure that a folder for rehearsals is empty and no process works in it.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	left, err := platform.Leftovers(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func port(pg *platform.Postgres) string { return strconv.Itoa(pg.Port()) }
