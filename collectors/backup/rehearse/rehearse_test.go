package rehearse

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/backup"
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
			text, _ := json.MarshalIndent(result, "", " ")
			t.Log(string(text))
		})
	}
}

func TestPgBackRest(t *testing.T) {
	primary, repository := platform.PgBackRestForTest(t)
	clinic(t, primary)
	require.NoError(t, repository.Run(t.Context(), "backup", "--type=full"))
	require.NoError(t, primary.Exec(t.Context(), database, "INSERT INTO ir_config_parameter (key, value) VALUES ('after.backup', '1')"))
	require.NoError(t, primary.Exec(t.Context(), "", "SELECT pg_switch_wal()"))
	config := backup.Config{PgBackRest: &backup.PgBackRest{
		Postgres: "pg1", Stanza: repository.Stanza, Command: []string{"pgbackrest", "--config=" + repository.Config},
	}}
	result, err := rehearsed(t, Options{Artifact: newest(t, config)})
	text, _ := json.MarshalIndent(result, "", " ")
	t.Log(string(text))
	require.NoError(t, err)
}
