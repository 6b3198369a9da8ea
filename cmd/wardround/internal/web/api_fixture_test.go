package web

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/slo"
)

// memory is a Record that holds everything in memory. Each instance has 9 good events and 1 bad one
// in each minute since its first.
type memory struct {
	rehearsed []Rehearsals
	standing  map[string]backup.Standing
	changes   []changes.Change
	asked     asked // for changes, last
	first     map[slo.Instance]time.Time
	periods   []Period
	fault     error // what reading says
	now       func() time.Time

	mu   sync.Mutex
	made map[string]Exclusion
}

func (m *memory) History(_ context.Context, instances []slo.Instance, edges []time.Time, raw bool) ([]slo.Tally, error) {
	all := make([]slo.Tally, len(edges)-1)
	for k := range all {
		for _, i := range instances {
			if first, known := m.first[i]; known {
				m.add(&all[k], i, latest(first, edges[k]), earliest(edges[k+1], m.now()), raw)
			}
		}
	}
	return all, m.fault
}

func latest(a, b time.Time) time.Time   { return time.Unix(max(a.Unix(), b.Unix()), 0) }
func earliest(a, b time.Time) time.Time { return time.Unix(min(a.Unix(), b.Unix()), 0) }

func (m *memory) add(t *slo.Tally, i slo.Instance, from, to time.Time, raw bool) {
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		t.Expected++
		if !raw && m.excluded(i, at) {
			t.Excluded++
			continue
		}
		t.Measured++
		t.Good, t.Bad = t.Good+9, t.Bad+1
	}
}

func (m *memory) excluded(i slo.Instance, at time.Time) bool {
	for _, x := range m.Exclusions() {
		if x.idle() == "" && x.Scope.Applies(i, "") && len(x.Spans(at, at.Add(time.Minute))) > 0 {
			return true
		}
	}
	return false
}

func (m *memory) Periods(_ context.Context, from, to time.Time) ([]Period, error) {
	var all []Period
	for _, p := range m.periods {
		if !p.From.Before(from) && (to.IsZero() || !p.To.After(to)) {
			all = append(all, p)
		}
	}
	return all, m.fault
}

func (m *memory) Exclusions() []Exclusion {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.made), func(a, b Exclusion) int { return cmp.Compare(a.ID, b.ID) })
}

func (m *memory) Exclude(_ context.Context, by string, x slo.Exclusion) (Exclusion, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kept, taken := m.made[x.ID]; taken {
		return kept, false, nil
	}
	kept := Exclusion{Exclusion: x, CreatedBy: by, Created: m.now().Add(-slo.Day)}
	m.made[x.ID] = kept
	return kept, true, m.fault
}

func (m *memory) Revoke(_ context.Context, by, id, why string) (Exclusion, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, found := m.made[id]
	if found && kept.Revoked.IsZero() {
		kept.Revoked, kept.RevokedBy, kept.RevokedWhy = m.now(), by, why
		m.made[id] = kept
	}
	return kept, found, m.fault
}

type asked struct {
	tenant string
	before time.Time
	within time.Duration
}

func (m *memory) Changes(tenant string, before time.Time, within time.Duration) []changes.Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = asked{tenant, before, within}
	return m.changes
}

func (m *memory) Standing(tenant collectors.Tenant, _ time.Time) backup.Standing {
	return m.standing[tenant.Name]
}

func (m *memory) Rehearsals() []Rehearsals {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat([]Rehearsals{{Tenant: "south"}}, m.rehearsed)
}

func (m *memory) Rehearsed(_ context.Context, by string, r backup.Rehearsal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Tenant == "nobody" {
		return &Fault{Status: http.StatusBadRequest, Code: "bad_body", Field: "tenant", Problem: "there is no tenant", Advice: "list them"}
	}
	r.Reporter = by
	m.rehearsed = append(m.rehearsed, Rehearsals{Tenant: r.Tenant, Last: r, Good: r, Due: now})
	return m.fault
}

// token is that of the sender called calendar.
const token = "a-token-that-is-nobody-elses"

// client asks the API and holds every question and answer against its description.
type client struct {
	testing.TB
	handler http.Handler
	router  routers.Router // nil: nothing is held against anything
	state   State
	memory  *memory
	tokens  map[string]promconfig.Secret
}

// newBareClient serves the state of the pages' tests, in its order.
func newBareClient(t testing.TB) *client {
	t.Helper()
	c := &client{TB: t, state: state(t), tokens: map[string]promconfig.Secret{"calendar": token, "other": "another-token"}}
	slices.SortFunc(c.state.Evaluations, func(a, b slo.Evaluation) int { return a.Instance.Compare(b.Instance) })
	c.memory = &memory{first: map[slo.Instance]time.Time{}, made: map[string]Exclusion{}, now: func() time.Time { return now }}
	for _, e := range c.state.Evaluations {
		c.memory.first[e.Instance] = now.Add(-40 * slo.Day)
	}
	c.handler = handler(t, func(o *Options) {
		o.State = func() State { return c.state }
		o.Logger = slog.New(slog.DiscardHandler)
		o.Record, o.Tokens = c.memory, func() map[string]promconfig.Secret { return c.tokens }
		o.Changes = func(kind string) http.Handler {
			if kind != "generic" {
				return nil
			}
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		}
	})
	return c
}

func newClient(t testing.TB) *client {
	t.Helper()
	c := newBareClient(t)
	doc, err := openapi3.NewLoader().LoadFromData(ask(c.handler, http.MethodGet, "/api/v1/openapi.yaml").Body.Bytes())
	require.NoError(t, err)
	c.router, err = legacy.NewRouter(doc)
	require.NoError(t, err)
	return c
}

// ask sends a request. What is answered with success must have been asked as described, and every
// answer must be as described.
func (c *client) ask(r *http.Request) *httptest.ResponseRecorder {
	c.Helper()
	var body bytes.Buffer
	if r.Body != nil {
		_, err := body.ReadFrom(r.Body)
		require.NoError(c, err)
		r.Body = http.NoBody
	}
	sent := r.Clone(c.Context())
	sent.Body = readCloser(body.String())
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, sent)

	route, path, err := c.router.FindRoute(r)
	require.NoError(c, err)
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: path, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
	}}
	if w.Code < http.StatusBadRequest {
		r.Body = readCloser(body.String())
		require.NoError(c, openapi3filter.ValidateRequest(c.Context(), input), "%s", r.URL)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: w.Code, Header: w.Header(), Options: input.Options}
	if w.Code != http.StatusNotModified {
		answer.SetBodyBytes(w.Body.Bytes())
	}
	require.NoError(c, openapi3filter.ValidateResponse(c.Context(), answer), "%s %s", r.URL, w.Body)
	return w
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

func readCloser(text string) nopCloser { return nopCloser{strings.NewReader(text)} }

func (c *client) get(path string) *httptest.ResponseRecorder {
	c.Helper()
	return c.ask(httptest.NewRequest(http.MethodGet, path, nil))
}

// send posts or deletes with the token.
func (c *client) send(method, path, body string) *httptest.ResponseRecorder {
	c.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	return c.ask(r)
}

// fleet makes the state one of n judged instances of n/2 tenants, in the order of the daemon's.
func fleet(t testing.TB, n int) (all []slo.Evaluation) {
	t.Helper()
	catalogue, err := slo.Catalogue()
	require.NoError(t, err)
	byName := byName(catalogue)
	for _, name := range []string{"login", "mail-on-time"} {
		judge := slo.NewJudge(byName[name])
		for k := range n / 2 {
			tally := slo.Tally{Counts: slo.Counts{Good: 1000, Bad: uint64(k % 3 * 100)}, Measured: int64(k % 11 * 10), Expected: 100}
			all = append(all, judge.Evaluate(slo.Input{
				Instance: slo.NewInstance(name, slo.Label{Name: "tenant", Value: fmt.Sprintf("clinic-%05d", k)}),
				Tier:     []string{"shared", "dedicated"}[k%2], At: now, Period: tally, Burn: func(time.Duration) slo.Tally { return tally },
			}))
		}
	}
	require.True(t, slices.IsSortedFunc(all, func(a, b slo.Evaluation) int { return a.Instance.Compare(b.Instance) }))
	return all
}
