package traefik

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// clinic is a Traefik of which a recording was made, before its traffic.
func clinic(t testing.TB) *edge {
	e := newEdge(t)
	e.routers = recordedRouters(t)
	e.set(recorded(t, "clinic-before.metrics"))
	return e
}

// The counts were taken from the access log of the same hours, by somebody else's program. Two
// requests came before the first visit.
func TestTheRecordingsCountsComeOutExactly(t *testing.T) {
	e := clinic(t)
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	before := collectAt(t, made, start)
	require.Zero(t, value(before, "traefik_requests_total"), "what came before the first visit is not ours")
	e.set(recorded(t, "clinic-after.metrics"))
	b := collectAt(t, made, start.Add(time.Minute))

	for _, c := range []struct {
		tenant, class, protocol string
		want                    float64
	}{
		{"alpha", "other", "websocket", 18},
		{"alpha", "2xx", "http", 480 - 1},
		{"alpha", "3xx", "http", 17 + 50},
		{"alpha", "4xx", "http", 4 + 6},
		{"alpha", "4xx", "websocket", 1},
		{"alpha", "5xx", "http", 14},
		{"gamma", "other", "websocket", 2},
		{"gamma", "2xx", "http", 707 - 1},
		{"gamma", "3xx", "http", 6 + 18},
		{"gamma", "4xx", "http", 45 + 22},
		{"gamma", "4xx", "websocket", 1},
		{"gamma", "5xx", "http", 0},
	} {
		require.Equal(t, c.want, value(b, "traefik_requests_total", "tenant", c.tenant, "class", c.class, "protocol", c.protocol), "%v", c)
	}
	require.Equal(t, 14.0, value(b, "traefik_errors_total", "tenant", "alpha", "code", "502"))
	require.Equal(t, 45.0, value(b, "traefik_errors_total", "tenant", "gamma", "code", "429"))
	require.Equal(t, 45.0, value(b, "traefik_middleware_answers_total", "tenant", "gamma", "code", "429"))
	require.Equal(t, 45.0, value(b, "traefik_middleware_answers_total"), "nothing else was answered before a service")
	require.Equal(t, 1.0, value(b, "traefik_unrouted_requests_total", "code", "404"))
	require.Equal(t, 1.0, value(b, "traefik_unrouted_requests_total"))
	require.Equal(t, 486.0, value(b, "traefik_entrypoint_requests_tls_total", "entrypoint", "websecure"))
	require.Equal(t, 1392.0-2, value(b, "traefik_entrypoint_requests_total"))
	require.False(t, has(b, "traefik_requests_total", "tenant", ""), "every router has its tenant")

	// Served requests in their buckets, failed ones above all of them, what was cancelled nowhere.
	require.Equal(t, 479.0+67+14, value(b, "traefik_request_duration_seconds_count", "tenant", "alpha"))
	require.Equal(t, 706.0+24, value(b, "traefik_request_duration_seconds_count", "tenant", "gamma"))
	require.Equal(t, value(b, "traefik_request_duration_seconds_count", "tenant", "gamma"),
		value(b, "traefik_request_duration_seconds_bucket", "tenant", "gamma", "le", "5.0"), "nothing of gamma failed")
	require.Equal(t, 479.0+67-2, value(b, "traefik_request_duration_seconds_bucket", "tenant", "alpha", "le", "5.0"), "two took seven seconds")

	require.Equal(t, 8.0, value(b, "traefik_routers", "owner", "tenant"))
	require.Equal(t, 3.0, value(b, "traefik_routers", "owner", "internal"))
	require.True(t, has(b, "traefik_tls_certs_not_after", "tenant", "gamma", "serial", "66461047164746523583658325353758976087136095201"))
	require.True(t, has(b, "traefik_version_info", "version", "3.6.12"))
	require.Empty(t, findings(b))
}

func TestARestartOfTraefikGoesOnCounting(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "s")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	again := start.Add(4*time.Minute + 2*time.Second)
	steps := []struct {
		name string
		page string
		want float64
	}{
		{"the first page counts for nothing", pageOf(start, requests("a@file", "s@file", "200", 100)), 0},
		{"growth", pageOf(start, requests("a@file", "s@file", "200", 130)), 30},
		{"nothing new", pageOf(start, requests("a@file", "s@file", "200", 130)), 30},
		{"the clock moved by a second", pageOf(start.Add(time.Second), requests("a@file", "s@file", "200", 131)), 31},
		{"restarted, with more than before already", pageOf(start.Add(4*time.Minute), requests("a@file", "s@file", "200", 140)), 171},
		{"and again two seconds later, with as many", pageOf(again, requests("a@file", "s@file", "200", 140)), 311},
		{"a router was removed and made again", pageOf(again, requests("a@file", "s@file", "200", 5)), 316},
		{"absent from a page", pageOf(again), 316},
		{"there again", pageOf(again, requests("a@file", "s@file", "200", 6)), 317},
		{"a series that is new", pageOf(again, requests("a@file", "s@file", "200", 6), requests("a@file", "s@file", "204", 3)), 320},
		{"another process that has run since before", pageOf(start.Add(2*time.Minute), requests("a@file", "s@file", "200", 9000)), 320},
		{"and its growth", pageOf(start.Add(2*time.Minute), requests("a@file", "s@file", "200", 9001)), 321},
	}
	for i, step := range steps {
		e.set(step.page)
		b := collectAt(t, made, start.Add(time.Duration(i)*time.Minute))
		require.Equal(t, step.want, value(b, "traefik_requests_total", "tenant", "alpha"), step.name)
		require.Equal(t, i == 10, findings(b)["several_processes"] != "", step.name)
	}
}

func TestOtherBucketsBeginAnew(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "s")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	bucket := func(code, le, n string) string {
		return `traefik_router_request_duration_seconds_bucket{code="` + code + `",method="GET",protocol="http",router="a@file",service="s@file",le="` + le + `"} ` + n
	}
	some := requests("a@file", "s@file", "200", 0)
	e.set(pageOf(start, some, bucket("200", "0.1", "0"), bucket("200", "5", "0"), bucket("200", "+Inf", "0")))
	collectAt(t, made, start)
	e.set(pageOf(start, some, bucket("200", "0.1", "3"), bucket("200", "5", "4"), bucket("200", "+Inf", "6"), bucket("503", "0.1", "2"), bucket("503", "5", "2"), bucket("503", "+Inf", "2")))
	b := collectAt(t, made, start.Add(time.Minute))
	require.Equal(t, 3.0, value(b, "traefik_request_duration_seconds_bucket", "le", "0.1"))
	require.Equal(t, 4.0, value(b, "traefik_request_duration_seconds_bucket", "le", "5.0"))
	require.Equal(t, 8.0, value(b, "traefik_request_duration_seconds_count"))
	e.set(pageOf(start.Add(90*time.Second), some, bucket("200", "1", "1"), bucket("200", "+Inf", "2")))
	b = collectAt(t, made, start.Add(2*time.Minute))
	require.Equal(t, 1.0, value(b, "traefik_request_duration_seconds_bucket", "le", "1.0"))
	require.Equal(t, 2.0, value(b, "traefik_request_duration_seconds_count"))
	require.False(t, has(b, "traefik_request_duration_seconds_bucket", "le", "0.1"))
}

// Whose an answer of a middleware was is known where nothing of that kind reached the service, or
// only one tenant's did not.
func TestMiddlewaresAnswers(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "odoo")
	e.list1("g@file", "Host(`tenant_gamma.example.test`)", "odoo")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	at := start
	visit := func(series ...string) *collectors.Batch {
		e.set(pageOf(start, series...))
		at = at.Add(time.Minute)
		return collectAt(t, made, at)
	}
	answers := func(b *collectors.Batch, tenant, code string) float64 {
		return value(b, "traefik_middleware_answers_total", "tenant", tenant, "code", code)
	}
	visit()
	b := visit(requests("a@file", "odoo@file", "429", 2), requests("w@file", "weighted@file", "200", 50))
	require.Zero(t, value(b, "traefik_middleware_answers_total"), "no service was ever seen")
	b = visit(requests("a@file", "odoo@file", "429", 3), requests("g@file", "odoo@file", "429", 4), requests("", "odoo@file", "200", 1), requests("g@file", "odoo@file", "200", 1))
	require.Equal(t, []float64{3, 4}, []float64{answers(b, "alpha", "429"), answers(b, "gamma", "429")})
	require.Zero(t, answers(b, "", "200"), "a service that leads to others is never compared")
	b = visit(requests("a@file", "odoo@file", "403", 5), requests("", "odoo@file", "403", 3))
	require.Equal(t, 2.0, answers(b, "alpha", "403"), "only alpha asked")
	b = visit(requests("a@file", "odoo@file", "403", 9), requests("g@file", "odoo@file", "403", 1), requests("", "odoo@file", "403", 5))
	require.Equal(t, 3.0, answers(b, "", "403"), "nobody knows whose three of five were")
	b = visit(requests("a@file", "sick@file", "503", 2), `traefik_service_server_up{service="sick@file",url="http://127.0.0.1:1"} 0`)
	require.Equal(t, 2.0, answers(b, "alpha", "503"), "none of its servers was there, so nothing ever reached it")
	b = visit(requests("a@file", "odoo@file", "502", 1), requests("", "odoo@file", "502", 3))
	require.Zero(t, answers(b, "alpha", "502"), "retried: counted once at the router, three times at the service")
}

// What lasts as long as a page is open is no request, and Traefik's own pages are nobody's.
func TestWhatIsNoRequestOfATenant(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "s")
	e.list1("api@file", "Host(`tenant_alpha.example.test`) && PathPrefix(`/api`)", "api@internal")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	e.set(pageOf(start))
	collectAt(t, made, start)
	bucket := `traefik_router_request_duration_seconds_bucket{code="200",method="GET",protocol="%s",router="a@file",service="s@file",le="%s"} 4`
	e.set(pageOf(start, requests("a@file", "s@file", "200", 4), requests("api@file", "api@internal", "200", 9),
		fmt.Sprintf(bucket, "sse", "1"), fmt.Sprintf(bucket, "sse", "+Inf"), fmt.Sprintf(bucket, "websocket", "+Inf")))
	b := collectAt(t, made, start.Add(time.Minute))
	require.Equal(t, 4.0, value(b, "traefik_requests_total"))
	require.Zero(t, value(b, "traefik_request_duration_seconds_count"))
	require.Equal(t, 1.0, value(b, "traefik_routers", "owner", "internal"))
}

func TestNamesSayWhoseARouterIs(t *testing.T) {
	e := newEdge(t)
	e.deny(http.StatusForbidden)
	c := e.config()
	c.Names = []string{`odoo-(?P<tenant>[a-z0-9]+)(-tls)?`, `(?P<tenant>[a-z]+)`}
	made := target(t, c, Options{Tenants: tenants(t, clinics)})
	e.set(pageOf(start))
	collectAt(t, made, start)
	e.set(pageOf(start,
		requests("web", "", "200", 0),
		requests("odoo-alpha@docker", "x@docker", "200", 1), requests("odoo-alpha-tls@docker", "x@docker", "200", 2),
		requests("web-gamma@file", "x@file", "200", 4), requests("gamma@file", "x@file", "200", 8),
		requests("r17@kubernetescrd", "odoo-alpha@kubernetescrd", "200", 16),
		requests("odoo-nobody@docker", "x@docker", "200", 32),
	))
	b := collectAt(t, made, start.Add(time.Minute))
	require.Equal(t, 1.0+2+16, value(b, "traefik_requests_total", "tenant", "alpha"))
	require.Equal(t, 4.0+8, value(b, "traefik_requests_total", "tenant", "gamma"))
	require.Equal(t, 32.0, value(b, "traefik_requests_total", "tenant", ""))
	require.Equal(t, 1.0, value(b, "wardround_indicator_unavailable", "indicator", "routers", "reason", "permission"))
	require.Zero(t, value(b, "traefik_api_up"))
}

func TestRoutersAreLookedAtSlowlyAndAtOnceWhereOneIsNew(t *testing.T) {
	e := newEdge(t)
	e.perPage = 2
	for _, name := range []string{"a", "b", "c", "d"} {
		e.list1(name+"@file", "Host(`tenant_alpha.example.test`)", "s")
	}
	e.list1("z@file", "Host(`tenant_gamma.example.test`)", "s")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	e.set(pageOf(start))
	b := collectAt(t, made, start)
	require.Equal(t, 5.0, value(b, "traefik_routers", "owner", "tenant"), "all of three pages")
	e.set(pageOf(start, requests("z@file", "s@file", "200", 1)))
	b = collectAt(t, made, start.Add(time.Minute))
	require.Equal(t, 1.0, value(b, "traefik_requests_total", "tenant", "gamma"))
	require.Equal(t, 1, e.times())

	e.list1("new@file", "Host(`tenant_gamma.example.test`)", "s")
	e.set(pageOf(start, requests("z@file", "s@file", "200", 1), requests("new@file", "s@file", "200", 2), requests("gone@file", "s@file", "200", 4)))
	b = collectAt(t, made, start.Add(2*time.Minute))
	require.Equal(t, 3.0, value(b, "traefik_requests_total", "tenant", "gamma"))
	require.Equal(t, 2, e.times())
	collectAt(t, made, start.Add(3*time.Minute))
	require.Equal(t, 2, e.times(), "one that is not listed is looked for once")
	collectAt(t, made, start.Add(8*time.Minute))
	require.Equal(t, 3, e.times())

	e.deny(http.StatusUnauthorized)
	b = collectAt(t, made, start.Add(14*time.Minute))
	require.Equal(t, 6.0, value(b, "traefik_routers", "owner", "tenant"), "what the API said holds good")
	require.Equal(t, 1.0, value(b, "wardround_indicator_unavailable", "reason", "authentication"))
	e.deny(0)
	b = collectAt(t, made, start.Add(15*time.Minute))
	require.Equal(t, 1.0, value(b, "traefik_api_up"), "asked again at once")
	require.False(t, has(b, "wardround_indicator_unavailable"))
}

func TestWithoutRouterLabelsServicesAreCounted(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "own")
	e.list1("b@file", "Host(`tenant_alpha.example.test`)", "shared")
	e.list1("g@file", "Host(`tenant_gamma.example.test`)", "shared")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	e.set(pageOf(start))
	collectAt(t, made, start)
	e.set(pageOf(start, requests("", "own@file", "200", 3), requests("", "shared@file", "200", 5), requests("web", "", "200", 8)))
	b := collectAt(t, made, start.Add(time.Minute))
	require.Equal(t, 3.0, value(b, "traefik_requests_total", "tenant", "alpha"))
	require.Equal(t, 5.0, value(b, "traefik_requests_total", "tenant", ""))
	require.False(t, has(b, "traefik_unrouted_requests_total"))
	require.Contains(t, findings(b), "routers_unlabelled")

	e.set(pageOf(start.Add(90*time.Second), requests("web", "", "200", 2), requests("a@file", "own@file", "200", 2), requests("", "own@file", "200", 2)))
	b = collectAt(t, made, start.Add(2*time.Minute))
	require.Equal(t, 5.0, value(b, "traefik_requests_total", "tenant", "alpha"), "labelled from now on, and counted once")
	require.Zero(t, value(b, "traefik_unrouted_requests_total"), "what routers took before is not known, so nothing is said of it")
	require.NotContains(t, findings(b), "routers_unlabelled")

	e.set(pageOf(start.Add(3*time.Minute), requests("", "own@file", "200", 7)))
	require.Equal(t, 12.0, value(collectAt(t, made, start.Add(3*time.Minute)), "traefik_requests_total", "tenant", "alpha"), "labelled no more")
}

func TestATenantThatLeavesIsForgotten(t *testing.T) {
	e := clinic(t)
	registry := tenants(t, clinics)
	made := target(t, e.config(), Options{Tenants: registry})
	collectAt(t, made, start)
	e.set(recorded(t, "clinic-after.metrics"))
	require.True(t, has(collectAt(t, made, start.Add(time.Minute)), "traefik_requests_total", "tenant", "gamma"))
	registry.Replace(tenants(t, map[string][]string{"alpha": clinics["alpha"]}).Current())
	b := collectAt(t, made, start.Add(2*time.Minute))
	require.False(t, has(b, "traefik_requests_total", "tenant", "gamma"))
	registry.Replace(tenants(t, clinics).Current())
	require.Zero(t, value(collectAt(t, made, start.Add(3*time.Minute)), "traefik_requests_total", "tenant", "gamma"), "back, and counted from now on")
	require.Contains(t, findings(b)["router_without_tenant"], "info: 4 routers belong to no tenant that is known: gamma-ws@file, gamma@file")
}

func TestOtherSettingsGoOnCounting(t *testing.T) {
	e := clinic(t)
	first := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	collectAt(t, first, start)
	e.set(recorded(t, "clinic-after.metrics"))
	c := e.config()
	c.Names = []string{"(?P<tenant>.+)"}
	second := target(t, c, Options{Tenants: tenants(t, clinics), Previous: first})
	first.Close()
	b := collectAt(t, second, start.Add(time.Minute))
	require.Equal(t, 14.0, value(b, "traefik_errors_total", "tenant", "alpha", "code", "502"))
	c.URL = e.URL + "/metrics?other"
	third := target(t, c, Options{Tenants: tenants(t, clinics), Previous: second})
	require.Zero(t, value(collectAt(t, third, start.Add(2*time.Minute)), "traefik_requests_total"), "another Traefik's counters are not this one's")
}

func TestSettingsTellOfChanges(t *testing.T) {
	e := clinic(t)
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	_, known := made.Settings()
	require.False(t, known)
	collectAt(t, made, start)
	before, known := made.Settings()
	require.True(t, known)
	require.Equal(t, "3.6.12", before["version"])
	require.Equal(t, "2026-11-21T20:42:24Z", before["configuration"])
	collectAt(t, made, start.Add(10*time.Minute))
	same, _ := made.Settings()
	require.Equal(t, before, same)
	e.list1("new@file", "Host(`tenant_gamma.example.test`)", "s")
	collectAt(t, made, start.Add(20*time.Minute))
	after, _ := made.Settings()
	require.NotEqual(t, before["routers"], after["routers"])
}

func TestCountersBeginAtZero(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "s")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	e.set(pageOf(start))
	collectOnce(t, made, start)
	bucket := `traefik_router_request_duration_seconds_bucket{code="500",method="GET",protocol="http",router="a@file",service="s@file",le=`
	e.set(pageOf(start, requests("a@file", "s@file", "500", 5), bucket+`"0.1"} 5`, bucket+`"+Inf"} 5`))
	for i, want := range []float64{0, 5} {
		b := collectOnce(t, made, start.Add(time.Minute))
		require.True(t, has(b, "traefik_errors_total", "tenant", "alpha", "code", "500"))
		require.Equal(t, want, value(b, "traefik_errors_total"), "visit %d", i)
		require.Equal(t, want, value(b, "traefik_requests_total"), "visit %d", i)
		require.Equal(t, want, value(b, "traefik_request_duration_seconds_count"), "visit %d", i)
	}
}
