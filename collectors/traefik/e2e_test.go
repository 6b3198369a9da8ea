//go:build e2e

package traefik

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// binary is the real Traefik, which make e2e builds.
const binary = "../../bin/tools/traefik"

// tally counts requests by host and status.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[int]int
}

func (c *tally) count(host string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tenant, _, _ := strings.Cut(strings.TrimPrefix(host, "www."), ".")
	if c.counts[tenant] == nil {
		c.counts[tenant] = map[int]int{}
	}
	c.counts[tenant][status]++
}

func (c *tally) of(tenant string) (statuses map[int]int, all int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.counts[tenant] {
		all += n
	}
	return c.counts[tenant], all
}

// proxy is a real Traefik before two Odoos, and what was sent to it.
type proxy struct {
	*platform.Server
	web, secure int
	dir         string
	client      *http.Client
	got         tally // by those who asked
	served      tally // by the Odoos
}

// ports are free ones of the loopback interface.
func ports(t *testing.T, n int) []int {
	var all []int
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close() // not before all are chosen
		all = append(all, l.Addr().(*net.TCPAddr).Port)
	}
	return all
}

func startProxy(t *testing.T, format string) *proxy {
	p := &proxy{dir: t.TempDir(), got: tally{counts: map[string]map[int]int{}}, served: tally{counts: map[string]map[int]int{}}}
	odoo := func() string {
		s := httptest.NewServer(http.HandlerFunc(p.odoo))
		t.Cleanup(s.Close)
		return s.URL
	}
	free := ports(t, 4)
	p.web, p.secure = free[0], free[1]
	write := func(name string, values any) string {
		var text bytes.Buffer
		made, err := template.ParseFiles(filepath.Join("testdata", "e2e-"+name))
		require.NoError(t, err)
		require.NoError(t, made.Execute(&text, values))
		path := filepath.Join(p.dir, name)
		require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
		return path
	}
	write("dynamic.yml", map[string]any{"Odoo": odoo(), "Zeta": odoo(), "Nobody": "http://127.0.0.1:" + strconv.Itoa(free[3])})
	static := write("static.yml", map[string]any{"Dir": p.dir, "Format": format, "Web": p.web, "Secure": p.secure, "Internal": free[2]})
	program, err := filepath.Abs(binary)
	require.NoError(t, err)
	p.Server, err = platform.StartProgram(t.Context(), platform.Program{
		Name: "traefik", Path: program, Args: []string{"--configFile=" + static}, Place: platform.Place{Port: free[2]}, Ready: "/ping",
	})
	require.NoError(t, err, "make e2e builds it")
	t.Cleanup(func() { require.NoError(t, p.Remove()) })
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // Traefik's own certificate
	t.Cleanup(transport.CloseIdleConnections)
	p.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	p.routes(t)
	return p
}

// routes waits until the routers are there, since the file is read after the start, and until it is
// known of epsilon's Odoo that it is down.
func (p *proxy) routes(t *testing.T) {
	require.Eventually(t, func() bool {
		response, err := p.client.Get("http://" + p.Addr() + "/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return err == nil && regexp.MustCompile(`server_up\{service="sick@file".*\} 0`).Match(body)
	}, 20*time.Second, 50*time.Millisecond)
}

// odoo answers as the path says.
func (p *proxy) odoo(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	if n, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil {
		status = n
	}
	p.served.count(r.Host, status)
	w.WriteHeader(status)
	fmt.Fprint(w, "page")
}

// ask sends requests, and counts how they were answered.
func (p *proxy) ask(t *testing.T, times int, method, address string) {
	for range times {
		secure := strings.HasPrefix(address, "https://")
		_, rest, _ := strings.Cut(address, "://")
		host, path, _ := strings.Cut(rest, "/")
		url := fmt.Sprintf("http://127.0.0.1:%d/%s", p.web, path)
		if secure {
			url = fmt.Sprintf("https://127.0.0.1:%d/%s", p.secure, path)
		}
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
		require.NoError(t, err)
		request.Host = host
		response, err := p.client.Do(request)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		p.got.count(host, response.StatusCode)
	}
}

// day is some of all that can happen.
func (p *proxy) day(t *testing.T) {
	p.ask(t, 7, "GET", "http://alpha.example.test/web/login")
	p.ask(t, 4, "GET", "http://www.alpha.example.test/web")
	p.ask(t, 5, "GET", "https://alpha.example.test/web?token="+canary)
	p.ask(t, 3, "POST", "https://alpha.example.test/web/dataset/call_kw/calendar.event/create")
	p.ask(t, 2, "POST", "http://alpha.example.test/web/dataset/call_kw/account.move/action_post?status=500")
	p.ask(t, 3, "GET", "http://alpha.example.test/web/image?status=304")
	p.ask(t, 6, "GET", "http://alpha.example.test/private")
	p.ask(t, 20, "POST", "http://gamma.example.test/jsonrpc")
	p.ask(t, 3, "GET", "http://delta.example.test/web")
	p.ask(t, 4, "GET", "http://epsilon.example.test/web")
	p.ask(t, 8, "GET", "http://zeta.example.test/my/invoices/12")
	p.ask(t, 2, "GET", "http://zeta.example.test/my/orders?status=403")
	p.ask(t, 5, "GET", "http://nobody.example.test/web")
}

var everyone = map[string][]string{
	"alpha": {"alpha.example.test", "www.alpha.example.test"}, "gamma": {"gamma.example.test"}, "delta": {"delta.example.test"},
	"epsilon": {"epsilon.example.test"}, "zeta": {"zeta.example.test"},
}

// watch makes visits to the metrics and to the log of the proxy.
type watch struct{ *Target }

func (p *proxy) watch(t *testing.T, change func(*Config)) watch {
	c := DefaultConfig()
	c.Name, c.URL, c.API = "edge", "http://"+p.Addr()+"/metrics", "http://"+p.Addr()+"/api"
	c.AccessLog.Path, c.AccessLog.FromStart = filepath.Join(p.dir, "access.log"), true
	if change != nil {
		change(&c)
	}
	return watch{target(t, c, Options{Tenants: tenants(t, everyone)})}
}

func (w watch) visit(t *testing.T) (metrics, log *collectors.Batch) {
	var batches []*collectors.Batch
	for _, v := range w.Visits() {
		for range 2 { // new series are shown at zero first
			b := collectors.NewBuilder(v.Key, time.Now())
			require.NoError(t, v.Collector.Collect(t.Context(), b))
			if batch := b.Batch(); len(batches) == 0 || batches[len(batches)-1].Key != batch.Key {
				batches = append(batches, batch)
			} else {
				batches[len(batches)-1] = batch
			}
		}
	}
	return batches[0], batches[1]
}

// exact waits until both visits know of all requests, and holds them to what those who asked counted.
func (w watch) exact(t *testing.T, p *proxy) (metrics, log *collectors.Batch) {
	total := 0
	for name := range everyone {
		_, n := p.got.of(name)
		total += n
	}
	_, strangers := p.got.of("nobody")
	require.Eventually(t, func() bool {
		metrics, log = w.visit(t)
		return value(metrics, "traefik_requests_total") >= float64(total) && value(log, "traefik_log_requests_total") >= float64(total+strangers)
	}, 20*time.Second, 100*time.Millisecond)
	for name := range everyone {
		statuses, all := p.got.of(name)
		require.Equal(t, float64(all), value(metrics, "traefik_requests_total", "tenant", name), "%s, metrics", name)
		require.Equal(t, float64(all), value(log, "traefik_log_requests_total", "tenant", name), "%s, log", name)
		_, served := p.served.of(name)
		answered := 0
		for status, n := range statuses {
			if status >= 400 {
				require.Equal(t, float64(n), value(metrics, "traefik_errors_total", "tenant", name, "code", strconv.Itoa(status)), "%s %d", name, status)
			}
			switch status {
			case 401, 429, 503: // by middlewares, here
				answered += n
				require.Equal(t, float64(n), value(metrics, "traefik_middleware_answers_total", "tenant", name, "code", strconv.Itoa(status)), "%s %d", name, status)
			case 502:
				served += n // the service was asked, and its Odoo was not there
			}
		}
		require.Equal(t, all, served+answered, "%s: what Odoo did not see, middlewares answered", name)
	}
	require.Equal(t, float64(strangers), value(metrics, "traefik_unrouted_requests_total", "code", "404"))
	require.Equal(t, float64(strangers), value(metrics, "traefik_unrouted_requests_total"))
	require.Equal(t, float64(total+strangers), value(metrics, "traefik_entrypoint_requests_total"))
	require.Equal(t, float64(strangers), value(log, "traefik_log_requests_total", "tenant", ""))
	require.Equal(t, float64(strangers), value(log, "traefik_log_requests_total", "outcome", "unrouted"))
	require.False(t, has(metrics, "traefik_requests_total", "tenant", ""))
	return metrics, log
}

func TestRealTraefik(t *testing.T) {
	for _, format := range []string{"json", "common"} {
		t.Run(format, func(t *testing.T) {
			p := startProxy(t, format)
			began := time.Now()
			w := p.watch(t, nil)
			byNames := p.watch(t, func(c *Config) {
				c.API, c.Names = "", []string{"(?P<tenant>[a-z]+)(-private)?"}
			})
			w.visit(t)
			byNames.visit(t)
			p.day(t)
			metrics, log := w.exact(t, p)
			byNames.exact(t, p)

			require.Equal(t, 3.0, value(log, "traefik_log_requests_total", "workflow", "booking", "verdict", "good"))
			require.Equal(t, 2.0, value(log, "traefik_log_requests_total", "workflow", "invoicing", "outcome", "failed"))
			require.Equal(t, 8.0, value(metrics, "traefik_entrypoint_requests_tls_total", "entrypoint", "websecure"))
			require.Equal(t, 7.0, value(metrics, "traefik_routers", "owner", "tenant"), "alpha's is there twice")
			require.Equal(t, 1.0, value(metrics, "traefik_config_last_reload_success")/value(metrics, "traefik_config_last_reload_success"))
			require.True(t, has(metrics, "traefik_version_info"))
			require.Zero(t, value(metrics, "traefik_service_server_up", "tenant", "epsilon"))
			require.Contains(t, findings(metrics), "service_down")
			require.NotContains(t, findings(metrics), "router_without_tenant")

			require.Eventually(t, func() bool { return time.Since(began) > 2*time.Second }, time.Minute, 50*time.Millisecond, "two processes are told apart by their starts")
			require.NoError(t, p.Stop())
			require.NoError(t, p.Start(t.Context()))
			p.routes(t)
			p.day(t)
			w.exact(t, p)
			byNames.exact(t, p)
		})
	}
}
