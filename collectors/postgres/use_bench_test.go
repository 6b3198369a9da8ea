package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// BenchmarkUseRound is a look at who uses what, of 200 tenant databases and of as many statements
// as the server keeps by default: 5,000; while all is quiet and while somebody waits. What the
// server's process spends on it is told apart.
func BenchmarkUseRound(b *testing.B) {
	server := platform.PostgresForTest(b, platform.PostgresOptions{})
	c := monitored(b, server, Options{Tenants: manyDatabases(b, server, 200)})
	for i := range 200 {
		conn, err := server.Connect(b.Context(), "", fmt.Sprintf("tenant_%03d", i))
		require.NoError(b, err)
		for n := range 24 {
			_, err := conn.PgConn().Exec(b.Context(), "SELECT 1"+strings.Repeat(", 1", n)).ReadAll()
			require.NoError(b, err)
		}
		require.NoError(b, conn.Close(b.Context()))
	}
	useRoundOf(b, c)
	batch := useRoundOf(b, c)
	for name, waiting := range map[string]bool{"quiet": false, "somebody waits": true} {
		b.Run(name, func(b *testing.B) {
			before, looks := processorTime(b, c.session.PID()), 0
			b.ReportAllocs()
			for b.Loop() {
				c.use.looks.waited = waiting
				builder := collectors.NewBuilder(collectors.Key{Collector: "postgres_use", Target: "main"}, time.Now()).After(batch)
				require.NoError(b, c.use.Collect(b.Context(), builder))
				batch = builder.Batch()
				if c.use.looks.at.Equal(c.use.at) {
					looks++
				}
			}
			spent := processorTime(b, c.session.PID()) - before
			entries, _ := value(batch, "pg_stat_statements_entries")
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "server-ms/op")
			b.ReportMetric(1+2*float64(looks)/float64(b.N), "asked/op")
			b.ReportMetric(entries, "statements")
			b.ReportMetric(float64(batch.Len()), "series")
		})
	}
}

// BenchmarkJudgement is what a round costs of which all is known: a thousand tenants with a day of history.
func BenchmarkJudgement(b *testing.B) {
	var n neighbours
	used := map[uint32]databaseUse{}
	for i := range uint32(1000) {
		used[i] = databaseUse{name: fmt.Sprint(i), usage: usage{0.1, 0.1, 10, 10, 10, 2}}
	}
	used[7] = databaseUse{name: "7", usage: usage{200, 200, 10, 10, 10, 2000}}
	for range keptShares * windowRounds {
		n.take(used, [resourceNumber]bool{})
		n.remember()
	}
	for b.Loop() {
		n.take(used, [resourceNumber]bool{})
		n.outOfLine()
		n.remember()
	}
}

// BenchmarkOdooDatabase is a database with as many tables, indexes and sequences as Odoo's: what a
// measure of its size costs, and what the sums of its tables and sequences cost on a connection
// that was made for them.
func BenchmarkOdooDatabase(b *testing.B) {
	server := platform.PostgresForTest(b, platform.PostgresOptions{Settings: map[string]string{"max_locks_per_transaction": "1000"}})
	require.NoError(b, server.CreateDatabase(b.Context(), "clinic", ""))
	require.NoError(b, server.Exec(b.Context(), "clinic", `DO $$ BEGIN FOR i IN 1..704 LOOP
  EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, name text, state text, parent int, at timestamp)', i);
  EXECUTE format('CREATE INDEX ON t%s(name)', i); EXECUTE format('CREATE INDEX ON t%s(parent)', i);
  EXECUTE format('INSERT INTO t%s(name, parent) SELECT i::text, i FROM generate_series(1, 20) i', i);
END LOOP; END $$`))
	require.NoError(b, server.Exec(b.Context(), "clinic", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO pg_monitor"))
	require.NoError(b, server.Exec(b.Context(), "clinic", "VACUUM ANALYZE"))
	c := monitored(b, server, Options{})
	control, err := c.dialer.open(b.Context(), controlDatabase)
	require.NoError(b, err)
	defer control.close()
	oid, err := server.Value(b.Context(), "", "SELECT oid FROM pg_database WHERE datname = 'clinic'")
	require.NoError(b, err)
	b.Run("size", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, control.ExecParams(b.Context(), "SELECT pg_database_size($1::oid)", [][]byte{[]byte(oid)}, nil, nil, nil).Read().Err)
		}
	})
	for name, sql := range map[string]string{"visit alone": "SELECT 1", "tables": tablesSQL, "sequences": sequencesSQL} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, c.Visit(b.Context(), "clinic", exec("SELECT set_config('enable_seqscan', 'off', true); "+sql)))
			}
		})
	}
}

// BenchmarkGrowth is what it takes to tell a database's growth over a day and a week.
func BenchmarkGrowth(b *testing.B) {
	var m measured
	for age := time.Duration(0); age < 8*24*time.Hour; age += 15 * time.Minute {
		m.take(point{t0.Add(age), int64(age)})
	}
	b.ReportAllocs()
	for b.Loop() {
		m.growing()
	}
}
