package backup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNobodyIsAlarmedBeforeWALWasSeenToCome begins to watch a place whose newest backup is older than
// the tier allows, and whose WAL may be new or not.
func TestNobodyIsAlarmedBeforeWALWasSeenToCome(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(recorded(t, "pgbackrest"), "full-diff-incr.json"))
	require.NoError(t, err)
	const newest = "00000001000000000000000A"
	require.Contains(t, string(text), newest)
	file := filepath.Join(t.TempDir(), "info.json")
	o := options(t, north)
	p := place(t, Config{PgBackRest: &PgBackRest{Postgres: "pg1", Stanza: "odoo", File: file}}, o)
	first := time.Unix(1_795_288_953, 0).Add(30 * time.Hour) // thirty hours after the newest backup
	look := func(after time.Duration, segment string) string {
		require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), newest, segment)), 0o600))
		at := first.Add(after)
		require.NoError(t, os.Chtimes(file, at, at))
		visited(t, p, at)
		batch := summed(t, o, nil, at)
		return page(batch) + strings.Join(names(batch), " ")
	}

	said := look(0, newest)
	require.NotContains(t, said, "backup_tenant_recovery_point_timestamp", "whether WAL comes is not known yet")
	require.NotContains(t, said, "exceeded")
	require.Contains(t, said, "backup_tenant_places")
	require.NotContains(t, look(24*time.Hour, newest), "exceeded", "it may have come just before the first look")
	require.Contains(t, look(24*time.Hour+time.Second, newest), "north/recovery_point_exceeded", "for longer than the tier allows, nothing has come")
	said = look(25*time.Hour, "00000001000000000000000B")
	require.NotContains(t, said, "exceeded")
	require.Contains(t, said, "backup_tenant_recovery_point_timestamp_seconds")
}
