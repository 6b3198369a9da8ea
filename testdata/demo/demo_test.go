package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// TestMain also lets this binary play what the demo starts: its own `odoo`, and
// Wardround with just enough behaviour for the demo to come up.
func TestMain(m *testing.M) {
	switch slices.Index([]string{"odoo", "grants", "serve"}, append(os.Args, "")[1]) {
	case 0:
		os.Exit(run(os.Args[1:]))
	case 1:
		grants()
	case 2:
		serve()
	default:
		os.Exit(m.Run())
	}
}

func grants() {
	cluster, database, err := odoo.GrantsSQL("wardround", "to be replaced")
	if err != nil {
		panic(err)
	}
	if slices.Contains(os.Args, "--cluster") {
		database = cluster
	}
	fmt.Println(database)
}

func serve() {
	address, _ := strings.CutPrefix(os.Args[len(os.Args)-1], "--web.listen-address=")
	fmt.Println(http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		say(w, "stand_in_for_wardround 1\n")
	})))
}

func TestUpAndDown(t *testing.T) {
	s := &stage{dir: filepath.Join(homelike(t), ".demo"), base: freeBase(t), wardround: os.Args[0]}
	var told strings.Builder
	t.Cleanup(func() { require.NoError(t, s.down(io.Discard)) })
	require.NoError(t, s.up(t.Context(), &told))
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
	checkScrape(t, s)

	survivors, err := platform.Survivors(s.dir)
	require.NoError(t, err)
	require.Len(t, survivors, len(ports()))
	told.Reset()
	require.NoError(t, s.down(&told))
	require.Contains(t, told.String(), "nothing is left running")
	require.NoError(t, s.vacant(t.Context()), "every port is free again")
}

// Whoever interrupts an up finds nothing left.
func TestInterruptedUpEndsWhatItStarted(t *testing.T) {
	s := &stage{dir: filepath.Join(homelike(t), ".demo"), base: freeBase(t), wardround: os.Args[0]}
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

// freeBase finds a range in which the demo's ports are free.
func freeBase(t *testing.T) int {
	t.Helper()
	for base := 21000; base < 32000; base += 500 {
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
	}, 20*time.Second, 200*time.Millisecond, "all tenants but one have a job runner")
}

func checkScrape(t *testing.T, s *stage) {
	t.Helper()
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, "http://"+s.addr(prometheusPort)+"/api/v1/query?query=stand_in_for_wardround"), `"1"`)
	}, 20*time.Second, 200*time.Millisecond)
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
