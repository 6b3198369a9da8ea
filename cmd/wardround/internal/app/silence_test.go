package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestARestartDuringAnOutageForgetsNobody starts the daemon while the cluster is away: the tenants
// of the last run are tenants still, what was promised them is judged, and alerts stand.
func TestARestartDuringAnOutageForgetsNobody(t *testing.T) {
	t.Parallel()
	s := newStage(t, "outage",
		patient{name: "north", series: seeds.Series18},
		patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}},
	)
	wire := s.wire(&s.primary)
	d := s.start().ready()
	eventually(t, "an alert fires", func() bool {
		_, there := firingSince(t, "outage_cedar", "scheduled-tasks-on-time", "page")
		return there && len(d.promises()) >= 10
	})
	since, _ := firingSince(t, "outage_cedar", "scheduled-tasks-on-time", "page")
	before := d.promises()
	d.stop()

	wire.Cut()
	d = s.start().ready()
	require.True(t, d.page().is(2, "wardround_tenants"))
	eventually(t, "login pages are checked although the cluster is away", func() bool {
		return d.page().has("odoo_login_success", "tenant", "outage_north")
	})
	eventually(t, "what fell silent is judged", func() bool { return len(d.promises()) >= len(before) })
	now, there := firingSince(t, "outage_cedar", "scheduled-tasks-on-time", "page")
	require.True(t, there, "nobody said that it is over")
	require.Equal(t, since, now)

	wire.Mend()
	eventually(t, "all is as it was", func() bool { return d.page().is(1, "odoo_tenant_info", "tenant", "outage_cedar") })
}

// TestACopyIsPromisedNothing neutralizes a tenant's database and takes that back.
func TestACopyIsPromisedNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, "copies", patient{name: "north", series: seeds.Series18})
	d := s.start().ready()
	judged := func() bool { return d.page().has("slo_status", "tenant", "copies_north") }
	eventually(t, "promises are judged", judged)

	s.exec("north", "INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')")
	s.asAnew(d, 1)
	eventually(t, "a copy is promised nothing", func() bool { return !judged() })
	s.exec("north", "DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'")
	s.asAnew(d, 2)
	eventually(t, "and a tenant again is promised all", judged)
}

// TestADatabaseThatRefusesUsIsATenant takes the right to connect away: that is not the same as
// the tenant's being gone.
func TestADatabaseThatRefusesUsIsATenant(t *testing.T) {
	t.Parallel()
	s := newStage(t, "refused", patient{name: "north", series: seeds.Series18}, patient{name: "south", series: seeds.Series18})
	s.exec("north", "REVOKE CONNECT ON DATABASE refused_north FROM PUBLIC")
	d := s.start().ready()
	eventually(t, "its visits say why they fail", func() bool {
		return d.page().has("wardround_collector_errors_total", "tenant", "refused_north", "reason", "permission")
	})
	require.True(t, d.page().is(2, "wardround_tenants"))
	require.Equal(t, 0, d.log.times("tenant gone"))
}
