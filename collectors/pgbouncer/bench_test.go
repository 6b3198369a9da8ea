package pgbouncer

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// BenchmarkRound is one visit to a PgBouncer with 200 databases, each with a client and a pool: the connection,
// the login, all tables, all series attributed. PgBouncer's own share is told apart.
func BenchmarkRound(b *testing.B) {
	const databases = 200
	upstream := platform.PostgresForTest(b, platform.PostgresOptions{Password: password, MaxConnections: databases + 50})
	p := platform.PgBouncerForTest(b, platform.PgBouncerOptions{Upstream: upstream, Users: []string{"stats"}, Settings: map[string]string{"max_client_conn": "300"}})
	tenants := map[string]string{}
	for i := range databases {
		name := fmt.Sprintf("tenant_%03d", i)
		tenants["t-"+name] = name
		require.NoError(b, upstream.CreateDatabase(b.Context(), name, ""))
		client(b, p, name) // a database that a wildcard leads to is forgotten while nobody uses it
	}
	s := server(b, configFor(p.Addr()), tenants)
	last := collect(b, s)
	before := ticks(b, p.PID())
	b.ReportAllocs()
	for b.Loop() {
		builder := collectors.NewBuilder(s.Visit().Key, time.Now()).After(last)
		require.NoError(b, s.Collect(b.Context(), builder))
		last = builder.Batch()
	}
	b.ReportMetric(float64(last.Len()), "series")
	b.ReportMetric(float64(ticks(b, p.PID())-before)*10/float64(b.N), "pgbouncer-ms/op")
}

// ticks is the CPU time of a process, in hundredths of a second.
func ticks(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	total := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		require.NoError(t, err)
		total += n
	}
	return total
}
