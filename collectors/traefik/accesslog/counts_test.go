package accesslog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/collectors/logtail"
)

// recording is what Traefik 3.6 wrote of browsers and API clients at two tenants with Odoo 18 and
// 17, with faults of every kind.
func recording(t testing.TB) []byte {
	t.Helper()
	file, err := os.Open("testdata/access.json.gz")
	require.NoError(t, err)
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	return text
}

var recorded = time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC)

func clinics(t testing.TB) *collectors.Tenants {
	t.Helper()
	tenants, err := collectors.NewTenants([]collectors.Tenant{
		{Name: "alpha", Database: "a", Hosts: []string{"Tenant_Alpha.example.test"}},
		{Name: "gamma", Database: "g", Hosts: []string{"tenant_gamma.example.test", "erp.gamma.test"}},
	})
	require.NoError(t, err)
	return tenants
}

func byRouter(router, _ string) string {
	name := strings.TrimPrefix(router, "websecure-")
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, "-")
	return name
}

func tallyOf(t testing.TB, c Config) *tally {
	t.Helper()
	require.NoError(t, c.Validate())
	ready, err := newRules(c)
	require.NoError(t, err)
	tally := newTally(c, ready, byRouter)
	tally.begin(recorded, clinics(t))
	return tally
}

func (t *tally) addAll(text []byte) {
	for line := range bytes.Lines(text) {
		t.add(logtail.Line{Text: bytes.TrimSuffix(line, []byte("\n")), Whole: true})
	}
}

// reported is what a tally says, by series, when it is asked for the second time.
func reported(t *tally) map[string]float64 {
	t.report(collectors.NewBuilder(collectors.Key{}, recorded))
	b := collectors.NewBuilder(collectors.Key{Collector: "traefik_log", Target: "edge"}, recorded)
	t.report(b)
	return found(b.Batch())
}

func found(b *collectors.Batch) map[string]float64 {
	all := map[string]float64{}
	b.Each(func(string) bool { return true }, func(s collectors.Series) {
		all[s.Name()+"{"+strings.TrimPrefix(strings.TrimPrefix(s.Block(), `target="edge"`), ",")+"}"] = s.Value()
	})
	return all
}

// row is what somebody else counted in the recording, by a program of their own.
type row struct {
	Tenant, Workflow              string
	Lines, S5xx, S4xx, S429, S499 float64
}

// workflowOf is the row's name for one of our workflows.
var workflowOf = map[string]string{
	"login_page": "login page", "login": "login POST", "booking": "calendar save", "invoicing": "account.move buttons",
	"procurement": "purchase.order buttons", "button": "call_button without path", "data": "other call_kw",
	"partner_api": "jsonrpc, xmlrpc", "sockets": "websocket", "reports": "reports", "portal": "portal", "assets": "assets",
	"other": "other", "database_selector": "other",
}

func TestIndependentCounts(t *testing.T) {
	text, err := os.ReadFile("testdata/counts.json")
	require.NoError(t, err)
	var theirs struct{ Rows []row }
	require.NoError(t, json.Unmarshal(text, &theirs))
	want := map[[2]string]row{}
	for _, r := range theirs.Rows {
		if r.Workflow == "jsonrpc" || r.Workflow == "xmlrpc" {
			r.Workflow = "jsonrpc, xmlrpc"
		}
		r.Tenant = map[string]string{"tenant_alpha": "alpha", "tenant_gamma": "gamma"}[r.Tenant]
		key := [2]string{r.Tenant, r.Workflow}
		sum := want[key]
		want[key] = row{
			Lines: sum.Lines + r.Lines, S5xx: sum.S5xx + r.S5xx, S4xx: sum.S4xx + r.S4xx, S429: sum.S429 + r.S429, S499: sum.S499 + r.S499,
		}
	}

	tally := tallyOf(t, DefaultConfig())
	tally.addAll(recording(t))
	require.Equal(t, uint64(1392), tally.kinds[kindRequest].n)
	got := map[[2]string]row{}
	count := func(tenant string, workflow, outcome int, n float64) {
		key := [2]string{tenant, workflowOf[tally.rules.workflows[workflow]]}
		r := got[key]
		r.Lines += n
		switch name := tally.rules.outcomes[outcome]; name {
		case "failed":
			r.S5xx += n
		case "limited":
			r.S429 += n
			r.S4xx += n
		case "cancelled", "abandoned":
			r.S499 += n
			r.S4xx += n
		case "refused", "unrouted":
			r.S4xx += n
		case "no_database":
			if tally.rules.workflows[workflow] == "data" {
				r.S4xx += n
			}
		}
		if n > 0 {
			got[key] = r
		}
	}
	for name, c := range tally.tenants {
		for i, w := range c.works {
			for o, n := range w.outcomes {
				count(name, i, o, float64(n.n))
			}
		}
		for o, n := range c.sockets {
			count(name, tally.rules.workflow(Workflow{Name: "sockets"}), o, float64(n.n))
		}
	}
	require.Equal(t, want, got)
}

// What the histograms say, counted once more with encoding/json and a program that knows neither
// workflows nor outcomes.
func TestDurations(t *testing.T) {
	got := map[string]float64{}
	tally := tallyOf(t, DefaultConfig())
	tally.addAll(recording(t))
	for series, value := range reported(tally) {
		if strings.HasPrefix(series, "traefik_log_request_duration_seconds") && strings.Contains(series, `workflow="partner_api"`) {
			got[series] = value
		}
	}
	want := map[string]float64{}
	for line := range bytes.Lines(recording(t)) {
		var w wanted
		require.NoError(t, json.Unmarshal(line, &w))
		served, failed := w.DownstreamStatus < 400, w.DownstreamStatus >= 500 || w.DownstreamStatus == 499 && w.Duration >= 5e9
		if !regexp.MustCompile(`^/(jsonrpc|xmlrpc)\b`).MatchString(w.RequestPath) || !served && !failed {
			continue
		}
		name := func(suffix, le string) string {
			return fmt.Sprintf(`traefik_log_request_duration_seconds%s{tenant=%q,workflow="partner_api"%s}`, suffix, w.RequestHost[len("tenant_"):len("tenant_alpha")], le)
		}
		for _, le := range []string{"0.1", "0.25", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0"} {
			bound, err := strconv.ParseFloat(le, 64)
			require.NoError(t, err)
			if want[name("_bucket", `,le="`+le+`"`)] += 0; served && w.Duration <= bound*1e9 {
				want[name("_bucket", `,le="`+le+`"`)]++
			}
		}
		want[name("_bucket", `,le="+Inf"`)]++
		want[name("_count", "")]++
		if served {
			want[name("_sum", "")] += w.Duration / 1e9
		}
	}
	require.Len(t, want, 22)
	for series, value := range want {
		require.InDelta(t, value, got[series], 1e-6, series)
	}
	require.Len(t, got, len(want))
	alpha := func(le string) float64 {
		return got[`traefik_log_request_duration_seconds_bucket{tenant="alpha",workflow="partner_api",le="`+le+`"}`]
	}
	require.Equal(t, 6.0, alpha("+Inf")-alpha("30.0"), "a 502 is not fast, however soon it came")
}

var update = flag.Bool("update", false, "write the golden files anew")

// All that the recordings come to, in both formats.
func TestReport(t *testing.T) {
	common, err := os.ReadFile("testdata/access.clf")
	require.NoError(t, err)
	for name, text := range map[string][]byte{"json": recording(t), "common": common} {
		tally := tallyOf(t, DefaultConfig())
		tally.addAll(text)
		reported(tally)
		b := collectors.NewBuilder(collectors.Key{Collector: "traefik_log", Target: "edge"}, recorded)
		tally.report(b)
		page := collectortest.Text(b.Batch())
		golden := "testdata/report-" + name + ".txt"
		if *update {
			require.NoError(t, os.WriteFile(golden, page, 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(page))
	}
}

// The common format has no host: the router's name says whose a request is.
func TestCommonFormat(t *testing.T) {
	text, err := os.ReadFile("testdata/access.clf")
	require.NoError(t, err)
	want := map[string]float64{}
	for line := range bytes.Lines(text) {
		fields := commonForm.FindSubmatch(bytes.TrimSuffix(line, []byte("\n")))
		path, _, _ := strings.Cut(string(fields[3]), "?")
		if path != "/websocket" {
			want[byRouter(string(fields[5]), "")]++
		}
	}
	tally := tallyOf(t, DefaultConfig())
	tally.addAll(text)
	got := map[string]float64{}
	for series, n := range reported(tally) {
		if labels, found := strings.CutPrefix(series, "traefik_log_requests_total{"); found {
			tenant, _, _ := strings.Cut(strings.TrimPrefix(labels, `tenant="`), `"`)
			got[strings.TrimPrefix(tenant, "workflow=")] += n
		}
	}
	require.Equal(t, map[string]float64{"alpha": want["alpha"], "gamma": want["gamma"], "": want[""] + want["-"]}, got)
	require.Positive(t, got["alpha"])
	require.Positive(t, got["gamma"])
}

// However many lines: no memory is taken for one.
func TestNoAllocations(t *testing.T) {
	common, err := os.ReadFile("testdata/access.clf")
	require.NoError(t, err)
	lines := append(linesOf(recording(t)), linesOf(common)...)
	escaped := `{"RequestMethod":"GET","RequestPath":"/web\u002flogin","RequestHost":"TENANT_\u0061lpha.example.test","DownstreamStatus":2e2,"Duration":1.5e9}`
	lines = append(lines, logtail.Line{Text: []byte(escaped), Whole: true}, logtail.Line{Text: []byte("\x00foreign"), Whole: true})
	tally := tallyOf(t, DefaultConfig())
	require.Zero(t, testing.AllocsPerRun(3, func() {
		for _, line := range lines {
			tally.add(line)
		}
	}))
}

// Names without end, as whoever asks may invent them, take no memory and no series.
func TestBoundedByNames(t *testing.T) {
	tally := tallyOf(t, DefaultConfig())
	ask := func(i int) {
		line := fmt.Sprintf(`{"RequestMethod":"M%d","RequestPath":"/%d/x","RequestHost":"h%d.test","RouterName":"r%d@file","ServiceName":"s","DownstreamStatus":200,"Duration":1}`, i, i, i, i)
		tally.add(logtail.Line{Text: []byte(line), Whole: true})
	}
	for i := range 2 * mostRoutes {
		ask(i)
	}
	for _, name := range []string{`a b`, `ä`, strings.Repeat("x", longestName+1)} {
		line := fmt.Sprintf(`{"RequestMethod":"GET","RequestPath":"/","RequestHost":%q,"RouterName":%q,"DownstreamStatus":200,"Duration":1}`, name, name)
		tally.add(logtail.Line{Text: []byte(line), Whole: true})
	}
	all := reported(tally)
	require.Len(t, tally.routes, mostRoutes)
	require.Len(t, tally.tenants, 3)
	require.Equal(t, float64(mostRoutes+3), all[`traefik_log_route_requests_total{router="other",service="other"}`])
	require.Equal(t, float64(2*mostRoutes+3), all[`traefik_log_requests_total{workflow="other",outcome="ok",verdict="good"}`])

	tally.begin(recorded.Add(23*time.Hour), clinics(t))
	ask(1)
	tally.begin(recorded.Add(25*time.Hour), clinics(t))
	ask(3 * mostRoutes)
	require.Len(t, tally.routes, 2, "those that nobody took for a day made room")
}

// Tenants come, go and take their hosts with them.
func TestTenantsChange(t *testing.T) {
	tally := tallyOf(t, DefaultConfig())
	line := logtail.Line{Text: []byte(`{"RequestMethod":"GET","RequestPath":"/","RequestHost":"erp.GAMMA.test.","RouterName":"x@file","DownstreamStatus":200,"Duration":1}`), Whole: true}
	requests := func(tenant string) float64 {
		return reported(tally)[`traefik_log_requests_total{`+tenant+`workflow="other",outcome="ok",verdict="good"}`]
	}
	tally.add(line)
	require.Equal(t, 1.0, requests(`tenant="gamma",`))
	moved, err := collectors.NewTenants([]collectors.Tenant{{Name: "beta", Hosts: []string{"erp.gamma.test"}}})
	require.NoError(t, err)
	tally.begin(recorded, moved)
	tally.add(line)
	require.Equal(t, 1.0, requests(`tenant="beta",`))
	require.Zero(t, requests(`tenant="gamma",`))
	tally.begin(recorded, &collectors.Tenants{})
	tally.add(line)
	require.Equal(t, 1.0, requests(``))
}

// Every counter begins with 0, so that whoever follows it sees all of its growth, and has its value
// one round later; those that were there already have it at once.
func TestCountersBeginWithZero(t *testing.T) {
	tally := tallyOf(t, DefaultConfig())
	round := func() map[string]float64 {
		b := collectors.NewBuilder(collectors.Key{Target: "edge"}, recorded)
		tally.report(b)
		return found(b.Batch())
	}
	lines := linesOf(append(recording(t), "{\n"...))
	for _, line := range lines {
		tally.add(line)
	}
	first := round()
	for series, value := range first {
		if !strings.HasPrefix(series, "traefik_log_last_line") {
			require.Zero(t, value, series)
		}
	}
	for _, line := range lines {
		tally.add(line)
	}
	second := round()
	require.Len(t, second, len(first))
	require.Equal(t, 2.0, second[`traefik_log_lines_total{kind="broken"}`])
	require.Equal(t, 20.0, second[`traefik_log_requests_total{tenant="alpha",workflow="portal",outcome="ok",verdict="good"}`]+second[`traefik_log_requests_total{tenant="alpha",workflow="portal",outcome="redirected",verdict="good"}`])
	require.Equal(t, 20.0, second[`traefik_log_request_duration_seconds_count{tenant="alpha",workflow="portal"}`])
	require.Positive(t, second[`traefik_log_backend_seconds_total{tenant="alpha",workflow="portal"}`])
}

// A router that is another tenant's from now on is asked for in each round.
func TestRoutersChange(t *testing.T) {
	tally := tallyOf(t, DefaultConfig())
	line := logtail.Line{Text: []byte(`{"RequestMethod":"GET","RequestPath":"/","RequestHost":"x.test","RouterName":"r@file","DownstreamStatus":200,"Duration":1}`), Whole: true}
	for _, tenant := range []string{"alpha", "gamma", "nobody that is known"} {
		tally.owner = func(router, service string) string {
			require.Equal(t, "r@file ", router+" "+service)
			return tenant
		}
		tally.begin(recorded, tally.known)
		tally.add(line)
	}
	all := reported(tally)
	for _, tenant := range []string{`tenant="alpha",`, `tenant="gamma",`, ""} {
		require.Equal(t, 1.0, all[`traefik_log_requests_total{`+tenant+`workflow="other",outcome="ok",verdict="good"}`])
	}
}

func TestRetriesAndWhereTimeGoes(t *testing.T) {
	tally := tallyOf(t, DefaultConfig())
	tally.addAll([]byte(`{"RequestMethod":"GET","RequestPath":"/my","RequestHost":"tenant_alpha.example.test","DownstreamStatus":200,"Duration":3e9,"OriginDuration":2e9,"RetryAttempts":2}
{"RequestMethod":"GET","RequestPath":"/my","RequestHost":"tenant_alpha.example.test","DownstreamStatus":502,"Duration":1e9,"OriginDuration":4e9,"RetryAttempts":1}
`))
	all := reported(tally)
	require.Equal(t, 3.0, all[`traefik_log_retries_total{tenant="alpha"}`])
	require.Equal(t, 3.0, all[`traefik_log_backend_seconds_total{tenant="alpha",workflow="portal"}`])
	require.Equal(t, 1.0, all[`traefik_log_overhead_seconds_total{tenant="alpha",workflow="portal"}`])
}
