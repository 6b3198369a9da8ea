package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/testdata/platform"
)

// TestMain also lets this binary play the demo's own `odoo`.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "odoo" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// wardround is the program itself, as `make build` makes it.
func wardround(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "wardround")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/wardround/wardround/cmd/wardround")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	_, err := output(build)
	require.NoError(t, err)
	return binary
}

func TestUpAndDown(t *testing.T) {
	s := &stage{dir: filepath.Join(homelike(t), ".demo"), base: freeBase(t), wardround: wardround(t)}
	var told strings.Builder
	t.Cleanup(func() { require.NoError(t, s.down(io.Discard)) })
	require.NoError(t, s.up(t.Context(), &told))
	require.Contains(t, told.String(), "tenant north   can be recovered")
	require.Contains(t, told.String(), "status page    http://127.0.0.1:")
	require.NoError(t, s.status(io.Discard))

	require.ErrorContains(t, s.up(t.Context(), io.Discard), "it runs already")
	require.NoError(t, s.status(io.Discard), "the second up ended nothing")

	for host, want := range map[string]int{"north.example.test": 200, "tenant_alder.example.test": 200, "tenant_iris.example.test": 303} {
		require.Equal(t, want, visit(t, s, host), host)
	}
	primary, err := s.secret("postgres")
	require.NoError(t, err)
	watcher, err := s.secret(role)
	require.NoError(t, err)
	require.NotEqual(t, primary, watcher)
	checkDatabases(t, s, watcher)
	checkFindings(t, s)
	checkAlert(t, s)
	checkScrape(t, s)

	survivors, err := platform.Survivors(s.dir)
	require.NoError(t, err)
	require.Len(t, survivors, len(ports())-1, "one answers at two ports")
	told.Reset()
	require.NoError(t, s.down(&told))
	require.Contains(t, told.String(), "nothing is left running")
	require.NoError(t, s.vacant(t.Context()), "every port is free again")
	require.NoDirExists(t, s.scratch())
}

// Whoever interrupts an up finds nothing left.
func TestInterruptedUpEndsWhatItStarted(t *testing.T) {
	s := &stage{dir: filepath.Join(homelike(t), ".demo"), base: freeBase(t), wardround: wardround(t)}
	ctx, interrupt := context.WithCancel(t.Context())
	require.Error(t, s.up(ctx, writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "stand-in") {
			interrupt()
		}
		return len(p), nil
	})))
	left, err := platform.Leftovers(s.dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRefusals(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	base := taken.Addr().(*net.TCPAddr).Port - redisPort
	foreign := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "precious"), nil, 0o600))
	for _, tc := range []struct {
		name, want string
		stage      stage
	}{
		{"port of somebody else", "is taken", stage{dir: t.TempDir(), base: base, wardround: os.Args[0]}},
		{"no binary", "make build", stage{dir: t.TempDir(), base: freeBase(t), wardround: "missing"}},
		{"folder of somebody else", "not a demo", stage{dir: foreign, base: freeBase(t), wardround: os.Args[0]}},
	} {
		t.Run(tc.name, func(t *testing.T) { require.ErrorContains(t, tc.stage.up(t.Context(), io.Discard), tc.want) })
	}
	require.FileExists(t, filepath.Join(foreign, "precious"))
}

func TestConfigurationsAreYAML(t *testing.T) {
	s := &stage{dir: "/some where", base: 19000}
	for _, name := range []string{"wardround.yaml.tmpl", "prometheus.yml.tmpl", "alertmanager.yml"} {
		text, err := s.fill(name)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal([]byte(text), &map[string]any{}), name)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// homelike makes a folder that only we may enter, such as a checkout in root's
// home.
func homelike(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "wardround-demo-"+rand.Text()[:8])
	require.NoError(t, os.Mkdir(dir, 0o700))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// freeBase finds a range in which the demo's ports are free, below those that servers of other tests take: the demo
// takes its own one after the other, and wants them free when it is over.
func freeBase(t *testing.T) int {
	t.Helper()
	for base := 10000; base < 19000; base += 500 {
		s := stage{dir: t.TempDir(), base: base, wardround: os.Args[0]}
		if s.vacant(t.Context()) == nil {
			return base
		}
	}
	require.Fail(t, "no free ports")
	return 0
}

// checkDatabases looks with Wardround's eyes: at every tenant, and at the standby.
func checkDatabases(t *testing.T, s *stage, password string) {
	t.Helper()
	ask := func(port int, database, sql string) string {
		conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", role, password, s.addr(port), database))
		require.NoError(t, err)
		defer conn.Close(t.Context())
		var value string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT ("+sql+")::text").Scan(&value))
		return value
	}
	for _, p := range ward() {
		require.Equal(t, "true", ask(primaryPort, p.database, "SELECT count(*) > 20 FROM ir_cron"), p.database)
	}
	require.Equal(t, "true", ask(replicaPort, "postgres", "SELECT pg_is_in_recovery()"))
	require.Eventually(t, func() bool {
		return ask(primaryPort, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN queue_job'") == "13"
	}, time.Minute, 200*time.Millisecond, "all tenants but one have a job runner")
}

// checkFindings wants each tenant to show its troubles, and the well ones none.
func checkFindings(t *testing.T, s *stage) {
	t.Helper()
	want := map[string][]string{
		"north":          nil,
		"south":          {"certificate_ending", "probe_certificate_ending"},
		"tenant_alder":   nil,
		"tenant_birch":   {"pgbouncer_clients_waiting"},
		"tenant_cedar":   {"backup_missing", "cron_overdue"},
		"tenant_elm":     {"cron_failing", "tenant_unprotected"},
		"tenant_fir":     {"channel_blocked", "job_stuck", "jobs_waiting"},
		"tenant_hazel":   {"crons_blocked", "rehearsal_failed"},
		"tenant_iris":    {"login_failing", "probe_failing"},
		"tenant_juniper": {"job_runner_missing", "recovery_point_exceeded"},
		"tenant_larch":   {"mail_delayed"},
		"tenant_maple":   {"probe_failing"},
		"tenant_oak":     {"backup_failed", "crons_blocked"},
		"tenant_stage":   {"staging_copy"},
	}
	var found map[string][]string
	defer func() {
		if t.Failed() {
			t.Log(cmp.Diff(want, found))
		}
	}()
	require.Eventually(t, func() bool {
		found = findings(t, s)
		return cmp.Equal(want, found)
	}, 5*time.Minute, time.Second, "every trouble shows and nothing else")
}

// findings are the names of what was found, by tenant.
func findings(t *testing.T, s *stage) map[string][]string {
	t.Helper()
	var known struct {
		Tenants []struct {
			Name     string
			Findings []struct{ Name string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(get(t, "http://"+s.addr(wardroundPort)+"/api/v1/tenants")), &known))
	all := map[string][]string{}
	for _, tenant := range known.Tenants {
		var names []string
		for _, f := range tenant.Findings {
			names = append(names, f.Name)
		}
		slices.Sort(names)
		all[tenant.Name] = slices.Compact(names)
	}
	return all
}

// checkAlert wants Alertmanager to hear of the release before which a tenant was well.
func checkAlert(t *testing.T, s *stage) {
	t.Helper()
	require.Eventually(t, func() bool {
		var alerts []struct{ Labels, Annotations map[string]string }
		require.NoError(t, json.Unmarshal([]byte(get(t, "http://"+s.addr(alertmanagerPort)+"/api/v2/alerts")), &alerts))
		for _, a := range alerts {
			if a.Labels["tenant"] == "tenant_maple" && strings.HasPrefix(a.Annotations["suspected_change"], "release 17.0.4.2 by releases") {
				return true
			}
		}
		return false
	}, 3*time.Minute, time.Second)
}

// checkScrape wants Prometheus to have what the operator's own query says.
func checkScrape(t *testing.T, s *stage) {
	t.Helper()
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, "http://"+s.addr(prometheusPort)+`/api/v1/query?query=clinic_invoices{tenant="north",state="posted"}`), `"37"`)
	}, 3*time.Minute, time.Second)
}

func visit(t *testing.T, s *stage, host string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr(odooPort)+"/web/login", nil)
	require.NoError(t, err)
	req.Host = host
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}
