package traefik

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServersThatAreDown(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "a")
	e.list1("g@file", "Host(`tenant_gamma.example.test`)", "g")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	up := func(service string, server, is int) string {
		return fmt.Sprintf(`traefik_service_server_up{service=%q,url="http://127.0.0.1:%d"} %d`, service, server, is)
	}
	e.set(pageOf(start, up("a@file", 1, 0), up("a@file", 2, 0), up("g@file", 1, 1), up("g@file", 2, 0)))
	b := collectAt(t, made, start)
	require.Equal(t, map[string]string{
		"service_down":        "alpha critical: No server of the service a@file passes its health check (2 fail).",
		"service_server_down": "gamma warning: 1 of 2 servers of the service g@file do not pass their health check.",
	}, findings(b))
	require.Equal(t, 1.0, value(b, "traefik_service_server_up", "tenant", "gamma"))
	e.set(pageOf(start, up("a@file", 1, 1), up("a@file", 2, 1)))
	require.Empty(t, findings(collectAt(t, made, start.Add(time.Minute))))
}

func TestAConfigurationThatCouldNotBeTaken(t *testing.T) {
	e := newEdge(t)
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	reload := func(success, failure int64) string {
		return fmt.Sprintf("traefik_config_last_reload_success %d\ntraefik_config_last_reload_failure %d\ntraefik_config_reloads_failure_total 1", success, failure)
	}
	e.set(pageOf(start, reload(start.Unix(), start.Unix()+60)))
	b := collectAt(t, made, start)
	require.Equal(t, "warning: Traefik could not take the configuration of 2026-11-21T12:01:00Z and goes on with that of 2026-11-21T12:00:00Z.", findings(b)["config_reload_failed"])
	e.set(pageOf(start, reload(start.Unix()+120, start.Unix()+60)))
	require.NotContains(t, findings(collectAt(t, made, start.Add(time.Minute))), "config_reload_failed")

	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "a")
	e.routers[0]["status"] = "disabled"
	b = collectAt(t, made, start.Add(10*time.Minute))
	require.Equal(t, "warning: Traefik could not make use of 1 routers as they are configured: a@file.", findings(b)["router_broken"])
	require.Equal(t, 1.0, value(b, "traefik_routers_status", "status", "disabled"))
}

func TestErrorsAboveWhatIsUsual(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "s")
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	good, bad, at := 0, 0, start
	round := func(moreGood, moreBad int) map[string]string {
		good, bad, at = good+moreGood, bad+moreBad, at.Add(time.Minute)
		e.set(pageOf(start, requests("a@file", "s@file", "200", good), requests("a@file", "s@file", "502", bad)))
		return findings(collectAt(t, made, at))
	}
	round(0, 0)
	for range 60 { // three in a hundred are usual
		require.NotContains(t, round(97, 3), "errors_unusual")
	}
	require.NotContains(t, round(97, 5), "errors_unusual", "not much more than usual")
	require.Equal(t, "alpha warning: 142 of 1500 requests failed in 15 minutes (9.5 %), 3.0 % are usual.", round(0, 100-5+3)["errors_unusual"])
	for range 14 {
		round(1000, 0)
	}
	require.NotContains(t, round(1000, 0), "errors_unusual", "a quarter of an hour later")
}

func TestCertificates(t *testing.T) {
	e := newEdge(t)
	served := map[string]string{"tenant_alpha.example.test": "22", "tenant_gamma.example.test": "33"}
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics), Served: func(host string) (string, bool) {
		serial, known := served[host]
		return serial, known
	}})
	certificate := func(serial, cn, sans string, left time.Duration) string {
		return fmt.Sprintf(`traefik_tls_certs_not_after{cn=%q,sans=%q,serial=%q} %d`, cn, sans, serial, start.Add(left).Unix())
	}
	const day = 24 * time.Hour
	e.set(pageOf(start,
		certificate("21", "", "tenant_alpha.example.test", 2*day), certificate("22", "", "tenant_alpha.example.test", 5*day),
		certificate("33", "tenant_gamma.example.test", "", 80*day),
		certificate("44", "", "shop.example.test,www.shop.example.test", 5*day), certificate("45", "", "old.example.test", 80*day),
		certificate("46", "", "urgent.example.test", 2*day), certificate("47", "", "tenant_alpha.example.test,tenant_gamma.example.test", 80*day),
	))
	b := collectOnce(t, made, start)
	require.False(t, has(b, "traefik_tls_certs_not_after", "serial", "21"), "replaced")
	require.True(t, has(b, "traefik_tls_certs_not_after", "serial", "22", "tenant", "alpha"))
	require.True(t, has(b, "traefik_tls_certs_not_after", "serial", "33", "tenant", "gamma"))
	require.True(t, has(b, "traefik_tls_certs_not_after", "serial", "44", "tenant", ""), "nobody knows what is served")
	require.False(t, has(b, "traefik_tls_certs_not_after", "serial", "47"), "neither of its hosts is served with it")
	require.Equal(t, 2.0, value(b, "traefik_tls_certs_unserved"))
	var texts []string
	for _, f := range b.Findings {
		texts = append(texts, string(f.Severity)+": "+f.Text)
	}
	require.ElementsMatch(t, []string{
		"warning: The certificate 44 (shop.example.test,www.shop.example.test) ends on 2026-11-26.",
		"critical: The certificate 46 (urgent.example.test) ends on 2026-11-23.",
	}, texts, "those of tenants are looked at by their host names, and are spoken of there")

	served["tenant_alpha.example.test"] = "47"
	require.True(t, has(collectAt(t, made, start), "traefik_tls_certs_not_after", "serial", "47"), "one of its hosts is served with it")

	clear(served)
	b = collectAt(t, made, start.Add(time.Minute))
	require.True(t, has(b, "traefik_tls_certs_not_after", "serial", "21", "tenant", "alpha"))
	require.True(t, has(b, "traefik_tls_certs_not_after", "serial", "47", "tenant", ""), "two tenants'")
}

// TestCertificatesOfManyHosts: a platform's one certificate for all of its tenants, which Traefik goes
// on to name when it was renewed.
func TestCertificatesOfManyHosts(t *testing.T) {
	e := newEdge(t)
	served := map[string]string{"tenant_alpha.example.test": "52"}
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics), Served: func(host string) (string, bool) {
		serial, known := served[host]
		return serial, known
	}})
	certificate := func(serial, sans string) string {
		return fmt.Sprintf(`traefik_tls_certs_not_after{cn="",sans=%q,serial=%q} %d`, sans, serial, start.Add(time.Hour).Unix())
	}
	e.set(pageOf(start, certificate("51", "*.example.test"), certificate("52", "*.Example.test"), certificate("53", "*.shop.example.test")))
	b := collectOnce(t, made, start)
	require.False(t, has(b, "traefik_tls_certs_not_after", "serial", "51"), "replaced")
	require.True(t, has(b, "traefik_tls_certs_not_after", "serial", "52", "tenant", ""), "several tenants'")
	require.True(t, has(b, "traefik_tls_certs_not_after", "serial", "53"), "it fits nobody's host")
	require.Equal(t, map[string]string{"certificate_ending": "critical: The certificate 53 (*.shop.example.test) ends on 2026-11-21."}, findings(b))
}
