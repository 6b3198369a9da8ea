package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// insideOf visits a database as package odoo does: all statements in one batch, in a transaction
// that prefers indexes.
func insideOf(t testing.TB, c *Cluster, tenant, database string) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(collectors.Key{Collector: "odoo", Target: "main", Tenant: tenant}, time.Now())
	require.NoError(t, c.Visit(t.Context(), database, func(ctx context.Context, conn *pgconn.PgConn) error {
		batch := "SELECT set_config('search_path', 'pg_catalog', true), set_config('enable_seqscan', 'off', true)"
		groups := slices.DeleteFunc(InsideGroups(), func(in Inside) bool { return in.Compat && !c.Compat() })
		for _, in := range groups {
			batch += ";\n" + in.SQL
		}
		results, err := conn.Exec(ctx, batch).ReadAll()
		if err != nil {
			return err
		}
		for i, in := range groups {
			if err := in.Read(b, database, results[i+1].Rows); err != nil {
				return err
			}
		}
		return nil
	}))
	return b.Batch()
}

func TestInside(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	run(
		t, primary, clinic,
		"CREATE TABLE visits(id serial PRIMARY KEY, n int) WITH (autovacuum_enabled = off)", "CREATE TABLE beds(id serial PRIMARY KEY) WITH (autovacuum_enabled = off)",
		"CREATE TABLE doubles(n int)", "CREATE SEQUENCE turns CYCLE MAXVALUE 10", "SELECT setval('turns', 10)", "INSERT INTO doubles VALUES (1), (1)",
		"INSERT INTO visits(n) SELECT generate_series(1, 120000)", "CREATE TEMP TABLE mine(n int)",
	)
	role := roleForTest(t, primary, "IN ROLE pg_monitor")
	c := clusterForTest(t, configFor(primary, role), Options{})
	rows := func(family string) float64 {
		n, _ := value(insideOf(t, c, "north", clinic), family, "tenant", "north")
		return n
	}
	require.Eventually(t, func() bool { return rows("pg_database_live_rows") == 120002 }, soon, tick)
	run(t, primary, clinic, "VACUUM ANALYZE visits", "UPDATE visits SET n = n + 1 WHERE id <= 60000")
	b := insideOf(t, c, "north", clinic)
	requireValue(t, b, 3, "pg_database_tables", "tenant", "north", "datname", clinic)
	requireValue(t, b, 1, "pg_database_big_tables", "tenant", "north")
	requireValue(t, b, 0, "pg_database_big_tables_never_vacuumed", "tenant", "north")
	requireValue(t, b, 0, "pg_database_invalid_indexes", "tenant", "north")
	at, _ := value(b, "pg_database_oldest_vacuum_timestamp_seconds", "tenant", "north")
	require.InDelta(t, float64(time.Now().Unix()), at, 60)
	require.Eventually(t, func() bool { return rows("pg_database_dead_rows") == 60000 }, soon, tick)
	b = insideOf(t, c, "north", clinic)
	requireValue(t, b, 1, "pg_database_tables_vacuum_overdue", "tenant", "north")
	require.Empty(t, b.Findings, "the last vacuum was just now")
	requireValue(t, b, 2, "pg_database_sequences_hidden", "tenant", "north")
	requireValue(t, b, 0, "pg_database_sequences", "tenant", "north")
	requireAbsent(t, b, "pg_database_sequence_used_ratio")
	requireValue(t, b, 1, "wardround_indicator_unavailable", "indicator", "sequences", "reason", "permission")

	conn, err := primary.Connect(t.Context(), "", clinic)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY ON doubles(n)")
	require.Error(t, err)
	require.NoError(t, conn.Close(t.Context()))
	run(t, primary, clinic, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO "+role, "SELECT setval('beds_id_seq', 1900000000)")
	b = insideOf(t, c, "north", clinic)
	requireValue(t, b, 1, "pg_database_invalid_indexes", "tenant", "north")
	requireValue(t, b, 2, "pg_database_sequences", "tenant", "north")
	requireValue(t, b, 1, "pg_database_sequences_nearly_exhausted", "tenant", "north")
	used, _ := value(b, "pg_database_sequence_used_ratio", "tenant", "north")
	require.InDelta(t, 1.9e9/(1<<31), used, 1e-3)
	requireAbsent(t, b, "wardround_indicator_unavailable")
	sequence, ok := finding(b, "sequence_nearly_exhausted")
	require.True(t, ok)
	require.Equal(t, collectors.Finding{
		Tenant: "north", Name: "sequence_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Warning,
		Text: "1 sequences of database " + clinic + " have given out four fifths of their values, the fullest 88.5 %: at its end no row can be added to its table.",
	}, sequence)
	index, ok := finding(b, "invalid_indexes")
	require.True(t, ok)
	require.Contains(t, index.Text, "1 indexes of database "+clinic+" are invalid")
	for _, m := range InsideMetrics() {
		_, emitted := value(b, m.Name, "datname", clinic)
		require.Equal(t, !strings.HasPrefix(m.Name, "pg_stat_user_tables_"), emitted, m.Name)
	}
	require.NoError(t, InsideMetrics().Validate())
	require.NoError(t, collectors.Merge(Metrics(), InsideMetrics()).Validate(), "no name is taken")
}

// TestSequencesEndWithTheirColumns: before PostgreSQL 10 all sequences went on as far as a bigint, and
// those of databases that were moved from there still do.
func TestSequencesEndWithTheirColumns(t *testing.T) {
	majors(t, func(t *testing.T, server *platform.Postgres) {
		clinic := server.DatabaseForTest(t, "")
		role := roleForTest(t, server, "IN ROLE pg_monitor")
		run(
			t, server, clinic,
			"CREATE SEQUENCE visits_id_seq", "CREATE TABLE visits(id int4 PRIMARY KEY DEFAULT nextval('visits_id_seq'))",
			"ALTER SEQUENCE visits_id_seq OWNED BY visits.id", "CREATE TABLE beds(id bigserial)", "CREATE SEQUENCE numbers",
			"SELECT setval('visits_id_seq', 2040109465), setval('beds_id_seq', 2040109465), setval('numbers', 2040109465)",
			"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO "+role,
		)
		b := insideOf(t, clusterForTest(t, configFor(server, role), Options{}), "north", clinic)
		requireValue(t, b, 3, "pg_database_sequences", "tenant", "north")
		requireValue(t, b, 1, "pg_database_sequences_nearly_exhausted", "tenant", "north")
		used, _ := value(b, "pg_database_sequence_used_ratio", "tenant", "north")
		require.InDelta(t, 0.95, used, 1e-6)
	})
}

func TestInsideFindings(t *testing.T) {
	tables, sequences := InsideGroups()[0], InsideGroups()[1]
	text := func(values ...string) [][][]byte {
		var line [][]byte
		for _, v := range values {
			line = append(line, []byte(v))
		}
		return [][][]byte{line}
	}
	b := collectors.NewBuilder(collectors.Key{Collector: "odoo", Target: "main", Tenant: "north"}, t0)
	require.NoError(t, tables.Read(b, "clinic", text("700", "1", "1", "3", "1", "0", "2", "300000", "0")))
	require.NoError(t, sequences.Read(b, "clinic", text("600", "0", "0.99", "1", "wardround")))
	findings := b.Batch().Findings
	require.Equal(t, "2 tables of database clinic have twice as many dead rows as should bring autovacuum, and a big one was not vacuumed for 3 days: "+
		"look for a transaction that is kept open, and at autovacuum's settings.", findings[0].Text)
	require.Equal(t, collectors.Critical, findings[1].Severity)
	require.Error(t, tables.Read(b, "clinic", nil))
	require.Error(t, tables.Read(b, "clinic", text("1")))
	require.NoError(t, deadRowsInside().Read(b, "clinic", nil), "a database without tables")
	require.Error(t, deadRowsInside().Read(b, "clinic", slices.Repeat(text("public", "visits", "1", "1"), tableSeries+1)))
}

// TestDeadRowsOfTables: for who asks for postgres_exporter's names the tables with most dead rows
// have series, those with names that users make up none of their own, and the sums are of all.
func TestDeadRowsOfTables(t *testing.T) {
	const dead, live = "pg_stat_user_tables_n_dead_tup", "pg_stat_user_tables_n_live_tup"
	majors(t, func(t *testing.T, server *platform.Postgres) {
		clinic := server.DatabaseForTest(t, "")
		statements := []string{"CREATE SCHEMA archive"}
		for _, of := range []struct {
			table      string
			rows, dead int
		}{
			{"archive.res_partner", 1000, 700},
			{"res_partner", 1000, 600},
			{`"Seen by John"`, 1000, 500},
			{"x_john", 1000, 400},
			{"other", 1000, 300},
			{"t1", 100, 91},
			{"t2", 100, 92},
			{"t3", 100, 93},
			{"t4", 100, 94},
			{"t5", 100, 95},
			{"t6", 100, 90},
			{"archive.t7", 100, 80},
			{"clean", 5000, 0},
		} {
			statements = append(statements, fmt.Sprintf("CREATE TABLE %[1]s WITH (autovacuum_enabled = off) AS SELECT generate_series(1, %[2]d) AS n",
				of.table, of.rows), fmt.Sprintf("DELETE FROM %s WHERE n <= %d", of.table, of.dead))
		}
		run(t, server, clinic, statements...)
		config := configFor(server, roleForTest(t, server, "IN ROLE pg_monitor"))
		requireAbsent(t, insideOf(t, clusterForTest(t, config, Options{}), "north", clinic), dead)
		config.Compat = true
		c := clusterForTest(t, config, Options{})
		var b *collectors.Batch
		require.Eventually(t, func() bool {
			b = insideOf(t, c, "north", clinic)
			all, _ := value(b, "pg_database_dead_rows")
			rows, _ := value(b, "pg_database_live_rows")
			return all == 3135 && rows == 10700-3135
		}, soon, tick)
		for _, want := range []struct {
			schema, table string
			dead, live    float64
		}{
			{"archive", "res_partner", 700, 300},
			{"public", "res_partner", 600, 400},
			{"public", "t1", 91, 9},
			{"public", "t5", 95, 5},
			{"archive", "other", 80, 20},
			{"public", "other", 500 + 400 + 300 + 90, 500 + 600 + 700 + 10 + 5000},
		} {
			labels := []string{"tenant", "north", "datname", clinic, "schemaname", want.schema, "relname", want.table}
			requireValue(t, b, want.dead, dead, labels...)
			requireValue(t, b, want.live, live, labels...)
		}
		series := 0
		b.Each(func(f string) bool { return f == dead }, func(collectors.Series) { series++ })
		require.Equal(t, 9, series)
	})
}
