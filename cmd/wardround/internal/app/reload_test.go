package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
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

// TestReloadWithOtherRounds changes the times of rounds, for which all targets are made anew.
// Tenants, alerts and counters must not notice, and no former connection may stay.
func TestReloadWithOtherRounds(t *testing.T) {
	t.Parallel()
	s := newStage(t, "retime", patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}})
	s.counting()
	d := s.start().ready()
	eventually(t, "the promise is judged", func() bool {
		return d.page().has("slo_status", "tenant", "retime_cedar", "objective", "scheduled-tasks-on-time")
	})
	shares := func(p page) bool { return p.has("pg_tenant_share_ratio", "target", "retime-main") } // from two rounds, not from one
	eventually(t, "there is something to lose", func() bool { p := d.page(); return p.counted(counters, 2) && shares(p) })
	former := s.controlConnection()
	require.NotEmpty(t, former)
	before := d.page()
	s.replace("interval: 5s", "interval: 6s")
	s.replace("help: Broken", "help: Always broken")
	s.configure()
	status, text := fetch(t, http.MethodPost, d.url+"/-/reload")
	require.Equal(t, http.StatusOK, status, text)

	within(t, 2*time.Second, "the former connection is closed, not left to the server's patience", func() bool {
		return !strings.Contains(s.controlConnection(), former)
	})
	_, round := fetch(t, http.MethodGet, d.url+"/rounds/redis/retime-cache")
	require.Contains(t, round, "Every 6 s;", "also where the target itself is as before")
	eventually(t, "visits go on", func() bool {
		p, grew := d.page(), true
		require.True(t, shares(p), "what the cluster's rounds know is known still")
		for _, family := range counters {
			was, is := sum(before.all(family)), sum(p.all(family))
			require.GreaterOrEqual(t, is, was, "%s goes on", family)
			grew = grew && is > was
		}
		return grew
	})
	require.Zero(t, d.log.times("tenant gone"))
	eventually(t, "there is another connection", func() bool { return s.controlConnection() != "" })
}

// counters are kept by targets themselves; those of counting make them grow with every visit.
var counters = []string{
	"wardround_collector_visits_total", "odoo_login_checks_total", "probe_runs_total", "traefik_requests_total",
	"wardround_scrape_skipped_series_total", "wardround_sql_errors_total",
}

// counting adds targets that count.
func (s *stage) counting() {
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(out, `# TYPE traefik_config_reloads_total counter
traefik_config_reloads_total 1
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="GET",protocol="http",service="%s@file"} %d
# TYPE odd_total gauge
odd_total 1
`, s.tenant("cedar"), asked.Add(1))
	}))
	s.t.Cleanup(elsewhere.Close)
	s.replace("  odoo:\n    - name", strings.NewReplacer("NAME", s.name, "ELSEWHERE", elsewhere.URL, "ODOO", strings.TrimPrefix(s.odooURL, "http://")).Replace(`  traefik: [{name: NAME-edge, url: 'ELSEWHERE'}]
  scrape: [{name: NAME-pages, urls: ['ELSEWHERE'], families: [{names: ['odd*']}]}]
  probe:
    - name: NAME-probe
      connect: 'ODOO'
      tenants_per_hour: 0
      probes: [{name: portal, interval: 10s, steps: [{name: page, url: 'http://{host}/web/login', expect: {body: csrf_token}}]}]
  odoo:
    - name`))
	s.extra = `
sql: [{name: broken, query: 'SELECT 1 / (now() < now())::int AS n', interval: 10s, metrics: [{name: clinic_broken, type: gauge, help: Broken, value: n}]}]
`
}

// counted says whether the counters have come to so much.
func (p page) counted(families []string, least float64) bool {
	for _, family := range families {
		if sum(p.all(family)) < least {
			return false
		}
	}
	return true
}
