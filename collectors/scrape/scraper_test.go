package scrape

import (
	"compress/gzip"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func registry(t *testing.T) *collectors.Registry {
	t.Helper()
	tenants, err := collectors.NewTenants([]collectors.Tenant{
		{Name: "north", Database: "north", Hosts: []string{"north.example.test"}},
		{Name: "south", Database: "south"},
	})
	require.NoError(t, err)
	r := collectors.NewRegistry()
	r.Replace(tenants)
	return r
}

// serving gives the URL of a page.
func serving(t *testing.T, page func() string) string {
	t.Helper()
	return handling(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page()) })
}

func handling(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL + "/metrics?token=CANARY-token"
}

func fixed(text string) func() string { return func() string { return text } }

func scraper(t *testing.T, set func(*Config), urls ...string) *Scraper {
	t.Helper()
	c := DefaultConfig()
	c.Name, c.URLs = "cluster", urls
	set(&c)
	require.NoError(t, c.Validate())
	s, err := New(c, Options{Tenants: registry(t)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func visit(t *testing.T, s *Scraper, at time.Time) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(s.Visit().Key, at)
	require.NoError(t, s.Collect(t.Context(), b))
	return b.Batch()
}

// text is the batch without what differs between runs, and without the target.
func text(b *collectors.Batch) string {
	var kept []string
	for line := range strings.Lines(string(collectortest.Text(b))) {
		line = strings.ReplaceAll(strings.ReplaceAll(line, `target="cluster",`, ""), `{target="cluster"}`, "")
		if !strings.Contains(line, "127.0.0.1:") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func families(names ...string) func(*Config) {
	return func(c *Config) {
		c.Families = []Selection{{Names: names, Labels: []string{"a"}}}
		c.Tenants = []TenantRule{{Label: "tenant"}}
	}
}

// whole is a cluster with a partner's API, all on one page.
func everything(c *Config) {
	c.Rules = []string{"kubernetes"}
	c.Families = []Selection{
		{Names: []string{"api_requests_total"}, Labels: []string{"code"}},
		{Names: []string{"api_request_duration_seconds"}, Type: "histogram"},
	}
	c.Tenants = []TenantRule{{Label: "namespace"}, {Label: "tenant"}}
}

func cluster(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("testdata/cluster.txt")
	require.NoError(t, err)
	return string(page)
}

func TestSuite(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	page := cluster(t)
	healthy := scraper(t, everything, serving(t, fixed(page)))
	broken := func(reason collectors.Reason, handler http.HandlerFunc) collectortest.Broken {
		return collectortest.Broken{Reason: reason, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			return scraper(t, func(c *Config) {
				everything(c)
				c.MaxBytes, c.Timeout = 1<<20, model.Duration(500*time.Millisecond)
			}, handling(t, handler)).Visit()
		}}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "CANARY")
		}
	}
	write := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, text)
		}
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: append(Metrics(), healthy.Metrics()...),
		Canaries:  []string{"CANARY", "Miller"},
		Want:      []string{"wardround_scrape_up", "wardround_scrape_kept_series", "kubernetes_pods", "api_requests_total", "api_request_duration_seconds"},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			t.Cleanup(healthy.Close)
			return healthy.Visit()
		},
		Broken: map[string]collectortest.Broken{
			"down": {Reason: collectors.ReasonUnreachable, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
				return scraper(t, everything, down.URL+"/?secret=CANARY").Visit()
			}},
			"hanging": broken(collectors.ReasonTimeout, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
			"hanging in the page": broken(collectors.ReasonTimeout, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "up 1\n")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}),
			"no credentials": broken(collectors.ReasonAuth, status(http.StatusUnauthorized)),
			"denied":         broken(collectors.ReasonPermission, status(http.StatusForbidden)),
			"not there":      broken(collectors.ReasonMissing, status(http.StatusNotFound)),
			"server error":   broken(collectors.ReasonProtocol, status(http.StatusBadGateway)),
			"a web page":     broken(collectors.ReasonProtocol, write("text/html", "<html>CANARY</html>")),
			"noise":          broken(collectors.ReasonProtocol, write("text/plain", "up 1\nCANARY is {not a metric\n")),
			"another format": broken(collectors.ReasonProtocol, write("application/vnd.google.protobuf", "CANARY")),
			"unending":       broken(collectors.ReasonProtocol, write("text/plain", strings.Repeat("# CANARY\n", 1<<18))),
			"small on the wire": broken(collectors.ReasonProtocol, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				packed := gzip.NewWriter(w)
				_, _ = io.WriteString(packed, strings.Repeat("# CANARY\n", 1<<20))
				_ = packed.Close()
			}),
			"cut off":            broken(collectors.ReasonUnreachable, func(w http.ResponseWriter, _ *http.Request) { cutOff(w) }),
			"redirecting itself": broken(collectors.ReasonProtocol, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/CANARY", http.StatusFound) }),
		},
	})
}

// cutOff announces more than it writes.
func cutOff(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "up 1\n")
}

func TestKubernetes(t *testing.T) {
	page := cluster(t)
	var now atomic.Pointer[string]
	now.Store(&page)
	s := scraper(t, everything, serving(t, func() string { return *now.Load() }))
	at := time.Now()
	visit(t, s, at)
	later := strings.NewReplacer(
		`pod="odoo-1",container="odoo"} 4`, `pod="odoo-1",container="odoo"} 6`, // two more restarts, out of memory
		`pod="odoo-2",container="odoo"} 1`, `pod="odoo-2",container="odoo"} 2`,
		`image="odoo:18"} 100.5`, `image="odoo:18"} 130.5`,
		`container="odoo"} 1000`, `container="odoo"} 400`, // the container began anew
		"# TYPE container_oom_events_total counter\n", "# TYPE container_oom_events_total counter\n"+
			`container_oom_events_total{namespace="south",pod="odoo-9",container="odoo"} 3`+"\n", // begun since
	).Replace(page)
	now.Store(&later)
	batch := visit(t, s, at.Add(6*time.Minute))
	golden(t, "cluster.golden", text(batch)+words(batch))
}

// words are the findings as people read them.
func words(b *collectors.Batch) string {
	var all strings.Builder
	for _, f := range b.Findings {
		all.WriteString(strings.Join([]string{f.Name, f.Tenant, string(f.Severity), f.Text}, " | ") + "\n")
	}
	return all.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestSecretsAreSentAndNotShown(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("CANARY-1\n"), 0o600))
	var got atomic.Value
	s := scraper(t, func(c *Config) {
		families("up")(c)
		c.HTTP.Authorization = &config.Authorization{Type: "Bearer", CredentialsFile: token}
	}, handling(t, func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, "up 1\n")
	}))
	batch := visit(t, s, time.Now())
	require.Equal(t, "Bearer CANARY-1", got.Load())
	require.NotContains(t, string(collectortest.Text(batch)), "CANARY")
	require.NoError(t, os.WriteFile(token, []byte("CANARY-2\n"), 0o600))
	visit(t, s, time.Now())
	require.Equal(t, "Bearer CANARY-2", got.Load(), "a token that was changed is noticed")
}
