package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
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

// TestEveryMetricIsEmitted gathers what rounds bring in all states that a server can be had in
// here, and misses only what this version or a healthy disk has not.
func TestEveryMetricIsEmitted(t *testing.T) {
	elsewhere := []string{
		"pg_stat_database_parallel_workers_to_launch_total", "pg_stat_database_parallel_workers_launched_total", // from 18 on
		"pg_stat_database_checksum_failures_total", "pg_stat_database_checksum_last_failure_timestamp_seconds", // without checksums
		"pg_stat_database_stats_reset_timestamp_seconds", // never reset
	}
	seen := map[string]bool{}
	for _, source := range groups() {
		for _, m := range source.metrics {
			seen[m.Name] = false
		}
	}
	for _, b := range scenes(t) {
		for _, f := range b.Families {
			seen[f.Metric.Name] = true
		}
	}
	for name, emitted := range seen {
		if slices.Contains(elsewhere, name) {
			continue
		}
		require.True(t, emitted, "%s is announced and never emitted", name)
	}
}

// scenes are rounds that bring everything: replication from recorded answers, since each column
// is proven on real servers elsewhere, the rest from the server.
func scenes(t *testing.T) []*collectors.Batch {
	clinic := primary.DatabaseForTest(t, "")
	c := monitored(t, primary, Options{})
	conn, err := primary.Connect(t.Context(), "", clinic)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "BEGIN; SELECT 1")
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	active, err := primary.Connect(t.Context(), "", clinic)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := active.Exec(t.Context(), "SELECT pg_sleep(1)")
		done <- err
	}()
	require.NoError(t, primary.Exec(t.Context(), "", `ALTER DATABASE "`+clinic+`" CONNECTION LIMIT 9`))
	roleForTest(t, primary, "CONNECTION LIMIT 9")
	live := collect(t, c)
	require.NoError(t, <-done)
	require.NoError(t, active.Close(t.Context()))

	b := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, live.At)
	r := &round{Builder: b, cluster: c, tenants: c.options.Tenants.Current()}
	r.readReplication(answered(map[string]string{
		"application_name": "replica", "state": "streaming", "streaming": "1", "sent_bytes": "1", "flush_bytes": "1",
		"replay_bytes": "1", "write_seconds": "1", "flush_seconds": "1", "replay_seconds": "1", "replied": "1e9", "xmin_age": "1",
	}))
	r.readOwnReplay(answered(map[string]string{
		"lag": "1", "streaming": "1", "heard": "1e9", "told": "2", "replayed": "1", "lag_bytes": "1", "commit_time": "1e9", "paused": "0",
	}))
	r.readLockGate(answered(map[string]string{"datname": "clinic", "waiting": "1"}))
	r.readLockTree(answered(map[string]string{"datname": "clinic", "waiting": "1", "roots": "1", "oldest": "1e9", "longest": "1"}))
	return []*collectors.Batch{live, b.Batch()}
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
