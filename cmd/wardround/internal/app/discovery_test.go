package app_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestTenantsComeAndGo drops a database and makes another one while the daemon is at work.
func TestTenantsComeAndGo(t *testing.T) {
	t.Parallel()
	s := newStage(t, "moves",
		patient{name: "stays", series: seeds.Series18},
		patient{name: "goes", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}},
		patient{name: "comes", series: seeds.Series17, later: true},
	)
	d := s.start().ready()
	eventually(t, "all tenants' promises are judged", func() bool {
		p := d.page()
		return p.has("slo_status", "tenant", "moves_goes") && p.has("odoo_crons", "tenant", "moves_stays")
	})

	s.discharge(t.Context(), "goes")
	s.admit(patient{name: "comes", series: seeds.Series17})
	within(t, 2*interval+patience, "the new one is visited, and nothing is told of the one that went", func() bool {
		p := d.page()
		return p.is(1, "odoo_tenant_info", "tenant", "moves_comes", "series", "17.0") && !p.tells("moves_goes")
	})
	require.NotContains(t, d.found(), "moves_goes")
	require.Contains(t, d.found(), "moves_comes")
	status, _ := fetch(t, http.MethodGet, d.url+"/tenants/moves_goes")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, 1, d.log.times("tenant gone", "moves_goes"))
	require.Equal(t, 1, d.log.times("tenant found", "moves_comes"))
	require.True(t, d.page().has("odoo_crons", "tenant", "moves_stays"))
}

// TestClosedDatabaseIsATenantStill closes a discovered tenant's database to everybody, as restores and
// renames do that stop half-way: Odoo says nothing of it in its statuses.
func TestClosedDatabaseIsATenantStill(t *testing.T) {
	t.Parallel()
	s := newStage(t, "closed", patient{name: "north", series: seeds.Series18}, patient{name: "south", series: seeds.Series18})
	d := s.start().ready()
	eventually(t, "it is visited", func() bool { return d.page().is(1, "odoo_login_success", "tenant", "closed_north") })
	admit := func(allowed string) {
		require.NoError(t, s.cluster.Exec(t.Context(), "", "ALTER DATABASE closed_north ALLOW_CONNECTIONS "+allowed))
	}
	admit("false")
	eventually(t, "its people are locked out", func() bool { return d.page().is(0, "odoo_login_success", "tenant", "closed_north") })
	require.Zero(t, d.log.times("tenant gone", "closed_north"))
	admit("true")
	eventually(t, "it is well again", func() bool { return d.page().is(1, "odoo_login_success", "tenant", "closed_north") })
}

// TestListedTenantWinsOverDiscovered keeps one tenant of a database that is both listed under a name
// of its own and found by a pattern.
func TestListedTenantWinsOverDiscovered(t *testing.T) {
	t.Parallel()
	s := newStage(t, "listed", patient{name: "north", series: seeds.Series18, listed: true})
	s.replace("{name: listed_north,", "{name: clinic, database: listed_north,")
	d := s.start().ready()
	eventually(t, "it is visited", func() bool { return d.page().is(1, "odoo_tenant_info") })
	require.True(t, d.page().is(1, "odoo_tenant_info", "tenant", "clinic", "tier", "dedicated", "database", "listed_north"))
	require.True(t, d.page().is(1, "wardround_tenants"))
}
