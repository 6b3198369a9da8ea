package changes

import (
	"bytes"
	"fmt"
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

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

func metrics(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(text)
}

// serving is a server whose page can be changed.
func serving(t *testing.T, page string) (url string, set func(string)) {
	t.Helper()
	var now atomic.Pointer[string]
	now.Store(&page)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, *now.Load())
	}))
	t.Cleanup(server.Close)
	return server.URL, func(s string) { now.Store(&s) }
}

func watching(url string) Config {
	c := settings()
	c.Applications = []Endpoint{{Name: "cluster", URL: url, Token: token, Rules: []Rule{
		{Match: map[string]string{"namespace": "clinic-(?P<tenant>[a-z]+)"}},
		{Match: map[string]string{"project": "platform"}, All: true},
	}}}
	return c
}

// collect visits the page at a time.
func (s *stage) collect(at time.Time) *collectors.Batch {
	s.t.Helper()
	v := s.Visits()[1]
	b := collectors.NewBuilder(v.Key, at)
	require.NoError(s.t, v.Collector.Collect(s.t.Context(), b))
	return b.Batch()
}

func TestSuiteOfRecord(t *testing.T) {
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{"CANARY"},
		Want: []string{"change_records", "change_outcomes_total", "change_finished_total", "change_last_timestamp_seconds", "change_events_total"},
		New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
			s := open(t, t.TempDir(), settings())
			s.logger = logger
			for _, outcome := range []Outcome{Started, Succeeded, Failed} {
				_, _, err := s.record(told(string(outcome), 0, 1, outcome, of("rosenhof")))
				require.NoError(t, err)
			}
			s.count("desk", "recorded")
			return s.Visits()[0]
		},
	})
}

func TestSuiteOfPages(t *testing.T) {
	visit := func(handler http.HandlerFunc, change func(*Endpoint)) collectortest.Maker {
		return func(t *testing.T, logger *slog.Logger) collectors.Visit {
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			c := watching(server.URL + "/CANARY")
			change(&c.Applications[0])
			s := open(t, t.TempDir(), c)
			s.logger = logger
			v := s.Visits()[1]
			v.Timeout = time.Second
			return v
		}
	}
	keep := func(*Endpoint) {}
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	broken := func(reason collectors.Reason, handler http.HandlerFunc, change func(*Endpoint)) collectortest.Broken {
		return collectortest.Broken{Reason: reason, New: visit(handler, change)}
	}
	drifting := strings.ReplaceAll(metrics(t, "argocd.prom"), `"Synced"`, `"OutOfSync"`)
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{"CANARY"},
		Want: []string{
			"change_application_info", "change_application_synced", "change_application_healthy", "change_application_automated",
			"change_application_drift_timestamp_seconds", "change_application_failed_syncs_total", "change_drift_oldest_timestamp_seconds",
		},
		New: visit(answer(http.StatusOK, drifting), keep),
		Broken: map[string]collectortest.Broken{
			"refuses":   broken(collectors.ReasonAuth, answer(http.StatusForbidden, "CANARY"), keep),
			"is broken": broken(collectors.ReasonProtocol, answer(http.StatusInternalServerError, "CANARY"), keep),
			"leads elsewhere": broken(collectors.ReasonProtocol, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					_, _ = io.WriteString(w, drifting)
				}
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			}, keep),
			"is another page": broken(collectors.ReasonMissing, answer(http.StatusOK, "<html>CANARY</html>"), keep),
			"lies":            broken(collectors.ReasonProtocol, answer(http.StatusOK, "argocd_app_info{CANARY 1\n"), keep),
			"has long lines":  broken(collectors.ReasonProtocol, answer(http.StatusOK, strings.Repeat("x", maxLine+1)), keep),
			"is down":         broken(collectors.ReasonUnreachable, nil, func(e *Endpoint) { e.URL = "http://127.0.0.1:1/CANARY" }),
			"hangs":           broken(collectors.ReasonTimeout, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, keep),
			"stops half way": broken(collectors.ReasonTimeout, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "argocd_app_info")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}, keep),
		},
	})
}

func TestApplications(t *testing.T) {
	for _, name := range []string{"argocd", "flux"} {
		t.Run(name, func(t *testing.T) {
			url, _ := serving(t, metrics(t, name+".prom"))
			s := open(t, t.TempDir(), watching(url))
			first := s.collect(now)
			require.Equal(t, text(first), text(s.collect(now)))
			later := s.collect(now.Add(2 * time.Hour))
			var out bytes.Buffer
			out.WriteString(text(later))
			for _, f := range later.Findings {
				fmt.Fprintf(&out, "%s %s: %s\n", f.Name, f.Tenant, f.Text)
			}
			require.NotContains(t, out.String(), "CANARY")
			golden(t, name+".metrics", out.Bytes())
		})
	}
}

// TestDrift is remembered over a restart, goes on while the state is not known, and ends when it is
// known to have ended.
func TestDrift(t *testing.T) {
	drifts := metrics(t, "argocd.prom")
	unknown := strings.ReplaceAll(drifts, "OutOfSync", "Unknown")
	synced := strings.ReplaceAll(drifts, "OutOfSync", "Synced")
	url, set := serving(t, synced)
	s := open(t, t.TempDir(), watching(url))
	value := func(minute int) float64 {
		t.Helper()
		var got []float64
		s.collect(at(minute)).Each(func(name string) bool { return name == metricDrift.Name }, func(x collectors.Series) {
			if x.Get("tenant") == "rosenhof" {
				got = append(got, x.Value())
			}
		})
		require.Len(t, got, 1)
		return got[0]
	}
	since := float64(at(1).Unix())
	require.Zero(t, value(0))
	set(drifts)
	require.Equal(t, since, value(1))
	require.Equal(t, since, value(2))
	s = s.again()
	require.Equal(t, since, value(3))
	set(unknown)
	require.Equal(t, since, value(4))
	set(synced)
	require.Zero(t, value(5))
	set(unknown)
	require.Zero(t, value(6))
	set(drifts)
	require.Equal(t, float64(at(7).Unix()), value(7))

	set(strings.ReplaceAll(drifts, "odoo-rosenhof", "odoo-renamed"))
	require.Equal(t, float64(at(8).Unix()), value(8))
	require.Len(t, s.journal.known, 4)
	value(9 + 24*60)
	require.Len(t, s.journal.known, 3, "what is gone for a day is forgotten")
}

// TestRevisionsOnPages: a revision that changed is a change, one that goes back a rollback.
func TestRevisionsOnPages(t *testing.T) {
	text := metrics(t, "flux.prom") + `gotk_resource_info{customresource_kind="HelmRelease",exported_namespace="infra",name="x",ready="True",revision="18.0.3.2"} 1` + "\n"
	url, set := serving(t, text)
	s := open(t, t.TempDir(), watching(url))
	s.collect(at(0))
	set(strings.ReplaceAll(text, "18.0.3.2", "18.0.4.0"))
	s.collect(at(1))
	s = s.again()
	s.collect(at(2))
	set(strings.ReplaceAll(text, `revision="18.0.3.2"`, `revision=""`))
	s.collect(at(3))
	set(text)
	s.collect(at(4))
	found := s.Query("rosenhof", at(5), time.Hour)
	require.Len(t, found, 2)
	require.Equal(t, []string{"18.0.3.2", "18.0.4.0"}, []string{found[1].From, found[1].Revision})
	require.False(t, found[1].Rollback)
	require.Equal(t, []string{"18.0.4.0", "18.0.3.2"}, []string{found[0].From, found[0].Revision})
	require.True(t, found[0].Rollback)
	require.Empty(t, s.Query("lindenau", at(5), time.Hour), "nor does it concern all what nobody is known to own")
}

func TestMetricsAreSound(t *testing.T) { require.NoError(t, Metrics().Validate()) }

func FuzzPage(f *testing.F) {
	f.Add(metrics(f, "argocd.prom"))
	f.Add(metrics(f, "flux.prom"))
	s := open(f, f.TempDir(), watching("http://127.0.0.1:1"))
	f.Fuzz(func(t *testing.T, text string) {
		wanted, err := selected(strings.NewReader(text))
		if err != nil {
			return
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(wanted)
		if err != nil {
			return
		}
		b := collectors.NewBuilder(s.Visits()[1].Key, now)
		require.NoError(t, s.applications(b, s.setup.Load().pages[0], read(families)))
		for _, family := range b.Batch().Families {
			for _, sample := range family.Samples {
				for _, value := range sample.Values {
					require.LessOrEqual(t, len(value), 80)
				}
			}
		}
	})
}
