package web

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
)

var now = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

// evil is what somebody could put where a name is expected.
const evil = `<script>alert("x")</script>`

func objectives(t testing.TB) []slo.Objective {
	t.Helper()
	all, err := slo.Catalogue()
	require.NoError(t, err)
	return all
}

// judged is an evaluation in which a share of a thousand events failed.
func judged(o *slo.Objective, bad uint64, measured int64, labels ...slo.Label) slo.Evaluation {
	tally := slo.Tally{Counts: slo.Counts{Good: 1000 - bad, Bad: bad}, Measured: measured, Expected: 100}
	return slo.Evaluate(o, slo.Input{
		Instance: slo.NewInstance(o.Name, labels...), At: now, Period: tally,
		Burn: func(time.Duration) slo.Tally { return tally },
	})
}

func state(t testing.TB) State {
	all := objectives(t)
	find := func(name string) *slo.Objective {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
		t.Fatalf("no objective %s", name)
		return nil
	}
	tenant := func(name string) slo.Label { return slo.Label{Name: "tenant", Value: name} }
	find("login").Targets.ByTenant = map[string]slo.Ratio{"west": 999_500_000}
	return State{
		At: now, Version: "1.0", Ready: true, Objectives: all,
		Tenants: []collectors.Tenant{
			{Name: "east", Tier: "shared", Postgres: "main", Database: "east"},
			{Name: "north", Tier: "dedicated", Postgres: "main", Database: "north"},
			{Name: "south", Tier: "shared", Region: evil, Postgres: "main", Database: "south"},
			{Name: "stage", Tier: "shared", Postgres: "main", Database: "stage", Staging: true},
			{Name: "west", Tier: "shared", Postgres: "other", Database: "west"},
		},
		Evaluations: []slo.Evaluation{
			judged(find("login"), 0, 100, tenant("north")),
			judged(find("login"), 900, 100, tenant("south")),
			judged(find("login"), 0, 10, tenant("east")),
			judged(find("connections-free"), 900, 100, slo.Label{Name: "target", Value: "other"}),
			judged(find("standby-ready"), 0, 100, slo.Label{Name: "target", Value: "other-standby"}),
		},
		Findings: []Found{
			{"main", collectors.Finding{Tenant: "south", Name: "login_failing", Question: collectors.Healthy, Severity: collectors.Critical, Text: "No login page " + evil}},
			{"main", collectors.Finding{Tenant: "north", Name: "cron_overdue", Question: collectors.Controlled, Severity: collectors.Warning, Text: "1 task is overdue"}},
			{"main", collectors.Finding{Tenant: "stage", Name: "staging_copy", Question: collectors.Contained, Severity: collectors.Info, Text: "A copy"}},
		},
		Alerts: []alert.Alert{
			{Labels: map[string]string{"alertname": "ErrorBudgetBurn", "objective": "login", "tenant": "south", "severity": "page", "long_window": "1h"}, State: alert.Firing, Annotations: map[string]string{alert.SuspectAnnotation: "release 18.0.3, 4m before"}},
			{Labels: map[string]string{"alertname": "ErrorBudgetBurn", "objective": "login", "tenant": "south", "severity": "ticket", "long_window": "3d"}, State: alert.Firing},
			{Labels: map[string]string{"alertname": "Watchdog", "severity": "none"}, State: alert.Firing},
		},
		Visits: []collectors.Status{
			{Key: collectors.Key{Collector: "odoo", Target: "main", Tenant: "north"}, Up: true, Interval: time.Minute, Logs: []collectors.Log{{Start: now, Outcome: collectors.Success, Samples: 7}}},
			{Key: collectors.Key{Collector: "redis", Target: "cache"}, Failures: 3, Interval: time.Minute, Logs: []collectors.Log{{Start: now, Outcome: collectors.Failure, Reason: collectors.ReasonUnreachable, Error: "refused " + evil, Notes: []string{"note " + evil}}}},
			{Key: collectors.Key{Collector: "redis", Target: "new"}, Pending: true},
		},
		Exclusions: []Exclusion{{Exclusion: slo.Exclusion{
			ID: "updates", Scope: slo.Scope{Tenants: []string{"north"}}, Category: slo.Maintenance, Approver: "Operations", Reason: "Updates " + evil,
		}}},
		Primaries: map[string]string{"other-standby": "other"},
		Facts:     map[string]Facts{"north": {Series: "18.0"}},
	}
}

func answers(r Row) string {
	var all []string
	for _, a := range r.Answers {
		all = append(all, a.Verdict.String())
	}
	return strings.Join(all, ", ")
}

func TestWhereNothingHappenedThereIsNothingToJudge(t *testing.T) {
	e := slo.Evaluation{Status: slo.NoDataYet}
	require.Equal(t, NotKnown, judgeEvaluation(e), "nobody has looked yet")
	e.Period.Measured = 1
	require.Equal(t, NotMeasured, judgeEvaluation(e))
	e.Status = slo.InsufficientData
	require.Equal(t, NotKnown, judgeEvaluation(e))
}

// TestTheStatusPageNamesTheNoisyNeighbour: who has many tenants must not look for the one that keeps the others waiting.
func TestTheStatusPageNamesTheNoisyNeighbour(t *testing.T) {
	noisy := collectors.Finding{
		Tenant: "north", Name: "noisy_neighbour", Question: collectors.Contained, Severity: collectors.Warning,
		Text: "database north takes 70 % of the cluster's execution time, usually at most 8 %, while 12 sessions work on 4 processors",
	}
	page := func(more ...collectors.Finding) string {
		s := state(t)
		for _, f := range more {
			s.Findings = append(s.Findings, Found{"main", f})
		}
		h := handler(t, func(o *Options) { o.State = func() State { return s } })
		return ask(h, http.MethodGet, "/").Body.String()
	}
	require.NotContains(t, page(), "Noisy neighbour")
	platform, tenants, _ := strings.Cut(page(noisy), "Tenants, worst first")
	require.Regexp(t, `(?s)<h2>Platform</h2>.*<li class="at-risk"><b>Noisy neighbour <a href="tenants/north">north</a> on main</b>: database north takes 70 % of `+
		`the cluster&#39;s execution time, usually at most 8 %, while 12 sessions work on 4 processors</li>`, platform)
	require.Contains(t, tenants, noisy.Text[len("database north takes 70 % of the cluster's "):], "and among what is found of the tenant")

	noisy.Tenant = "" // a database of nobody's
	platform, _, _ = strings.Cut(page(noisy), "Tenants, worst first")
	require.NotContains(t, platform, "Noisy neighbour")
	require.Equal(t, 1, strings.Count(platform, "database north takes 70 %"))
}

func TestObjectivesSayWhatDoesNotCount(t *testing.T) {
	page, _ := objectivesPage(nil, state(t))
	var out strings.Builder
	s := &server{templates: map[string]*template.Template{}}
	require.NoError(t, s.parse())
	require.NoError(t, s.templates["objectives"].Execute(&out, page))
	require.Regexp(t, `updates</th><td>maintenance</td><td>all</td><td>north</td>`, out.String())
	require.Contains(t, out.String(), `<section id="login">`, "alerts link to it")
}

func TestOverviewJudgesWorstFirst(t *testing.T) {
	o := NewOverview(state(t))
	var names []string
	byName := map[string]Row{}
	for _, r := range o.Tenants {
		names = append(names, r.Name)
		byName[r.Name] = r
	}
	require.Equal(t, []string{"south", "west", "north", "east"}, names, "the copy is not among them")
	require.Equal(t, "broken, not measured, not measured, not measured, not measured", answers(byName["south"]))
	require.Equal(t, "kept, not measured, at risk, not measured, not measured", answers(byName["north"]))
	require.Equal(t, "not known, not measured, not measured, not measured, not measured", answers(byName["east"]), "too little was measured")
	require.Equal(t, "not measured, not measured, not measured, broken, kept", answers(byName["west"]), "what befalls the cluster befalls its tenants")
	require.Equal(t, "broken, not measured, at risk, broken, kept", answers(o.Platform))
	require.Equal(t, "stage", o.Staging[0].Name)
	require.Equal(t, []string{"shared", "dedicated"}, []string{o.Tiers[0].Tier, o.Tiers[1].Tier})
	require.Equal(t, 3, o.Tiers[0].Tenants)
	require.Equal(t, 2, o.Tiers[0].Unwell)
	require.Len(t, o.Down, 1, "what was not visited yet is not down")
	require.Len(t, o.Alerts, 1, "one promise, one line, and no watchdog")
	require.Equal(t, "page", o.Alerts[0].Severity())
}

func handler(t testing.TB, change func(*Options)) http.Handler {
	t.Helper()
	s := state(t)
	o := Options{
		State:   func() State { return s },
		Ready:   func() bool { return true },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") }),
		Reload:  func(*http.Request) error { return errors.New("wardround.yaml:3:1: rounds: no") },
		Report: func(w io.Writer, month, format string) error {
			if month != "2026-11" {
				return errors.New("no such month")
			}
			_, err := fmt.Fprint(w, "report as "+format)
			return err
		},
		Formats: map[string]string{"html": "text/html", "pdf": "application/pdf"},
		Logger:  slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&o)
	}
	h, err := NewHandler(o)
	require.NoError(t, err)
	return h
}

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestPagesEscapeEverythingAndNeedNoScript(t *testing.T) {
	h := handler(t, nil)
	for path, says := range map[string]string{
		"/":                       "Tenants, worst first",
		"/tenants/south":          "login_failing",
		"/tenants/north":          "1 task is overdue",
		"/objectives":             "login",
		"/rounds":                 "odoo/main/north",
		"/rounds/redis/cache":     "refused",
		"/rounds/odoo/main/north": "success",
	} {
		w := ask(h, http.MethodGet, path)
		require.Equal(t, http.StatusOK, w.Code, path)
		body := w.Body.String()
		require.Contains(t, body, says, path)
		require.NotContains(t, body, "<script", path)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotContains(t, body, "%!", path)
	}
	status := ask(h, http.MethodGet, "/").Body.String()
	require.Contains(t, status, "&lt;script&gt;")
	require.Contains(t, status, "Changed shortly before: release 18.0.3, 4m before")
}

// TestWhatIsImpliedIsSaidOnce has a tenant without a backup in one of two places, and then in none.
func TestWhatIsImpliedIsSaidOnce(t *testing.T) {
	missing := func(place string) Found {
		return Found{place, collectors.Finding{Tenant: "south", Name: "backup_missing", Question: collectors.Protected, Severity: collectors.Critical, Text: "None in " + place + "."}}
	}
	none := Found{"backups", collectors.Finding{Tenant: "south", Name: "tenant_unprotected", Question: collectors.Protected, Severity: collectors.Critical, Text: "None at all."}}
	other := Found{"backups", collectors.Finding{Tenant: "north", Name: "tenant_unprotected", Question: collectors.Protected, Severity: collectors.Critical, Text: "None at all."}}
	for _, c := range []struct{ found, shown []Found }{
		{[]Found{missing("nightly"), other}, []Found{missing("nightly")}},
		{[]Found{missing("nightly"), none, missing("weekly")}, []Found{none}},
	} {
		j := newJudge(State{Findings: c.found})
		require.Equal(t, c.shown, j.tenant(collectors.Tenant{Name: "south"}).Findings)
		require.Equal(t, c.shown, j.tenant(collectors.Tenant{Name: "south"}).Findings, "and of each page")
	}
}

func TestATenantsPageTellsWhatIsWorstFirst(t *testing.T) {
	s := state(t)
	for objective, bad := range map[string]uint64{"jobs-on-time": 0, "recovery-point": 900} {
		o := slo.Objective{Name: objective, Targets: slo.Targets{Default: 900_000_000}}
		s.Evaluations = append(s.Evaluations, judged(&o, bad, 100, slo.Label{Name: "tenant", Value: "north"}))
	}
	page := ask(handler(t, func(o *Options) { o.State = func() State { return s } }), http.MethodGet, "/tenants/north").Body.String()
	var order []int
	for _, title := range []string{s.Title("recovery-point"), s.Title("login"), s.Title("jobs-on-time")} {
		require.Contains(t, page, title)
		order = append(order, strings.Index(page, title))
	}
	require.IsIncreasing(t, order)
	require.Equal(t, "unheard-of", s.Title("unheard-of"))
}

func TestLinksLeadSomewhere(t *testing.T) {
	h := handler(t, nil)
	for page, links := range map[string][]string{
		"/":                       {"tenants/south", "rounds/redis/cache", "style.css", "objectives"},
		"/tenants/north":          {"../rounds/odoo/main/north", "../style.css"},
		"/rounds/odoo/main/north": {"../../../style.css", "../../../objectives"},
		"/rounds/redis/cache":     {"../../style.css"},
	} {
		body := ask(h, http.MethodGet, page).Body.String()
		for _, link := range links {
			require.Contains(t, body, `"`+link+`"`, page)
			to := httptest.NewRequest(http.MethodGet, page, nil).URL.ResolveReference(httptest.NewRequest(http.MethodGet, "/", nil).URL)
			ref, err := to.Parse(page)
			require.NoError(t, err)
			ref, err = ref.Parse(link)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, ask(h, http.MethodGet, ref.Path).Code, "%s -> %s", page, link)
		}
	}
}

func TestUnknownPagesAreNotFound(t *testing.T) {
	h := handler(t, nil)
	for _, path := range []string{"/tenants/none", "/rounds/none", "/rounds/a/b/c", "/nothing", "/reports/2026-11.exe"} {
		require.Equal(t, http.StatusNotFound, ask(h, http.MethodGet, path).Code, path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, ask(h, http.MethodGet, "/-/reload").Code)
}

func TestEndpointsForSupervisors(t *testing.T) {
	h := handler(t, nil)
	require.Equal(t, http.StatusOK, ask(h, http.MethodGet, "/-/healthy").Code)
	require.Equal(t, http.StatusOK, ask(h, http.MethodGet, "/-/ready").Code)
	require.Equal(t, "up 1\n", ask(h, http.MethodGet, "/metrics").Body.String())
	w := ask(h, http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), "wardround.yaml:3:1")
	h = handler(t, func(o *Options) {
		o.Reload = func(*http.Request) error { return nil }
		o.State, o.Ready = func() State { return State{} }, func() bool { return false }
	})
	require.Equal(t, http.StatusOK, ask(h, http.MethodPost, "/-/reload").Code)
	foreign := httptest.NewRequest(http.MethodPost, "/-/reload", nil)
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	refused := httptest.NewRecorder()
	h.ServeHTTP(refused, foreign)
	require.Equal(t, http.StatusForbidden, refused.Code, "another site's page may not")
	require.Equal(t, http.StatusServiceUnavailable, ask(h, http.MethodGet, "/-/ready").Code, "before the first round")
	require.Contains(t, ask(h, http.MethodGet, "/").Body.String(), "No tenant is known yet")
}

func TestReports(t *testing.T) {
	h := handler(t, nil)
	w := ask(h, http.MethodGet, "/reports/2026-11.pdf")
	require.Equal(t, "report as pdf", w.Body.String())
	require.Equal(t, "application/pdf", w.Header().Get("Content-Type"))
	require.Equal(t, http.StatusBadRequest, ask(h, http.MethodGet, "/reports/1999-01.pdf").Code)
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"99.950 %": percent(0.9995), "99.999 %": percent(0.999999), "50 %": percent(0.5), "33.3 %": percent(1.0 / 3), "100 %": percent(1),
		"none, spent 1.5×": budget(-0.5), "none, spent 200×": budget(-199), "25 %": budget(0.25),
		"250 ms": span(250 * time.Millisecond), "90 s": span(90 * time.Second), "30 min": span(30 * time.Minute),
		"5 h": span(5 * time.Hour), "3 d": span(72 * time.Hour), "never": ago(time.Time{}, now), "2.0×": rate(2),
	} {
		require.Equal(t, want, got)
	}
}
