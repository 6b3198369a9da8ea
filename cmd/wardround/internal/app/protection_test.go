package app_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/collectors/backup/rehearse"
	"github.com/wardround/wardround/slo/evidence"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// dump makes a backup of a patient's database as a nightly script does.
func (s *stage) dump(name string) {
	s.t.Helper()
	bin, err := platform.PostgresBinDir()
	require.NoError(s.t, err)
	database := s.tenant(name)
	folder := filepath.Join(s.dir, "dumps", database)
	require.NoError(s.t, os.MkdirAll(folder, 0o750))
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(bin, "pg_dump"), "--format=custom",
		"--host=127.0.0.1", "--port="+strconv.Itoa(primary.Port()), "--username=postgres",
		"--file="+filepath.Join(folder, time.Now().UTC().Format("2006-01-02_15-04-05")+".dump"), database)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+primary.Password)
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, string(out))
}

// scratch is a folder that PostgreSQL's own user can get to.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wr")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// protected adds places of backups to the stage's configuration.
func (s *stage) protected(dir string) {
	s.replace("  odoo:\n    - name", `  backups:
    - {name: `+s.target("nightly")+`, interval: 10s, dumps: {in: {folder: dumps}, path: '{database}/{date}.dump'}}
  odoo:
    - name`)
	s.extra = "rehearsals: {dir: '" + dir + "', reserve: 1MiB}\napi: {tokens: [{name: desk, token: " + token + "}]}\n"
}

// TestBackupsAndRehearsals sees a tenant protected and another not, and rehearses a restore by
// command beside a daemon that runs, which puts it on record.
func TestBackupsAndRehearsals(t *testing.T) {
	t.Parallel()
	s := newStage(t, "protect", patient{name: "north", series: seeds.Series18, listed: true}, patient{name: "cedar", series: seeds.Series18})
	s.dump("north")
	dir := scratch(t)
	left := filepath.Join(dir, "rehearsal-killed", "data")
	require.NoError(t, os.MkdirAll(left, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rehearsal-killed", "owner"), nil, 0o600))
	s.protected(dir)
	d := s.start().ready()
	eventually(t, "what a killed rehearsal left is removed", func() bool {
		_, err := os.Stat(left)
		return os.IsNotExist(err)
	})
	eventually(t, "what would be lost is known", func() bool {
		p := d.page()
		return p.is(1, "backup_tenant_places", "tenant", "protect_north") && p.is(0, "backup_tenant_places", "tenant", "protect_cedar")
	})
	require.Contains(t, d.found()["protect_cedar"], "tenant_unprotected")
	require.NotContains(t, d.found()["protect_north"], "tenant_unprotected")
	eventually(t, "it is promised", func() bool {
		p := d.page()
		return p.has("slo_status", "objective", "recovery-point", "tenant", "protect_north") &&
			p.has("slo_status", "objective", "rehearsal-in-date", "tenant", "protect_cedar")
	})

	result, err := app.Rehearse(t.Context(), app.RehearseOptions{
		ConfigFile: filepath.Join(s.dir, "wardround.yaml"), Storage: filepath.Join(s.dir, "data"), Tenant: "protect_north",
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.True(t, result.Success)
	require.True(t, result.Removed)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing of it is left")
	eventually(t, "the daemon has it on record", func() bool {
		return d.page().is(1, "backup_rehearsal_within_objectives", "tenant", "protect_north")
	})
	s.recorded("restore_rehearsed", "protect_north", 1)

	_, err = app.Rehearse(t.Context(), app.RehearseOptions{
		ConfigFile: filepath.Join(s.dir, "wardround.yaml"), Tenant: "protect_cedar",
	}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, `there is no good backup of tenant "protect_cedar"`)
	_, err = app.Rehearse(t.Context(), app.RehearseOptions{
		ConfigFile: filepath.Join(s.dir, "wardround.yaml"), Tenant: "protect_west",
	}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, `there is no tenant "protect_west"`)

	checkReportedRehearsal(t, s, d)
}

// checkReportedRehearsal reports one over the API that failed.
func checkReportedRehearsal(t *testing.T, s *stage, d *daemon) {
	report := func(tenant string) (int, string) {
		return d.send(http.MethodPost, "/api/v1/rehearsals", fmt.Sprintf(
			`{"tenant": %q, "place": "tapes", "started": %q, "ended": %q, "success": false, "reason": "restore", "recovery_seconds": 0, "recovery_point": "0001-01-01T00:00:00Z"}`,
			tenant, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339)), "Authorization", "Bearer "+token)
	}
	status, answer := report("protect_cedar")
	require.Equal(t, http.StatusCreated, status, answer)
	status, answer = report("protect_west")
	require.Equal(t, http.StatusBadRequest, status, answer)
	eventually(t, "a failed rehearsal is found", func() bool { return contains(d.found()["protect_cedar"], "rehearsal_failed") })
	s.recorded("restore_rehearsed", "protect_cedar", 1)
	var known struct {
		Rehearsals []struct {
			Tenant string
			Last   struct {
				Reporter string `json:"reported_by"`
			}
		}
	}
	d.json("/api/v1/rehearsals?tenant=protect_cedar", &known)
	require.Equal(t, "desk", known.Rehearsals[0].Last.Reporter)
}

func contains(all []string, one string) bool { return strings.Contains(strings.Join(all, " "), one) }

// recorded wants so many entries of a kind about a tenant in the evidence.
func (s *stage) recorded(kind, tenant string, want int) {
	s.t.Helper()
	require.Equal(s.t, want, s.entries(kind, tenant))
}

func (s *stage) entries(kind, tenant string) (n int) {
	s.t.Helper()
	log, err := os.ReadFile(filepath.Join(s.dir, "data", evidence.FileName))
	require.NoError(s.t, err)
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"kind":"`+kind+`"`) && strings.Contains(line, tenant) {
			n++
		}
	}
	return n
}

// TestRehearsalOfAnOldCopy rehearses a dump that was made today of a database as it was days ago.
func TestRehearsalOfAnOldCopy(t *testing.T) {
	t.Parallel()
	s := newStage(t, "stale", patient{name: "north", series: seeds.Series18, listed: true})
	s.exec("north", `DO $$ DECLARE t text; BEGIN
		FOR t IN SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'write_date' LOOP
			EXECUTE format('UPDATE %I SET create_date = now() - interval ''3 days'', write_date = now() - interval ''3 days''', t);
		END LOOP; END $$`)
	s.dump("north")
	s.protected(scratch(t))
	s.unhurried() // what it cannot say is not compared
	made := func() rehearse.Reason {
		result, _ := app.Rehearse(t.Context(), app.RehearseOptions{ConfigFile: s.configure(), Tenant: "stale_north"}, slog.New(slog.DiscardHandler))
		return result.Reason
	}
	require.Empty(t, made(), "nothing was written in the live database either")
	s.exec("north", "UPDATE account_move SET create_date = now() AT TIME ZONE 'UTC' - interval '1 hour' WHERE id = (SELECT max(id) FROM account_move)")
	require.Equal(t, rehearse.ReasonOldContent, made(), "a row of then is not in the dump")
	s.dump("north")
	require.Empty(t, made(), "the new dump has it")
	s.exec("north", "UPDATE account_move SET create_date = now() AT TIME ZONE 'UTC' + interval '20 hours'")
	require.Empty(t, made(), "it was made after the backup")
	s.exec("north", "UPDATE ir_config_parameter SET value = 'another' WHERE key = 'database.uuid'")
	require.Equal(t, rehearse.ReasonStranger, made(), "the dump is of a database with another identifier")
}

const kubeState = `# TYPE kube_pod_status_ready gauge
kube_pod_status_ready{namespace="odoo-others_north",pod="web-1",uid="1",condition="true"} 1
kube_pod_status_ready{namespace="odoo-others_north",pod="web-2",uid="2",condition="true"} 0
kube_pod_status_ready{namespace="odoo-others_north",pod="web-2",uid="2",condition="false"} 1
# TYPE kube_pod_status_phase gauge
kube_pod_status_phase{namespace="odoo-others_north",pod="web-1",uid="1",phase="Running"} 1
kube_pod_status_phase{namespace="odoo-others_north",pod="web-2",uid="2",phase="Running"} 1
# TYPE partner_calls_total counter
partner_calls_total{clinic="others_north",state="failed",patient="somebody"} 7
`

// TestOthersAndOnesOwn brings in what others measure, what the operator asks by SQL, and synthetic
// transactions.
func TestOthersAndOnesOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t, "others", patient{name: "north", series: seeds.Series18, listed: true}, patient{name: "cedar", series: seeds.Series17})
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = fmt.Fprint(w, kubeState)
	}))
	t.Cleanup(page.Close)
	odoo, err := url.Parse(s.odooURL)
	require.NoError(t, err)
	s.replace("  odoo:\n    - name", `  scrape:
    - name: others-kube
      urls: ['`+page.URL+`']
      rules: [kubernetes]
      families: [{names: [partner_calls_total], labels: [state]}]
      tenants: [{label: namespace, pattern: 'odoo-(?P<tenant>.+)'}, {label: clinic}]
  probe:
    - name: others-edge
      connect: '`+odoo.Host+`'
      probes: [{name: portal, interval: 10s, steps: [{name: page, url: 'http://{host}/web/login'}]}]
  odoo:
    - name`)
	indicator := `
sql:
  - name: crons
    query: SELECT count(*) AS n FROM ir_cron WHERE active
    series: ['18.0']
    interval: 10s
    metrics: [{name: clinic_active_crons, type: gauge, help: Active scheduled tasks, value: n}]
`
	s.extra = indicator
	quick := len(s.replaced)
	s.unhurried()
	found, err := app.Examine(t.Context(), s.configure(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Empty(t, found.Problems)

	s.replaced = s.replaced[:quick]
	d := s.start().ready()
	eventually(t, "all three bring something", func() bool {
		p := d.page()
		return p.is(1, "kubernetes_pods", "tenant", "others_north", "state", "not_ready") &&
			p.is(7, "partner_calls_total", "tenant", "others_north", "state", "failed") &&
			p.has("clinic_active_crons", "tenant", "others_north") &&
			p.has("probe_runs_total", "tenant", "others_cedar", "probe", "portal", "outcome", "ok")
	})
	require.False(t, d.page().has("partner_calls_total", "patient", "somebody"))
	require.False(t, d.page().has("clinic_active_crons", "tenant", "others_cedar"), "it is of another series")
	eventually(t, "promises stand on them", func() bool {
		p := d.page()
		return p.has("slo_status", "objective", "pods-ready", "tenant", "others_north") &&
			p.has("slo_status", "objective", "transactions-succeed", "tenant", "others_cedar")
	})

	s.extra = strings.Replace(indicator, "FROM ir_cron", "FROM ir_corn", 1)
	found, err = app.Examine(t.Context(), s.configure(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Len(t, found.Problems, 1)
	require.Contains(t, found.Problems[0].Where, "sql indicator crons")
	require.Contains(t, found.Problems[0].What[0], "ir_corn")
}
