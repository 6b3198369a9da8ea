package exposition

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	gocollectors "github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// The platform of the benchmarks: each of 1,000 tenants is visited by one collector, which brings
// 100 families with the labels target, tenant and one of their own: 100,000 series.
const (
	benchFamilies = 100
	benchTenants  = 1000
)

var benchMetrics = newBenchMetrics()

func newBenchMetrics() collectors.Catalogue {
	var all collectors.Catalogue
	for i := range benchFamilies {
		all = append(all, &collectors.Metric{
			Name: fmt.Sprintf("odoo_bench_family_%03d_jobs", i), Labels: []string{"state"},
			Help: "One of the families that the benchmarks consist of", Source: "nowhere",
		})
	}
	return all
}

// benchValue is mostly counts, as on a real platform; every tenth family has fractions.
func benchValue(family, tenant, round int) float64 {
	n := (family*7919 + tenant*104729 + round*31) % 100003
	if family%10 == 0 {
		return float64(n) / 1000
	}
	return float64(n)
}

// visitAll puts a new Batch for every tenant; the first changed families have other values than
// in the round before.
func visitAll(store *collectors.Store, round, changed int) {
	for tenant := range benchTenants {
		key := collectors.Key{Collector: "odoo", Target: "main", Tenant: fmt.Sprintf("tenant_%04d", tenant)}
		before, _ := store.Get(key)
		b := collectors.NewBuilder(key, time.Unix(int64(round), 0)).After(before)
		for i, m := range benchMetrics {
			if i < changed {
				b.Set(m, benchValue(i, tenant, round), "pending")
			} else {
				b.Set(m, benchValue(i, tenant, 0), "pending")
			}
		}
		store.Put(b.Batch())
	}
}

// constMetrics is the peer: the same series, as a custom client_golang collector hands them over.
type constMetrics struct {
	descs   []*prometheus.Desc
	tenants []string
}

func newConstMetrics() *constMetrics {
	c := &constMetrics{}
	for tenant := range benchTenants {
		c.tenants = append(c.tenants, fmt.Sprintf("tenant_%04d", tenant))
	}
	for _, m := range benchMetrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.Name, m.Help, []string{"target", "tenant", "state"}, nil))
	}
	return c
}

func (c *constMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

func (c *constMetrics) Collect(ch chan<- prometheus.Metric) {
	for i, d := range c.descs {
		for tenant, name := range c.tenants {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, benchValue(i, tenant, 0), "main", name, "pending")
		}
	}
}

// discard is a client that reads as fast as it is written to.
type discard struct {
	header http.Header
	size   int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.size += len(p); return len(p), nil }

// cost is what scrapes took of the process: CPU time on all cores, and allocations.
type cost struct {
	cpu    time.Duration
	allocs uint64
}

func spent(tb testing.TB) cost {
	var usage syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return cost{cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), allocs: memory.Mallocs}
}

func (c cost) since(before cost) cost {
	return cost{cpu: c.cpu - before.cpu, allocs: c.allocs - before.allocs}
}

func (c cost) plus(o cost) cost { return cost{cpu: c.cpu + o.cpu, allocs: c.allocs + o.allocs} }

func (c cost) cpuMillis() float64 { return float64(c.cpu.Nanoseconds()) / 1e6 }

// scenario is a handler and what happens on the platform between two scrapes of it.
type scenario struct {
	handler  http.Handler
	encoding string
	between  func()
}

// scrape returns what one scrape costs on average, and the size of its body. What happens between
// scrapes is not counted, nor is the garbage of it: that is collected before.
func (s scenario) scrape(tb testing.TB, times int) (cost, int) {
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept-Encoding", s.encoding)
	client := &discard{header: http.Header{}}
	serve := func() {
		client.size = 0
		clear(client.header)
		s.handler.ServeHTTP(client, request)
	}
	batch := times // scrapes between which nothing happens are measured in one go
	if s.between != nil {
		batch = 1
	}
	var sum cost
	for done := 0; done < times; done += batch {
		if s.between != nil {
			s.between()
			runtime.GC()
		}
		before := spent(tb)
		for range batch {
			serve()
		}
		sum = sum.plus(spent(tb).since(before))
	}
	return cost{sum.cpu / time.Duration(times), sum.allocs / uint64(times)}, client.size
}

// situation is what happens on the platform between two scrapes: how many of the 100 families have
// other values at the next one; none visits at all where it is negative.
type situation struct {
	name    string
	changed int
}

var situations = []situation{
	{"all_changed", benchFamilies}, {"tenth_changed", benchFamilies / 10}, {"equal_values", 0}, {"unchanged", -1},
}

// ours is this package in one situation. It has the only Store, as in a daemon: each is made when
// its turn comes, so that collecting another's garbage does not empty the caches before a scrape.
func ours(tb testing.TB, of situation, encoding string, gatherer prometheus.Gatherer) scenario {
	store := collectors.NewStore()
	e, err := New(Options{Store: store, Gatherer: gatherer})
	require.NoError(tb, err)
	visitAll(store, 0, 0)
	s := scenario{handler: e, encoding: encoding}
	if round := 0; of.changed >= 0 {
		s.between = func() {
			round++
			visitAll(store, round, of.changed)
		}
	}
	s.scrape(tb, 1)
	return s
}

func peer(tb testing.TB, encoding string) scenario {
	registry := prometheus.NewRegistry()
	require.NoError(tb, registry.Register(newConstMetrics()))
	return scenario{handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), encoding: encoding}
}

// daemonMetrics is what the daemon says of itself: about as much as any Go program.
func daemonMetrics(tb testing.TB) prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	require.NoError(tb, registry.Register(gocollectors.NewGoCollector()))
	require.NoError(tb, registry.Register(gocollectors.NewProcessCollector(gocollectors.ProcessCollectorOpts{})))
	return registry
}

func BenchmarkScrape(b *testing.B) {
	measure := func(name string, scenarioOf func(b *testing.B) scenario) {
		b.Run(name, func(b *testing.B) {
			per, size := scenarioOf(b).scrape(b, b.N)
			b.ReportMetric(per.cpuMillis(), "cpu-ms/op")
			b.ReportMetric(float64(per.allocs), "mallocs/op")
			b.ReportMetric(float64(size), "body-bytes")
		})
	}
	for _, encoding := range []string{"gzip", "identity"} {
		measure("promhttp/"+encoding, func(b *testing.B) scenario { return peer(b, encoding) })
		for _, of := range situations {
			measure("ours/"+of.name+"/"+encoding, func(b *testing.B) scenario { return ours(b, of, encoding, nil) })
		}
		measure("ours_with_own/unchanged/"+encoding, func(b *testing.B) scenario {
			return ours(b, situation{changed: -1}, encoding, daemonMetrics(b))
		})
	}
}

// BenchmarkScrapeRatio says how many times as much promhttp takes as we do, for the same series in
// the same encoding. The two take turns, so that what else the machine does strikes both.
func BenchmarkScrapeRatio(b *testing.B) {
	for _, encoding := range []string{"gzip", "identity"} {
		for _, of := range situations {
			b.Run(of.name+"/"+encoding, func(b *testing.B) {
				ours, peer := ours(b, of, encoding, nil), peer(b, encoding)
				times := 3
				if ours.between == nil {
					times = 200
				}
				var theirs, mine cost
				for range b.N {
					one, _ := peer.scrape(b, 1)
					theirs = theirs.plus(one)
					one, _ = ours.scrape(b, times)
					mine = mine.plus(one)
				}
				b.ReportMetric(theirs.cpuMillis()/mine.cpuMillis(), "cpu-ratio")
				b.ReportMetric(theirs.cpuMillis()/float64(b.N), "promhttp-cpu-ms")
				b.ReportMetric(float64(theirs.allocs)/float64(mine.allocs), "alloc-ratio")
			})
		}
	}
}

// BenchmarkMemory is what 100,000 series hold: as batches, and in all after they were scraped.
func BenchmarkMemory(b *testing.B) {
	held := func() float64 {
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return float64(memory.HeapAlloc) / 1e6
	}
	for range b.N {
		before := held()
		store := collectors.NewStore()
		visitAll(store, 0, 0)
		batches := held()
		e, err := New(Options{Store: store})
		require.NoError(b, err)
		for round := range 3 {
			visitAll(store, round, benchFamilies)
			e.page(form{gzip: true})
		}
		b.ReportMetric(batches-before, "batches-MB")
		b.ReportMetric(held()-before, "scraped-MB")
		runtime.KeepAlive(e)
	}
}
