package backup

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
)

var backupFamily = regexp.MustCompile(`(?m)^((?:velero_|barman_cloud_|cnpg_pg_stat_archiver|cnpg_collector_(?:last_.*backup|first|pg_wal_archive))[a-z_]*?)(?:_bucket|_sum|_count)?(?:\{| )`)

// Every family of backups that CloudNativePG and Velero show became something, or has a reason, and
// none is asked for in vain.
func TestEveryMetricOfBackupsIsAccountedFor(t *testing.T) {
	text, err := os.ReadFile("peers.yaml")
	require.NoError(t, err)
	var peers []struct{ Theirs, Ours, Left string }
	require.NoError(t, yaml.Unmarshal(text, &peers))
	became := map[string]string{}
	for _, p := range peers {
		require.NotEqual(t, p.Ours == "", p.Left == "", "%s: ours or left", p.Theirs)
		require.NotContains(t, became, p.Theirs)
		became[p.Theirs] = p.Ours
		require.True(t, p.Ours == "" || slices.ContainsFunc(Metrics(), func(m *collectors.Metric) bool { return m.Name == p.Ours }), p.Ours)
	}
	seen := map[string]bool{}
	for _, page := range []string{"cnpg/primary.txt", "cnpg/plugin.txt", "velero/running.txt"} {
		for _, found := range backupFamily.FindAllStringSubmatch(recording(t, page), -1) {
			name := found[1]
			if _, accounted := became[name]; !accounted {
				name += "_count" // which a counter of PostgreSQL's may end in
			}
			require.Contains(t, became, name, "nothing became of it")
			seen[name] = true
		}
	}
	for theirs := range became {
		require.True(t, seen[theirs], "%s is on no page", theirs)
	}
	for _, name := range slices.Concat(cnpgNames, veleroNames) {
		for _, family := range backupFamily.FindAllStringSubmatch(name+" ", -1) {
			if ours, known := became[family[1]]; known && ours == "" {
				require.Equal(t, veleroBackups, name, "is read for nothing; but that one shows that it is Velero")
			}
		}
	}
}
