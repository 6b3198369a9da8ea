package traefik

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// platform is a page of a Traefik before many tenants, each with four routers on one service.
func platformPage(tenants, round int) string {
	var page strings.Builder
	page.WriteString(pageOf(start))
	for i := range tenants {
		for _, router := range []string{"t%d@file", "t%d-ws@file", "websecure-t%d@file", "websecure-t%d-ws@file"} {
			name := fmt.Sprintf(router, i)
			for _, code := range []string{"200", "303", "304", "404", "502"} {
				labels := fmt.Sprintf(`code="%s",method="GET",protocol="http",router="%s",service="odoo%d@file"`, code, name, i)
				n := 100*round + i
				fmt.Fprintf(&page, "traefik_router_requests_total{%s} %d\ntraefik_router_requests_bytes_total{%s} %d\ntraefik_router_responses_bytes_total{%s} %d\n", labels, n, labels, 10*n, labels, 1000*n)
				for _, le := range []string{"0.1", "0.3", "1.2", "5", "+Inf"} {
					fmt.Fprintf(&page, "traefik_router_request_duration_seconds_bucket{%s,le=\"%s\"} %d\n", labels, le, n)
				}
				fmt.Fprintf(&page, "traefik_router_request_duration_seconds_sum{%s} %d\ntraefik_router_request_duration_seconds_count{%s} %d\n", labels, n, labels, n)
			}
		}
	}
	return page.String()
}

// BenchmarkVisit is a visit to a Traefik before 200 tenants with four routers each, without the
// network: 40000 series, all of which grew.
func BenchmarkVisit(b *testing.B) {
	const many = 200
	hosts, routers := map[string][]string{}, []router{}
	for i := range many {
		host := fmt.Sprintf("t%d.example.test", i)
		hosts[fmt.Sprintf("t%d", i)] = []string{host}
		for _, name := range []string{"t%d@file", "t%d-ws@file", "websecure-t%d@file", "websecure-t%d-ws@file"} {
			routers = append(routers, router{Name: fmt.Sprintf(name, i), Rule: "Host(`" + host + "`) && PathPrefix(`/`)", Service: fmt.Sprintf("odoo%d", i), Provider: "file"})
		}
	}
	registry := tenants(b, hosts)
	e := newEdge(b)
	made := target(b, e.config(), Options{Tenants: registry})
	pages := [2][]byte{[]byte(platformPage(many, 1)), []byte(platformPage(many, 2))}
	var batch *collectors.Batch
	visit := func(n int) {
		p, err := made.counters.read(pages[n%2])
		require.NoError(b, err)
		made.traffic.add(p.readings, made.owners, made.counters.take(p, start) == anew)
		builder := collectors.NewBuilder(made.Visits()[0].Key, start.Add(time.Duration(n)*time.Second)).After(batch)
		made.report(builder, p, same)
		batch = builder.Batch()
	}
	whose := func() { made.owners = newOwners(routers, registry.Current(), nil, nil) }
	b.Run("owners", func(b *testing.B) {
		for b.Loop() {
			whose()
		}
	})
	whose()
	visit(0)
	b.Run("page", func(b *testing.B) {
		b.SetBytes(int64(len(pages[0])))
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			visit(n)
		}
		b.ReportMetric(float64(batch.Len()), "samples")
	})
}
