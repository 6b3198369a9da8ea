package odoo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestDeadRowsWhereTheyAreAskedFor: series of tables are for targets that want postgres_exporter's
// names, on the visits that are made anyway.
func TestDeadRowsWhereTheyAreAskedFor(t *testing.T) {
	const family = "pg_stat_user_tables_n_dead_tup"
	w := seeded(t, seeds.Series18)
	at := time.Now().Add(time.Hour)
	absent(t, w.collectAll(t, at), family)
	w.cluster.compat = true
	b := w.collectAll(t, at.Add(time.Hour))
	require.Empty(t, unavailable(b))
	value(t, b, family, "tenant", "north", "datname", w.name, "schemaname", "public", "relname", "other")
}
