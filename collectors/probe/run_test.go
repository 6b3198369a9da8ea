package probe

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var north = collectors.Tenant{Name: "north", Database: "db-north", Hosts: []string{"example.com"}}

// site is a server.
type site struct{ *httptest.Server }

func serve(t *testing.T, encrypted bool, handler http.HandlerFunc) *site {
	t.Helper()
	s := &site{httptest.NewUnstartedServer(handler)}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if encrypted {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// address is where the site listens.
func (s *site) address() string { return s.Listener.Addr().String() }

// to is a service at an address with one probe.
func to(address string, p Probe) Config {
	c := DefaultConfig()
	c.Name, c.Connect = "web", address
	if p.Name == "" {
		p.Name = "portal"
	}
	for i := range p.Steps {
		if p.Steps[i].Name == "" {
			p.Steps[i].Name = fmt.Sprintf("step%d", i+1)
		}
	}
	c.Probes = []Probe{p}
	return c
}

func visits(t *testing.T, c Config, tenants ...collectors.Tenant) []collectors.Visit {
	t.Helper()
	target, err := New(c, Options{})
	require.NoError(t, err)
	t.Cleanup(target.Close)
	return target.Visits(tenants)
}

func collect(t *testing.T, v collectors.Visit) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(v.Key, time.Now())
	require.NoError(t, v.Collector.Collect(t.Context(), b))
	return b.Batch()
}

// outcome is how the one run that was counted ended.
func outcome(b *collectors.Batch) Outcome {
	var found Outcome
	b.Each(func(f string) bool { return f == metricRuns.Name }, func(s collectors.Series) {
		if s.Value() == 1 {
			found = Outcome(s.Get("outcome"))
		}
	})
	return found
}

func value(t *testing.T, b *collectors.Batch, family string, labels ...string) float64 {
	t.Helper()
	var found []float64
	b.Each(func(f string) bool { return f == family }, func(s collectors.Series) {
		for i := 0; i < len(labels); i += 2 {
			if s.Get(labels[i]) != labels[i+1] {
				return
			}
		}
		found = append(found, s.Value())
	})
	require.Len(t, found, 1, "%s%v", family, labels)
	return found[0]
}

// clinic is a portal with a login form, a session and a partners' API.
func clinic(w http.ResponseWriter, r *http.Request) {
	session, err := r.Cookie("session_id")
	switch {
	case r.Host != "example.com":
		w.WriteHeader(http.StatusMisdirectedRequest)
	case r.Method == http.MethodGet && r.URL.Path == "/web/login":
		http.SetCookie(w, &http.Cookie{Name: "session_id", Value: "CANARY-session", Path: "/"})
		_, _ = io.WriteString(w, `<form>CANARY Miller<input name="csrf_token" value="CANARY+t/k&en"/></form>`)
	case r.Method == http.MethodPost && r.URL.Path == "/web/login":
		if err != nil || session.Value != "CANARY-session" || r.PostFormValue("csrf_token") != "CANARY+t/k&en" || r.PostFormValue("password") != "CANARY-password" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Next", "a b?c=d")
		w.Header().Set("Location", "/my")
		w.WriteHeader(http.StatusSeeOther)
	case r.URL.Path == "/my" && r.URL.Query().Get("next") == "a b?c=d" && r.Header.Get("Authorization") == "Bearer CANARY-token":
		_, _ = io.WriteString(w, "Dr. CANARY: appointments of north")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// booking is the transaction that clinic answers as expected.
func booking(t *testing.T) Probe {
	t.Helper()
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	return Probe{
		Name: "booking", Cookies: true,
		Steps: []Step{
			{Name: "form", URL: "http://{host}/web/login?CANARY=1", Extract: []Extract{{Name: "csrf", Body: `csrf_token" value="([^"]+)"`}}},
			{
				Name: "login", Method: http.MethodPost, URL: "http://{host}/web/login", Headers: map[string]string{"content-type": "application/x-www-form-urlencoded"},
				BodyFile: write("body", "csrf_token={csrf}&password=CANARY-password"),
				Expect:   Expect{Status: []int{303}}, Extract: []Extract{{Name: "next", Header: "X-Next"}},
			},
			{Name: "portal", URL: "http://{host}/my?next={next}", TokenFile: write("token", "CANARY-token\n"), Expect: Expect{Body: "appointments of north", NotBody: "(?i)error", Latency: model.Duration(5 * time.Second)}},
		},
	}
}

func TestSuite(t *testing.T) {
	made := serve(t, false, clinic)
	gone := func(t *testing.T, _ *slog.Logger) collectors.Visit {
		p := booking(t)
		p.Steps[2].TokenFile = filepath.Join(t.TempDir(), "CANARY-gone")
		return visits(t, to(made.address(), p), north)[0]
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(),
		Canaries:  []string{"CANARY", "Miller", "127.0.0.1"},
		Want: []string{
			"probe_success", "probe_duration_seconds", "probe_runs_total", "probe_step_success", "probe_http_duration_seconds",
			"probe_http_status_code", "probe_interval_seconds",
		},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			v := visits(t, to(made.address(), booking(t)), north)[0]
			b := collect(t, v)
			require.Equal(t, OutcomeOK, outcome(b), b.Findings)
			return v
		},
		Broken: map[string]collectortest.Broken{"a token that is gone": {New: gone, Reason: collectors.ReasonMissing}},
	})
}

func TestOutcomes(t *testing.T) {
	write := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, to, http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, "there")
		}
	}
	closed := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	plain := Step{URL: "http://{host}/"}
	expecting := func(e Expect) Step { s := plain; s.Expect = e; return s }
	following := plain
	following.FollowRedirects = true
	extracting := plain
	extracting.Extract = []Extract{{Name: "x", Body: "(CANARY-not-there)"}}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		step   Step
		want   Outcome
		status float64 // 0 for none
	}{
		"as expected":            {write(200, "fine"), plain, OutcomeOK, 200},
		"another status":         {write(502, "CANARY"), plain, OutcomeStatus, 502},
		"a status of several":    {write(204, ""), expecting(Expect{Status: []int{200, 204}}), OutcomeOK, 204},
		"an error that says 200": {write(200, `{"error": "CANARY"}`), expecting(Expect{NotBody: `"error"`}), OutcomeBody, 200},
		"another page":           {write(200, "CANARY"), expecting(Expect{Body: "portal"}), OutcomeBody, 200},
		"no value":               {write(200, "CANARY"), extracting, OutcomeValue, 200},
		"a long value": {write(200, strings.Repeat("v", 5000)), func() Step {
			s := plain
			s.Extract = []Extract{{Name: "x", Body: "(v+)"}}
			return s
		}(), OutcomeValue, 200},
		"slow":                {func(w http.ResponseWriter, r *http.Request) { wait(r, 60*time.Millisecond); write(200, "")(w, r) }, expecting(Expect{Latency: model.Duration(20 * time.Millisecond)}), OutcomeSlow, 200},
		"too slow":            {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, plain, OutcomeTimeout, 0},
		"a body that hangs":   {func(w http.ResponseWriter, r *http.Request) { write(200, "x")(w, r); flush(w); <-r.Context().Done() }, plain, OutcomeTimeout, 200},
		"10 MB":               {write(200, strings.Repeat("CANARY", 10<<20/6)), plain, OutcomeLarge, 200},
		"hanging up":          {closed, plain, OutcomeUnreachable, 0},
		"no HTTP":             {func(w http.ResponseWriter, _ *http.Request) { noise(w) }, plain, OutcomeUnreachable, 0},
		"a redirect":          {redirect("/there"), plain, OutcomeStatus, 302},
		"a redirect followed": {redirect("/there"), following, OutcomeOK, 200},
		"a redirect away":     {redirect("http://CANARY.example.test/there"), following, OutcomeRedirect, 0},
		"redirects in a ring": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/CANARY", http.StatusFound) }, following, OutcomeRedirect, 0},
		"no TLS":              {write(200, ""), Step{URL: "https://{host}/"}, OutcomeUnreachable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := to(serve(t, false, tc.answer).address(), Probe{Timeout: model.Duration(300 * time.Millisecond), Steps: []Step{tc.step, plain}})
			if tc.want != OutcomeTimeout {
				c.Probes[0].Timeout = model.Duration(10 * time.Second)
			}
			if tc.want == OutcomeOK {
				c.Probes[0].Steps = c.Probes[0].Steps[:1]
			}
			b := collect(t, visits(t, c, north)[0])
			require.Equal(t, tc.want, outcome(b))
			require.InDelta(t, truth(tc.want == OutcomeOK), value(t, b, "probe_success", "probe", "portal"), 0)
			page := string(collectortest.Text(b))
			require.NotContains(t, page, `step="step2"`, "a step behind the one that failed was not reached")
			require.NotContains(t, page+fmt.Sprint(b.Findings), "CANARY")
			if tc.status != 0 && tc.want != OutcomeTimeout {
				require.InDelta(t, tc.status, value(t, b, "probe_http_status_code", "step", "step1"), 0)
			}
			require.Equal(t, tc.want != OutcomeOK, len(b.Findings) == 1)
			require.Equal(t, tc.want == OutcomeOK, strings.Contains(page, "probe_duration_seconds{"), "a part's duration would pass for fast")
		})
	}
}

func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

func noise(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, _ = io.WriteString(conn, "CANARY is not HTTP\r\n\r\n")
		_ = conn.Close()
	}
}

func TestNowhere(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	b := collect(t, visits(t, to(free.Addr().String(), Probe{Steps: []Step{{URL: "http://{host}/"}}}), north)[0])
	require.Equal(t, OutcomeUnreachable, outcome(b))
	require.Equal(t, "The probe portal fails at its step step1: no connection that speaks HTTP, for 0 s.", b.Findings[0].Text)
}

func TestPhases(t *testing.T) {
	slow := 40 * time.Millisecond
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		wait(r, slow)
		_, _ = io.WriteString(w, "first")
		flush(w)
		wait(r, slow)
		_, _ = io.WriteString(w, "last")
	})
	v := visits(t, to(s.address(), Probe{Steps: []Step{{URL: "http://{host}/"}}}), north)[0]
	b := collect(t, v)
	phase := func(name string) float64 { return value(t, b, "probe_http_duration_seconds", "phase", name) }
	for try := 1; try < 5 && phase("transfer") < slow.Seconds()/2; try++ { // a busy machine sees the first byte late
		b = collect(t, v)
	}
	require.GreaterOrEqual(t, phase("processing"), slow.Seconds()/2)
	require.GreaterOrEqual(t, phase("transfer"), slow.Seconds()/2)
	require.Zero(t, phase("tls"))
	require.Zero(t, phase("resolve"))
	sum := 0.0
	for _, p := range phases {
		sum += phase(p)
	}
	require.LessOrEqual(t, sum, value(t, b, "probe_duration_seconds"))
	require.InDelta(t, 9, value(t, b, "probe_http_uncompressed_body_length"), 0)
}

func TestCountsGoOn(t *testing.T) {
	s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	c := to(s.address(), Probe{Steps: []Step{{URL: "http://{host}/"}}})
	first, err := New(c, Options{})
	require.NoError(t, err)
	t.Cleanup(first.Close)
	collect(t, first.Visits([]collectors.Tenant{north})[0])
	second, err := New(c, Options{Previous: first})
	require.NoError(t, err)
	t.Cleanup(second.Close)
	v := second.Visits([]collectors.Tenant{north})[0]
	require.InDelta(t, 2, value(t, collect(t, v), "probe_runs_total", "outcome", "status"), 0)
	require.Same(t, first.budget, second.budget)
	require.Same(t, v.Collector, second.Visits([]collectors.Tenant{north})[0].Collector)
	second.Visits(nil)
	require.InDelta(t, 1, value(t, collect(t, second.Visits([]collectors.Tenant{north})[0]), "probe_runs_total", "outcome", "status"), 0, "a tenant that was gone begins anew")
}
