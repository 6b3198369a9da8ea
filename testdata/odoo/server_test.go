package odoo_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/odoo"
)

// site is a stand-in for two tenants, one of them without a database.
type site struct {
	t      *testing.T
	stand  *odoo.Server
	url    string
	client *http.Client
}

func newSite(t *testing.T, coldStart time.Duration) site {
	t.Helper()
	stand, err := odoo.NewServer(odoo.ServerOptions{
		ColdStart: coldStart, Note: odoo.Canary,
		Tenants: []odoo.Tenant{
			{Database: "alpha", Series: odoo.Series18, Hosts: []string{"alpha.example.test"}},
			{Database: "gamma", Series: odoo.Series17, Hosts: []string{"gamma.example.test"}},
			{Database: "gone", Series: odoo.Series18, Hosts: []string{"gone.example.test"}},
		},
		Connect: func(_ context.Context, database string) error {
			if database == "gone" {
				return errors.New("refused")
			}
			return nil
		},
	})
	require.NoError(t, err)
	server := httptest.NewServer(stand)
	t.Cleanup(server.Close)
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return site{t: t, stand: stand, url: server.URL, client: client}
}

func (s site) request(ctx context.Context, method, host, path string) (*http.Response, string, error) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	require.NoError(s.t, err)
	req.Host = host
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func (s site) ask(method, host, path string) (*http.Response, string) {
	s.t.Helper()
	resp, body, err := s.request(s.t.Context(), method, host, path)
	require.NoError(s.t, err)
	return resp, body
}

func TestAnswersAsRecorded(t *testing.T) {
	s := newSite(t, 0)
	for _, tc := range []struct {
		name, method, host, path string
		status                   int
		body                     string
	}{
		{"login", "GET", "alpha.example.test", "/web/login", 200, `class="oe_login_form"`},
		{"login of series 17", "GET", "www.gamma.example.test:80", "/web/login", 200, `name="csrf_token"`},
		{"database out of reach", "GET", "gone.example.test", "/web/login", 303, "/web/database/selector</a>"},
		{"no tenant", "GET", "nosuch.example.test", "/web/login", 303, "/web/database/selector</a>"},
		{"selector", "GET", "nosuch.example.test", "/web/database/selector", 200, "o_database_list"},
		{"health knows nothing", "GET", "gone.example.test", "/web/health", 200, `{"status": "pass"}`},
		{"health with server state", "GET", "gone.example.test", "/web/health?db_server_status=1", 200, `{"status": "pass", "db_server_status": true}`},
		{"series 17 ignores the parameter", "GET", "gamma.example.test", "/web/health?db_server_status=1", 200, `{"status": "pass"}`},
		{"websocket", "GET", "alpha.example.test", "/websocket/health", 200, `{"status": "pass"}`},
		{"websocket without a tenant", "GET", "gone.example.test", "/websocket/health", 404, "Not Found"},
		{"list", "POST", "alpha.example.test", "/web/database/list", 200, `["alpha"]`},
		{"list without a tenant", "POST", "gone.example.test", "/web/database/list", 200, `[]`},
		{"version", "POST", "gamma.example.test", "/web/webclient/version_info", 200, `"server_serie":"17.0"`},
		{"root", "GET", "alpha.example.test", "/", 303, `href="/odoo"`},
		{"unknown", "GET", "alpha.example.test", "/json/version", 404, "Not Found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := s.ask(tc.method, tc.host, tc.path)
			require.Equal(t, tc.status, resp.StatusCode)
			require.Contains(t, body, tc.body)
			require.Equal(t, "wardround-odoo-stand-in", resp.Header.Get("Server"))
		})
	}
	resp, body := s.ask("GET", "gone.example.test", "/web/login")
	require.Equal(t, "/web/database/selector", resp.Header.Get("Location"))
	require.NotContains(t, body, "oe_login_form")
	_, body = s.ask("GET", "alpha.example.test", "/web/login")
	require.Contains(t, body, odoo.Canary)
}

func TestFirstRequestIsCold(t *testing.T) {
	s := newSite(t, 300*time.Millisecond)
	took := func() time.Duration {
		start := time.Now()
		s.ask("GET", "alpha.example.test", "/web/login")
		return time.Since(start)
	}
	require.GreaterOrEqual(t, took(), 300*time.Millisecond)
	require.Less(t, min(took(), took(), took()), 300*time.Millisecond, "a busy machine may delay one")
	s.ask("POST", "", "/_stand-in/restart")
	require.GreaterOrEqual(t, took(), 300*time.Millisecond)
}

func TestFaults(t *testing.T) {
	s := newSite(t, 0)
	login := func(limit time.Duration) (int, string) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		resp, body, err := s.request(ctx, "GET", "alpha.example.test", "/web/login")
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return 0, ""
		}
		return resp.StatusCode, body
	}
	for _, tc := range []struct {
		fault  odoo.Fault
		status int
	}{{odoo.Hang, 0}, {odoo.Slow, 0}, {odoo.BadGateway, 502}, {odoo.WrongBody, 200}} {
		resp, _ := s.ask("POST", "", "/_stand-in/fault?tenant=alpha&fault="+string(tc.fault))
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
		status, body := login(500 * time.Millisecond)
		require.Equal(t, tc.status, status, tc.fault)
		require.NotContains(t, body, "oe_login_form", tc.fault)
		resp, _ = s.ask("GET", "gamma.example.test", "/web/login")
		require.Equal(t, 200, resp.StatusCode, "others are well")
	}
	_, body := s.ask("GET", "", "/_stand-in/faults")
	require.JSONEq(t, `{"alpha": "wrong-body"}`, body)
	s.stand.SetFault("alpha", odoo.NoFault)
	_, body = login(5 * time.Second)
	require.Contains(t, body, "oe_login_form")
	resp, _ := s.ask("POST", "", "/_stand-in/fault?tenant=alpha&fault=nonsense")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

// The redirect was recorded byte by byte.
func TestRedirectIsAsRecorded(t *testing.T) {
	want, err := os.ReadFile("pages/redirect.html")
	require.NoError(t, err)
	_, body := newSite(t, 0).ask("GET", "nosuch.example.test", "/web/login")
	require.Equal(t, strings.ReplaceAll(string(want), "{{.}}", "/web/database/selector"), body)
	require.Len(t, body, 231)
}
