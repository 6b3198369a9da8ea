package app_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collecttrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestNothingAboutPatients plants canaries in every text that people may have written, in databases
// and on pages, and finds none of them in anything that a daemon says in any way.
func TestNothingAboutPatients(t *testing.T) {
	t.Parallel()
	traces := newSink(t)
	s := newStage(t, "quiet",
		patient{name: "north", series: seeds.Series18, listed: true, troubles: []seeds.Trouble{seeds.StuckJob, seeds.MailBacklog, seeds.ToUpgrade, seeds.Canaries}},
		patient{name: "south", series: seeds.Series17, troubles: []seeds.Trouble{seeds.OverdueCron, seeds.StuckJob, seeds.MailBacklog, seeds.Canaries}},
		patient{name: "stage", series: seeds.Series18, troubles: []seeds.Trouble{seeds.Neutralized, seeds.Canaries}},
	)
	require.Contains(t, s.value("north", "SELECT string_agg(DISTINCT email_to, ' ') FROM mail_mail"), seeds.Canary, "they are there")
	s.odoo.SetFault(s.tenant("south"), seeds.WrongBody)
	d := s.serve("OTEL_EXPORTER_OTLP_ENDPOINT="+traces.URL, "OTEL_BSP_SCHEDULE_DELAY=200")
	eventually(t, "alerts fire and traces arrive", func() bool {
		return slices.ContainsFunc(alerts(t), func(a alert) bool { return strings.HasPrefix(a.Labels["tenant"], "quiet_") }) &&
			len(d.found()["quiet_north"]) > 0 && len(d.found()["quiet_south"]) > 0 && traces.has("visit odoo") && traces.has("evaluation")
	})

	said := map[string]string{"traces": traces.all()}
	everything(t, s, d, said)
	for where, text := range said {
		require.NotEmpty(t, text, where)
		require.NotContains(t, text, seeds.Canary, where)
		require.NotContains(t, text, primary.Password, where)
	}
}

// everything gathers all that a daemon says: its log, every page, alerts, and what it stores.
func everything(t *testing.T, s *stage, d *process, said map[string]string) {
	t.Helper()
	said["log"] = d.said()
	for _, path := range d.everyPage() {
		_, said[path] = fetch(t, http.MethodGet, d.url+path)
	}
	_, said["alerts"] = fetch(t, http.MethodGet, alertmanager.URL()+"/api/v2/alerts")
	require.NoError(t, filepath.WalkDir(filepath.Join(s.dir, "data"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			text, readErr := os.ReadFile(path)
			if errors.Is(readErr, fs.ErrNotExist) || readErr == nil && len(text) == 0 {
				return nil // a draft that was just begun, or has become the file by now
			}
			said[path], err = string(text), readErr
		}
		return err
	}))
	require.Greater(t, len(said), 20)
}

func (s *stage) value(name, sql string) string {
	s.t.Helper()
	value, err := primary.Value(s.t.Context(), s.tenant(name), sql)
	require.NoError(s.t, err)
	return value
}

var link = regexp.MustCompile(`href="([^":]+)"`)

// everyPage follows all links from the status page, and adds what none leads to.
func (d *daemon) everyPage() []string {
	d.t.Helper()
	month := time.Now().UTC().Format("2006-01")
	all := []string{"/", "/rounds", "/metrics", "/api/v1/tenants", "/api/v1/objectives", "/api/v1/instances", "/api/v1/alerts", "/api/v1/rehearsals", "/api/v1/changes", "/reports/" + month + ".html", "/reports/" + month + ".csv", "/reports/" + month + ".json"}
	for _, page := range []string{"/", "/rounds"} {
		_, text := fetch(d.t, http.MethodGet, d.url+page)
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			all = append(all, "/"+strings.TrimPrefix(match[1], "./"))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestTraces wants a span for each visit, evaluation and push where an endpoint is named.
func TestTraces(t *testing.T) {
	t.Parallel()
	traces := newSink(t)
	s := newStage(t, "traced", patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}})
	d := s.serve("OTEL_EXPORTER_OTLP_ENDPOINT="+traces.URL, "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_SERVICE_NAME=ward")
	for _, span := range []string{"visit postgres", "visit redis", "visit odoo", "visit odoo_login", "evaluation", "alert.push"} {
		eventually(t, span, func() bool { return traces.has(span) })
	}
	require.Contains(t, traces.all(), "traced_cedar")
	require.Contains(t, traces.all(), "ward")
	require.NoError(t, d.Server.Stop())
}

// sink is where OTLP over HTTP ends.
type sink struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string]int
	text  strings.Builder
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{spans: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var request collecttrace.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.text.WriteString(request.String())
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					s.spans[span.GetName()]++
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) has(span string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spans[span] > 0
}

func (s *sink) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
