package rehearse

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// rehearsed rehearses, and judges what must hold however it went.
func rehearsed(t *testing.T, o Options) (Result, error) {
	t.Helper()
	o.Tenant, o.Dir = north, scratchDir(t)
	result, err := Rehearse(t.Context(), o)
	nothingLeft(t, o.Dir)
	evidence, jsonErr := json.Marshal(result)
	require.NoError(t, jsonErr)
	require.NotContains(t, string(evidence), odoo.Canary)
	if err != nil {
		require.NotContains(t, err.Error(), odoo.Canary)
	}
	require.Equal(t, err == nil, result.Success)
	return result, err
}

func TestDumps(t *testing.T) {
	clinic(t, live, odoo.Canaries)
	for name, args := range map[string][]string{
		"custom": {"--format=custom"}, "plain": {"--format=plain"}, "plain with owners": {"--format=plain", "--create"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := scratchDir(t)
			dump(t, filepath.Join(dir, database+".backup"), args...)
			var stages []Stage
			result, err := rehearsed(t, Options{Artifact: newest(t, inFolder(dir)), Progress: func(p Progress) {
				if len(stages) == 0 || stages[len(stages)-1] != p.Stage {
					stages = append(stages, p.Stage)
				}
			}})
			require.NoError(t, err)
			require.Equal(t, []Stage{StagePrepare, StageFetch, StageStart, StageRestore, StageCheck, StageRemove}, stages)
			require.Equal(t, "18.0.1.3", result.Odoo)
			require.Positive(t, result.Rows["res_users"])
			require.WithinDuration(t, time.Now(), result.NewestWrite, 24*time.Hour)
			require.Positive(t, result.RecoverySeconds)
			require.True(t, result.Removed)
		})
	}
}

// tablespace makes one outside of a server's data folder and returns where.
func tablespace(t *testing.T, pg *platform.Postgres) string {
	t.Helper()
	folder := filepath.Join(pg.Dir(), "elsewhere")
	require.NoError(t, os.Mkdir(folder, 0o700))
	info, err := os.Stat(filepath.Join(pg.Dir(), "data"))
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	require.NoError(t, os.Chown(folder, int(owner.Uid), int(owner.Gid)))
	require.NoError(t, pg.Exec(t.Context(), "", "CREATE TABLESPACE elsewhere LOCATION '"+folder+"'"))
	return folder
}

// contents are the names and times of all files below a folder.
func contents(t *testing.T, folder string) map[string]time.Time {
	t.Helper()
	all := map[string]time.Time{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		all[path] = info.ModTime()
		return nil
	}))
	return all
}

// seconds is the value of the first series of a family in a page; 0 where there is none.
func seconds(t *testing.T, page, family string) int64 {
	t.Helper()
	found := regexp.MustCompile("(?m)^" + family + `\{.*\} (.*)$`).FindStringSubmatch(page)
	if found == nil {
		return 0
	}
	value, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return int64(value)
}

func TestPgBackRest(t *testing.T) {
	primary, repository := platform.PgBackRestForTest(t)
	clinic(t, primary)
	exec := func(database, sql string) { require.NoError(t, primary.Exec(t.Context(), database, sql)) }
	exec("", "CREATE DATABASE clinic_other")
	elsewhere := tablespace(t, primary)
	exec(database, "ALTER TABLE mail_message SET TABLESPACE elsewhere")
	require.NoError(t, repository.Run(t.Context(), "backup", "--type=full"))
	stopped := time.Now()
	exec(database, "INSERT INTO ir_config_parameter (key, value) VALUES ('after.backup', '1')")
	exec("", "SELECT pg_switch_wal()")
	config := backup.Config{PgBackRest: &backup.PgBackRest{
		Postgres: "pg1", Stanza: repository.Stanza, Command: []string{"pgbackrest", "--config=" + repository.Config},
	}}
	p := place(t, config)
	archived := func() string {
		b := collectors.NewBuilder(p.Visit().Key, time.Now())
		require.NoError(t, p.Collect(t.Context(), b))
		return string(collectortest.Text(b.Batch()))
	}
	text := archived()
	require.Eventually(t, func() bool {
		text = archived()
		return seconds(t, text, "backup_wal_last_archived_timestamp_seconds") >= stopped.Unix()
	}, 30*time.Second, time.Second)
	require.Contains(t, text, `backup_tenant_included{target="nightly",tenant="north"} 1`)
	require.Contains(t, text, `backup_encrypted{target="nightly",tenant="north"} 1`)
	require.Contains(t, text, `pgbackrest_repo_status{target="nightly",cipher="aes-256-cbc",repo_key="1",stanza="main"} 0`)

	before := contents(t, elsewhere)
	artifact, err := p.Newest(t.Context(), north)
	require.NoError(t, err)
	result, err := rehearsed(t, Options{Artifact: artifact})
	require.NoError(t, err)
	require.Equal(t, "18.0.1.3", result.Odoo)
	require.Equal(t, int64(100), result.Rows["mail_message"])
	require.WithinRange(t, result.RecoveryPoint, stopped.Add(-time.Second), time.Now())
	require.Equal(t, before, contents(t, elsewhere), "the live tablespace stays as it was")

	artifact.Label = "20200101-000000F"
	result, err = rehearsed(t, Options{Artifact: artifact})
	require.Error(t, err)
	require.Equal(t, ReasonRestore, result.Reason)
}
