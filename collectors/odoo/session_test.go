package odoo

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// standIn serves tenant north as Odoo would.
func standIn(t *testing.T) (*seeds.Server, string) {
	t.Helper()
	stand, err := seeds.NewServer(seeds.ServerOptions{
		Tenants: []seeds.Tenant{{Database: "tenant_north", Series: seeds.Series18, Hosts: []string{"north.example.test"}}},
		Connect: func(context.Context, string) error { return nil },
		Note:    seeds.Canary,
	})
	require.NoError(t, err)
	site := httptest.NewServer(stand)
	t.Cleanup(site.Close)
	return stand, site.URL
}

// sessionAs is the check of tenant north with a user's session.
func sessionAs(t *testing.T, url, login string, set func(*Config)) collectors.Visit {
	t.Helper()
	c := site(url)
	c.Session.Login, c.Session.Password = login, promconfig.Secret(login)
	set(&c)
	target, err := New(c, Options{})
	require.NoError(t, err)
	t.Cleanup(target.Close)
	tenant := north
	tenant.Database = "tenant_north"
	visits := target.Visits([]collectors.Tenant{tenant})
	require.Len(t, visits, 3)
	require.Same(t, visits[2].Collector, target.Visits([]collectors.Tenant{tenant})[2].Collector)
	return visits[2]
}

func TestSessionIsKept(t *testing.T) {
	stand, url := standIn(t)
	v := sessionAs(t, url, seeds.Monitor, func(*Config) {})
	require.Equal(t, collectors.Key{Collector: "odoo_session", Target: "web", Tenant: "north"}, v.Key)
	require.Equal(t, 5*time.Minute, v.Interval)
	for range 3 {
		b := check(t, v)
		require.Equal(t, 1.0, value(t, b, "odoo_session_success"))
		require.Equal(t, 1.0, value(t, b, "odoo_websocket_health"))
		require.Positive(t, value(t, b, "odoo_session_call_duration_seconds"))
		require.Empty(t, b.Findings)
	}
	require.Equal(t, 1, stand.Logins())
	stand.Expire()
	require.Equal(t, OutcomeApplication, s(v).barred, "it is not opened again at once")
	b := check(t, v)
	require.Zero(t, value(t, b, "odoo_session_success"))
	s(v).loggedIn = time.Now().Add(-loginsApart)
	require.Equal(t, 1.0, value(t, check(t, v), "odoo_session_success"))
	require.Equal(t, 2, stand.Logins())
}

func s(v collectors.Visit) *Session { return v.Collector.(*Session) }

// An administrator's session is never used, and not opened again for a while.
func TestSessionOfAnAdministrator(t *testing.T) {
	stand, url := standIn(t)
	v := sessionAs(t, url, seeds.Admin, func(*Config) {})
	for n := range 3 {
		b := check(t, v)
		require.Equal(t, float64(n+1), value(t, b, "odoo_session_checks_total", "outcome", "administrator"))
		require.Equal(t, []string{"session_is_administrator"}, findings(b))
	}
	require.Empty(t, s(v).cookie)
	s(v).loggedIn = time.Now().Add(-administratorApart + time.Minute)
	check(t, v)
	require.Equal(t, 1, stand.Logins(), "each login overwrites web.base.url")
	s(v).loggedIn = time.Now().Add(-administratorApart)
	check(t, v)
	require.Equal(t, 2, stand.Logins(), "rights may have been taken away")
}

// Before series 16 there were long polls where there are websockets now.
func TestSessionOfSeries15(t *testing.T) {
	for name, polls := range map[string]float64{"served": 1, "missing": 0} {
		t.Run(name, func(t *testing.T) {
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/longpolling/health" && polls == 1:
					_, _ = w.Write([]byte(`{"status": "pass"}`))
				default:
					http.NotFound(w, r)
				}
			}))
			t.Cleanup(site.Close)
			b := check(t, sessionAs(t, site.URL, seeds.Monitor, func(*Config) {}))
			require.Equal(t, polls, value(t, b, "odoo_websocket_health"))
		})
	}
}

func TestSessionOutcomes(t *testing.T) {
	_, real := standIn(t)
	answering := func(status int, body string) string {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(site.Close)
		return site.URL
	}
	for name, tc := range map[string]struct {
		url, login string
		want       Outcome
		finding    string
	}{
		"wrong password":   {real, "nobody", OutcomeRefused, "session_refused"},
		"proxy":            {answering(502, "Bad Gateway"), seeds.Monitor, OutcomeServerError, "session_failing"},
		"a page":           {answering(200, "<html>"), seeds.Monitor, OutcomeUnexpected, "session_failing"},
		"no user":          {answering(200, `{"result": {"uid": false}}`), seeds.Monitor, OutcomeRefused, "session_refused"},
		"an odd result":    {answering(200, `{"result": {"is_admin": 7}}`), seeds.Monitor, OutcomeUnexpected, "session_failing"},
		"an empty answer":  {answering(200, `{}`), seeds.Monitor, OutcomeRefused, "session_refused"},
		"nobody listening": {nobody(t), seeds.Monitor, OutcomeUnreachable, "session_failing"},
	} {
		t.Run(name, func(t *testing.T) {
			b := check(t, sessionAs(t, tc.url, tc.login, func(*Config) {}))
			require.Equal(t, 1.0, value(t, b, "odoo_session_checks_total", "outcome", string(tc.want)))
			require.Zero(t, value(t, b, "odoo_session_success"))
			require.Equal(t, []string{tc.finding}, findings(b))
		})
	}
}

func TestSessionPasswordFromAFile(t *testing.T) {
	_, url := standIn(t)
	file := filepath.Join(t.TempDir(), "password")
	v := sessionAs(t, url, seeds.Monitor, func(c *Config) {
		c.Session.Password, c.Session.PasswordFile = "", file
		c.Session.Interval = model.Duration(time.Minute)
	})
	err := v.Collector.Collect(t.Context(), collectors.NewBuilder(v.Key, time.Now()))
	require.Equal(t, collectors.ReasonAuth, collectors.ReasonOf(err))
	require.NoError(t, os.WriteFile(file, []byte(seeds.Monitor+"\n"), 0o600))
	require.Equal(t, 1.0, value(t, check(t, v), "odoo_session_success"))
}

func TestSessionConforms(t *testing.T) {
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{seeds.Canary}, Want: []string{"odoo_session_success", "odoo_websocket_health"},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			_, url := standIn(t)
			return sessionAs(t, url, seeds.Monitor, func(*Config) {})
		},
	})
}
