package postgres

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// BenchmarkControlRound is one round over a cluster of 200 tenant databases, of each version: all
// statements, all series attributed. What the server's process spends on it is told apart.
func BenchmarkControlRound(b *testing.B) {
	eighteen, err := platform.Postgres18BinDir()
	require.NoError(b, err)
	for _, version := range []struct{ major, bin string }{{"15", ""}, {"18", eighteen}} {
		b.Run(version.major, func(b *testing.B) { benchmarkRound(b, version.bin) })
	}
}

func benchmarkRound(b *testing.B, bin string) {
	server := platform.PostgresForTest(b, platform.PostgresOptions{BinDir: bin})
	c := monitored(b, server, Options{Tenants: manyDatabases(b, server, 200)})
	batch := collect(b, c)
	b.Run("round", func(b *testing.B) {
		b.ReportAllocs()
		before := processorTime(b, c.session.PID())
		for b.Loop() {
			builder := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, time.Now()).After(batch)
			require.NoError(b, c.Collect(b.Context(), builder))
			batch = builder.Batch()
		}
		spent := processorTime(b, c.session.PID()) - before
		b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "server-ms/op")
		b.ReportMetric(float64(batch.Len()), "series")
		b.ReportMetric(float64(len(c.session.questions)), "statements")
	})
	for _, q := range c.session.questions {
		b.Run(q.name, func(b *testing.B) {
			before := processorTime(b, c.session.PID())
			for b.Loop() {
				_, err := c.session.ask(b.Context(), []question{q})
				require.NoError(b, err)
			}
			spent := processorTime(b, c.session.PID()) - before
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "server-ms/op")
		})
	}
}

// manyDatabases makes empty databases, each a tenant's.
func manyDatabases(b *testing.B, server *platform.Postgres, n int) *collectors.Registry {
	conn, err := server.Connect(b.Context(), "", "")
	require.NoError(b, err)
	tenants := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("tenant_%03d", i)
		_, err := conn.Exec(b.Context(), "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" STRATEGY file_copy")
		require.NoError(b, err)
		tenants["t-"+name] = name
	}
	require.NoError(b, conn.Close(b.Context()))
	return tenantsOf(b, tenants)
}

// processorTime is what a process has spent of a processor so far.
func processorTime(b *testing.B, pid uint32) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	require.NoError(b, err)
	spent, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
	require.NoError(b, err)
	return time.Duration(spent)
}
