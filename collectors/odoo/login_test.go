package odoo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

func site(url string) Config {
	c := DefaultConfig()
	c.Name, c.URL = "web", url
	return c
}

var north = collectors.Tenant{Name: "north", Tier: "dedicated", Hosts: []string{"north.example.test"}}

// checking is the check of tenant north's login page.
func checking(t *testing.T, url string, set func(*Config)) collectors.Visit {
	t.Helper()
	c := site(url)
	set(&c)
	target, err := New(c, Options{})
	require.NoError(t, err)
	t.Cleanup(target.Close)
	visits := target.Visits([]collectors.Tenant{north})
	require.Len(t, visits, 2)
	return visits[1]
}

func check(t *testing.T, v collectors.Visit) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(v.Key, time.Now())
	require.NoError(t, v.Collector.Collect(t.Context(), b))
	return b.Batch()
}

const page = `<form class="oe_login_form" action="/web/login"><input type="hidden" name="csrf_token" value="x"/></form>`

func TestLoginOutcomes(t *testing.T) {
	write := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/web/login" {
				write(200, page)(w, r) // whoever follows is fooled
				return
			}
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusSeeOther)
		}
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   Outcome
	}{
		"the login page": {func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "north.example.test" || r.URL.Path != "/web/login" || r.Header.Get("Cookie") != "" {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = io.WriteString(w, page)
		}, OutcomeOK},
		"database selector":           {redirect("/web/database/selector"), OutcomeNoDatabase},
		"database selector, absolute": {redirect("http://north.example.test/web/database/manager"), OutcomeNoDatabase},
		"another redirect":            {redirect("/elsewhere"), OutcomeUnexpected},
		"the selector's page itself":  {write(200, `<form action="/web/database/restore">csrf_token</form>`), OutcomeUnexpected},
		"a page without token":        {write(200, `<form class="oe_login_form">`), OutcomeUnexpected},
		"nothing":                     {write(200, ""), OutcomeUnexpected},
		"bad gateway":                 {write(502, page), OutcomeServerError},
		"not found":                   {write(404, page), OutcomeClientError},
		"a page without end": {func(w http.ResponseWriter, _ *http.Request) {
			for range 3 * largestPage / 1024 {
				_, _ = w.Write(make([]byte, 1024))
			}
			_, _ = io.WriteString(w, page)
		}, OutcomeUnexpected},
		"hang": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, OutcomeTimeout},
		"hang in the page": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "<html>")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, OutcomeTimeout},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, OutcomeUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			requireOutcome(t, checking(t, server.URL, func(c *Config) {
				if tc.want == OutcomeTimeout { // all others are answered at once, which on a busy machine takes a while
					c.Timeout = model.Duration(300 * time.Millisecond)
				}
			}), tc.want)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		requireOutcome(t, checking(t, nobody(t), func(*Config) {}), OutcomeUnreachable)
	})
}

// requireOutcome makes a check and looks at all that it says: each outcome has its counter from
// the start, so that the first failure is seen to count.
func requireOutcome(t *testing.T, v collectors.Visit, want Outcome) {
	t.Helper()
	b := check(t, v)
	for _, outcome := range outcomes {
		require.Equal(t, truth(outcome == want), value(t, b, "odoo_login_checks_total", "outcome", string(outcome)), outcome)
	}
	require.Equal(t, truth(want == OutcomeOK), value(t, b, "odoo_login_success"))
	if want == OutcomeOK {
		require.Empty(t, b.Findings)
		require.Positive(t, value(t, b, "odoo_login_duration_seconds"))
		return
	}
	require.Equal(t, []string{"login_failing"}, findings(b))
	require.Contains(t, b.Findings[0].Text, want)
	absent(t, b, "odoo_login_duration_seconds")
}

// The stand-in answers as real servers were recorded to do.
func TestLoginAgainstTheStandIn(t *testing.T) {
	down := map[string]bool{}
	stand, err := seeds.NewServer(seeds.ServerOptions{
		Tenants: []seeds.Tenant{{Database: "tenant_north", Series: seeds.Series17, Hosts: []string{"north.example.test"}}},
		Connect: func(_ context.Context, database string) error {
			if down[database] {
				return errDown
			}
			return nil
		},
		ColdStart: 900 * time.Millisecond,
	})
	require.NoError(t, err)
	server := httptest.NewServer(stand)
	defer server.Close()
	v := checking(t, server.URL, func(c *Config) {
		c.Timeout, c.ColdThreshold = model.Duration(soon), model.Duration(800*time.Millisecond)
	})
	b := check(t, v)
	require.Equal(t, 1.0, value(t, b, "odoo_login_cold_starts_total"))
	require.Equal(t, 1.0, value(t, b, "odoo_login_checks_total", "outcome", "ok"), "asking again is no second check")
	require.GreaterOrEqual(t, value(t, b, "odoo_login_cold_start_duration_seconds"), 0.9)
	require.Less(t, value(t, b, "odoo_login_duration_seconds"), 0.8)

	for _, tc := range []struct {
		fault seeds.Fault
		down  bool
		want  Outcome
	}{
		{fault: seeds.BadGateway, want: OutcomeServerError},
		{fault: seeds.WrongBody, want: OutcomeUnexpected},
		{fault: seeds.Hang, want: OutcomeTimeout},
		{down: true, want: OutcomeNoDatabase},
		{want: OutcomeOK},
	} {
		stand.SetFault("tenant_north", tc.fault)
		down["tenant_north"] = tc.down
		b = check(t, v)
		require.Positive(t, value(t, b, "odoo_login_checks_total", "outcome", string(tc.want)))
		require.Equal(t, truth(tc.want == OutcomeOK), value(t, b, "odoo_login_success"))
		if tc.want != OutcomeOK {
			absent(t, b, "odoo_login_duration_seconds")
		}
	}
	require.Equal(t, 1.0, value(t, b, "odoo_login_cold_starts_total"))
}

func TestSlowPageIsNoColdStart(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		select {
		case <-time.After(60 * time.Millisecond):
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, page)
	}))
	defer server.Close()
	b := check(t, checking(t, server.URL, func(c *Config) { c.ColdThreshold = model.Duration(20 * time.Millisecond) }))
	require.Equal(t, 2, asked)
	require.Zero(t, value(t, b, "odoo_login_cold_starts_total"))
	require.GreaterOrEqual(t, value(t, b, "odoo_login_duration_seconds"), 0.06)
	absent(t, b, "odoo_login_cold_start_duration_seconds")
}

func TestCheckCutShortIsNotCounted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	v := checking(t, server.URL, func(*Config) {})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, v.Collector.Collect(ctx, collectors.NewBuilder(v.Key, time.Now())))
	require.Empty(t, v.Collector.(*Login).tally.outcomes)
}

func TestCountersOutliveAReload(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	before, err := New(site(server.URL), Options{})
	require.NoError(t, err)
	defer before.Close()
	first := before.Visits([]collectors.Tenant{north})[1]
	check(t, first)
	require.Same(t, first.Collector, before.Visits([]collectors.Tenant{north})[1].Collector)
	c := site(server.URL)
	c.Concurrency = 2
	after, err := New(c, Options{Previous: before})
	require.NoError(t, err)
	defer after.Close()
	v := after.Visits([]collectors.Tenant{north})[1]
	require.Equal(t, 2.0, value(t, check(t, v), "odoo_login_checks_total", "outcome", "client_error"))
	require.Equal(t, 2, v.Budget.Size())
	last, err := New(c, Options{Previous: after})
	require.NoError(t, err)
	defer last.Close()
	require.Same(t, v.Budget, last.Visits([]collectors.Tenant{north})[1].Budget, "checks under way still count")
	require.Greater(t, v.Timeout, 2*time.Duration(c.Timeout), "a check may ask twice")
}

func TestTargetServes(t *testing.T) {
	c := site("")
	c.Tenants = "north|south_.*"
	target, err := New(c, Options{})
	require.NoError(t, err)
	for name, want := range map[string]bool{"north": true, "south_1": true, "northern": false, "far north": false} {
		require.Equal(t, want, target.Serves(collectors.Tenant{Name: name}), name)
	}
	require.Empty(t, target.Visits([]collectors.Tenant{north}), "without a URL nothing is checked")
}

func TestNewPlan(t *testing.T) {
	tenants := func(tier string, n int) []collectors.Tenant {
		all := make([]collectors.Tenant, n)
		for i := range all {
			name := fmt.Sprintf("%s%d", tier, i)
			all[i] = collectors.Tenant{Name: name, Tier: tier, Hosts: []string{name + ".example.test"}}
		}
		return all
	}
	limits := Limits{Registries: 136, Concurrency: 12, Timeout: 10 * time.Second, Interval: time.Minute, EveryRound: []string{"dedicated"}}
	few := limits
	few.Concurrency = 4
	for name, tc := range map[string]struct {
		limits    Limits
		tenants   []collectors.Tenant
		rotating  int
		dedicated time.Duration
		shared    time.Duration // at least, and at most a tenth more
	}{
		"all fit":               {limits, append(tenants("dedicated", 8), tenants("shared", 60)...), 0, time.Minute, time.Minute},
		"one too many":          {limits, append(tenants("dedicated", 8), tenants("shared", 61)...), 61, time.Minute, 61 * time.Minute},
		"a thousand":            {limits, append(tenants("dedicated", 20), tenants("shared", 980)...), 980, time.Minute, 20*time.Hour + 25*time.Minute},
		"too many dedicated":    {limits, append(tenants("dedicated", 100), tenants("shared", 36)...), 136, 2 * time.Hour, 2 * time.Hour},
		"just too many at once": {limits, tenants("shared", 70), 70, 0, 70 * time.Hour / 68},
		"nobody":                {limits, nil, 0, 0, 0},

		"few places, and all fit":        {few, append(tenants("dedicated", 8), tenants("shared", 16)...), 0, time.Minute, time.Minute},
		"one too many for the places":    {few, append(tenants("dedicated", 8), tenants("shared", 17)...), 17, time.Minute, 63 * time.Second},
		"memory for all, places for few": {few, append(tenants("dedicated", 4), tenants("shared", 56)...), 56, time.Minute, 168 * time.Second},
		"no place for all dedicated":     {few, tenants("dedicated", 48), 48, 2 * time.Minute, 0},
		"neither memory nor places":      {few, append(tenants("dedicated", 20), tenants("shared", 980)...), 980, time.Minute, 20*time.Hour + 25*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPlan(tc.tenants, tc.limits)
			require.Equal(t, tc.rotating, p.Rotating)
			require.LessOrEqual(t, p.TenantsPerHour, 68.01)
			require.Len(t, p.Checks, len(tc.tenants))
			var perHour, hanging float64
			for _, c := range p.Checks {
				want := map[string]time.Duration{"dedicated": tc.dedicated, "shared": tc.shared}[c.Tenant.Tier]
				require.GreaterOrEqual(t, c.Interval, want)
				require.LessOrEqual(t, c.Interval, want+want/10+1)
				perHour += time.Hour.Seconds() / c.Interval.Seconds()
				hanging += tc.limits.Timeout.Seconds() / c.Interval.Seconds()
			}
			require.InDelta(t, perHour, p.PerHour, 0.1)
			require.LessOrEqual(t, hanging, float64(tc.limits.Concurrency), "all get their turn even if all hang")
		})
	}
	t.Run("tenants come and go", func(t *testing.T) {
		turns := map[time.Duration]bool{}
		for n := range 100 {
			turns[NewPlan(tenants("shared", 950+n), limits).Checks[0].Interval] = true
		}
		require.LessOrEqual(t, len(turns), 3, "hardly anything changes for the others")
	})
	t.Run("who is left out", func(t *testing.T) {
		list := tenants("shared", 3)
		list[0].Hosts, list[1].Staging = nil, true
		p := NewPlan(list, limits)
		require.Equal(t, 1, p.Unreachable)
		require.Len(t, p.Checks, 1)
	})
}
