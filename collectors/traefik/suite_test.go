package traefik

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

// secretive is a Traefik which has canaries wherever somebody's text can be.
func secretive(t *testing.T) (*edge, Config) {
	e := newEdge(t)
	e.version = canary + " 1"
	e.routers = []map[string]any{
		{"name": "a@file", "rule": "Host(`tenant_alpha.example.test`) && PathPrefix(`/" + canary + "`)", "service": "s", "provider": "file", "status": "disabled", "error": []string{canary}},
		{"name": canary + " of somebody@file", "rule": canary, "service": "s", "provider": canary, "status": canary},
	}
	e.set(pageOf(start,
		"# HELP traefik_router_requests_total "+canary,
		requests("web", "", "200", 1), requests("a@file", "s@file", "200", 1), requests("a@file", canary+" s", "200", 1), requests(canary+`\n@file`, "s@file", canary, 1),
		`traefik_entrypoint_requests_total{code="200",entrypoint="web",host="`+canary+`",method="`+canary+`",protocol="`+canary+`"} 3`,
		`traefik_entrypoint_requests_tls_total{entrypoint="`+canary+`!",tls_cipher="`+canary+` x",tls_version="`+canary+`?"} 1`,
		`traefik_service_server_up{service="s@file",url="http://`+canary+`:`+canary+`@127.0.0.1:8069/`+canary+`?`+canary+`"} 0`,
		`traefik_service_server_up{service="s@file",url="`+canary+`"} 0`,
		`traefik_tls_certs_not_after{cn="`+canary+` Somebody",sans="`+canary+`@example.test,tenant_alpha.example.test",serial="`+canary+` 12"} 1.7e9`,
		`traefik_service_retries_total{service="`+canary+` s"} 1`,
		nameless+` 1`, nameless+`{x="`+canary+`"} 1`,
	))
	c := e.config()
	c.HTTP.Authorization = &promconfig.Authorization{Type: "Bearer", Credentials: canary}
	c.URL += "?token=" + canary
	c.AccessLog.Path = filepath.Join(t.TempDir(), canary+".log")
	return e, c
}

// nameless is the canary as a metric's name.
var nameless = strings.ReplaceAll(canary, "-", "_")

func first1(t *testing.T, c Config, logger *slog.Logger) collectors.Visit {
	return target(t, c, Options{Tenants: tenants(t, clinics), Logger: logger}).Visits()[0]
}

func TestSuite(t *testing.T) {
	broken := func(reason collectors.Reason, answer http.HandlerFunc) collectortest.Broken {
		return collectortest.Broken{Reason: reason, New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
			e, c := secretive(t)
			e.failing = answer
			c.MaxBytes, c.Timeout = 1<<20, model.Duration(500e6)
			return first1(t, c, logger)
		}}
	}
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
	}
	whole := pageOf(start, requests("a@file", "s@file", "200", 1234567))
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{canary, nameless},
		New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
			_, c := secretive(t)
			return first1(t, c, logger)
		},
		Want: []string{
			"traefik_up", "traefik_requests_total", "traefik_entrypoint_requests_total", "traefik_entrypoint_requests_tls_total",
			"traefik_service_server_up", "traefik_tls_certs_not_after", "traefik_routers", "traefik_api_up", "wardround_finding",
		},
		Broken: map[string]collectortest.Broken{
			"refuses":        broken(collectors.ReasonAuth, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusUnauthorized) }),
			"forbids":        broken(collectors.ReasonPermission, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusForbidden) }),
			"no metrics":     broken(collectors.ReasonMissing, http.NotFound),
			"fails":          broken(collectors.ReasonProtocol, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusInternalServerError) }),
			"empty":          broken(collectors.ReasonProtocol, text("")),
			"a login page":   broken(collectors.ReasonProtocol, text("<html>"+canary+"</html>\n")),
			"cut":            broken(collectors.ReasonProtocol, text(whole[:len(whole)-4])),
			"cut in a label": broken(collectors.ReasonProtocol, text(whole[:len(whole)-30])),
			"another's page": broken(collectors.ReasonProtocol, text("go_goroutines 7\n"+nameless+" 1\nprocess_start_time_seconds 1.7e9\n")),
			"of 100 MB": broken(collectors.ReasonProtocol, func(w http.ResponseWriter, _ *http.Request) {
				line := []byte(strings.Repeat("traefik_config_reloads_total 1\n", 1<<10))
				for range 100 << 20 / len(line) {
					if _, err := w.Write(line); err != nil {
						return
					}
				}
			}),
			"cut on the wire": broken(collectors.ReasonUnreachable, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100000")
				fmt.Fprint(w, whole)
			}),
			"hangs": broken(collectors.ReasonTimeout, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}),
			"nobody there": {Reason: collectors.ReasonUnreachable, New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
				_, c := secretive(t)
				c.URL = "http://" + closedPort(t) + "/" + canary
				return first1(t, c, logger)
			}},
		},
	})
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

const line = `{"DownstreamStatus":200,"Duration":50000000,"OriginDuration":40000000,"RequestHost":"%s","RequestMethod":"GET","RequestPath":"/web?` + canary + `","RouterName":"%s","ServiceName":"s@file","StartUTC":"2026-11-21T12:00:00Z","time":"2026-11-21T12:00:00Z"}` + "\n"

func TestLogSuite(t *testing.T) {
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{canary, nameless},
		New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
			e, c := secretive(t)
			e.routers = e.routers[:1]
			c.URL, c.HTTP.Authorization = "", nil
			c.AccessLog.FromStart = true
			require.NoError(t, os.WriteFile(c.AccessLog.Path, []byte(fmt.Sprintf(line, "tenant_alpha.example.test", "a@file")), 0o600))
			visits := target(t, c, Options{Tenants: tenants(t, clinics), Logger: logger, StateDir: t.TempDir()}).Visits()
			require.Len(t, visits, 1, "there is no page to read")
			return visits[0]
		},
		Want: []string{"traefik_log_requests_total", "traefik_routers", "traefik_api_up"},
		Broken: map[string]collectortest.Broken{
			"no log": {Reason: collectors.ReasonMissing, New: func(t *testing.T, logger *slog.Logger) collectors.Visit {
				_, c := secretive(t)
				return target(t, c, Options{Tenants: tenants(t, clinics), Logger: logger}).Visits()[1]
			}},
		},
	})
}

// The log knows whose a router is by what the API says, and its place is kept.
func TestTheLogKnowsWhoseRoutersAre(t *testing.T) {
	e := newEdge(t)
	e.list1("a@file", "Host(`tenant_alpha.example.test`)", "s")
	e.set(pageOf(start))
	c := e.config()
	c.AccessLog.Path, c.AccessLog.FromStart = filepath.Join(t.TempDir(), "access.log"), true
	require.NoError(t, os.WriteFile(c.AccessLog.Path, []byte(fmt.Sprintf(line, "", "a@file")+fmt.Sprintf(line, "tenant_gamma.example.test", "a@file")), 0o600))
	o := Options{Tenants: tenants(t, clinics), StateDir: t.TempDir()}
	made := target(t, c, o)
	read := func(made *Target) *collectors.Batch {
		visit := made.Visits()[1]
		require.Equal(t, collectors.Key{Collector: "traefik_log", Target: "edge"}, visit.Key)
		b := collectors.NewBuilder(visit.Key, start)
		require.NoError(t, visit.Collector.Collect(t.Context(), b))
		return b.Batch()
	}
	read(made) // which shows new series at zero
	b := read(made)
	require.Equal(t, 1.0, value(b, "traefik_log_requests_total", "tenant", "alpha"), "by its router, before the metrics were ever read")
	require.Equal(t, 1.0, value(b, "traefik_log_requests_total", "tenant", "gamma"), "by its host")
	require.False(t, has(b, "traefik_api_up"), "that is for the visit to the metrics to say")

	o.Previous = made
	c.Names = []string{"(?P<tenant>.+)"}
	next := target(t, c, o)
	made.Close()
	require.Equal(t, 2.0, value(read(next), "traefik_log_requests_total"), "other settings leave the log's counters alone")

	files, err := os.ReadDir(o.StateDir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Equal(t, "traefik-log-edge.json", files[0].Name())
}
