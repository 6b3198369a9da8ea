package scrape

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// TestLyingPages shows what becomes of pages that are not what they should be: what is right is
// served, what is not is counted.
func TestLyingPages(t *testing.T) {
	old := time.Now().Add(-time.Hour).UnixMilli()
	for name, tc := range map[string]struct {
		page   string
		served string
		why    string
		n      float64
	}{
		"a gauge that was a counter": {"# TYPE x_total gauge\nx_total 1\n", "", skipName, 1},
		"a counter by name":          {"x_total{a=\"1\"} 1\n", "x_total{a=\"1\"} 1\n", "", 0},
		"a counter without its name": {"# TYPE x_count counter\nx_count 3\n", "x_count{} 3\n", "", 0},
		"a counter below zero":       {"# TYPE x_total counter\nx_total -1\n", "", skipValue, 1},
		"not a number":               {"x NaN\n", "", skipValue, 1},
		"an endless counter":         {"x_total +Inf\n", "", skipValue, 1},
		"an endless gauge":           {"x +Inf\n", "x{} +Inf\n", "", 0},
		"a summary":                  {"# TYPE x summary\nx{quantile=\"0.5\"} 1\nx_sum 1\nx_count 1\n", "", skipType, 3},
		"two types":                  {"# TYPE x gauge\nx 1\n# TYPE x counter\nx{a=\"2\"} 2\n", "x{} 1\n", skipType, 1},
		"named and of another type":  {"# TYPE named histogram\nnamed_bucket{le=\"+Inf\"} 1\nnamed_sum 1\nnamed_count 1\n", "", skipType, 3},
		"a histogram without lines":  {"# TYPE x histogram\nx 1\n", "", skipType, 1},
		"buckets that fall": {
			"# TYPE x histogram\nx_bucket{le=\"1\"} 5\nx_bucket{le=\"2\"} 3\nx_bucket{le=\"+Inf\"} 5\nx_sum 1\nx_count 5\n", "", skipBuckets, 5,
		},
		"buckets without an end": {"# TYPE x histogram\nx_bucket{le=\"1\"} 5\nx_sum 1\nx_count 5\n", "", skipBuckets, 3},
		"a count of its own":     {"# TYPE x histogram\nx_bucket{le=\"+Inf\"} 5\nx_sum 1\nx_count 4\n", "", skipBuckets, 3},
		"half an observation":    {"# TYPE x histogram\nx_bucket{le=\"+Inf\"} 0.5\nx_sum 1\nx_count 0.5\n", "", skipBuckets, 3},
		"a bucket twice":         {"# TYPE x histogram\nx_bucket{le=\"+Inf\"} 1\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n", "x_bucket{le=\"+Inf\"} 1\nx_count{} 1\nx_sum{} 1\n", skipDuplicate, 1},
		"the same twice":         {"x{a=\"1\"} 1\nx{a=\"1\"} 2\n", "x{a=\"1\"} 1\n", skipDuplicate, 1},
		"alike without the rest": {"x{a=\"1\",b=\"1\"} 1\nx{a=\"1\",b=\"2\"} 2\n", "x{a=\"1\"} 1\n", skipDuplicate, 1},
		"a long value":           {"x{a=\"" + strings.Repeat("v", 151) + "\"} 1\n", "", skipLabel, 1},
		"two lines in a value":   {"x{a=\"Mrs\\nMiller\"} 1\n", "", skipLabel, 1},
		"measured long ago":      {fmt.Sprintf("x 1 %d\n", old), "", skipStale, 1},
		"forged promises":        {"slo_burn_rate 0\nwardround_finding 0\n", "", skipTaken, 2},
		"a family of ours":       {"odoo_up 1\n", "", skipTaken, 1},
		"an exporter's like ours": {
			"# HELP pg_up Other words\n# TYPE pg_up gauge\npg_up 1\n", "pg_up{} 1\n", "", 0,
		},
		"of another type than ours": {"# TYPE pg_up counter\npg_up_total 1\n", "pg_up_total{} 1\n", "", 0},
		"capitals":                  {"node_memory_MemFree_bytes 5\n", "node_memory_MemFree_bytes{} 5\n", "", 0},
		"a name with dots":          {"{\"x.y\"} 5\n", "", skipName, 1},
		"too many series":           {many(25, "x{a=\"%d\"} 1\n"), many(20, "x{a=\"%d\"} 1\n"), skipSeries, 5},
		"too many families":         {many(12, "x%02d 1\n"), many(10, "x%02d{} 1\n"), skipFamilies, 2},
		"whose it is":               {"x{tenant=\"north\"} 1\nx{tenant=\"unknown\"} 2\n", "x{} 2\nx{tenant=\"north\"} 1\n", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := DefaultConfig()
			c.Name, c.URLs, c.MaxSeries, c.MaxFamilies = "cluster", []string{serving(t, fixed(tc.page))}, 20, 10
			families("*", "named")(&c)
			require.NoError(t, c.Validate())
			ours := collectors.Catalogue{{Name: "odoo_up", Help: "ours"}, {Name: "pg_up", Help: "ours"}}
			s, err := New(c, Options{Tenants: registry(t), Taken: ours})
			require.NoError(t, err)
			t.Cleanup(s.Close)

			batch := visit(t, s, time.Now())
			require.Equal(t, lines(tc.served), lines(foreign(batch)))
			require.Equal(t, tc.n, skipped(batch, tc.why))
			for _, f := range batch.Families {
				if f.Metric.Name == "pg_up" {
					require.Equal(t, "ours", f.Metric.Help, "one family on the page has one header")
				}
			}
		})
	}
}

func many(n int, line string) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, line, i)
	}
	return all.String()
}

func lines(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		all[line] = true
	}
	return all
}

// foreign are the series that are served under names of others.
func foreign(b *collectors.Batch) string {
	var kept strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text(b), `target="cluster"`, "")) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "wardround_") {
			if !strings.Contains(line, "{") {
				line = strings.Replace(line, " ", "{} ", 1)
			}
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// skipped is how many series were left out for a reason, or for any.
func skipped(b *collectors.Batch, why string) float64 {
	var n float64
	b.Each(func(name string) bool { return name == metricSkipped.Name }, func(s collectors.Series) {
		if why == "" || s.Get("reason") == why {
			n += s.Value()
		}
	})
	return n
}

func TestWhatAFamilyIsItStays(t *testing.T) {
	var page atomic.Value
	page.Store("# TYPE x gauge\nx 1\n")
	s := scraper(t, families("x*", "later_total"), serving(t, func() string { return page.Load().(string) }))
	require.Equal(t, []string{"later_total"}, names(s.Metrics()), "what is named is declared from the start")
	visit(t, s, time.Now())
	require.Equal(t, []string{"later_total", "x"}, names(s.Metrics()), "what a wildcard chose is declared when seen")
	page.Store("# TYPE x histogram\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n")
	batch := visit(t, s, time.Now())
	require.Empty(t, foreign(batch))
	require.InDelta(t, 3, skipped(batch, skipType), 0)
	page.Store("# TYPE x gauge\nx 2\n")
	require.Equal(t, "x{} 2\n", foreign(visit(t, s, time.Now())))
}

func names(c collectors.Catalogue) []string {
	all := make([]string, len(c))
	for i, m := range c {
		all[i] = m.Name
	}
	return all
}

func TestOpenMetrics(t *testing.T) {
	page := "# TYPE x counter\nx_total{a=\"1\"} 4 # {trace=\"CANARY\"} 1\nx_created{a=\"1\"} 1\n" +
		"# TYPE build info\nbuild_info{a=\"v1\"} 1\n# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n# EOF\n"
	s := scraper(t, families("*"), handling(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "openmetrics") {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		_, _ = fmt.Fprint(w, page)
	}))
	require.Equal(t, lines("build_info{a=\"v1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count{} 2\nh_sum{} 3\nx_total{a=\"1\"} 4\n"),
		lines(foreign(visit(t, s, time.Now()))))
}

func TestCombineAndWhere(t *testing.T) {
	page := "x{a=\"1\",b=\"1\"} 2\nx{a=\"1\",b=\"2\"} 5\nx{a=\"2\",b=\"3\"} 7\nx_total{a=\"1\",b=\"1\"} 2\nx_total{a=\"1\",b=\"2\"} 5\n"
	for combine, want := range map[string]string{
		sum:  "x{a=\"1\"} 7\nx_total{a=\"1\"} 2\n", // a sum of counters falls when one of them goes
		most: "x{a=\"1\"} 5\nx_total{a=\"1\"} 2\n",
	} {
		s := scraper(t, func(c *Config) {
			c.Families = []Selection{{Names: []string{"x*"}, Labels: []string{"a"}, Where: map[string]string{"b": "[12]"}, Combine: combine}}
		}, serving(t, fixed(page)))
		require.Equal(t, want, foreign(visit(t, s, time.Now())))
	}
}

func TestTenantRules(t *testing.T) {
	page := "x{namespace=\"clinic-north\",pod=\"a\"} 1\nx{namespace=\"ns7\",pod=\"b\"} 2\nx{host=\"NORTH.example.test\",pod=\"c\"} 3\nx{namespace=\"clinic-west\",pod=\"d\"} 4\nx{pod=\"e\",target=\"t\"} 5\n"
	rules := []TenantRule{
		{Label: "namespace", Pattern: "clinic-(?P<tenant>[a-z]+)"},
		{Label: "namespace", Map: map[string]string{"ns7": "south"}},
		{Label: "host", By: "host"},
	}
	for unattributed, rest := range map[string]string{
		keep: "x{pod=\"d\"} 4\nx{pod=\"e\",exported_target=\"t\"} 5\n",
		drop: "",
	} {
		s := scraper(t, func(c *Config) {
			c.Families = []Selection{{Names: []string{"x"}, Labels: []string{"pod", "target"}}}
			c.Tenants, c.Unattributed = rules, unattributed
		}, serving(t, fixed(page)))
		want := "x{tenant=\"north\",pod=\"a\"} 1\nx{tenant=\"south\",pod=\"b\"} 2\nx{tenant=\"north\",pod=\"c\"} 3\n" + rest
		if diff := cmp.Diff(lines(want), lines(foreign(visit(t, s, time.Now())))); diff != "" {
			t.Error(diff)
		}
	}
}

// TestOneEndpointOfSeveral shows that half a sum is not given out as a sum.
func TestOneEndpointOfSeveral(t *testing.T) {
	memory := func(pod string) string {
		return "# TYPE container_memory_working_set_bytes gauge\ncontainer_memory_working_set_bytes{namespace=\"north\",pod=\"" + pod +
			"\",container=\"odoo\",image=\"i\"} 100\n# TYPE container_oom_events_total counter\ncontainer_oom_events_total{namespace=\"north\",pod=\"" + pod + "\",container=\"odoo\"} 1\n"
	}
	var away atomic.Bool
	second := handling(t, func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, memory("b")+"kube_pod_status_phase{namespace=\"north\",pod=\"b\",phase=\"Running\"} 1\n")
	})
	nodes := "# TYPE kube_node_status_condition gauge\nkube_node_status_condition{node=\"a\",condition=\"Ready\",status=\"true\"} 1\nkube_pod_status_unschedulable{namespace=\"north\",pod=\"a\"} 1\nx 1\n"
	s := scraper(t, func(c *Config) {
		everything(c)
		c.Families = []Selection{{Names: []string{"x"}}}
	}, serving(t, fixed(memory("a")+nodes)), second)
	require.Contains(t, text(visit(t, s, time.Now())), "kubernetes_memory_working_set_bytes{tenant=\"north\"} 200\n")

	away.Store(true)
	page := text(visit(t, s, time.Now()))
	require.NotContains(t, page, "kubernetes_memory_working_set_bytes{tenant", "half of it")
	require.NotContains(t, page, "kubernetes_pods{", "some states of pods, and not the others")
	require.Contains(t, page, "kubernetes_nodes{state=\"ready\"} 1\n", "the other endpoint never said it")
	require.Contains(t, page, "kubernetes_oom_events_total{tenant=\"north\"} 0\n", "a counter stands still")
	require.Contains(t, page, "\nx 1\n")
	require.Contains(t, page, "indicator=\"kubernetes_memory_working_set_bytes\",reason=\"unreachable\"")

	away.Store(false)
	require.Contains(t, text(visit(t, s, time.Now())), "kubernetes_memory_working_set_bytes{tenant=\"north\"} 200\n")
}

func TestCountersGoOnOverAReload(t *testing.T) {
	var page atomic.Value
	at := func(n int) {
		page.Store(fmt.Sprintf("# TYPE container_oom_events_total counter\ncontainer_oom_events_total{namespace=\"north\",container=\"odoo\"} %d\n", n))
	}
	at(5)
	s := scraper(t, everything, serving(t, func() string { return page.Load().(string) }))
	visit(t, s, time.Now())
	at(7)
	visit(t, s, time.Now())
	without := s.config
	without.Rules = nil
	unused, err := New(without, Options{Tenants: registry(t), Previous: s})
	require.NoError(t, err)
	t.Cleanup(unused.Close)
	require.Contains(t, text(visit(t, s, time.Now())), "kubernetes_oom_events_total{tenant=\"north\"} 2\n", "a target that was not taken into use changes nothing")
	next, err := New(s.config, Options{Tenants: registry(t), Previous: s})
	require.NoError(t, err)
	t.Cleanup(next.Close)
	at(8)
	require.Contains(t, text(visit(t, next, time.Now())), "kubernetes_oom_events_total{tenant=\"north\"} 3\n")
}

func TestFindingsLastBeforeTheyAreTold(t *testing.T) {
	var ready atomic.Value
	ready.Store("0")
	s := scraper(t, everything, serving(t, func() string {
		return "kube_pod_status_phase{namespace=\"north\",pod=\"a\",phase=\"Running\"} 1\nkube_pod_status_ready{namespace=\"north\",pod=\"a\",condition=\"true\"} " + ready.Load().(string) + "\n"
	}))
	at := time.Now()
	require.Empty(t, visit(t, s, at).Findings)
	require.Empty(t, visit(t, s, at.Add(4*time.Minute)).Findings)
	require.Len(t, visit(t, s, at.Add(5*time.Minute)).Findings, 1)
	ready.Store("1")
	require.Empty(t, visit(t, s, at.Add(6*time.Minute)).Findings)
	ready.Store("0")
	require.Empty(t, visit(t, s, at.Add(12*time.Minute)).Findings, "it began anew")
}

// BenchmarkVisit is the page of a cluster with 5,000 pods, of which the rule set reads what it
// needs and a selection keeps 5,000 series.
func BenchmarkVisit(b *testing.B) {
	var page strings.Builder
	for i := range 5000 {
		for _, phase := range []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"} {
			fmt.Fprintf(&page, "kube_pod_status_phase{namespace=\"north\",pod=\"p%d\",uid=\"u%d\",phase=%q} %d\n", i, i, phase, len(phase)/7)
		}
		fmt.Fprintf(&page, "kube_pod_status_ready{namespace=\"north\",pod=\"p%d\",condition=\"true\"} 1\n", i)
		for j := range 14 {
			fmt.Fprintf(&page, "kube_pod_other_%d{namespace=\"north\",pod=\"p%d\",uid=\"u%d\"} 1\n", j, i, i)
		}
	}
	s := &Scraper{
		config: DefaultConfig(), declared: &declared{limit: 10, byName: map[string]*collectors.Metric{}},
		memory: &memory{skipped: map[string]uint64{}, sets: map[string]*derivation{"kubernetes": newDerivation(ruleSets["kubernetes"])}},
	}
	chosen, err := newSelection(Selection{Names: []string{"kube_pod_other_3"}, Labels: []string{"pod"}})
	require.NoError(b, err)
	s.chosen, s.tenants = []*selection{chosen}, collectors.NewRegistry()
	body := []byte(page.String())
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		read, err := read(body, "text/plain", time.Now(), s.config.MaxSeries, s.wants)
		require.NoError(b, err)
		s.write(collectors.NewBuilder(collectors.Key{Collector: "scrape", Target: "t"}, time.Now()), []answer{{page: read}})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("# TYPE x counter\nx_total{a=\"1\"} 1 123\n", "text/plain")
	f.Add("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n", "application/openmetrics-text")
	f.Add("{\"x.y\",a=\"b\"} 5\n", "")
	f.Add("# TYPE x gauge\n# TYPE x counter\nx 1\n", "text/plain")
	chosen, err := newSelection(Selection{Names: []string{"*"}, Labels: []string{"a"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, contentType string) {
		s := &Scraper{config: DefaultConfig(), declared: &declared{limit: 10, byName: map[string]*collectors.Metric{}}}
		page, err := read([]byte(body), contentType, time.Now(), 100, func(string) want { return want{selection: chosen} })
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(page.samples), 100)
		g := &gathering{scraper: s, owners: newAttribution(nil, &collectors.Tenants{}), skipped: map[string]int{}, cells: map[*collectors.Metric]map[string]*cell{}}
		for _, sample := range page.samples {
			g.add(sample)
		}
		b := collectors.NewBuilder(collectors.Key{Collector: "scrape", Target: "t"}, time.Now())
		require.LessOrEqual(t, g.emit(b), 100)
		b.Batch()
	})
}
