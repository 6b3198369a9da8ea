package postgres

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// load keeps sessions busy with short statements until it is stopped.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startLoad runs the statement in n sessions, with a pause after each.
func startLoad(t testing.TB, server *platform.Postgres, database string, n int, pause time.Duration, sql string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel}
	t.Cleanup(l.stop)
	for range n {
		conn, err := server.Connect(t.Context(), "", database)
		require.NoError(t, err)
		l.done.Go(func() {
			tick := time.NewTimer(0)
			defer tick.Stop()
			for ctx.Err() == nil {
				if _, err := conn.Exec(context.WithoutCancel(ctx), sql); err != nil {
					t.Errorf("load on %s: %v", database, err)
					break
				}
				tick.Reset(pause)
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
			_ = conn.Close(context.WithoutCancel(ctx))
		})
	}
	return l
}

// stop ends the load and returns when its sessions are closed.
func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

const (
	someWork = "SELECT sum(i) FROM generate_series(1, 2000) i"
	hardWork = "SELECT sum(i), count(DISTINCT i % 977) FROM generate_series(1, 60000) i"
)

// TestNoisyNeighbour: of four clinics on one server, one always works the most, and one begins to
// take all that there is.
func TestNoisyNeighbour(t *testing.T) {
	server := platform.PostgresForTest(t, platform.PostgresOptions{Settings: map[string]string{"jit": "off", "max_parallel_workers_per_gather": "0"}})
	tenants := map[string]string{}
	for _, name := range []string{"north", "south", "east", "large"} {
		tenants[name] = server.DatabaseForTest(t, "")
	}
	config := configFor(server, roleForTest(t, server, "IN ROLE pg_monitor"))
	config.Cores = 1
	c := clusterForTest(t, config, Options{Tenants: tenantsOf(t, tenants)})
	pace := time.NewTimer(0)
	defer pace.Stop()
	next := func() *collectors.Batch {
		<-pace.C
		defer pace.Reset(500 * time.Millisecond) // from the end of one round, so that none is short after one that took long
		return nextUseRoundOf(t, c)
	}
	named := func(b *collectors.Batch) (names []string) {
		b.Each(func(f string) bool { return f == "pg_noisy_neighbour" }, func(s collectors.Series) { names = append(names, s.Get("tenant")) })
		return slices.Compact(names) // one for each resource
	}
	for _, name := range []string{"north", "south", "east"} {
		startLoad(t, server, tenants[name], 1, 20*time.Millisecond, someWork)
	}
	startLoad(t, server, tenants["large"], 2, 0, someWork)

	requireAbsent(t, next(), "pg_noisy_neighbours")
	var b *collectors.Batch
	for range windowRounds*leastShares + 1 {
		b = next()
		require.Empty(t, named(b), "one that is always the largest is not noisy")
	}
	requireValue(t, b, 0, "pg_noisy_neighbours")
	share, _ := value(b, "pg_tenant_share_ratio", "tenant", "large", "resource", "execution_time")
	require.Greater(t, share, 0.5)

	noise := startLoad(t, server, tenants["north"], 8, 0, hardWork)
	rounds := 0
	for len(named(b)) == 0 {
		b = next()
		rounds++
		require.LessOrEqual(t, rounds, 2, "named within two rounds")
	}
	require.Equal(t, []string{"north"}, named(b))
	found, ok := finding(b, "noisy_neighbour")
	require.True(t, ok)
	require.Equal(t, "north", found.Tenant)
	t.Log(found.Text)
	for range windowRounds {
		b = next()
		require.Equal(t, []string{"north"}, named(b), "as long as it lasts, and nobody else")
	}
	requireValue(t, b, 1, "pg_neighbours_waiting", "cause", "processors")
	requireValue(t, b, 1, "pg_noisy_neighbours")

	noise.stop()
	next()
	for range windowRounds {
		require.Empty(t, named(next()), "nobody once it is over")
	}
}
