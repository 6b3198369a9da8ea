package exposition

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	jobs = &collectors.Metric{
		Name: "odoo_queue_jobs", Labels: []string{"state", "channel"},
		Help: "Jobs by state and channel", Source: "queue_job",
	}
	overdue = &collectors.Metric{
		Name: "odoo_cron_overdue_seconds", Unit: "seconds",
		Help: "How late the \"most overdue\" cron is, of C:\\odoo\nor elsewhere", Source: "ir_cron",
	}
	reads = &collectors.Metric{
		Name: "pg_stat_database_blks_read_bytes_total", Type: collectors.Counter, Unit: "bytes",
		Help: "Bytes read", Source: "pg_stat_database",
	}
	waits = &collectors.Metric{
		Name: "odoo_wait_seconds", Type: collectors.Histogram, Unit: "seconds", Labels: []string{"channel"},
		Help: "How long jobs waited", Source: "queue_job",
	}
	up = &collectors.Metric{Name: "pg_up", Help: "Whether the cluster answers", Source: "a connection"}
)

var (
	cluster = collectors.Key{Collector: "postgres", Target: "main"}
	north   = collectors.Key{Collector: "odoo", Target: "main", Tenant: "north"}
	south   = collectors.Key{Collector: "odoo", Target: "main", Tenant: "south"}
)

// batch builds a Batch of what fill sets.
func batch(key collectors.Key, fill func(b *collectors.Builder)) *collectors.Batch {
	b := collectors.NewBuilder(key, time.Unix(1763759962, 0))
	fill(b)
	return b.Batch()
}

// platform is a Store with every type, label and number that matters in it.
func platform() *collectors.Store {
	store := collectors.NewStore()
	store.Put(batch(cluster, func(b *collectors.Builder) {
		b.Set(up, 1)
		b.SetFor("north", reads, 8192*1e6)
		b.SetFor("south", reads, 1e18)
	}))
	store.Put(batch(north, func(b *collectors.Builder) {
		b.Set(overdue, 1763759962.25)
		b.Set(jobs, 12, "pending", "root.mail")
		b.Set(jobs, 1, "started", `quote " backslash \ line`+"\n")
		b.Set(jobs, -0.5, "failed", "")
		b.SetHistogram("north", waits, collectors.Distribution{
			Bounds: []float64{0.5, 10}, Counts: []uint64{3, 2}, Over: 1, Sum: 99.5,
		}, "root")
	}))
	store.Put(batch(south, func(b *collectors.Builder) {
		b.Set(overdue, math.Inf(1))
		b.Set(jobs, math.Inf(-1), "pending", "ключ")
		b.Set(jobs, math.NaN(), "failed", "root")
		b.Set(jobs, 1e-7, "done", "root")
		b.Set(jobs, math.MaxFloat64, "done", "root.mail")
	}))
	return store
}

func serving(t testing.TB, store *collectors.Store, gatherer prometheus.Gatherer) *Exposition {
	t.Helper()
	e, err := New(Options{Store: store, Gatherer: gatherer})
	require.NoError(t, err)
	return e
}

const openMetrics = "application/openmetrics-text;version=1.0.0"

// get scrapes and returns the response, its body uncompressed.
func get(t testing.TB, handler http.Handler, accept, encoding string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, fmt.Sprint(w.Body.Len()), w.Header().Get("Content-Length"))
	if w.Header().Get("Content-Encoding") == "gzip" {
		return w, gunzip(t, w.Body.Bytes())
	}
	return w, w.Body.String()
}

func TestOptionsNameWhatIsMissing(t *testing.T) {
	_, err := New(Options{})
	require.ErrorContains(t, err, "Store")
}

func TestPageIsTheGoldenOne(t *testing.T) {
	for name, accept := range map[string]string{"page.txt": "", "page.openmetrics": openMetrics} {
		t.Run(name, func(t *testing.T) {
			_, body := get(t, serving(t, platform(), ownMetrics(t)), accept, "")
			golden := filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(body), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), body)
			_, unzipped := get(t, serving(t, platform(), ownMetrics(t)), accept, "gzip")
			require.Equal(t, body, unzipped)
		})
	}
}

// ownMetrics stands for what the daemon says of itself.
func ownMetrics(t testing.TB) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewRegistry()
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wardround_config_reloads_total", Help: "Reloads of the configuration",
	}, []string{"outcome"})
	reloads.WithLabelValues("success").Add(2)
	require.NoError(t, registry.Register(reloads))
	return registry
}

func TestWriteTextIsThePage(t *testing.T) {
	e := serving(t, platform(), ownMetrics(t))
	var text bytes.Buffer
	require.NoError(t, e.WriteText(&text))
	_, body := get(t, e, "", "")
	require.Equal(t, body, text.String())
}

func TestGzipOfTheMachineReadsThePage(t *testing.T) {
	e := serving(t, platform(), ownMetrics(t))
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	command := exec.CommandContext(t.Context(), "gzip", "-dc")
	command.Stdin = w.Body
	out, err := command.Output()
	require.NoError(t, err)
	_, body := get(t, e, "", "")
	require.Equal(t, body, string(out))
}

func TestCataloguePagesAreLintFree(t *testing.T) {
	store := collectors.NewStore()
	store.Put(batch(north, func(b *collectors.Builder) {
		for _, m := range collectors.Metrics() {
			if m.Type != collectors.Histogram {
				b.Set(m, 1, make([]string, len(m.Labels))...)
			}
		}
	}))
	_, body := get(t, serving(t, store, nil), "", "")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, len(collectors.Metrics()), strings.Count(body, "# TYPE "))
}

func TestNegotiation(t *testing.T) {
	const text, om1, om0 = "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=0.0.1"
	cases := []struct{ name, accept, encoding, wantType, wantEncoding string }{
		{"nothing said", "", "", text, ""},
		{"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "gzip, deflate, br", text, "gzip"},
		{"curl", "*/*", "", text, ""},
		{"Prometheus 3", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", "gzip", om1, "gzip"},
		{"Prometheus 3 with native histograms", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", "gzip", om1, "gzip"},
		{"protobuf only", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "gzip", text, "gzip"},
		{"vmagent", "text/plain;version=0.0.4;q=1,*/*;q=0.1", "gzip", text, "gzip"},
		{"the old OpenMetrics", "application/openmetrics-text", "gzip;q=1.0", om0, "gzip"},
		{"never gzip", "", "gzip;q=0", text, ""},
		{"never gzip, at length", "", "deflate, gzip ; Q=0.000, *", text, ""},
		{"anything", "", "*", text, "gzip"},
		{"anything but identity", "", "identity;q=0, *;q=0.5", text, "gzip"},
		{"nothing", "", "*;q=0", text, ""},
		{"another coding", "", "zstd, br;q=0.9", text, ""},
		{"a weight that is none", "", "gzip;q=much", text, ""},
		{"upper case", "", "GZIP", text, "gzip"},
	}
	e := serving(t, platform(), ownMetrics(t))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, body := get(t, e, c.accept, c.encoding)
			require.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), c.wantType), w.Header().Get("Content-Type"))
			require.Equal(t, c.wantEncoding, w.Header().Get("Content-Encoding"))
			require.Equal(t, "Accept, Accept-Encoding", w.Header().Get("Vary"))
			require.Equal(t, c.wantType != text, strings.HasSuffix(body, "# EOF\n"))
		})
	}
}

func TestConflictsNeverBreakThePage(t *testing.T) {
	asCounter := &collectors.Metric{Name: overdue.Name, Type: collectors.Histogram, Help: overdue.Help, Unit: overdue.Unit, Source: "x"}
	otherHelp := &collectors.Metric{Name: jobs.Name, Labels: jobs.Labels, Help: "Something else", Source: "x"}
	sameAgain := &collectors.Metric{Name: up.Name, Help: up.Help, Source: "x"}
	store := collectors.NewStore()
	store.Put(batch(north, func(b *collectors.Builder) {
		b.Set(overdue, 5)
		b.Set(jobs, 1, "done", "a")
		b.Set(up, 1)
	}))
	store.Put(batch(collectors.Key{Collector: "second", Target: "main", Tenant: "north"}, func(b *collectors.Builder) {
		b.SetHistogram("north", asCounter, collectors.Distribution{Sum: 1})
		b.Set(otherHelp, 2, "done", "a")
		b.Set(otherHelp, 3, "done", "b")
		b.SetFor("", sameAgain, 1)
	}))
	var log bytes.Buffer
	e, err := New(Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	_, body := get(t, e, "", "")
	require.Equal(t, `# HELP odoo_cron_overdue_seconds How late the "most overdue" cron is, of C:\\odoo\nor elsewhere
# TYPE odoo_cron_overdue_seconds gauge
odoo_cron_overdue_seconds{target="main",tenant="north"} 5
# HELP odoo_queue_jobs Jobs by state and channel
# TYPE odoo_queue_jobs gauge
odoo_queue_jobs{target="main",tenant="north",state="done",channel="a"} 1
odoo_queue_jobs{target="main",tenant="north",state="done",channel="b"} 3
# HELP pg_up Whether the cluster answers
# TYPE pg_up gauge
pg_up{target="main",tenant="north"} 1
pg_up{target="main"} 1
`, body)
	require.Equal(t, []string{
		"odoo_cron_overdue_seconds of second/main/north is a histogram, but a gauge elsewhere: left out",
		"odoo_queue_jobs of second/main/north has another help or unit than elsewhere",
		"odoo_queue_jobs has 1 series that two batches bring: the first is shown",
	}, e.Conflicts())

	store.Put(batch(south, func(b *collectors.Builder) { b.Set(up, 1) }))
	get(t, e, "", "")
	require.Equal(t, 1, strings.Count(log.String(), "\n"), "the same conflicts are logged once:\n%s", log.String())

	store.Drop(collectors.Key{Collector: "second", Target: "main", Tenant: "north"})
	require.Empty(t, e.Conflicts())
}

func TestNameOfTheDaemonsOwnThatACollectorHas(t *testing.T) {
	registry := ownMetrics(t)
	require.NoError(t, registry.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: up.Name, Help: "Another"})))
	var log bytes.Buffer
	e, err := New(Options{Store: platform(), Gatherer: registry, Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	for range 2 {
		_, body := get(t, e, "", "gzip")
		require.Equal(t, 1, strings.Count(body, "# TYPE pg_up "))
		require.Contains(t, body, "wardround_config_reloads_total")
	}
	require.Equal(t, 1, strings.Count(log.String(), "pg_up"))
}

func TestCounterWhoseShortNameIsTaken(t *testing.T) {
	short := &collectors.Metric{Name: strings.TrimSuffix(reads.Name, "_total"), Unit: "bytes", Help: "Bytes being read", Source: "x"}
	store := collectors.NewStore()
	e := serving(t, store, nil)
	other := collectors.Key{Collector: "other", Target: "main"}
	store.Put(batch(cluster, func(b *collectors.Builder) { b.Set(reads, 1) }))
	_, alone := get(t, e, openMetrics, "gzip")
	require.Contains(t, alone, "# TYPE pg_stat_database_blks_read_bytes counter\n# UNIT pg_stat_database_blks_read_bytes bytes\n")

	store.Put(batch(other, func(b *collectors.Builder) { b.Set(short, 1) }))
	_, both := get(t, e, openMetrics, "gzip")
	require.Contains(t, both, "# TYPE pg_stat_database_blks_read_bytes gauge\n")
	require.Contains(t, both, "# TYPE pg_stat_database_blks_read_bytes_total unknown\n")

	store.Drop(other)
	_, again := get(t, e, openMetrics, "gzip")
	require.Equal(t, alone, again)
}
