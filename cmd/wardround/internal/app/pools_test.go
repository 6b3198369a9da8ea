package app_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// TestWhoWaitsInPools counts the clients that wait in a PgBouncer for as long as it is configured.
func TestWhoWaitsInPools(t *testing.T) {
	t.Parallel()
	s := newStage(t, "pools", patient{name: "north", series: seeds.Series18, listed: true}, patient{name: "cedar", series: seeds.Series18})
	bouncer := platform.PgBouncerForTest(t, platform.PgBouncerOptions{Upstream: primary, Settings: map[string]string{"default_pool_size": "1"}})
	const redis = "  redis: ["
	s.replace(redis, "  pgbouncer: [{name: pools-door, postgres: pools-main, dsn: '"+bouncer.DSN("postgres", "pgbouncer")+"'}]\n"+redis)
	with := s.config()

	holder, err := pgx.Connect(t.Context(), bouncer.DSN("postgres", s.tenant("north")))
	require.NoError(t, err)
	held, err := holder.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, holder.Close(context.WithoutCancel(t.Context()))) })
	ctx, cancel := context.WithCancel(t.Context())
	var waiting conc.WaitGroup
	t.Cleanup(func() { cancel(); waiting.Wait() })
	for range 2 {
		waiting.Go(func() {
			conn, err := pgx.Connect(ctx, bouncer.DSN("postgres", s.tenant("north")))
			if err == nil {
				_, _ = conn.Exec(ctx, "SELECT 1", pgx.QueryExecModeSimpleProtocol)
				_ = conn.Close(context.WithoutCancel(ctx))
			}
		})
	}

	d := s.start().ready()
	eventually(t, "both wait", func() bool { return d.Waiting("pools_north") == 2 })
	require.Zero(t, d.Waiting("pools_cedar"))
	s.write("wardround.yaml", with+"report: {platform: Clinics}\n")
	require.NoError(t, d.Reload())
	require.Equal(t, 2, d.Waiting("pools_north"), "a reload that leaves it alone changes nothing")
	s.replaced = s.replaced[:len(s.replaced)-2]
	s.configure()
	require.NoError(t, d.Reload())
	require.Zero(t, d.Waiting("pools_north"), "nobody can know any more")
	require.NoError(t, held.Rollback(t.Context()))
}
