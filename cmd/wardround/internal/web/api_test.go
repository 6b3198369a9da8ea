package web

import (
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestTheDescriptionDescribesWhatIsServed(t *testing.T) {
	c := newClient(t)
	w := ask(c.handler, http.MethodGet, "/api/v1/openapi.yaml")
	require.Equal(t, "application/yaml", w.Header().Get("Content-Type"))
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			r := httptest.NewRequest(method, filled(path), nil)
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			require.NotContains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusInternalServerError}, w.Code, "%s %s", method, path)
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			if item.GetOperation(method) != nil {
				continue
			}
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, httptest.NewRequest(method, filled(path), nil))
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s is not described", method, path)
			require.Contains(t, w.Body.String(), `"code":"method"`)
			require.NotEmpty(t, w.Header().Get("Allow"))
		}
	}
	unknown := httptest.NewRecorder()
	c.handler.ServeHTTP(unknown, httptest.NewRequest(http.MethodPost, "/api/v1/changes/subversion", nil))
	require.Equal(t, http.StatusNotFound, unknown.Code)
	require.Contains(t, unknown.Body.String(), "use generic, github, gitlab, argocd or flux")
	w = ask(c.handler, http.MethodGet, "/api/v1/patients")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), `"code":"not_found"`)
}

// filled is a path with something for each of its parameters.
func filled(path string) string {
	return strings.NewReplacer("{id}", "none", "{kind}", "generic").Replace(path)
}

func TestAnswers(t *testing.T) {
	c := newClient(t)
	c.monthly(t, "login-month")
	c.alert("login", "south", "page", "1h", func(a *alert.Alert) {
		a.Annotations = map[string]string{"summary": "It burns"}
		a.ActiveSince, a.StartsAt, a.FoldedInto = now.Add(-time.Hour), now.Add(-time.Minute), "0123456789abcdef"
	})
	c.memory.made["move"] = Exclusion{
		Exclusion: maintenance("move"), CreatedBy: "calendar", Created: now.Add(-30 * slo.Day),
		Revoked: now, RevokedBy: "other", RevokedWhy: "It was put off",
	}
	c.memory.periods = c.closed(t)
	for name, path := range map[string]string{
		"objective":        "objectives?objective=login",
		"instance":         "instances?tenant=south",
		"instance-monthly": "instances?objective=login-month",
		"instance-silent":  "instances?objective=login-silent",
		"budgets":          "budgets?objective=login&objective=login-month&status=exhausted&status=ok",
		"budget-silent":    "budgets?objective=login-silent",
		"alerts":           "alerts?severity=page",
		"history":          "history?objective=login&tenant=south&step=day&from=2026-11-20T00:00:00Z",
		"periods":          "periods",
		"exclusions":       "exclusions",
		"tenants":          "tenants?tenant=south",
	} {
		t.Run(name, func(t *testing.T) {
			c.TB = t
			w := c.get("/api/v1/" + path)
			require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
			require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
			golden(t, name, w.Body.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var indented strings.Builder
	var any json.RawMessage
	require.NoError(t, json.Unmarshal(got, &any))
	e := json.NewEncoder(&indented)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(any))
	file := filepath.Join("testdata", "api", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(indented.String()), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), indented.String())
}

// monthly adds an objective over calendar months with a tenant, and one of which nothing is known.
func (c *client) monthly(t *testing.T, name string) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	require.NoError(t, err)
	o := *byName(c.state.Objectives)["login"]
	o.Name, o.Window = name, slo.Window{Calendar: slo.Month, Zone: vienna}
	silent := o
	silent.Name = "login-silent"
	c.state.Objectives = append(c.state.Objectives, o, silent)
	slices.SortFunc(c.state.Objectives, func(a, b slo.Objective) int { return strings.Compare(a.Name, b.Name) })
	c.state.Evaluations = append(c.state.Evaluations,
		judged(&o, 1, 100, slo.Label{Name: "tenant", Value: "north"}),
		slo.Evaluate(&silent, slo.Input{Instance: slo.NewInstance(silent.Name, slo.Label{Name: "tenant", Value: "north"}), Tier: "dedicated", At: now, Burn: func(time.Duration) slo.Tally { return slo.Tally{} }}))
	slices.SortFunc(c.state.Evaluations, func(a, b slo.Evaluation) int { return a.Instance.Compare(b.Instance) })
}

// closed are three closed months of two instances.
func (c *client) closed(t *testing.T) (all []Period) {
	t.Helper()
	o := *byName(c.state.Objectives)["login"]
	o.Window = slo.Window{Calendar: slo.Month}
	for _, tenant := range []string{"north", "south"} {
		for month := time.July; month <= time.September; month++ {
			e := slo.Evaluate(&o, slo.Input{
				Instance: slo.NewInstance("login", slo.Label{Name: "tenant", Value: tenant}), Tier: "shared",
				At:     time.Date(2026, month+1, 1, 0, 0, 0, 0, time.UTC),
				Period: slo.Tally{Counts: slo.Counts{Good: 40_000, Bad: uint64(month)}, Measured: 40_000, Expected: 43_200, Excluded: 60},
			})
			all = append(all, Period{Evaluation: e, Window: o.Window.String(), Closed: e.To.Add(slo.Day)})
		}
	}
	return all
}

func (c *client) alert(objective, tenant, severity, long string, change func(*alert.Alert)) {
	a := alert.Alert{State: alert.Firing, Labels: map[string]string{
		"alertname": "ErrorBudgetBurn", "objective": objective, "question": "healthy", "tenant": tenant, "tier": "shared", "severity": severity, "long_window": long,
	}}
	if change != nil {
		change(&a)
	}
	c.state.Alerts = append(c.state.Alerts, a)
}

func TestWhatCannotBeAskedIsRefused(t *testing.T) {
	c := newClient(t)
	for _, test := range []struct{ path, parameter, says string }{
		{"instances?tennant=x", "tennant", "objective"},
		{"instances?tennant=x&limit=0&status=broken", "status", "exhausted"}, // one at a time, the first
		{"instances?limit=0", "limit", "1 to 1000"},
		{"instances?limit=1001", "limit", "1 to 1000"},
		{"instances?limit=ten", "limit", "1 to 1000"},
		{"instances?limit=1&limit=2", "limit", "more than once"},
		{"instances?cursor=nonsense", "cursor", "begin anew"},
		{"instances?cursor=" + cursorOf("alerts", "login"), "cursor", "no such cursor"},
		{"instances?cursor=" + cursorOf("instances", "login{"), "cursor", "no such cursor"},
		{"periods?cursor=" + cursorOf("periods", "today\nlogin"), "cursor", "no such cursor"},
		{"instances?tenant=", "tenant", "empty"},
		{"instances?tenant=" + strings.Repeat("x", 501), "tenant", "too long"},
		{"instances?" + strings.Repeat("tenant=x&", 101), "tenant", "too many"},
		{"instances?status=broken", "status", "exhausted, burning"},
		{"instances?question=why", "question", "healthy, protected"},
		{"instances?tenant=%zz", "", "percent-encoding"},
		{"objectives?tenant=x", "tenant", "not a parameter"},
		{"budgets?severity=page", "severity", "not a parameter"},
		{"alerts?severity=loud", "severity", "page, ticket"},
		{"alerts?state=inactive", "state", "pending, firing"},
		{"exclusions?in_force=maybe", "in_force", "true, false"},
		{"exclusions?category=holiday", "category", "maintenance"},
		{"periods?from=yesterday", "from", "RFC 3339"},
		{"periods?to=1969-12-31T23:59:59Z", "to", "since 1970"},
		{"tenants?limit=5", "limit", "not a parameter"},
		{"history", "objective", "one instance"},
		{"history?objective=login&objective=mail-on-time", "objective", "cannot be added"},
		{"history?instance=login%7B", "instance", "st-anna"},
		{"history?instance=login&tenant=north", "instance", "either"},
		{"history?objective=login&step=week", "step", "minute, hour, day"},
		{"history?objective=login&step=day&step=day", "step", "more than once"},
		{"history?objective=login&step=minute&from=2026-11-01T00:00:00Z", "step", "30120 points"},
		{"history?objective=login&step=minute&from=2026-11-18T10:39:59Z", "step", "5001 points"},
		{"history?objective=login&from=2026-11-22T00:00:00Z", "from", "not before to"},
		{"history?objective=login&from=1970-01-01T00:00:00Z&to=9999-01-01T00:00:00Z", "step", "too many"},
		{"history?objective=login&zone=Europe/Vienna", "zone", "step=day"},
		{"history?objective=login&step=day&zone=Mars/Base", "zone", "Europe/Vienna"},
		{"history?objective=login&step=day&zone=Local", "zone", "Europe/Vienna"},
		{"history?objective=login&step=day&zone=../../etc/passwd", "zone", "Europe/Vienna"},
		{"history?objective=login&raw=1", "raw", "true, false"},
	} {
		w := c.get("/api/v1/" + test.path)
		require.Equal(t, http.StatusBadRequest, w.Code, test.path)
		var answer struct{ Error Fault }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		require.Equal(t, test.parameter, answer.Error.Parameter, test.path)
		require.Contains(t, answer.Error.Problem+" "+answer.Error.Advice, test.says, test.path)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
}

func cursorOf(name, key string) string {
	l := list[string]{name: name, key: func(s *string) string { return *s }}
	return l.cursor(&key)
}

func TestOurOwnFailuresStayInTheLog(t *testing.T) {
	c := newClient(t)
	c.memory.fault = errors.New("open /var/lib/wardround/ledger.db: secret")
	for _, path := range []string{"periods", "history?objective=login"} {
		w := c.get("/api/v1/" + path)
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.NotContains(t, w.Body.String(), "secret")
	}
	w := c.send(http.MethodPost, "/api/v1/exclusions", encoded(t, maintenance("m")))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "secret")
	c.memory.fault = &Fault{Status: http.StatusConflict, Code: "conflict", Problem: "it stands in a file", Advice: "revoke it there"}
	w = c.send(http.MethodDelete, "/api/v1/exclusions/m?reason=wrong", "")
	require.Equal(t, http.StatusConflict, w.Code, "a Record may refuse")
}

func TestPollersHearWhenSomethingChanged(t *testing.T) {
	c := newClient(t)
	for _, path := range []string{"instances", "budgets", "objectives", "alerts", "tenants", "exclusions", "periods", "history?objective=login"} {
		first := c.get("/api/v1/" + path)
		r := httptest.NewRequest(http.MethodGet, "/api/v1/"+path, nil)
		r.Header.Set("If-None-Match", first.Header().Get("ETag"))
		again := c.ask(r.Clone(t.Context()))
		require.Equal(t, http.StatusNotModified, again.Code, path)
		require.Empty(t, again.Body.String(), path)
		require.Equal(t, "no-cache", first.Header().Get("Cache-Control"))
		kept := c.state.Evaluations
		c.state.Evaluations = slices.Clone(kept)
		for i := range c.state.Evaluations {
			c.state.Evaluations[i].At = now.Add(time.Minute)
		}
		require.Equal(t, http.StatusOK, c.ask(r).Code, path)
		c.state.Evaluations = kept
	}
}

func TestBeforeTheFirstEvaluation(t *testing.T) {
	c := newClient(t)
	c.state = State{At: now}
	for _, path := range []string{"instances", "budgets", "objectives", "alerts", "tenants", "exclusions", "periods"} {
		w := c.get("/api/v1/" + path)
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, w.Body.String(), `"evaluated_at":null`, path)
		require.Contains(t, w.Body.String(), `[]`, path)
	}
	require.Equal(t, http.StatusBadRequest, c.get("/api/v1/history?objective=login").Code)
}

func TestWithoutARecordThereIsNoPast(t *testing.T) {
	h := handler(t, nil)
	require.Equal(t, http.StatusOK, ask(h, http.MethodGet, "/api/v1/instances").Code)
	require.Equal(t, http.StatusNotFound, ask(h, http.MethodGet, "/api/v1/exclusions").Code)
}
