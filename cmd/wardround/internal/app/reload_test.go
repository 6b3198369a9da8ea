package app_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestReload gives a running daemon bad files, which change nothing, then a good one, which changes
// what it says and nothing else.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newStage(t, "reload",
		patient{name: "north", series: seeds.Series18, listed: true},
		patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}},
	)
	d := s.start().ready()
	require.True(t, d.page().is(1, "wardround_config_last_reload_successful"))
	var since time.Time
	eventually(t, "an alert fires", func() bool {
		var there bool
		since, there = firingSince(t, "reload_cedar", "scheduled-tasks-on-time", "page")
		return there
	})
	before, connection := d.page(), s.controlConnection()
	require.NotEmpty(t, connection)

	t.Run("bad files", func(t *testing.T) { checkBadReloads(t, s, d) })
	s.extra = "objectives: {disable: [login-fast]}"
	s.replace("redis: [{name: reload-cache", "redis: [{name: reload-other")
	s.configure()
	status, text := fetch(t, http.MethodPost, d.url+"/-/reload")
	require.Equal(t, http.StatusOK, status, text)

	p := d.page()
	require.True(t, p.is(1, "wardround_config_last_reload_successful"))
	require.False(t, p.has("redis_up", "target", "reload-cache"), "the former target's series are gone at once")
	require.Equal(t, connection, s.controlConnection(), "the connection to what did not change is kept")
	for family, labels := range map[string][]string{
		"wardround_collector_visits_total": {"target", "reload-main", "tenant", "reload_cedar", "collector", "odoo", "outcome", "success"},
		"odoo_login_checks_total":          {"tenant", "reload_cedar", "outcome", "ok"},
		"slo_bad_total":                    {"tenant", "reload_cedar", "objective", "scheduled-tasks-on-time"},
		"slo_good_total":                   {"tenant", "reload_north", "objective", "jobs-not-stuck"},
	} {
		was, _ := before.value(family, labels...)
		is, there := p.value(family, labels...)
		require.True(t, there, family)
		require.Positive(t, is, family)
		require.GreaterOrEqual(t, is, was, "%s goes on", family)
	}
	eventually(t, "the new configuration is at work", func() bool {
		p := d.page()
		return p.is(1, "redis_up", "target", "reload-other") && !p.has("slo_status", "objective", "login-fast") &&
			p.has("slo_status", "objective", "login", "tenant", "reload_cedar")
	})
	now, there := firingSince(t, "reload_cedar", "scheduled-tasks-on-time", "page")
	require.True(t, there)
	require.Equal(t, since, now, "the alert is the same")
	require.Equal(t, 1, d.log.times("tenant found", "reload_cedar"), "nobody was lost and found")
}

// checkBadReloads wants each bad file refused with its place, and the old configuration whole.
func checkBadReloads(t *testing.T, s *stage, d *daemon) {
	good := s.config()
	for name, change := range map[string][3]string{
		"unknown key":     {"tier: shared,", "teir: shared,", `unknown key "teir"`},
		"short rounds":    {"interval: 5s", "interval: 4s", "too short"},
		"secret gone":     {s.dir + "/password}", s.dir + "/none}", "no such file"},
		"not yaml":        {"rounds: {", "rounds: {{", "did not find"},
		"other retention": {"alertmanager: {", "ledger: {retention: 500d}\nalertmanager: {", "ledger.retention cannot change"},
		"other labels":    {"resend_delay: 5s}", "resend_delay: 5s, labels: {platform: other}}", "alertmanager.labels cannot change"},
	} {
		t.Run(name, func(t *testing.T) {
			failures := d.page().all("wardround_config_reloads_total", "outcome", "failure")
			s.write("wardround.yaml", strings.Replace(good, change[0], change[1], 1))
			status, text := fetch(t, http.MethodPost, d.url+"/-/reload")
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, text, change[2])
			require.Regexp(t, `wardround\.yaml:\d+:\d+: |restart it`, text)
			p := d.page()
			require.True(t, p.is(0, "wardround_config_last_reload_successful"))
			require.Greater(t, sum(p.all("wardround_config_reloads_total", "outcome", "failure")), sum(failures))
			require.True(t, p.is(2, "wardround_tenants"))
			require.True(t, p.is(1, "redis_up", "target", "reload-cache"))
		})
	}
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// firingSince is when the shared Alertmanager says that a burn-rate alert began.
func firingSince(t testing.TB, tenant, objective, severity string) (time.Time, bool) {
	t.Helper()
	all := alerts(t)
	i := slices.IndexFunc(all, func(a alert) bool {
		return a.Labels["tenant"] == tenant && a.Labels["objective"] == objective && a.Labels["severity"] == severity && a.Labels["long_window"] == "1h"
	})
	if i < 0 {
		return time.Time{}, false
	}
	return all[i].StartsAt, true
}

// controlConnection tells apart the connections that the daemon keeps: by the server process at their end.
func (s *stage) controlConnection() string {
	s.t.Helper()
	pids, err := primary.Value(s.t.Context(), "", // the oldest: sizes are asked for on another, which comes and goes
		"SELECT coalesce((SELECT pid::text FROM pg_stat_activity WHERE usename = '"+s.role+"' AND datname = 'postgres' ORDER BY backend_start LIMIT 1), '')")
	require.NoError(s.t, err)
	return pids
}

// TestReloadWithOtherRounds changes the times of rounds, for which all connections are made anew.
// Tenants, alerts and counters must not notice, and no former connection may stay.
func TestReloadWithOtherRounds(t *testing.T) {
	t.Parallel()
	s := newStage(t, "retime", patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}})
	d := s.start().ready()
	eventually(t, "the promise is judged", func() bool {
		return d.page().has("slo_status", "tenant", "retime_cedar", "objective", "scheduled-tasks-on-time")
	})
	before := d.page()
	former := s.controlConnection()
	require.NotEmpty(t, former)
	s.replace("interval: 5s", "interval: 6s")
	s.configure()
	status, text := fetch(t, http.MethodPost, d.url+"/-/reload")
	require.Equal(t, http.StatusOK, status, text)

	within(t, 2*time.Second, "the former connection is closed, not left to the server's patience", func() bool {
		return !strings.Contains(s.controlConnection(), former)
	})
	visits := []string{"tenant", "retime_cedar", "collector", "odoo_login", "outcome", "success"}
	was, _ := before.value("wardround_collector_visits_total", visits...)
	is, there := d.page().value("wardround_collector_visits_total", visits...)
	require.True(t, there)
	require.GreaterOrEqual(t, is, was)
	eventually(t, "visits go on", func() bool {
		is, _ := d.page().value("wardround_collector_visits_total", visits...)
		return is > was
	})
	require.Zero(t, d.log.times("tenant gone"))
	eventually(t, "there is another connection", func() bool { return s.controlConnection() != "" })
}
