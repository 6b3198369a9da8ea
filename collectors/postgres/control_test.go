package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

func TestHealthy(t *testing.T) {
	majors(t, func(t *testing.T, server *platform.Postgres) {
		config := configFor(server, roleForTest(t, server, "IN ROLE pg_monitor"))
		config.Compat = true
		b := collect(t, clusterForTest(t, config, Options{}))
		requireAbsent(t, b, "wardround_collector_unavailable")
		require.Empty(t, b.Findings)
	})
}
