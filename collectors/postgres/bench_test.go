package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// BenchmarkControlRound is one round over a cluster of 200 tenant databases: all statements, all
// series attributed. The server's share is measured apart.
func BenchmarkControlRound(b *testing.B) {
	const databases = 200
	server := platform.PostgresForTest(b, platform.PostgresOptions{})
	conn, err := server.Connect(b.Context(), "", "")
	require.NoError(b, err)
	tenants := map[string]string{}
	for i := range databases {
		name := fmt.Sprintf("tenant_%03d", i)
		_, err := conn.Exec(b.Context(), "CREATE DATABASE "+name)
		require.NoError(b, err)
		tenants["t-"+name] = name
	}
	require.NoError(b, conn.Close(b.Context()))
	c := monitored(b, server, Options{Tenants: tenantsOf(b, tenants)})
	batch := collect(b, c)

	b.Run("round", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			builder := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, time.Now())
			require.NoError(b, c.Collect(b.Context(), builder))
			batch = builder.Batch()
		}
		b.ReportMetric(float64(batch.Len()), "series")
		b.ReportMetric(float64(len(c.groups)), "statements")
	})
	b.Run("server", func(b *testing.B) {
		for b.Loop() {
			_, err := c.session.ask(b.Context(), c.session.questions)
			require.NoError(b, err)
		}
	})
}
