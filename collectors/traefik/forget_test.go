package traefik

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func retriesOf(service string, n int) string {
	return fmt.Sprintf("traefik_service_retries_total{service=%q} %d", service, n)
}

// TestMonthsOfChurn: a tenant and its service come each day and go with the next. What is kept does
// not grow, and those who stay keep all that was counted.
func TestMonthsOfChurn(t *testing.T) {
	e := newEdge(t)
	registry := collectors.NewRegistry()
	made := target(t, e.config(), Options{Tenants: registry})
	var shown, answers, retries int
	for day := range 60 {
		name := fmt.Sprintf("guest%d", day)
		set, err := collectors.NewTenants([]collectors.Tenant{
			{Name: "alpha", Postgres: "main", Database: "alpha", Hosts: []string{"alpha.example.test"}}, {Name: name, Postgres: "main", Database: name, Hosts: []string{name + ".example.test"}},
		})
		require.NoError(t, err)
		registry.Replace(set)
		e.routers = nil
		for _, of := range []string{"alpha", name} {
			e.routers = append(e.routers, map[string]any{"name": of + "@file", "service": of + "@file", "provider": "file", "rule": "Host(`" + of + ".example.test`)", "status": "enabled"})
		}
		for visit := range 13 {
			e.set(pageOf(
				start, requests("alpha@file", "alpha@file", "200", 100*day+visit), requests("", "alpha@file", "200", 100*day+visit), retriesOf("alpha@file", 100*day+visit),
				requests(name+"@file", name+"@file", "200", visit), requests("", name+"@file", "200", visit), retriesOf(name+"@file", visit),
				retriesOf(fmt.Sprintf("nobodys%d@file", day), visit),
			))
			b := collectOnce(t, made, start.Add(time.Duration(day)*24*time.Hour+time.Duration(visit)*2*time.Hour))
			require.False(t, has(b, "traefik_service_retries_total", "tenant", fmt.Sprintf("guest%d", day-1)))
		}
		require.LessOrEqual(t, len(made.traffic.tenants), 3)
		if day == 10 {
			shown, answers, retries = len(made.shown), len(made.traffic.answers), len(made.traffic.retries)
		}
	}
	require.LessOrEqual(t, len(made.shown), shown)
	require.LessOrEqual(t, len(made.traffic.answers), answers)
	require.LessOrEqual(t, len(made.traffic.retries), retries)
	require.LessOrEqual(t, len(made.absent), 6)
	b := collectOnce(t, made, start.Add(60*24*time.Hour))
	require.Equal(t, 5912.0, value(b, "traefik_requests_total", "tenant", "alpha"))
	require.Equal(t, 5912.0, value(b, "traefik_service_retries_total", "tenant", "alpha"))
	require.False(t, has(b, "traefik_service_retries_total", "tenant", "guest1"))
	require.False(t, has(b, "traefik_service_retries_total", "service", "nobodys1@file"))
}

// TestServicesThatComeBack: one that is away for less than a day goes on where it was, and one that
// was away for longer is shown from zero on again.
func TestServicesThatComeBack(t *testing.T) {
	e := newEdge(t)
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	visit := func(at time.Duration, series ...string) *collectors.Batch {
		e.set(pageOf(start, series...))
		return collectOnce(t, made, start.Add(at))
	}
	retries := func(b *collectors.Batch) float64 {
		require.True(t, has(b, "traefik_service_retries_total", "service", "s@file"))
		return value(b, "traefik_service_retries_total", "service", "s@file")
	}
	visit(0, retriesOf("s@file", 1))
	visit(time.Hour, retriesOf("s@file", 6))
	require.Equal(t, 5.0, retries(visit(2*time.Hour, retriesOf("s@file", 6))))
	at := 2 * time.Hour
	for range 20 {
		at += time.Hour
		require.Equal(t, 5.0, retries(visit(at)), "Traefik was started anew, perhaps")
	}
	require.Equal(t, 7.0, retries(visit(at+time.Hour, retriesOf("s@file", 2))))
	for range 40 {
		at += time.Hour
		visit(at)
	}
	require.False(t, has(visit(at+time.Hour), "traefik_service_retries_total", "service", "s@file"))
	require.Zero(t, retries(visit(at+2*time.Hour, retriesOf("s@file", 3))))
	require.Equal(t, 4.0, retries(visit(at+3*time.Hour, retriesOf("s@file", 4))))
}
