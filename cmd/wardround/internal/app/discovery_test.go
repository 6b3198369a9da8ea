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
	facts, counts := d.Remembers("moves_goes", "scheduled-tasks-on-time")
	require.True(t, facts && counts)

	s.discharge(t.Context(), "goes")
	s.admit(patient{name: "comes", series: seeds.Series17})
	rounds := func(p page) float64 {
		return sum(p.all("wardround_collector_visits_total", "target", "moves-main", "collector", "postgres", "outcome", "success"))
	}
	before, after := d.page(), page{}
	eventually(t, "the new one is visited, and nothing is told of the one that went", func() bool {
		after = d.page()
		return after.is(1, "odoo_tenant_info", "tenant", "moves_comes", "series", "17.0") && !after.tells("moves_goes")
	})
	require.LessOrEqual(t, rounds(after), rounds(before)+3, "found in the next round and visited within another, one may have been under way")
	eventually(t, "nothing is kept of the one that went", func() bool {
		facts, counts := d.Remembers("moves_goes", "scheduled-tasks-on-time")
		return !facts && !counts
	})
	require.NotContains(t, d.found(), "moves_goes")
	require.Contains(t, d.found(), "moves_comes")
	status, _ := fetch(t, http.MethodGet, d.url+"/tenants/moves_goes")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, 1, d.log.times("tenant gone", "moves_goes"))
	require.Equal(t, 1, d.log.times("tenant found", "moves_comes"))
	require.True(t, d.page().has("odoo_crons", "tenant", "moves_stays"))
	require.ElementsMatch(t, []string{"arrival moves_comes", "departure moves_goes"}, d.moves(), "in one look, or in two")
	missed := func() bool {
		return d.page().is(1, "wardround_finding", "finding", "tenant_gone", "severity", "warning")
	}
	eventually(t, "the platform's page tells whom it lost", missed)
	_, overview := fetch(t, http.MethodGet, d.url+"/")
	require.Contains(t, overview, "The database moves_goes on moves-main is gone")

	d.stop()
	s.discharge(t.Context(), "comes")
	d = s.start().ready()
	eventually(t, "it is missed over a restart, and who went meanwhile is, too", func() bool {
		moves := d.moves()
		return missed() && len(moves) == 3 && moves[0] == "departure moves_comes"
	})
}

// TestCopiesAndConfigurationLoseNobody drops a neutralized copy and takes another tenant out of the
// configuration.
func TestCopiesAndConfigurationLoseNobody(t *testing.T) {
	t.Parallel()
	s := newStage(t, "lose",
		patient{name: "stays", series: seeds.Series18}, patient{name: "unasked", series: seeds.Series18},
		patient{name: "copy", series: seeds.Series18, troubles: []seeds.Trouble{seeds.Neutralized}},
	)
	d := s.start().ready()
	eventually(t, "the copy is known to be one", func() bool { return d.page().is(1, "odoo_tenant_info", "tenant", "lose_copy", "neutralized", "true") })
	s.replace("lose_[a-z0-9_]+", "lose_(?:stays|copy)")
	d.stop()
	s.discharge(t.Context(), "copy")
	d = s.start().ready()
	eventually(t, "the copy is gone", func() bool { return d.log.times("tenant gone", "lose_copy") == 1 })
	s.replace("lose_(?:stays|copy)", "lose_[a-z0-9_]+")
	s.configure()
	require.NoError(t, d.Reload())
	eventually(t, "the other one is back", func() bool { return d.page().has("odoo_crons", "tenant", "lose_unasked") })
	s.replace("lose_[a-z0-9_]+", "lose_stays")
	s.configure()
	require.NoError(t, d.Reload())
	require.Equal(t, 1, d.log.times("tenant gone", "lose_unasked"))
	require.Empty(t, d.moves())
	require.False(t, d.page().has("wardround_finding", "finding", "tenant_gone"))
}

// moves are who came and went, newest first, as the API tells them.
func (d *daemon) moves() []string {
	d.t.Helper()
	var answer struct {
		Changes []struct{ Kind, Subject string }
	}
	d.json("/api/v1/changes", &answer)
	var all []string
	for _, c := range answer.Changes {
		if c.Kind == "arrival" || c.Kind == "departure" {
			all = append(all, c.Kind+" "+c.Subject)
		}
	}
	return all
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
