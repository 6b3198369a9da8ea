package promsource

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/testdata/platform"
)

// prometheusWith starts a Prometheus that holds a history.
func prometheusWith(t *testing.T, h *history, args ...string) *platform.Monitor {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "history.txt")
	require.NoError(t, os.WriteFile(file, []byte(h.openMetrics()), 0o600))
	out, err := exec.CommandContext(t.Context(), "promtool", "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(dir, "tsdb")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	m, err := platform.StartPrometheus(t.Context(), platform.MonitorOptions{
		Place:  platform.Place{Dir: dir},
		Config: "global: {scrape_interval: 1m}\n",
		Args:   append(args, "--storage.tsdb.retention.time=10y"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Remove()) })
	return m
}

// gate is a proxy that lets in who has a password and names an organisation,
// over TLS, and writes down who asked for what.
type gate struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	conns int
}

func newGate(t *testing.T, upstream string) *gate {
	t.Helper()
	to, err := url.Parse(upstream)
	require.NoError(t, err)
	g := &gate{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		g.mu.Lock()
		g.asked = append(g.asked, fmt.Sprintf("%s %s %s:%s %s", r.Method, r.URL.Path, user, password, r.Header.Get("X-Scope-OrgID")))
		g.mu.Unlock()
		if password != "letmein" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		form, err := io.ReadAll(r.Body) // an answer that begins while it is still read would be cut short
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(form))
		proxy.ServeHTTP(w, r)
	}))
	g.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of handshakes that are to fail
	g.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if state == http.StateNew {
			g.conns++
		}
	}
	g.StartTLS()
	t.Cleanup(g.Close)
	return g
}

// through is a source that reads through the gate.
func (g *gate) through(t *testing.T, password string) Config {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw}), 0o600))
	c := fleet(g.URL)
	c.HTTP.TLSConfig.CAFile = ca
	c.HTTP.BasicAuth = &promconfig.BasicAuth{Username: "wardround", Password: promconfig.Secret(password)}
	c.HTTP.HTTPHeaders = &promconfig.Headers{Headers: map[string]promconfig.Header{"X-Scope-OrgID": {Values: []string{"clinics"}}}}
	return c
}

func requireMinutes(t *testing.T, h *history, c Config, from, to time.Time, book *notebook) {
	t.Helper()
	want := h.recount(from, to, time.Duration(c.Gap), time.Duration(c.Lookback))
	slices.Sort(book.lines)
	require.NotEmpty(t, want)
	if diff := cmp.Diff(want, book.lines); diff != "" {
		t.Fatalf("minutes differ (-oracle +read):\n%s", diff)
	}
}

// TestPrometheus reads a history out of a real Prometheus behind TLS and a
// password, and finds exactly what was put in.
func TestPrometheus(t *testing.T) {
	h := generate(7, 180)
	g := newGate(t, prometheusWith(t, h).URL())
	c := g.through(t, "letmein")
	book := &notebook{t: t, next: at(20)}
	next, err := newSource(t, c).Read(t.Context(), at(20), at(170), book.record)
	require.NoError(t, err)
	require.Equal(t, at(170), next)
	requireMinutes(t, h, c, at(20), at(170), book)
	require.Equal(t, 1, g.conns, "a connection serves all queries")
	requireAbsent(t, newSource(t, c))
	for _, asked := range g.asked {
		require.Equal(t, "POST /api/v1/query wardround:letmein clinics", asked)
	}

	_, err = newSource(t, g.through(t, "guess")).Read(t.Context(), at(20), at(21), discard)
	require.ErrorContains(t, err, "401 Unauthorized")
	require.Equal(t, ReasonRejected, ReasonOf(err))
	require.NotContains(t, err.Error(), "guess")
	stranger := fleet(g.URL)
	_, err = newSource(t, stranger).Read(t.Context(), at(20), at(21), discard)
	require.ErrorContains(t, err, "certificate")
	require.Equal(t, ReasonUnreachable, ReasonOf(err))
}

// requireAbsent wants to be told of metrics that a source does not know, and of no others.
func requireAbsent(t *testing.T, s *Source) {
	t.Helper()
	known, seen := promises(t), false
	for i := range known {
		if known[i].Indicator.Source == "" || known[i].Indicator.Composite != nil {
			continue
		}
		absent, err := s.Absent(t.Context(), &known[i], at(100))
		require.NoError(t, err)
		seen = seen || len(absent) == 0
	}
	require.True(t, seen, "what is measured is there")
	all, err := slo.ParseObjectives("own.yaml", []byte("name: x\nquestion: healthy\ntitle: X\ntargets: 99%\nindicator: {source: fleet, events: {bad: 'no_such_total{code=\"5\"}', total: no_such_total}}\n"))
	require.NoError(t, err)
	absent, err := s.Absent(t.Context(), &all[0], at(100))
	require.NoError(t, err)
	require.Equal(t, []string{`no_such_total{code="5"}[2m]`, "no_such_total[2m]"}, absent)
}

// TestPrometheusWithLimit has a Prometheus refuse what is too much for it:
// smaller stretches are asked for until it answers.
func TestPrometheusWithLimit(t *testing.T) {
	h := generate(8, 120)
	c := fleet(prometheusWith(t, h, "--query.max-samples=400").URL())
	book := &notebook{t: t, next: at(0)}
	_, err := newSource(t, c).Read(t.Context(), at(0), at(120), book.record)
	require.NoError(t, err)
	requireMinutes(t, h, c, at(0), at(120), book)
}

// TestPrometheusDownAndBack takes Prometheus away while a backfill is under way
// and brings it back: no minute is lost and none comes twice.
func TestPrometheusDownAndBack(t *testing.T) {
	h := generate(9, 120)
	server := prometheusWith(t, h)
	c := fleet(server.URL())
	c.Chunk = model.Duration(20 * time.Minute)
	book := &notebook{t: t, next: at(0)}
	var last Progress
	away := make(chan error, 1)
	err := newSource(t, c).Backfill(t.Context(), at(0), at(120), book.record, func(p Progress) {
		require.Greater(t, p.Done, last.Done)
		if last.Done == 0 {
			require.NoError(t, server.Stop())
			go func() { away <- server.Start(t.Context()) }()
		}
		last = p
	})
	require.NoError(t, err)
	require.NoError(t, <-away)
	require.Equal(t, int64(120), last.Done)
	require.Equal(t, int64(120), last.Total)
	require.Equal(t, int64(36), last.Series, "no bucket is asked for that nobody reads")
	total := 0
	for _, s := range h.series {
		for _, p := range s.points {
			if p.at < at(120).UnixMilli() && s.labels["le"] != "2.5" {
				total++
			}
		}
	}
	require.Equal(t, uint64(total), last.Samples)
	requireMinutes(t, h, c, at(0), at(120), book)
}

// counting is a target whose counter restarts now and then. It knows what it
// counted since it was first asked.
type counting struct {
	mu            sync.Mutex
	scrapes       int
	value, gained uint64
	stopped       bool
}

func (c *counting) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scrapes++
	switch {
	case c.stopped:
	case c.scrapes == 1:
		c.value = 1000
	case c.scrapes%4 == 0:
		c.value = uint64(c.scrapes)
		c.gained += c.value
	default:
		c.value += 10
		c.gained += 10
	}
	fmt.Fprintf(w, "# TYPE requests_total counter\nrequests_total{tenant=\"north\",code=\"200\"} %d\n", c.value)
}

func (c *counting) stop(after int) (gained uint64, value string, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = c.stopped || c.scrapes >= after
	return c.gained, fmt.Sprint(c.value), c.stopped
}

// TestLiveScrape lets a real Prometheus scrape a target that restarts, and finds
// every single event.
func TestLiveScrape(t *testing.T) {
	const scrapes = 12 // none of which may time out: what came before a restart would be lost
	target := &counting{}
	web := httptest.NewServer(target)
	t.Cleanup(web.Close)
	from := slo.Minute(time.Now())
	server := platform.PrometheusForTest(t, fmt.Sprintf(
		"global: {scrape_interval: 500ms}\nscrape_configs: [{job_name: odoo, scrape_timeout: 500ms, static_configs: [{targets: [%q]}]}]\n",
		strings.TrimPrefix(web.URL, "http://")))
	source := newSource(t, fleet(server.URL()))
	sum := func() (events uint64) {
		_, err := source.Read(t.Context(), from, slo.Minute(time.Now()).Add(time.Minute), func(minutes iter.Seq2[time.Time, []slo.Delta]) (n int, err error) {
			for _, deltas := range minutes {
				n++
				for _, d := range deltas {
					require.Equal(t, `requests{tenant="north"}`, d.Instance.String())
					require.Zero(t, d.Counts.Bad)
					events += d.Counts.Good
				}
			}
			return n, nil
		})
		require.NoError(t, err)
		return events
	}
	require.Eventually(t, func() bool {
		gained, _, done := target.stop(scrapes)
		return done && sum() == gained
	}, time.Minute, 300*time.Millisecond, "all events are found")
	gained, _, _ := target.stop(scrapes)
	require.Greater(t, gained, uint64(100))
}

// TestRecordFails hands minutes out again that were not taken.
func TestRecordFails(t *testing.T) {
	h := generate(3, 60)
	s := sourceOver(t, &fakeAPI{history: h}, fleet("http://fleet.example"))
	book := &notebook{t: t, next: at(0)}
	full := errors.New("no space left")
	next, err := s.Read(t.Context(), at(0), at(60), func(minutes iter.Seq2[time.Time, []slo.Delta]) (int, error) {
		taken := 0
		for minute, deltas := range minutes {
			if taken == 3 {
				return taken, full
			}
			book.lines, book.next = append(book.lines, lines(minute, deltas)...), minute.Add(time.Minute)
			taken++
		}
		return taken, nil
	})
	require.ErrorIs(t, err, full)
	require.Equal(t, ReasonRecord, ReasonOf(err))
	require.Equal(t, at(3), next)
	_, err = s.Read(t.Context(), next, at(60), book.record)
	require.NoError(t, err)
	requireMinutes(t, h, s.config, at(0), at(60), book)

	_, err = s.Read(t.Context(), at(0), at(10), func(iter.Seq2[time.Time, []slo.Delta]) (int, error) { return 0, nil })
	require.ErrorIs(t, err, io.ErrShortWrite, "who takes nothing says why")
}
