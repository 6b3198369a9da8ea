package postgres

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// lines are those of a file of testdata, without its comments.
func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	all = slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "#") })
	require.NotEmpty(t, all)
	return all
}

// testBoards says whether a board finds all its metrics among what a server of the major emits,
// but those of which its file says why not.
func testBoards(t *testing.T, major string, emitted map[string]bool) {
	t.Helper()
	for _, board := range []string{"grafana-9628.txt", "postgres_mixin.txt"} {
		for _, line := range lines(t, filepath.Join("boards", board)) {
			name, why, left := strings.Cut(line, ": ")
			if version, _, _ := strings.Cut(why, " "); version == "15" || version == "18" {
				left = version == major
			}
			require.Equal(t, !left, emitted[name], "%s uses %s", board, name)
		}
	}
}

// TestPeer holds the table of what becomes of postgres_exporter's metrics to both catalogues: the
// peer's as recorded, of which none is forgotten, and ours, in which everything stands that the
// table names.
func TestPeer(t *testing.T) {
	ours := map[string]bool{}
	for _, m := range collectors.Merge(Metrics(), InsideMetrics(), collectors.Metrics()) {
		ours[m.Name] = true
	}
	table := map[string]bool{}
	for _, line := range lines(t, "postgres_exporter.txt") {
		word := strings.Fields(strings.ReplaceAll(line, ":", " "))
		name := word[1]
		require.False(t, table[name], "%s stands there twice", name)
		table[name] = true
		switch word[2] {
		case "kept":
			require.True(t, ours[name], "%s is said to be kept", name)
		case "corrected":
			require.True(t, ours[word[3]], "%s is said to be %s", name, word[3])
			require.NotEqual(t, name, word[3])
			require.True(t, ours[name] || word[0] == "optional", "%s is missing where compat is asked for", name)
		case "left":
			require.False(t, ours[name], "%s is said to be left out", name)
			require.Greater(t, len(word), 4, "%s is left out without a reason", name)
		default:
			require.Fail(t, "no decision", "%s", line)
		}
	}
	for _, name := range lines(t, "postgres_exporter-page.txt") {
		if strings.HasPrefix(name, "pg_settings_") {
			name = "pg_settings_*"
		}
		require.True(t, table[name], "%s is on the peer's page and not in the table", name)
	}
	for _, m := range compatMetrics() {
		if m.Name != "pg_replication_lag" && m.Name != "pg_xlog_position_bytes" { // older releases had these
			require.True(t, table[m.Name] || strings.HasPrefix(m.Name, "pg_stat_database_"), "%s is emitted for a peer that has it not", m.Name)
		}
	}
}

// TestTheirValues: what is called otherwise is also counted otherwise.
func TestTheirValues(t *testing.T) {
	config := configFor(primary, "postgres")
	config.Compat = true
	c := clusterForTest(t, config, Options{})
	b := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, t0)
	r := &round{Builder: b, cluster: c, tenants: c.options.Tenants.Current()}
	r.Set(statDatabase.metric("xact_commit"), 7, "clinic")
	r.SetFor("north", statDatabase.metric("active_time"), 1.5, "clinic")
	r.Set(statBgwriter.metric("checkpoint_write_time"), 2)
	r.Set(statArchiver.metric("last_archived_time"), float64(t0.Unix()-90))
	r.setUp(false)
	batch := b.Batch()
	requireValue(t, batch, 7, "pg_stat_database_xact_commit", "datname", "clinic")
	requireValue(t, batch, 1500, "pg_stat_database_active_time", "datname", "clinic", "tenant", "north")
	requireValue(t, batch, 2000, "pg_stat_bgwriter_checkpoint_write_time_total")
	requireValue(t, batch, 2000, "pg_stat_checkpointer_write_time_total")
	requireValue(t, batch, 2, "pg_stat_checkpointer_write_time_seconds_total")
	requireValue(t, batch, 90, "pg_stat_archiver_last_archive_age")
	requireValue(t, batch, 1, "pg_exporter_last_scrape_error")
}

// TestBackendsBuffers: what later versions tell of somewhere else is found where it used to be.
func TestBackendsBuffers(t *testing.T) {
	const sql = "SELECT (sum(coalesce(write_bytes, 0) + coalesce(extend_bytes, 0)) / 8192)::bigint FROM pg_stat_io " +
		"WHERE object = 'relation' AND backend_type NOT IN ('checkpointer', 'background writer')"
	run(t, eighteen, eighteen.DatabaseForTest(t, ""), "CREATE TABLE beds AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
	config := configFor(eighteen, roleForTest(t, eighteen, "IN ROLE pg_monitor"))
	buffers := func() float64 {
		n, known := value(collect(t, clusterForTest(t, config, Options{})), "pg_stat_bgwriter_buffers_backend_total")
		require.Equal(t, config.Compat, known)
		return n
	}
	buffers()
	config.Compat = true
	text, err := eighteen.Value(t.Context(), "", sql)
	require.NoError(t, err)
	before, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	require.Greater(t, before, 250.0)
	got := buffers()
	require.GreaterOrEqual(t, got, before)
	require.Less(t, got, before+200_000)
}
