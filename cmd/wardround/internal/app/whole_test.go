package app_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/dashboards"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// TestTheWholeWay goes from real databases with real troubles to metrics, page, API and alerts.
func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	s := newStage(t, "whole",
		patient{name: "north", series: seeds.Series18, listed: true},
		patient{name: "south", series: seeds.Series17, listed: true},
		patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}},
		patient{name: "elm", series: seeds.Series18, troubles: []seeds.Trouble{seeds.FailingCron}},
		patient{name: "fir", series: seeds.Series18, troubles: []seeds.Trouble{seeds.StuckJob}},
		patient{name: "hazel", series: seeds.Series18, troubles: []seeds.Trouble{seeds.ToUpgrade}},
		patient{name: "larch", series: seeds.Series17, troubles: []seeds.Trouble{seeds.MailBacklog}},
		patient{name: "oak", series: seeds.Series17, troubles: []seeds.Trouble{seeds.WrongBaseVersion}},
		patient{name: "iris", series: seeds.Series18},
		patient{name: "stage", series: seeds.Series18, troubles: []seeds.Trouble{seeds.Neutralized}},
	)
	s.odoo.SetFault(s.tenant("iris"), seeds.WrongBody)
	s.extra = "report: {platform: Clinics of the test}"
	d := s.start()
	prometheus := platform.PrometheusForTest(t, prometheusConfig(d.url))
	d.ready()
	t.Run("objectives", func(t *testing.T) { checkObjectives(t, d) })
	t.Run("metrics", func(t *testing.T) { checkMetrics(t, s, d) })
	t.Run("troubles", func(t *testing.T) { checkTroubles(t, d) })
	t.Run("alerts", func(t *testing.T) { checkAlerts(t) })
	t.Run("dashboards", func(t *testing.T) { checkDashboards(t, prometheus) })
	t.Run("report", func(t *testing.T) { checkReport(t, s, d) })
}

func prometheusConfig(target string) string {
	return "global: {scrape_interval: 2s}\nscrape_configs: [{job_name: wardround, static_configs: [{targets: ['" +
		strings.TrimPrefix(target, "http://") + "']}]}]\n"
}

// checkMetrics wants each tenant's series, nothing that no catalogue names, and nothing to object to.
func checkMetrics(t *testing.T, s *stage, d *daemon) {
	p := d.page()
	for _, patient := range s.patients {
		name := s.tenant(patient.name)
		require.True(t, p.has("odoo_tenant_info", "tenant", name, "series", string(patient.series)+".0"), name)
		if patient.name == "stage" {
			require.False(t, p.has("slo_status", "tenant", name), "nothing is promised about a copy")
			continue
		}
		for _, family := range []string{"odoo_crons", "odoo_jobs_stuck", "odoo_mails", "odoo_login_checks_total", "slo_good_total", "slo_error_budget_remaining_ratio"} {
			eventually(t, family+" of "+name, func() bool { return d.page().has(family, "tenant", name) })
		}
	}
	require.True(t, p.is(1, "odoo_tenant_info", "tenant", "whole_north", "tier", "dedicated", "region", "eu-west"))
	require.True(t, p.is(1, "odoo_tenant_info", "tenant", "whole_cedar", "tier", "shared", "region", "eu-central"))
	require.True(t, p.is(1, "pg_up", "target", "whole-main"))
	require.True(t, p.is(1, "pg_up", "target", "whole-standby"))
	require.True(t, p.is(1, "redis_up", "target", "whole-cache"))
	require.True(t, p.is(10, "wardround_tenants"))

	catalogue := slices.Concat(app.Catalogue(), app.SLOMetrics())
	gathered, err := d.registry.Gather()
	require.NoError(t, err)
	own := map[string]bool{}
	for _, family := range gathered {
		own[family.GetName()] = true
	}
	for family, samples := range p {
		if own[family] {
			require.True(t, strings.HasPrefix(family, "wardround_"), family)
			continue
		}
		i := slices.IndexFunc(catalogue, func(m *collectors.Metric) bool { return m.Name == family })
		require.GreaterOrEqual(t, i, 0, "%s is in no catalogue", family)
		for label := range samples[0].labels {
			require.Contains(t, append([]string{"target", "tenant"}, catalogue[i].Labels...), label, family)
		}
	}
	_, text := fetch(t, http.MethodGet, d.url+"/metrics")
	promtool := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	promtool.Stdin = strings.NewReader(text)
	out, err := promtool.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

// checkTroubles wants the right troubles of the right tenants, in the API and on the page.
func checkTroubles(t *testing.T, d *daemon) {
	want := map[string][]string{
		"whole_north": {}, "whole_south": {}, "whole_stage": {"staging_copy"},
		"whole_cedar": {"cron_overdue"}, "whole_elm": {"cron_failing"}, "whole_fir": {"channel_blocked", "job_runner_missing", "job_stuck"},
		"whole_hazel": {"crons_blocked"}, "whole_larch": {"mail_delayed"}, "whole_oak": {"crons_blocked"}, "whole_iris": {"login_failing"},
	}
	require.Equal(t, want, d.found())
	_, page := fetch(t, http.MethodGet, d.url+"/")
	require.Less(t, strings.Index(page, ">whole_cedar<"), strings.Index(page, ">whole_north<"), "worst first")
	for _, words := range []string{"Is the platform healthy?", "Staging copies", "whole_stage", "shared", "dedicated"} {
		require.Contains(t, page, words)
	}
	status, tenant := fetch(t, http.MethodGet, d.url+"/tenants/whole_fir")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, tenant, "root.invoice")
	status, rounds := fetch(t, http.MethodGet, d.url+"/rounds/odoo/whole-main/whole_fir")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, rounds, "success")
}

// checkAlerts wants the real Alertmanager to know who is paged for, and nobody else.
func checkAlerts(t *testing.T) {
	eventually(t, "the alerts are there", func() bool {
		return slices.ContainsFunc(alerts(t), func(a alert) bool {
			return a.Labels["tenant"] == "whole_cedar" && a.Labels["objective"] == "scheduled-tasks-on-time" &&
				a.Labels["severity"] == "page" && a.Labels["tier"] == "shared"
		})
	})
	for _, a := range alerts(t) {
		require.NotContains(t, []string{"whole_north", "whole_south", "whole_stage"}, a.Labels["tenant"], "%v", a)
	}
}

type alert struct {
	Labels, Annotations map[string]string
	StartsAt            time.Time
	Fingerprint         string
}

// alerts are those that the shared Alertmanager shows as active.
func alerts(t testing.TB) []alert {
	t.Helper()
	status, body := fetch(t, http.MethodGet, alertmanager.URL()+"/api/v2/alerts")
	require.Equal(t, http.StatusOK, status, body)
	var all []alert
	require.NoError(t, json.Unmarshal([]byte(body), &all))
	return all
}

// checkObjectives wants every promise judged as it deserves, by the tier's target.
func checkObjectives(t *testing.T, d *daemon) {
	for instance, status := range map[string]string{
		"scheduled-tasks-on-time whole_cedar": "exhausted", "scheduled-tasks-succeed whole_elm": "exhausted",
		"jobs-not-stuck whole_fir": "exhausted", "modules-settled whole_hazel": "exhausted", "mail-on-time whole_larch": "exhausted",
		"modules-settled whole_oak": "exhausted", "login whole_iris": "exhausted",
		"login whole_north": "ok", "mail-on-time whole_south": "ok", "connections-free whole-main": "ok", "replication-keeps-up whole-main": "ok",
	} {
		eventually(t, instance+" is "+status, func() bool { return d.promises()[instance].Status == status })
	}
	require.InDelta(t, 0.999, d.promises()["login whole_north"].TargetRatio, 0, "the dedicated tier's")
	require.InDelta(t, 0.995, d.promises()["login whole_iris"].TargetRatio, 0, "the shared tier's")
}

// promise is how an objective stands for one tenant or target, as the API tells it.
type promise struct {
	Tenant, Target, Status string
	TargetRatio            float64 `json:"target_ratio"`
	Good                   uint64  `json:"good_events"`
	Bad                    uint64  `json:"bad_events"`
}

// promises are all, by objective and by tenant or target.
func (d *daemon) promises() map[string]promise {
	d.t.Helper()
	var answer struct {
		Instances []struct {
			Objective string
			promise
		}
	}
	d.json("/api/v1/instances?limit=1000", &answer)
	all := map[string]promise{}
	for _, i := range answer.Instances {
		all[i.Objective+" "+i.Tenant+i.Target] = i.promise
	}
	return all
}

// checkDashboards asks a real Prometheus that scrapes the daemon every question of every board.
func checkDashboards(t *testing.T, prometheus *platform.Monitor) {
	for _, board := range dashboards.All() {
		all, err := dashboards.Expressions(board, nil)
		require.NoError(t, err)
		require.NotEmpty(t, all)
		for _, e := range all {
			eventually(t, e.Panel+": "+e.Expr, func() bool { return answers(t, prometheus, e.Expr) > 0 })
		}
	}
}

// answers is how many series an expression returns.
func answers(t testing.TB, prometheus *platform.Monitor, expr string) int {
	t.Helper()
	_, body := fetch(t, http.MethodGet, prometheus.URL()+"/api/v1/query?query="+url.QueryEscape(expr))
	var answer struct {
		Status string
		Error  string
		Data   struct{ Result []any }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Equal(t, "success", answer.Status, "%s: %s", expr, answer.Error)
	return len(answer.Data.Result)
}

func checkReport(t *testing.T, s *stage, d *daemon) {
	month := time.Now().UTC().Format("2006-01")
	for format, begins := range map[string]string{"html": "<!", "pdf": "%PDF-", "csv": "", "json": "{"} {
		status, body := fetch(t, http.MethodGet, d.url+"/reports/"+month+"."+format)
		require.Equal(t, http.StatusOK, status, body)
		require.True(t, strings.HasPrefix(strings.ToLower(body), strings.ToLower(begins)), format)
		if format != "pdf" {
			require.Contains(t, body, "whole_cedar", format)
		}
	}
	status, body := fetch(t, http.MethodGet, d.url+"/reports/2026-13.html")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "2026-13")
	c, err := config.Load(s.configure())
	require.NoError(t, err)
	err = app.OfflineReport(io.Discard, c, filepath.Join(s.dir, "data"), month, "html", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "another process has it open")
}
