package odoolog

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/collectors/logtail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "CANARY-7f3a"

// desk is a log with its reader.
type desk struct {
	*Reader
	t    *testing.T
	log  string
	keep string
}

// newDesk is a reader at the end of a log that has a line already.
func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{t: t, log: filepath.Join(dir, "odoo.log"), keep: filepath.Join(dir, "state.json")}
	d.write(request(1))
	d.restart()
	require.Zero(t, d.requests(), "what was there before is not counted")
	return d
}

func tenantOf(database string) string {
	return map[string]string{"tenant_north": "north", "tenant_south": "south"}[database]
}

// restart is a new daemon with what the old one left.
func (d *desk) restart() {
	d.t.Helper()
	if d.Reader != nil {
		d.Close()
	}
	var err error
	d.Reader, err = New(Config{Path: d.log, Loggers: []string{"odoo.addons.clinic"}}, Options{Tenant: tenantOf, StatePath: d.keep})
	require.NoError(d.t, err)
	d.t.Cleanup(d.Close)
}

func (d *desk) write(text string) {
	d.t.Helper()
	f, err := os.OpenFile(d.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(d.t, err)
	_, err = f.WriteString(text)
	require.NoError(d.t, err)
	require.NoError(d.t, f.Close())
}

// request is lines of n requests.
func request(n int) string {
	return strings.Repeat(`2026-11-21 19:37:53,936 19355 INFO tenant_north werkzeug: 127.0.0.1 - - [21/Nov/2026 19:37:53] "GET /web/login HTTP/1.1" 200 - 5 0.010 0.030`+"\n", n)
}

func (d *desk) collect() *collectors.Batch {
	d.t.Helper()
	b := collectors.NewBuilder(collectors.Key{Collector: "odoo_log", Target: "erp"}, time.Now())
	require.NoError(d.t, d.Collect(d.t.Context(), b))
	return b.Batch()
}

// requests is how many were counted.
func (d *desk) requests() float64 {
	d.t.Helper()
	return found(d.collect())[`odoo_log_requests_total{target="erp",tenant="north",class="2xx"}`]
}

func found(b *collectors.Batch) map[string]float64 {
	all := map[string]float64{}
	b.Each(func(string) bool { return true }, func(s collectors.Series) { all[s.Name()+"{"+s.Block()+"}"] = s.Value() })
	return all
}

func TestWhatIsCounted(t *testing.T) {
	fixture, err := os.ReadFile("testdata/odoo.log")
	require.NoError(t, err)
	require.Contains(t, string(fixture), canary)
	d := newDesk(t)
	d.write(string(fixture))
	got := found(d.collect())
	for series, want := range map[string]float64{
		`odoo_log_requests_total{tenant="north",class="1xx"}`:                            1,
		`odoo_log_requests_total{tenant="north",class="2xx"}`:                            4,
		`odoo_log_requests_total{tenant="north",class="3xx"}`:                            1,
		`odoo_log_requests_total{tenant="north",class="5xx"}`:                            1,
		`odoo_log_requests_total{tenant="south",class="4xx"}`:                            1,
		`odoo_log_requests_total{class="2xx"}`:                                           1,
		`odoo_log_requests_total{class="3xx"}`:                                           1,
		`odoo_log_request_duration_seconds_count{tenant="north"}`:                        6,
		`odoo_log_request_duration_seconds_bucket{tenant="north",le="0.05"}`:             4,
		`odoo_log_request_duration_seconds_bucket{tenant="north",le="1.0"}`:              5,
		`odoo_log_request_duration_seconds_bucket{tenant="north",le="2.0"}`:              6,
		`odoo_log_request_sql_seconds_total{tenant="south"}`:                             0.162,
		`odoo_log_request_python_seconds_total{tenant="south"}`:                          0.732,
		`odoo_log_request_queries_total{tenant="south"}`:                                 90,
		`odoo_log_hidden_errors_total{tenant="north"}`:                                   1,
		`odoo_log_hidden_errors_total{tenant="south"}`:                                   0,
		`odoo_log_user_errors_total{tenant="north"}`:                                     1,
		`odoo_log_errors_total{tenant="north",logger="odoo.http"}`:                       2,
		`odoo_log_errors_total{tenant="north",logger="odoo.addons.base.models.ir_cron"}`: 1,
		`odoo_log_errors_total{tenant="south",logger="odoo.addons.clinic"}`:              1,
		`odoo_log_errors_total{tenant="south",logger="other"}`:                           1,
		`odoo_log_errors_total{tenant="south",logger="odoo.addons.mail"}`:                1,
		`odoo_log_errors_total{logger="odoo.service"}`:                                   1,
		`odoo_log_events_total{tenant="north",event="cron_failed"}`:                      1,
		`odoo_log_events_total{tenant="south",event="cron_failed"}`:                      2,
		`odoo_log_cron_failures_total{tenant="north",cron_id="28"}`:                      1,
		`odoo_log_cron_failures_total{tenant="south",cron_id="26"}`:                      1,
		`odoo_log_cron_failures_total{tenant="south",cron_id="other"}`:                   1,
		`odoo_log_events_total{tenant="south",event="database_skipped"}`:                 2,
		`odoo_log_events_total{event="worker_timeout"}`:                                  1,
		`odoo_log_events_total{event="worker_memory"}`:                                   1,
		`odoo_log_events_total{tenant="north",event="worker_cpu"}`:                       1,
		`odoo_log_events_total{event="database_unreachable"}`:                            1,
		`odoo_log_events_total{event="runner_retries"}`:                                  1,
		`odoo_log_events_total{tenant="north",event="registry_unusable"}`:                1,
		`odoo_log_events_total{tenant="north",event="access_denied"}`:                    1,
		`odoo_log_events_total{tenant="north",event="login_failed"}`:                     1,
		`odoo_log_events_total{tenant="north",event="job_asked"}`:                        1,
		`odoo_log_events_total{event="runner_ready"}`:                                    1,
		`odoo_log_job_runner_ready_timestamp_seconds{tenant="north"}`:                    float64(time.Date(2026, 11, 21, 19, 26, 38, 0, time.UTC).Unix()) + 0.879,
		`odoo_log_last_line_timestamp_seconds{}`:                                         float64(time.Date(2026, 11, 21, 19, 59, 59, 0, time.UTC).Unix()) + 0.5,
		`odoo_log_behind_bytes{}`:                                                        0,
		`odoo_log_lines_total{kind="other"}`:                                             4,
	} {
		name, labels, _ := strings.Cut(series, "{")
		labels = strings.TrimSuffix(`{target="erp",`+labels, ",}")
		if !strings.HasSuffix(labels, "}") {
			labels += "}"
		}
		value, there := got[name+labels]
		require.True(t, there, name+labels)
		require.InDelta(t, want, value, 1e-6, series)
	}
	for series := range got {
		require.NotContains(t, series, canary)
		require.NotContains(t, series, "nobody")
	}
}

func TestRestartGoesOnWhereItStopped(t *testing.T) {
	d := newDesk(t)
	d.write(request(3))
	require.Equal(t, 3.0, d.requests())
	d.write(request(2))
	d.restart()
	require.Equal(t, 2.0, d.requests())
}

// Of a line that is not whole no number counts.
func TestLongLine(t *testing.T) {
	d := newDesk(t)
	whole := strings.TrimSuffix(request(1), "\n")
	d.write(whole + strings.Repeat(" ", logtail.LongestLine) + "\n" + whole + "\n")
	require.Equal(t, 1.0, d.requests())
}

func TestLogIsNotThere(t *testing.T) {
	d := newDesk(t)
	require.NoError(t, os.Remove(d.log))
	d.restart()
	err := d.Collect(t.Context(), collectors.NewBuilder(collectors.Key{Collector: "odoo_log", Target: "erp"}, time.Now()))
	require.Equal(t, collectors.ReasonMissing, collectors.ReasonOf(err))
	require.NotContains(t, err.Error(), d.log)
}

func TestConfigProblems(t *testing.T) {
	require.NoError(t, Config{Path: "/var/log/odoo.log", Loggers: []string{"odoo.addons.clinic"}}.Validate())
	for path, c := range map[string]Config{
		"path": {Path: "odoo.log"}, "loggers[0]": {Loggers: []string{"John Smith"}}, "loggers": {Loggers: make([]string, 51)},
	} {
		var field *collectors.FieldError
		require.ErrorAs(t, c.Validate(), &field)
		require.Equal(t, path, field.Path)
	}
}

func TestConforms(t *testing.T) {
	fixture, err := os.ReadFile("testdata/odoo.log")
	require.NoError(t, err)
	open := func(t *testing.T, path string) collectors.Visit {
		r, err := New(Config{Path: path}, Options{Tenant: tenantOf})
		require.NoError(t, err)
		t.Cleanup(r.Close)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "odoo.log"), nil, 0o600))
		return collectors.Visit{Key: collectors.Key{Collector: "odoo_log", Target: "erp"}, Collector: &growing{r, path, fixture}}
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{canary, "tenant_of_nobody"},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			return open(t, filepath.Join(t.TempDir(), "odoo.log"))
		},
		Broken: map[string]collectortest.Broken{"no log": {Reason: collectors.ReasonMissing, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			r, err := New(Config{Path: filepath.Join(t.TempDir(), canary+".log")}, Options{})
			require.NoError(t, err)
			return collectors.Visit{Key: collectors.Key{Collector: "odoo_log", Target: "erp"}, Collector: r}
		}}},
	})
}

// growing writes to the log after the first visit.
type growing struct {
	*Reader
	path string
	more []byte
}

func (g *growing) Collect(ctx context.Context, b *collectors.Builder) error {
	err := g.Reader.Collect(ctx, b)
	if err == nil && g.more != nil {
		err = os.WriteFile(g.path, g.more, 0o600)
		g.more = nil
	}
	return err
}

// Whatever a line holds, nothing of it becomes a label but what is on the lists.
func FuzzLine(f *testing.F) {
	fixture, err := os.ReadFile("testdata/odoo.log")
	require.NoError(f, err)
	for _, text := range bytes.Split(fixture, []byte("\n")) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tally := newTally(Config{})
		tally.tenant = tenantOf
		tally.add(logtail.Line{Text: text, Whole: true})
		b := collectors.NewBuilder(collectors.Key{Collector: "odoo_log", Target: "erp"}, time.Now())
		tally.report(b)
		for series, value := range found(b.Batch()) {
			require.Regexp(t, `^odoo_log_[a-z_]+\{target="erp"(,tenant="(north|south)")?(,(class|logger|event|cron_id|kind|le)="[a-z0-9_.+I]+[a-z0-9_]*")?\}$`, strings.ReplaceAll(series, "+Inf", "inf"))
			require.GreaterOrEqual(t, value, -1e11)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	fixture, err := os.ReadFile("testdata/odoo.log")
	require.NoError(b, err)
	lines := bytes.SplitAfter(fixture, []byte("\n"))
	tally := newTally(Config{})
	tally.tenant = tenantOf
	b.SetBytes(int64(len(fixture)))
	for b.Loop() {
		for _, text := range lines {
			tally.add(logtail.Line{Text: text, Whole: true})
		}
	}
}
