package traefik

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "CANARY-7f3a"

// edge answers as Traefik's metrics and API do, with what tests put into it.
type edge struct {
	*httptest.Server
	mu      sync.Mutex
	page    string
	routers []map[string]any
	version string
	perPage int // most routers in an answer
	asked   int // how often the routers were asked for
	failing http.HandlerFunc
	denying int // status of the API, 0 where it answers
}

func newEdge(t testing.TB) *edge {
	t.Helper()
	e := &edge{version: "3.6.12", perPage: 1000}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	return e
}

func (e *edge) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case r.URL.Path == "/metrics" && e.failing != nil:
		e.failing(w, r)
	case r.URL.Path == "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprint(w, e.page)
	case e.denying != 0:
		http.Error(w, canary, e.denying)
	case r.URL.Path == "/api/version":
		fmt.Fprintf(w, `{"Version":%q}`, e.version)
	case r.URL.Path == "/api/http/routers":
		e.list(w, r)
	default:
		http.NotFound(w, r)
	}
}

// list pages as Traefik does: the page behind the last is the first.
func (e *edge) list(w http.ResponseWriter, r *http.Request) {
	number := func(name string) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil {
			return 1
		}
		return n
	}
	page, size := number("page"), min(number("per_page"), e.perPage)
	if page == 1 {
		e.asked++
	}
	from, to, next := (page-1)*size, min(page*size, len(e.routers)), page+1
	if to == len(e.routers) {
		next = 1
	}
	w.Header().Set("X-Next-Page", strconv.Itoa(next))
	if err := json.NewEncoder(w).Encode(e.routers[from:to]); err != nil {
		panic(err)
	}
}

func (e *edge) set(page string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.page, e.failing = page, nil
}

func (e *edge) deny(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.denying = status
}

func (e *edge) list1(name, rule, service string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, provider, _ := strings.Cut(name, "@")
	e.routers = append(e.routers, map[string]any{"name": name, "rule": rule, "service": service, "provider": provider, "status": "enabled"})
}

func (e *edge) times() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func (e *edge) config() Config {
	c := DefaultConfig()
	c.Name, c.URL, c.API = "edge", e.URL+"/metrics", e.URL+"/api"
	return c
}

// recorded is a file of testdata.
func recorded(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(text)
}

// recordedRouters are those of the recording.
func recordedRouters(t testing.TB) []map[string]any {
	t.Helper()
	var all []map[string]any
	require.NoError(t, json.Unmarshal([]byte(recorded(t, "clinic-routers.json")), &all))
	return all
}

// tenants makes a registry in which each tenant has the given hosts.
func tenants(t testing.TB, hosts map[string][]string) *collectors.Registry {
	t.Helper()
	var list []collectors.Tenant
	for name, its := range hosts {
		list = append(list, collectors.Tenant{Name: name, Postgres: "main", Database: name, Hosts: its})
	}
	set, err := collectors.NewTenants(list)
	require.NoError(t, err)
	registry := collectors.NewRegistry()
	registry.Replace(set)
	return registry
}

var clinics = map[string][]string{"alpha": {"tenant_alpha.example.test"}, "gamma": {"tenant_gamma.example.test"}}

func target(t testing.TB, c Config, o Options) *Target {
	t.Helper()
	made, err := New(c, o)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made
}

// start is when recordings and made pages take place.
var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// collectAt visits until what is new has been shown at zero, and then with what it came to; findings
// are those of both visits.
func collectAt(t testing.TB, made *Target, at time.Time) *collectors.Batch {
	t.Helper()
	first := collectOnce(t, made, at)
	b := collectOnce(t, made, at)
	b.Findings = append(first.Findings, b.Findings...)
	return b
}

func collectOnce(t testing.TB, made *Target, at time.Time) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(made.Visits()[0].Key, at)
	require.NoError(t, made.Collect(t.Context(), b))
	return b.Batch()
}

// value is the sum of all series of a family whose labels include those given as name, value.
func value(b *collectors.Batch, name string, labels ...string) float64 {
	var sum float64
	b.Each(func(string) bool { return true }, func(s collectors.Series) {
		if s.Name() != name {
			return
		}
		for i := 0; i < len(labels); i += 2 {
			if s.Get(labels[i]) != labels[i+1] {
				return
			}
		}
		sum += s.Value()
	})
	return sum
}

// has says whether a family has a series with these labels.
func has(b *collectors.Batch, name string, labels ...string) bool {
	found := false
	b.Each(func(string) bool { return true }, func(s collectors.Series) {
		fits := s.Name() == name
		for i := 0; i < len(labels); i += 2 {
			fits = fits && s.Get(labels[i]) == labels[i+1]
		}
		found = found || fits
	})
	return found
}

func findings(b *collectors.Batch) map[string]string {
	all := map[string]string{}
	for _, f := range b.Findings {
		all[f.Name] = strings.TrimSpace(fmt.Sprintf("%s %s: %s", f.Tenant, f.Severity, f.Text))
	}
	return all
}

// pageOf is a page of a Traefik that began at a time, with the series given.
func pageOf(began time.Time, series ...string) string {
	lines := []string{"traefik_config_reloads_total 1", fmt.Sprintf("process_start_time_seconds %d", began.Unix())}
	return strings.Join(append(lines, series...), "\n") + "\n"
}

// requests is a series of requests: at an entry point with the name web, at a router, or at a service.
func requests(router, service, code string, n int) string {
	labels := fmt.Sprintf(`code=%q,method="GET",protocol="http"`, code)
	switch {
	case router == "web":
		return fmt.Sprintf(`traefik_entrypoint_requests_total{%s,entrypoint="web"} %d`, labels, n)
	case router != "":
		return fmt.Sprintf(`traefik_router_requests_total{%s,router=%q,service=%q} %d`, labels, router, service, n)
	}
	return fmt.Sprintf(`traefik_service_requests_total{%s,service=%q} %d`, labels, service, n)
}
