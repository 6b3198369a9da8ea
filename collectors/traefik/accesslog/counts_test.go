package accesslog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
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

// reported is what a tally says, by series.
func reported(t *tally) map[string]float64 {
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
	require.Equal(t, uint64(1392), tally.kinds[kindRequest])
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
		outcomes := len(tally.rules.outcomes)
		for i, n := range c.requests {
			count(name, i/outcomes, i%outcomes, float64(n))
		}
		for o, n := range c.sockets {
			count(name, tally.rules.workflow(Workflow{Name: "sockets"}), o, float64(n))
		}
	}
	require.Equal(t, want, got)
}
