package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
)

// daemon is an App at work on a stage, with what it says.
type daemon struct {
	*app.App
	t        testing.TB
	url      string
	registry *prometheus.Registry
	log      *logbook
	server   *httptest.Server
}

// start begins a daemon on the stage; it ends with the test, or at stop.
func (s *stage) start() *daemon {
	s.t.Helper()
	d := &daemon{t: s.t, registry: prometheus.NewRegistry(), log: &logbook{}}
	var err error
	d.App, err = app.New(context.WithoutCancel(s.t.Context()), app.Options{
		ConfigFile: s.configure(), StoragePath: filepath.Join(s.dir, "data"), Version: "1.2.3", Registry: d.registry,
		Tracer: noop.NewTracerProvider().Tracer(""), Logger: slog.New(slog.NewTextHandler(d.log, nil)),
	})
	require.NoError(s.t, err)
	d.server = httptest.NewServer(d.Handler())
	d.url = d.server.URL
	s.t.Cleanup(d.stop)
	require.NoError(s.t, d.Start())
	return d
}

func (d *daemon) stop() {
	d.server.Close()
	d.Stop()
	if d.t.Failed() {
		d.t.Log(d.log.String())
	}
}

// ready waits for the end of the first round.
func (d *daemon) ready() *daemon {
	d.t.Helper()
	eventually(d.t, "the first round is through", func() bool {
		status, _ := fetch(d.t, http.MethodGet, d.url+"/-/ready")
		return status == http.StatusOK
	})
	return d
}

// page is /metrics as it is served now.
func (d *daemon) page() page {
	d.t.Helper()
	return scrape(d.t, d.url)
}

// json reads an answer of the API.
func (d *daemon) json(path string, into any) string {
	d.t.Helper()
	status, body := fetch(d.t, http.MethodGet, d.url+path)
	require.Equal(d.t, http.StatusOK, status)
	require.NoError(d.t, json.Unmarshal([]byte(body), into))
	return body
}

// found are the names of what is wrong, by tenant, as the API tells them.
func (d *daemon) found() map[string][]string {
	d.t.Helper()
	var answer struct {
		Tenants []struct {
			Name     string
			Findings []struct{ Name string }
		}
	}
	d.json("/api/v1/tenants", &answer)
	all := map[string][]string{}
	for _, tenant := range answer.Tenants {
		names := []string{}
		for _, f := range tenant.Findings {
			names = append(names, f.Name)
		}
		all[tenant.Name] = names
	}
	return all
}

// page is a scrape, parsed: samples by family. Histograms are left out.
type page map[string][]sample

type sample struct {
	labels map[string]string
	value  float64
}

func scrape(t testing.TB, url string) page {
	t.Helper()
	status, body := fetch(t, http.MethodGet, url+"/metrics")
	require.Equal(t, http.StatusOK, status)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	require.NoError(t, err)
	p := page{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			s := sample{map[string]string{}, m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			p[name] = append(p[name], s)
		}
	}
	return p
}

// all are the values of the series that have the labels, which are given as name, value.
func (p page) all(family string, labels ...string) []float64 {
	var found []float64
	for _, s := range p[family] {
		if s.has(labels) {
			found = append(found, s.value)
		}
	}
	return found
}

// value is that of the one series with the labels; false if there is none, or more.
func (p page) value(family string, labels ...string) (float64, bool) {
	if found := p.all(family, labels...); len(found) == 1 {
		return found[0], true
	}
	return 0, false
}

// is says whether the one series with the labels has the value.
func (p page) is(want float64, family string, labels ...string) bool {
	got, one := p.value(family, labels...)
	return one && got == want
}

func (p page) has(family string, labels ...string) bool { return len(p.all(family, labels...)) > 0 }

// tells says whether any series is about a tenant.
func (p page) tells(tenant string) bool {
	for family := range p {
		if p.has(family, "tenant", tenant) {
			return true
		}
	}
	return false
}

func (s sample) has(labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if s.labels[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

func fetch(t testing.TB, method, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// eventually waits for what a few rounds must bring, on a busy machine: there visits fail before they are to, and what
// failed several times is visited once a minute.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	within(t, 3*time.Minute, what, condition)
}

// within asks on the test's own goroutine, so that the condition may make demands of its own.
func within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		require.True(t, time.Now().Before(deadline), "not within %s: %s", limit, what)
		<-tick.C
	}
}

// logbook keeps what a daemon logs.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// times counts the lines that hold all the words.
func (l *logbook) times(words ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			n++
		}
	}
	return n
}
