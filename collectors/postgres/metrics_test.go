package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCatalogue keeps the names, types and labels that dashboards and rules rely on.
func TestCatalogue(t *testing.T) {
	require.NoError(t, Metrics().Validate())
	var text strings.Builder
	for _, m := range Metrics() {
		fmt.Fprintf(&text, "%s %s{%s}\n", m.Type, m.Name, strings.Join(m.Labels, ","))
	}
	golden(t, "catalogue.txt", text.String())
}

// TestEveryMetricIsEmitted has everything go on at once on a primary and its standby, of each
// version, and misses only what that version or a healthy disk has not.
func TestEveryMetricIsEmitted(t *testing.T) {
	elsewhere := map[string][]string{
		"15": {
			"pg_stat_io_", "pg_stat_database_parallel_workers_", "pg_stat_checkpointer_num_done", "pg_stat_checkpointer_restartpoints_",
			"pg_stat_checkpointer_slru_written", "pg_stat_checkpointer_stats_reset", "pg_stat_progress_vacuum_max_dead_tuple_bytes",
			"pg_stat_progress_vacuum_dead_tuple_bytes", "pg_stat_progress_vacuum_num_dead_item_ids", "pg_stat_progress_vacuum_indexes",
			"pg_stat_database_conflicts_confl_active_logicalslot",
			"pg_stat_database_checksum_", // checksums are off there
		},
		"18": {
			"pg_stat_wal_write", "pg_stat_wal_sync", "pg_stat_progress_vacuum_max_dead_tuples",
			"pg_stat_progress_vacuum_num_dead_tuples", "pg_stat_database_checksum_last_failure",
		},
	}
	for major, bin := range bins(t) {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			s := troubledForTest(t, bin)
			s.troubles(t)
			seen := s.emitted(t, func(name string) bool {
				return !slices.ContainsFunc(elsewhere[major], func(prefix string) bool { return strings.HasPrefix(name, prefix) })
			})
			for _, f := range insideOf(t, s.main, "north", s.clinic).Families {
				seen[f.Metric.Name] = true
			}
			testBoards(t, major, seen)
		})
	}
}

// answered is a table of one row.
func answered(values map[string]string) table {
	t := table{columns: map[string]int{}, rows: [][][]byte{nil}}
	for column, v := range values {
		t.columns[column] = len(t.rows[0])
		t.rows[0] = append(t.rows[0], []byte(v))
	}
	return t
}
