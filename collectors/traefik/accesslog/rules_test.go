package accesslog

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/logtail"
)

// told is what becomes of one request: method, path, status and what else a line says.
func told(t testing.TB, c Config, request string) string {
	t.Helper()
	fields := strings.Fields(request)
	tally := tallyOf(t, c)
	line := fmt.Sprintf(`{"RequestMethod":%q,"RequestPath":%q,"DownstreamStatus":%s,"Duration":1e9,"RequestHost":"tenant_alpha.example.test","RouterName":"a@file"%s}`,
		fields[0], fields[1], fields[2], strings.Join(append([]string{""}, fields[3:]...), ","))
	tally.add(logtail.Line{Text: []byte(line), Whole: true})
	require.Equal(t, uint64(1), tally.kinds[kindRequest].n, line)
	for series := range reported(tally) {
		if labels, found := strings.CutPrefix(series, `traefik_log_requests_total{tenant="alpha",workflow="`); found {
			return strings.NewReplacer(`",outcome="`, " ", `",verdict="`, " ", `"}`, "").Replace(labels)
		}
		if labels, found := strings.CutPrefix(series, `traefik_log_sockets_total{tenant="alpha",outcome="`); found {
			return "socket " + strings.TrimSuffix(labels, `"}`)
		}
	}
	return "nothing"
}

func TestWorkflowsAndOutcomes(t *testing.T) {
	table, err := os.ReadFile("testdata/requests.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(table)) {
		if request, want, found := strings.Cut(strings.TrimSpace(line), " -> "); found && request[0] != '#' {
			require.Equal(t, want, told(t, DefaultConfig(), request), request)
		}
	}
}

// Each status has an outcome, whatever else the request says, and no promise of a tenant depends
// on one that the table forgot.
func TestEveryStatusHasAnOutcome(t *testing.T) {
	ready, err := newRules(DefaultConfig())
	require.NoError(t, err)
	for status, endings := range ready.byStatus {
		if status > 0 && status < 100 {
			require.Empty(t, endings)
			continue
		}
		q := request{status: number{float64(status), true}, router: text{there: true}}
		require.NotEqual(t, other, ready.outcomes[ready.judge(&q, &parts{}, false)], status)
	}
	require.LessOrEqual(t, len(ready.workflows), mostWorkflows/2, "room for the operator's own")
	require.LessOrEqual(t, len(ready.outcomes), mostOutcomes/2+1)
}

func TestOperatorsOwn(t *testing.T) {
	c := DefaultConfig()
	c.Workflows = []Workflow{
		{Name: "telemedicine", Hosts: []string{"*.EXAMPLE.test"}, Paths: []string{"/visit/*/{start,end}"}},
		{Name: "booking", Methods: []string{"POST"}, Paths: []string{"/clinic/**"}},
		{Name: "elsewhere", Hosts: []string{"*.example.org"}},
		{Name: "events", Sockets: true, Paths: []string{"/events"}},
		{Name: "old_api", Paths: []string{"/xmlrpc/**", "/1/2/3/4/5/6/7/8/9/10/11/12"}},
	}
	c.Outcomes = []Outcome{
		{Name: "redirected", Verdict: "good", Statuses: []string{"303"}, Paths: []string{"/web/login"}},
		{Name: "slow", Verdict: "bad", Statuses: []string{"200-299"}, After: model.Duration(900e6), Methods: []string{"PUT"}, Hosts: []string{"tenant_*"}},
	}
	for request, want := range map[string]string{
		"GET /visit/7/start 200":                 "telemedicine ok good",
		"GET /visit/7/middle 200":                "other ok good",
		"POST /clinic 200":                       "booking ok good",
		"GET /clinic 200":                        "other ok good",
		"POST /jsonrpc 200":                      "partner_api ok good",
		"POST /xmlrpc/2/object 200":              "old_api ok good",
		"GET /1/2/3/4/5/6/7/8/9/10/11/12 200":    "old_api ok good",
		"GET /1/2/3/4/5/6/7/8/9/10/11/12/13 200": "other ok good",
		"GET /events 0":                          "socket ended",
		"GET /web/login 303":                     "login_page redirected good",
		"PUT /x 204":                             "other slow bad",
	} {
		require.Equal(t, want, told(t, c, request), request)
	}
}

func TestConfigProblems(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for want, change := range map[string]func(c *Config){
		"path: must be absolute":                               func(c *Config) { c.Path = "access.log" },
		"round_bytes: is 5; at least":                          func(c *Config) { c.RoundBytes = 5 },
		"bounds: are 0; write 1 to 20":                         func(c *Config) { c.Bounds = nil },
		"bounds[1]: must be above 0 and above the one before":  func(c *Config) { c.Bounds = []model.Duration{5, 5} },
		"spike.ratio: is 1; what is usual is 1":                func(c *Config) { c.Spike.Ratio = 1 },
		"workflows[0].name: is no lower case word":             func(c *Config) { c.Workflows = []Workflow{{Name: "John Smith", Paths: []string{"/"}}} },
		"workflows[0].paths: are missing":                      func(c *Config) { c.Workflows = []Workflow{{Name: "x"}} },
		`workflows[0].paths[0]: "x": write a path that begins`: func(c *Config) { c.Workflows = []Workflow{{Name: "x", Paths: []string{"x"}}} },
		`workflows[0].paths[1]: "/**/x": ** stands at the end`: func(c *Config) { c.Workflows = []Workflow{{Name: "x", Paths: []string{"/", "/**/x"}}} },
		`workflows[0].paths[0]: "/{a": write alternatives`:     func(c *Config) { c.Workflows = []Workflow{{Name: "x", Paths: []string{"/{a"}}} },
		`workflows[0].paths[0]: "/{a,b}{a,b}{a,b}": write a`:   func(c *Config) { c.Workflows = []Workflow{{Name: "x", Paths: []string{"/{a,b}{a,b}{a,b}"}}} },
		`workflows[0].paths[0]: "/a?b": write alternatives`:    func(c *Config) { c.Workflows = []Workflow{{Name: "x", Paths: []string{"/a?b"}}} },
		`workflows[0].paths[0]: "/1/2/3/4/5/6/7/8/9/1/2/3/4" has more than 12 parts`: func(c *Config) {
			c.Workflows = []Workflow{{Name: "x", Paths: []string{"/1/2/3/4/5/6/7/8/9/1/2/3/4"}}}
		},
		"workflows[0].paths: are 101":             func(c *Config) { c.Workflows = []Workflow{{Name: "x", Paths: make([]string, 101)}} },
		"workflows[0].methods[0]: is no method":   func(c *Config) { c.Workflows = []Workflow{{Name: "x", Paths: []string{"/"}, Methods: []string{"get"}}} },
		"workflows[0].hosts[0]: is no host name":  func(c *Config) { c.Workflows = []Workflow{{Name: "x", Hosts: []string{"a b"}}} },
		"workflows[0].sockets: differs":           func(c *Config) { c.Workflows = []Workflow{{Name: "login", Sockets: true, Paths: []string{"/"}}} },
		"workflows: are 45":                       func(c *Config) { c.Workflows = many(30) },
		"workflows: are 201":                      func(c *Config) { c.Workflows = many(201) },
		"outcomes[0].verdict: is \"fine\"":        func(c *Config) { c.Outcomes = []Outcome{{Name: "x", Verdict: "fine", Statuses: []string{"200"}}} },
		"outcomes[0].verdict: differs":            func(c *Config) { c.Outcomes = []Outcome{{Name: "ok", Verdict: "bad", Statuses: []string{"200"}}} },
		"outcomes[0].statuses: are missing":       func(c *Config) { c.Outcomes = []Outcome{{Name: "x", Verdict: "bad"}} },
		"outcomes[0].statuses[0]: \"600\" is nei": func(c *Config) { c.Outcomes = []Outcome{{Name: "x", Verdict: "bad", Statuses: []string{"600"}}} },
		"outcomes[0].statuses[0]: \"404-400\" is": func(c *Config) { c.Outcomes = []Outcome{{Name: "x", Verdict: "bad", Statuses: []string{"404-400"}}} },
	} {
		c := DefaultConfig()
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
		var field *collectors.FieldError
		require.ErrorAs(t, c.Validate(), &field)
		_, err := New(c, Options{})
		require.Error(t, err)
	}
}

func many(n int) []Workflow {
	var all []Workflow
	for i := range n {
		all = append(all, Workflow{Name: fmt.Sprintf("w%d", i), Paths: []string{"/x"}})
	}
	return all
}

func TestGlob(t *testing.T) {
	for pair, want := range map[string]bool{
		"a*c abc": true, "a*c ac": true, "a*c abcb": false, "* x": true, "*b*b* abab": true, "*b*b*b* abab": false, "a* ba": false, "a a": true, "a aa": false, "a** a": true,
	} {
		glob, text, _ := strings.Cut(pair, " ")
		require.Equal(t, want, globMatches(glob, []byte(text)), pair)
	}
	require.True(t, globMatches("*", nil))
	require.False(t, globMatches("a", nil))
}
