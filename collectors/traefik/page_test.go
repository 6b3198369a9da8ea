package traefik

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// A page that is broken in its last line must leave nothing behind of the lines before.
func TestABrokenPageChangesNothing(t *testing.T) {
	e := newEdge(t)
	made := target(t, e.config(), Options{Tenants: tenants(t, clinics)})
	e.set(pageOf(start, requests("a@file", "s@file", "200", 10)))
	collectAt(t, made, start)
	for _, page := range []string{
		pageOf(start, requests("a@file", "s@file", "200", 90), `traefik_router_requests_total{code="200`),
		pageOf(start, requests("a@file", "s@file", "200", 90), "\x00\xff\xfe"),
		pageOf(start, requests("a@file", "s@file", "200", 90), "traefik_open_connections{} x"),
		strings.TrimSuffix(pageOf(start, requests("a@file", "s@file", "200", 9012)), "12\n"),
	} {
		e.set(page)
		b := collectors.NewBuilder(made.Visits()[0].Key, start)
		err := made.Collect(t.Context(), b)
		require.Error(t, err)
		require.Equal(t, collectors.ReasonProtocol, collectors.ReasonOf(err))
	}
	e.set(pageOf(start, requests("a@file", "s@file", "200", 11), requests("b@file", "s@file", "200", -5), `traefik_open_connections NaN`,
		`traefik_router_requests_total{code="200",router="c@file"} +Inf`, `traefik_router_request_duration_seconds_bucket{code="200",router="c@file",le="x"} 1`))
	b := collectAt(t, made, start.Add(time.Minute))
	require.Equal(t, 1.0, value(b, "traefik_requests_total"))
}

func TestATooLargePageIsNotReadInPart(t *testing.T) {
	e := newEdge(t)
	page := pageOf(start, requests("a@file", "s@file", "200", 10))
	e.set(page + requests("b@file", "s@file", "200", 10) + "\n")
	c := e.config()
	c.MaxBytes = int64(len(page)) - 1 // what is read of it ends in a whole line
	made := target(t, c, Options{Tenants: tenants(t, clinics)})
	require.ErrorContains(t, made.Collect(t.Context(), collectors.NewBuilder(made.Visits()[0].Key, start)), "more than max_bytes")
}

func TestNames(t *testing.T) {
	for name, c := range map[string][2]string{
		"a name":                {technical("websecure-odoo-18_x@kubernetescrd"), "websecure-odoo-18_x@kubernetescrd"},
		"a sentence":            {technical("no name"), other},
		"too long":              {technical(strings.Repeat("a", 151)), other},
		"a status":              {code("404"), "404"},
		"a client that went":    {code("499"), "499"},
		"no status":             {code("0"), "0"},
		"an unknown status":     {code("799"), other},
		"a status in words":     {code("not found"), other},
		"a class":               {class("503"), "5xx"},
		"no class":              {class("0"), other},
		"a method":              {method("PATCH"), "PATCH"},
		"a made-up method":      {method("EXTENSION_METHOD"), other},
		"a server":              {server("http://user:secret@127.0.0.1:8069/path?token#x"), "http://127.0.0.1:8069"},
		"a server without user": {server("h2c://10.0.0.7:80"), "h2c://10.0.0.7:80"},
		"no server":             {server("127.0.0.1"), other},
		"a host":                {host("WWW.example.test"), "www.example.test"},
		"all hosts below one":   {host("*.example.test"), "*.example.test"},
		"a person":              {host("Jane Doe"), ""},
		"hosts":                 {hosts("b.example.test,jane@example.test,*.example.test,,10.0.0.1"), "b.example.test,*.example.test,10.0.0.1"},
		"too many hosts":        {hosts(strings.Repeat("a", 60) + ".test," + strings.Repeat("b", 60) + ".test," + strings.Repeat("c", 60) + ".test,d.test"), strings.Repeat("a", 60) + ".test," + strings.Repeat("b", 60) + ".test,d.test"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c[1], c[0]) })
	}
}

// Series that come and go, as where somebody makes up routers, are not remembered for ever.
func TestSeriesThatAreGoneAreForgotten(t *testing.T) {
	c := &counters{known: map[string]*series{}}
	for i := range 50 {
		p, err := c.read([]byte(pageOf(start, requests("r"+strings.Repeat("x", i), "s@file", "200", 1))))
		require.NoError(t, err)
		c.take(p, start)
	}
	require.LessOrEqual(t, len(c.known), 2+forgotten+1)
}

func FuzzPages(f *testing.F) {
	some := strings.SplitAfter(recorded(f, "ward.metrics"), "\n")
	f.Add("traefik_config_reloads_total 1\n"+strings.Join(some[270:300], ""), "traefik_config_reloads_total 1\n"+strings.Join(some[470:], ""))
	f.Add(pageOf(start, requests("a@file", "s@file", "200", 3)), pageOf(start.Add(time.Hour), requests("", "s@file", "429", 3)))
	f.Add(pageOf(start, `traefik_router_request_duration_seconds_bucket{code="200",le="0.1"} 1e300`), pageOf(start, `traefik_router_request_duration_seconds_bucket{code="200",le="NaN"} 1`))
	registry := tenants(f, clinics)
	f.Fuzz(func(t *testing.T, one, two string) {
		made := &Target{config: DefaultConfig(), memory: newMemory()}
		made.owners = newOwners(nil, registry.Current(), nil, nil)
		var before *collectors.Batch
		for i, text := range []string{one, two, one, two} {
			p, err := made.counters.read([]byte(text))
			if err != nil {
				continue
			}
			at := start.Add(time.Duration(i) * time.Minute)
			state := made.counters.take(p, at)
			for _, r := range p.readings {
				require.GreaterOrEqual(t, r.grown, 0.0)
			}
			made.traffic.add(p.readings, made.owners, state == anew)
			b := collectors.NewBuilder(collectors.Key{Collector: "traefik", Target: "edge"}, at)
			made.report(b, p, state)
			batch := b.Batch()
			if before != nil {
				neverFalls(t, before, batch)
			}
			before = batch
		}
	})
}

func neverFalls(t *testing.T, before, after *collectors.Batch) {
	values := map[string]float64{}
	for _, f := range before.Families {
		for _, s := range f.Samples {
			values[f.Metric.Name+s.Suffix+s.Block()] = s.Value
		}
	}
	for _, f := range after.Families {
		for _, s := range f.Samples {
			require.False(t, math.IsNaN(s.Value))
			if f.Metric.Type == collectors.Counter {
				require.GreaterOrEqual(t, s.Value, values[f.Metric.Name+s.Suffix+s.Block()], f.Metric.Name)
			}
		}
	}
}
