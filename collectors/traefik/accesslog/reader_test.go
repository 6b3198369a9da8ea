package accesslog

import (
	"bytes"
	"context"
	"fmt"
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

// secrets is a line that has the canary wherever clients and users can write, or are named.
var secrets = strings.ReplaceAll(`{"ClientAddr":"C:1","ClientHost":"C","ClientPort":"C","ClientUsername":"C","DownstreamStatus":200,"Duration":5e8,`+
	`"OriginDuration":4e8,"RequestAddr":"C","RequestHost":"C.example.test","RequestMethod":"C","RequestPath":"/my/C?access_token=C","RequestProtocol":"C",`+
	`"RouterName":"alpha@file","ServiceName":"odoo@file","request_Authorization":"C","request_User-Agent":"C","origin_Set-Cookie":"C","C":"C","msg":"C",`+
	`"StartUTC":"2026-11-21T20:54:27Z"}`+"\n"+
	`C - C [21/Nov/2026:20:54:08 +0000] "C /C?C HTTP/2.0" 200 4908 "C" "C" 1 "alpha@file" "http://C" 972ms`+"\n"+
	`C {"broken C`+"\n"+`{"C`+"\n"+`{"C":"C"}`+"\n\x00C\n", "C", canary)

// desk is a log with its reader.
type desk struct {
	*Reader
	t     *testing.T
	log   string
	keep  string
	said  *bytes.Buffer
	batch *collectors.Batch
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{t: t, log: filepath.Join(dir, "access.log"), keep: filepath.Join(dir, "state.json"), said: &bytes.Buffer{}}
	d.write(string(asking(200, 1)))
	d.restart()
	require.Zero(t, d.requests(), "what was there before is not counted")
	return d
}

func configOf(path string) Config {
	c := DefaultConfig()
	c.Path = path
	return c
}

// restart is a new daemon with what the old one left.
func (d *desk) restart() {
	d.t.Helper()
	if d.Reader != nil {
		d.Close()
	}
	tenants := collectors.NewRegistry()
	tenants.Replace(clinics(d.t))
	var err error
	d.Reader, err = New(configOf(d.log), Options{
		Logger: slog.New(slog.NewTextHandler(d.said, nil)), Tenants: tenants, Tenant: byRouter, StatePath: d.keep,
	})
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

// asking is lines of n requests.
func asking(status, n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, `{"RequestMethod":"POST","RequestPath":"/jsonrpc","RequestHost":"tenant_alpha.example.test","DownstreamStatus":%d,"Duration":5e8}`+"\n", status), n)
}

// round is one visit's series.
func (d *desk) round() map[string]float64 {
	d.t.Helper()
	b := collectors.NewBuilder(collectors.Key{Collector: "traefik_log", Target: "edge"}, recorded)
	require.NoError(d.t, d.Collect(d.t.Context(), b))
	d.batch = b.Batch()
	return found(d.batch)
}

// settled is what the round after the next shows, when what is new has its value; the findings are the
// first one's.
func (d *desk) settled() map[string]float64 {
	d.t.Helper()
	d.round()
	findings := d.batch.Findings
	all := d.round()
	d.batch.Findings = findings
	return all
}

func (d *desk) requests() float64 {
	d.t.Helper()
	return d.settled()[`traefik_log_requests_total{tenant="alpha",workflow="partner_api",outcome="ok",verdict="good"}`]
}

func (d *desk) findings() []string {
	var names []string
	for _, f := range d.batch.Findings {
		names = append(names, f.Name)
	}
	return names
}

func TestRestartGoesOnWhereItStopped(t *testing.T) {
	d := newDesk(t)
	d.write(string(asking(200, 3)))
	require.Equal(t, 3.0, d.requests())
	require.Equal(t, 3.0, d.requests(), "each line once")
	d.write(string(asking(200, 2)))
	d.restart()
	require.Equal(t, 2.0, d.requests())
	require.NoError(t, os.Rename(d.log, d.log+".1"))
	d.write(string(asking(200, 1)))
	require.Equal(t, 3.0, d.requests())
}

// A day on which everything in the log is bad but two requests.
func TestBadDay(t *testing.T) {
	d := newDesk(t)
	whole := string(asking(200, 1))
	d.write(whole[:60])
	d.write("\n" + strings.Repeat("x", 1<<20) + "\n" + "\x7fELF\x00\x01\n" + "2026-11-21 19:37:53,936 1 INFO ? odoo: hello\n" + whole)
	d.write(strings.ReplaceAll(whole, "200", "777") + strings.ReplaceAll(whole, "Duration", "Dauer") + "\n" + whole + "half a li")
	require.NoError(t, os.Rename(d.log, d.log+".1"))
	d.write(strings.Repeat("{\n", 20))
	for range 2 {
		all := d.settled()
		require.Equal(t, 2.0, all[`traefik_log_requests_total{tenant="alpha",workflow="partner_api",outcome="ok",verdict="good"}`])
		for kind, n := range map[string]float64{
			"request": 2, "long": 1, "unfinished": 1, "binary": 1, "broken": 21, "foreign": 1, "incomplete": 1, "implausible": 1, "empty": 1,
		} {
			require.Equal(t, n, all[`traefik_log_lines_total{kind="`+kind+`"}`], kind)
		}
		require.Equal(t, 8, strings.Count(d.said.String(), "left out"), "said once for each reason")
		if d.batch.Findings != nil {
			require.Equal(t, []string{"access_log_unreadable"}, d.findings())
			require.Equal(t, "27 new lines of the access log are left out, most of them broken; 2 are requests.", d.batch.Findings[0].Text)
		}
	}
	require.Empty(t, d.findings(), "the second round had nothing new")
	d.write(strings.Repeat("{\n", 20) + string(asking(200, 20)))
	d.settled()
	require.Empty(t, d.findings(), "half of it can be read")
}

func TestLogIsNotThere(t *testing.T) {
	d := newDesk(t)
	hold, err := os.Open(d.log) // or the new file would get its inode
	require.NoError(t, err)
	defer hold.Close()
	require.NoError(t, os.Remove(d.log))
	d.restart()
	err = d.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, recorded))
	require.Equal(t, collectors.ReasonMissing, collectors.ReasonOf(err))
	d.write(string(asking(200, 2)))
	require.Equal(t, 2.0, d.requests())
	require.Equal(t, 1.0, d.round()[`traefik_log_gaps_total{}`])
}

func TestBehind(t *testing.T) {
	d := newDesk(t)
	d.Close()
	c := configOf(d.log)
	c.RoundBytes = 1 << 20
	var err error
	d.Reader, err = New(c, Options{StatePath: d.keep})
	require.NoError(t, err)
	line := string(asking(200, 1))
	n := 5<<20/len(line) + 1
	d.write(strings.Repeat(line, n))
	all := d.round()
	require.InDelta(t, 4<<20, all[`traefik_log_behind_bytes{}`], 1000)
	require.Equal(t, []string{"access_log_behind"}, d.findings())
	for range 5 {
		all = d.round()
	}
	require.Zero(t, all[`traefik_log_behind_bytes{}`])
	require.Empty(t, d.findings())
	require.Equal(t, float64(n), all[`traefik_log_lines_total{kind="request"}`])
	d.write("unfinished")
	require.Equal(t, 10.0, d.round()[`traefik_log_behind_bytes{}`])
	require.Empty(t, d.findings())
}

// Websockets that Odoo's HTTP workers answer: a setting that is wrong, of which nobody hears.
func TestWebsocketsRefused(t *testing.T) {
	d := newDesk(t)
	socket := func(status, n int) {
		d.write(strings.ReplaceAll(string(asking(status, n)), "/jsonrpc", "/websocket?version=1"))
		require.Zero(t, d.requests(), "a websocket is no request")
	}
	socket(502, 9)
	require.Empty(t, d.findings())
	socket(500, 4)
	socket(404, 1)
	require.Empty(t, d.findings())
	socket(500, 1)
	require.Equal(t, []string{"websockets_refused"}, d.findings())
	require.Equal(t, 14.0, d.round()[`traefik_log_sockets_total{tenant="alpha",outcome="failed"}`])
	socket(0, 1)
	require.Empty(t, d.findings())
}

func TestConforms(t *testing.T) {
	text := append(append(recording(t), secrets...), bytes.Repeat([]byte("{\n"), 3000)...)
	open := func(t *testing.T, logger *slog.Logger) (*Reader, string) {
		path := filepath.Join(t.TempDir(), canary+".log")
		tenants := collectors.NewRegistry()
		tenants.Replace(clinics(t))
		r, err := New(configOf(path), Options{Logger: logger, Tenants: tenants, Tenant: byRouter, StatePath: path + ".state"})
		require.NoError(t, err)
		t.Cleanup(r.Close)
		return r, path
	}
	key := collectors.Key{Collector: "traefik_log", Target: "edge"}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{canary}, Want: []string{"traefik_log_lines_total", "traefik_log_behind_bytes"},
		New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
			r, path := open(t, logger)
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			return collectors.Visit{Key: key, Collector: &growing{r, path, text}}
		},
		Broken: map[string]collectortest.Broken{
			"no log": {Reason: collectors.ReasonMissing, New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
				r, _ := open(t, logger)
				return collectors.Visit{Key: key, Collector: r}
			}},
			"a folder": {Reason: collectors.ReasonProtocol, New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
				r, path := open(t, logger)
				require.NoError(t, os.Mkdir(path, 0o700))
				return collectors.Visit{Key: key, Collector: r}
			}},
		},
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

// What is kept over a restart holds nothing of anybody either.
func TestStateHoldsNoSecrets(t *testing.T) {
	d := newDesk(t)
	d.write(secrets)
	all := d.settled()
	require.Equal(t, 2.0, all[`traefik_log_lines_total{kind="request"}`])
	require.Equal(t, 1.0, all[`traefik_log_requests_total{tenant="alpha",workflow="portal",outcome="ok",verdict="good"}`])
	state, err := os.ReadFile(d.keep)
	require.NoError(t, err)
	require.Contains(t, string(state), "alpha")
	for _, text := range []string{string(state), d.said.String(), string(collectortest.Text(d.batch)), fmt.Sprint(d.batch.Findings)} {
		require.NotContains(t, text, canary)
	}
}

// Whatever a line holds, nothing of it becomes a label but technical names.
func FuzzLine(f *testing.F) {
	for i, line := range bytes.Split(recording(f), []byte("\n")) {
		if i%50 == 0 {
			f.Add(line, true)
		}
	}
	for line := range strings.Lines(secrets) {
		f.Add([]byte(line), false)
	}
	f.Fuzz(func(t *testing.T, line []byte, whole bool) {
		tally := tallyOf(t, DefaultConfig())
		tally.add(logtail.Line{Text: line, Whole: whole})
		for series, value := range reported(tally) {
			require.Regexp(t, `^traefik_log_[a-z_]+\{((tenant="(alpha|gamma)"|(workflow|outcome|verdict|kind)="[a-z_]+"|le="[0-9.]+"|le="\+Inf"|(router|service)="[!-~]+"),?)*\}$`, series)
			require.GreaterOrEqual(t, value, 0.0, series)
			require.LessOrEqual(t, value, float64(recorded.Unix()+ahead), series)
		}
	})
}

// The whole way of a large log: from the file to the counts.
func BenchmarkCollect(b *testing.B) {
	text := bytes.Repeat(recording(b), 40)
	path := filepath.Join(b.TempDir(), "access.log")
	require.NoError(b, os.WriteFile(path, text, 0o600))
	c := configOf(path)
	c.FromStart = true
	b.SetBytes(int64(len(text)))
	measured(b, bytes.Count(text, []byte("\n")), func() {
		r, err := New(c, Options{Tenant: byRouter})
		require.NoError(b, err)
		require.NoError(b, r.Collect(b.Context(), collectors.NewBuilder(collectors.Key{Collector: "traefik_log", Target: "edge"}, time.Now())))
		r.Close()
	})
}
