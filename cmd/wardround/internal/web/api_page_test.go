package web

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo/alert"
)

// pages turns all pages and returns the instances in the order in which they were seen.
func (c *client) pages(query string, between func()) (seen []string, total int) {
	c.Helper()
	for cursor := ""; ; {
		w := ask(c.handler, http.MethodGet, "/api/v1/instances?"+query+cursor)
		require.Equal(c, http.StatusOK, w.Code, "%s", w.Body)
		var page struct {
			Page
			Instances []struct{ Instance string }
		}
		require.NoError(c, json.Unmarshal(w.Body.Bytes(), &page))
		for _, i := range page.Instances {
			seen = append(seen, i.Instance)
		}
		if page.NextCursor == nil {
			return seen, page.Total
		}
		cursor = "&cursor=" + url.QueryEscape(*page.NextCursor)
		if between != nil {
			between()
		}
	}
}

func TestPagesOfAFleet(t *testing.T) {
	c := newClient(t)
	c.state.Evaluations = fleet(t, 10_000)
	var want []string
	for _, e := range c.state.Evaluations {
		want = append(want, e.Instance.String())
	}
	seen, total := c.pages("limit=1000", nil)
	require.Equal(t, want, seen)
	require.Equal(t, 10_000, total)
	require.Len(t, answered(t, c.get("/api/v1/instances")), defaultLimit)
}

func answered(t *testing.T, w *httptest.ResponseRecorder) []InstanceJSON {
	t.Helper()
	var page InstancesJSON
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	return page.Instances
}

// TestPagesWhileInstancesComeAndGo turns pages while others add and remove instances at random: what
// was there all the time is seen once, in order, and what is seen was there.
func TestPagesWhileInstancesComeAndGo(t *testing.T) {
	c := newClient(t)
	all := fleet(t, 300)
	random := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		always := map[string]bool{}
		for i := range all {
			always[all[i].Instance.String()] = random.IntN(2) == 0
		}
		shuffle := func() {
			c.state.Evaluations = nil
			for i := range all {
				if always[all[i].Instance.String()] || random.IntN(2) == 0 {
					c.state.Evaluations = append(c.state.Evaluations, all[i])
				}
			}
		}
		shuffle()
		seen, _ := c.pages(fmt.Sprintf("limit=%d", 1+random.IntN(100)), shuffle)
		require.Len(t, seen, len(slices.Compact(slices.Clone(seen))))
		var missed []string
		for i := range all {
			if name := all[i].Instance.String(); always[name] && !slices.Contains(seen, name) {
				missed = append(missed, name)
			}
		}
		require.Empty(t, missed)
		require.True(t, slices.IsSorted(seen))
	}
}

func TestFiltersOfInstances(t *testing.T) {
	c := newClient(t)
	c.state.Evaluations = fleet(t, 400)
	random := rand.New(rand.NewPCG(3, 4))
	choices := map[string][]string{
		"objective": {"login", "mail-on-time", "gone"}, "tenant": {"clinic-00000", "clinic-00007", "clinic-00008"}, "tier": {"shared", "dedicated"},
		"status": {"exhausted", "ok", "insufficient_data"}, "question": {"healthy", "controlled"}, "target": {"main"},
	}
	questions := byName(c.state.Objectives)
	for range 60 {
		query := url.Values{"limit": {"23"}}
		for name, values := range choices {
			if random.IntN(3) == 0 {
				query[name] = values[:1+random.IntN(len(values))]
			}
		}
		var want []string
		for _, e := range c.state.Evaluations {
			has := map[string]string{
				"objective": e.Instance.Objective, "tenant": e.Instance.Tenant(), "tier": e.Tier, "status": string(e.Status),
				"question": string(questions[e.Instance.Objective].Question), "target": e.Instance.Get("target"), "limit": "23",
			}
			fits := true
			for name, values := range query {
				fits = fits && slices.Contains(values, has[name])
			}
			if fits {
				want = append(want, e.Instance.String())
			}
		}
		seen, total := c.pages(query.Encode(), nil)
		require.Equal(t, want, seen, query.Encode())
		require.Len(t, want, total)
	}
}

func TestAlertsAreFilteredAndPaged(t *testing.T) {
	c := newClient(t)
	c.state.Alerts = nil
	for k := range 50 {
		tenant := fmt.Sprintf("clinic-%02d", 49-k)
		c.alert("login", tenant, "ticket", "3d", func(a *alert.Alert) { a.Frozen = k%10 == 0 })
		c.alert("login", tenant, "page", "1h", func(a *alert.Alert) { a.State = []alert.State{alert.Firing, alert.Pending}[k%2] })
	}
	c.state.Alerts = append(c.state.Alerts, alert.Alert{Labels: map[string]string{"alertname": "Watchdog", "severity": "none"}, State: alert.Firing})
	for query, want := range map[string]int{
		"": 101, "severity=page": 50, "severity=none": 1, "state=frozen": 5, "state=firing": 76, "state=pending&state=frozen": 30,
		"tenant=clinic-07": 2, "objective=mail": 0, "tier=shared&question=healthy": 100, "target=main": 0,
	} {
		var page AlertsJSON
		require.NoError(t, json.Unmarshal(c.get("/api/v1/alerts?"+query).Body.Bytes(), &page))
		require.Equal(t, want, page.Total, query)
		require.Len(t, page.Alerts, min(want, defaultLimit), query)
	}
	var page AlertsJSON
	var seen []string
	for cursor := ""; ; cursor = "&cursor=" + *page.NextCursor {
		page = AlertsJSON{}
		require.NoError(t, json.Unmarshal(c.get("/api/v1/alerts?limit=9"+cursor).Body.Bytes(), &page))
		for _, a := range page.Alerts {
			seen = append(seen, a.Severity+" "+a.Labels["tenant"])
		}
		if page.NextCursor == nil {
			break
		}
	}
	require.Len(t, seen, 101)
	require.Equal(t, []string{"page clinic-00", "page clinic-01"}, seen[:2], "gravest first")
	require.Equal(t, "none ", seen[100])
}
