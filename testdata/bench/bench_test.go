package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestTimesAreReadBehindAnyName(t *testing.T) {
	stat := "42 (a b) c) S 1 42 42 0 -1 4194560 9 8 7 6 150 50 300 200 20 0 1 0 100 200 300"
	got, err := parseTimes(stat)
	require.NoError(t, err)
	require.Equal(t, times{self: 2 * time.Second, children: 5 * time.Second}, got)
}

func TestAProcessKnowsItself(t *testing.T) {
	rss, err := memoryOf(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, rss, int64(1_000_000))

	_, err = parseMemory("Name:\tx\n")
	require.Error(t, err)
}

func TestAProcessThatEndedHasTakenNothing(t *testing.T) {
	spent, err := exactTime(1 << 30)
	require.NoError(t, err)
	require.Zero(t, spent)
}

func TestPage(t *testing.T) {
	series, err := seriesOf([]byte("# HELP a b\na{x=\"tenant_0001\"} 1\na{x=\"tenant_0001\",y=\"2\"} 1\n\nb{x=\"tenant_0002\"} 5\n"), false)
	require.NoError(t, err)
	p := &page{series: series}
	require.Len(t, p.series, 3)
	require.Equal(t, 1, p.tenants("a{"))
	require.True(t, p.has("a{", `y="2"`, "} 1"))
	require.False(t, p.has("b{", "} 1"))
}

func TestCostsArePerMinute(t *testing.T) {
	c := cost{lasted: 2 * time.Minute, postgres: time.Second}
	require.Equal(t, 500*time.Millisecond, c.perMinute(c.postgres))
}

func TestBothPeersAskTheSame(t *testing.T) {
	all, err := queries()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	theirs := forPostgresExporter(all).(map[string]any)
	for _, q := range all {
		require.Contains(t, q.SQL, "current_database() AS datname", "nothing else tells tenants apart")
		require.Contains(t, theirs, q.Name)
	}
}

func TestInventedTenantsHaveAsManySeriesAsTheyShould(t *testing.T) {
	b := collectors.NewBuilder(collectors.Key{Collector: "odoo", Target: "main", Tenant: tenant(1)}, time.Now())
	require.NoError(t, invented(1)[0].Collector.Collect(t.Context(), b))
	require.Equal(t, perTenant, b.Batch().Len())
}
