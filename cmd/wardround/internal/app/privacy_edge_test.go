package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/command"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// TestNothingAboutPatientsFromTheEdge plants canaries in what stands in front of Odoo and beside it:
// proxies and their logs, poolers, caches, certificates, deployers, copies; and in what clients of a
// server say of themselves. It finds none of them in anything that comes out, commands included.
func TestNothingAboutPatientsFromTheEdge(t *testing.T) {
	t.Parallel()
	s := newStage(t, "mute",
		patient{name: "north", series: seeds.Series18, listed: true, troubles: []seeds.Trouble{seeds.Canaries}},
		patient{name: "south", series: seeds.Series17, listed: true, troubles: []seeds.Trouble{seeds.Canaries}},
	)
	cache, pooler := platform.RedisForTest(t, platform.RedisOptions{Settings: map[string]string{"slowlog-log-slower-than": "0", "latency-monitor-threshold": "1"}}),
		platform.PgBouncerForTest(t, platform.PgBouncerOptions{Upstream: primary})
	s.redis = cache.Addr()
	s.copy()
	s.edge(pooler, saying(t, edgePages()).URL, certified(t))
	d := s.serve()
	gossip(t, cache, pooler, s)
	for what, there := range map[string]func(page) bool{
		"barman":      func(p page) bool { return p.is(1, "backup_up", "target", "mute-barman") },
		"barman file": func(p page) bool { return p.is(1, "backup_up", "target", "mute-list") },
		"copy": func(p page) bool {
			return p.has("backup_last_success_timestamp_seconds", "target", "mute-copy", "tenant", "mute_north")
		},
		"marked copy": func(p page) bool { return p.is(1, "backup_up", "target", "mute-marked") },
		"flux": func(p page) bool {
			return p.has("change_application_info", "tenant", "mute_north", "kind", "HelmRelease")
		},
		"argo": func(p page) bool {
			return p.has("change_application_info", "tenant", "mute_south", "kind", "Application")
		},
		"redis":      func(p page) bool { return p.has("redis_errors_total", "err", "other") && p.has("redis_slowlog_length") },
		"pools":      func(p page) bool { return p.has("pgbouncer_pools_client_active_connections", "tenant", "mute_north") },
		"traefik":    func(p page) bool { return p.has("traefik_requests_total", "tenant", "mute_north") },
		"routers":    func(p page) bool { return p.is(1, "traefik_api_up", "target", "mute-door") },
		"access log": func(p page) bool { return p.has("traefik_log_requests_total", "tenant", "mute_north") },
		"common log": func(p page) bool { return p.has("traefik_log_requests_total", "tenant", "mute_south") },
		"tls":        func(p page) bool { return p.has("tls_certificate_info", "host", "mute_north.example.test") },
	} {
		eventually(t, what, func() bool { return there(d.page()) })
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "odoo.log"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = io.WriteString(log, odooLog())
	require.NoError(t, err)
	require.NoError(t, log.Close())
	eventually(t, "Odoo's log", func() bool {
		p := d.page()
		return p.has("odoo_log_errors_total", "tenant", "mute_north") && p.has("odoo_log_cron_failures_total", "tenant", "mute_south")
	})

	said := map[string]string{}
	webhooks(t, d, said)
	commands(t, s, said)
	everything(t, s, d, said)
	discreet(t, said)
}

// fill puts somebody into a text.
func fill(text string) string {
	return strings.NewReplacer("SOMEBODY", somebody, "NOW", time.Now().UTC().Format(time.RFC3339)).Replace(text)
}

// copy makes copies of filestores and answers of Barman, with somebody's name wherever there is one.
func (s *stage) copy() {
	s.t.Helper()
	for _, place := range []string{"copies", "marked"} {
		for _, folder := range []string{"00", "fe", somebody} {
			path := filepath.Join(s.dir, place, s.tenant("north"), folder, somebody)
			require.NoError(s.t, os.MkdirAll(path, 0o750))
			require.NoError(s.t, os.WriteFile(filepath.Join(path, somebody+".pdf"), []byte(somebody), 0o600))
		}
		require.NoError(s.t, os.MkdirAll(filepath.Join(s.dir, place, somebody), 0o750))
	}
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "marked", s.tenant("north"), ".done"), []byte(somebody), 0o600))
	list := fmt.Sprintf(`{"SOMEBODY": [{"backup_id": "SOMEBODY"}], "pg": [
		{"backup_id": "20261121T200412", "end_time": "SOMEBODY", "end_time_timestamp": "%d", "size": "SOMEBODY", "size_bytes": 5, "status": "DONE", "SOMEBODY": "SOMEBODY",
			"tablespaces": [{"name": "SOMEBODY", "location": "/SOMEBODY", "oid": 1}]},
		{"backup_id": "SOMEBODY", "status": "FAILED", "error": "SOMEBODY"}, {"backup_id": "SOMEBODY", "end_time_timestamp": "SOMEBODY", "status": "SOMEBODY"},
		{"backup_id": "SOMEBODY", "end_time_timestamp": "%[1]d", "status": "FAILED"}]}`, time.Now().Add(-time.Hour).Unix())
	s.write("list.json", fill(list))
	tool := s.write("barman", fill(`#!/bin/sh
echo 'SOMEBODY' >&2
case "$*" in
*list-backup*) cat "`+s.dir+`/list.json" ;;
*show-backup*) echo '{"pg": {"backup_id": "20261121T200412", "pgdata_directory": "/SOMEBODY", "tablespaces": ["SOMEBODY"], "wal_information": {"last_available": "SOMEBODY"},
	"base_backup_information": {"begin_time": "SOMEBODY", "begin_time_timestamp": "SOMEBODY", "begin_wal": "SOMEBODY"}}}' ;;
*) echo '{"pg": {"SOMEBODY": {"hint": "SOMEBODY", "status": "FAILED"}, "wal_level": {"hint": "SOMEBODY", "status": "FAILED"}, "wal_size": {"hint": "SOMEBODY", "status": "SOMEBODY"}}}' ;;
esac
`))
	require.NoError(s.t, os.Chmod(tool, 0o700))
	s.write("access.log", accessLog())
	s.write("common.log", fill(`10.0.0.1 - SOMEBODY [`+time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700")+`] "GET /web?name=SOMEBODY HTTP/1.1" 500 12 "https://x.test/SOMEBODY" "SOMEBODY" 1 "mute_south-r@file" "http://127.0.0.1/SOMEBODY" 7ms
10.0.0.1 - - [SOMEBODY] "GET /SOMEBODY HTTP/1.1" 200 12 "-" "-" 2 "SOMEBODY" "SOMEBODY" 7ms
SOMEBODY
`))
	s.write("odoo.log", "")
}

// edge adds what stands in front of Odoo and beside it to the configuration.
func (s *stage) edge(pooler *platform.PgBouncer, elsewhere, certified string) {
	s.replace("  odoo:\n    - name", `  pgbouncer: [{name: mute-pools, postgres: mute-main, dsn: '`+pooler.DSN("postgres", "pgbouncer")+`', compat: true}]
  tls: [{name: mute-certificates, address: '`+certified+`', hosts: [elsewhere.example.test], interval: 10s, retry: 10s}]
  traefik:
    - {name: mute-door, url: '`+elsewhere+`/metrics', api: '`+elsewhere+`/api', routers: 10s, names: ['(?P<tenant>[^ ]+)-r.*'], access_log: {path: `+s.dir+`/access.log, from_start: true}}
    - {name: mute-gate, names: ['(?P<tenant>[^ ]+)-r.*'], access_log: {path: `+s.dir+`/common.log, from_start: true}}
  backups:
    - {name: mute-barman, interval: 10s, barman: {postgres: mute-main, server: pg, command: [`+s.dir+`/barman]}}
    - {name: mute-list, interval: 10s, barman: {postgres: mute-main, server: pg, file: list.json}}
    - {name: mute-copy, interval: 10s, filestore: {in: {folder: copies}, path: '{database}'}}
    - {name: mute-marked, interval: 10s, filestore: {in: {folder: marked}, path: '{database}', marker: .done}}
  odoo:
    - name`)
	s.replace("      jobs: {channels", "      log: {path: "+s.dir+"/odoo.log}\n      jobs: {channels")
	s.replace("redis: [{name: mute-cache", "redis: [{compat: true, keys: [{name: 'queue'}], name: mute-cache")
	s.extra = `
changes:
  senders:
    - {name: hub, kind: gitlab, token: ` + token + `, rules: [{match: {repository: '.*', environment: '(?P<tenant>\S+).*'}}, {match: {repository: '.*'}, all: true}]}
    - {name: flux, kind: flux, token: ` + token + `, rules: [{match: {namespace: '(?P<tenant>\S+).*'}}, {match: {application: '.*'}, all: true}]}
    - {name: argo, kind: argocd, token: ` + token + `, rules: [{match: {namespace: '(?P<tenant>\S+).*'}}, {match: {application: '.*'}, all: true}]}
  applications:
    - {name: mute-flux, url: '` + elsewhere + `/flux', rules: [{match: {namespace: '(?P<tenant>\S+).*'}}]}
    - {name: mute-argo, url: '` + elsewhere + `/argo', rules: [{match: {namespace: '(?P<tenant>\S+).*'}}]}
`
}

// edgePages are those of Traefik and of deployers.
func edgePages() map[string]string {
	pages := map[string]string{
		"/metrics": `# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e9
# TYPE traefik_config_reloads_total counter
traefik_config_reloads_total 1
# TYPE traefik_router_requests_total counter
traefik_router_requests_total{code="200",method="GET",protocol="http",router="mute_north-r@file",service="mute_north-r@file"} 7
traefik_router_requests_total{code="200",method="SOMEBODY",protocol="SOMEBODY",router="mute_north-r@file",service="SOMEBODY"} 7
traefik_router_requests_total{code="SOMEBODY",method="GET",protocol="http",router="SOMEBODY",service="SOMEBODY"} 7
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="GET",protocol="http",service="mute_north-r@file"} 7
traefik_service_requests_total{code="500",method="SOMEBODY",protocol="http",service="SOMEBODY"} 7
# TYPE traefik_service_retries_total counter
traefik_service_retries_total{service="SOMEBODY"} 7
# TYPE traefik_service_server_up gauge
traefik_service_server_up{service="SOMEBODY",url="http://SOMEBODY.test/?q=SOMEBODY"} 0
traefik_service_server_up{service="mute_north-r@file",url="http://127.0.0.1/?q=SOMEBODY"} 0
# TYPE traefik_entrypoint_requests_total counter
traefik_entrypoint_requests_total{code="200",method="SOMEBODY",protocol="http",entrypoint="SOMEBODY"} 7
traefik_entrypoint_requests_total{code="404",method="GET",protocol="http",entrypoint="web"} 7
# TYPE traefik_entrypoint_requests_tls_total counter
traefik_entrypoint_requests_tls_total{tls_version="SOMEBODY",tls_cipher="SOMEBODY",entrypoint="web"} 7
# TYPE traefik_open_connections gauge
traefik_open_connections{entrypoint="SOMEBODY",protocol="SOMEBODY"} 7
# TYPE traefik_tls_certs_not_after gauge
traefik_tls_certs_not_after{cn="SOMEBODY",sans="SOMEBODY,mute_north.example.test",serial="SOMEBODY"} 1.7e9
traefik_tls_certs_not_after{cn="mute_north.example.test",sans="mute_north.example.test,SOMEBODY",serial="17"} 1.7e9
`,
		"/api/version": `{"Version": "SOMEBODY", "Codename": "SOMEBODY"}`,
		"/api/http/routers": `[{"name": "mute_north-r@file", "provider": "file", "rule": "Host(` + "`mute_north.example.test`" + `)", "service": "mute_north-r", "status": "enabled", "entryPoints": ["web"]},
			{"name": "SOMEBODY@file", "provider": "SOMEBODY", "rule": "Host(` + "`SOMEBODY`" + `) && Query(` + "`SOMEBODY`" + `)", "service": "SOMEBODY", "status": "SOMEBODY", "entryPoints": ["SOMEBODY"], "middlewares": ["SOMEBODY"]}]`,
		"/flux": `# TYPE gotk_resource_info gauge
gotk_resource_info{customresource_group="SOMEBODY",customresource_kind="HelmRelease",customresource_version="v2",exported_namespace="mute_north",name="odoo",ready="SOMEBODY",suspended="SOMEBODY",revision="SOMEBODY",chart_name="SOMEBODY"} 1
gotk_resource_info{customresource_kind="Kustomization",exported_namespace="mute_north",name="addons",ready="False",suspended="true",revision="SOMEBODY@sha1:f95f852bd8fca8fcc58a9a2d6c842781e32a215e",source_name="SOMEBODY"} 1
gotk_resource_info{customresource_kind="Kustomization",exported_namespace="mute_north SOMEBODY",name="SOMEBODY",ready="True"} 1
gotk_resource_info{customresource_kind="SOMEBODY",exported_namespace="mute_north",name="SOMEBODY",ready="True"} 1
`,
		"/argo": `# TYPE argocd_app_info gauge
argocd_app_info{name="odoo",namespace="argocd",project="SOMEBODY",repo="https://x.test/SOMEBODY",dest_server="SOMEBODY",dest_namespace="mute_south",sync_status="OutOfSync",health_status="SOMEBODY",operation="SOMEBODY"} 1
# TYPE argocd_app_sync_total counter
argocd_app_sync_total{name="odoo",namespace="argocd",project="SOMEBODY",phase="SOMEBODY",dest_server="SOMEBODY"} 7
argocd_app_sync_total{name="odoo",namespace="argocd",project="SOMEBODY",phase="Failed",dest_server="SOMEBODY"} 7
`,
	}
	for path, text := range pages {
		pages[path] = fill(text)
	}
	return pages
}

// accessLog is Traefik's, with somebody's name in every field.
func accessLog() string {
	line := func(changed map[string]any) string {
		all := map[string]any{
			"ClientAddr": somebody, "ClientHost": somebody, "ClientUsername": somebody, "DownstreamStatus": 200, "Duration": 49183407, "OriginDuration": 48170951,
			"OriginStatus": 200, "Overhead": 1012456, "RequestAddr": somebody, "RequestHost": "mute_north.example.test", "RequestMethod": "POST",
			"RequestPath": "/web/dataset/call_kw/" + somebody + "/" + somebody + "?name=" + url.QueryEscape(somebody), "RequestProtocol": somebody, "RequestScheme": somebody,
			"RetryAttempts": 0, "RouterName": "mute_north-r@file", "ServiceAddr": somebody, "ServiceName": "mute_north-r@file", "ServiceURL": "http://x.test/" + somebody,
			"StartUTC": time.Now().UTC().Format(time.RFC3339Nano), "entryPointName": somebody, "level": somebody, "msg": somebody, "time": time.Now().UTC().Format(time.RFC3339),
			"request_Referer": "https://x.test/?patient=" + somebody, "request_User-Agent": somebody, "request_X-Patient": somebody, "downstream_Set-Cookie": somebody,
			"TLSClientSubject": "CN=" + somebody, somebody: somebody,
		}
		for name, value := range changed {
			all[name] = value
		}
		text, err := json.Marshal(all)
		if err != nil {
			return err.Error()
		}
		return string(text) + "\n"
	}
	var text strings.Builder
	for _, path := range []string{"/web/login?login=" + somebody, "/my/orders/" + somebody, "/" + somebody, "/calendar/meeting/view?token=" + somebody, "/web/content/" + somebody + ".pdf", somebody} {
		text.WriteString(line(map[string]any{"RequestPath": path}))
	}
	for name, value := range map[string]any{
		"RequestMethod": somebody, "RequestHost": somebody, "RouterName": somebody + "-r@file", "ServiceName": somebody, "DownstreamStatus": somebody, "Duration": somebody,
		"StartUTC": somebody, "RetryAttempts": somebody,
	} {
		text.WriteString(line(map[string]any{name: value}))
	}
	text.WriteString(line(map[string]any{"RouterName": somebody, "ServiceName": somebody, "RequestHost": somebody}) + "{\"" + somebody + "\n" + somebody + "\x00\xff\n")
	return text.String()
}

// odooLog is Odoo's, with somebody's name wherever people's words get.
func odooLog() string {
	at := time.Now().UTC().Format("2006-01-02 15:04:05,000")
	return strings.ReplaceAll(fill(`AT 5 INFO mute_north werkzeug: SOMEBODY - - [21/Nov/2026 19:37:53] "GET /web/login?redirect=SOMEBODY HTTP/1.1" 200 - 5 0.010 0.030
AT 5 INFO mute_north werkzeug: 127.0.0.1 - - [21/Nov/2026 19:37:53] "SOMEBODY /SOMEBODY HTTP/1.1" SOMEBODY - 5 0.010 0.030
AT 5 ERROR mute_north odoo.http: Exception during request handling. SOMEBODY
Traceback (most recent call last):
  File "/opt/SOMEBODY.py", line 1954, in SOMEBODY
ValueError: SOMEBODY
AT 5 ERROR mute_north SOMEBODY.logger: SOMEBODY
AT 5 ERROR SOMEBODY odoo.http: SOMEBODY
AT SOMEBODY SOMEBODY mute_north odoo.http: SOMEBODY
AT 5 CRITICAL mute_north odoo.addons.mail.models.mail_mail: SOMEBODY: broken
AT 5 INFO mute_north odoo.addons.base.models.res_users: Login failed for db:mute_north login:SOMEBODY from SOMEBODY
AT 5 WARNING mute_north odoo.http: SOMEBODY has no date of birth.
AT 5 ERROR mute_north odoo.addons.base.models.ir_cron: Job 'SOMEBODY' (28) server action #461 failed
AT 5 ERROR mute_south odoo.addons.base.models.ir_cron: Call from cron SOMEBODY for server action #440 failed in Job #26
AT 5 ERROR mute_south odoo.addons.base.models.ir_cron: Call from cron SOMEBODY for server action #440 failed in Job #SOMEBODY
AT 5 INFO ? odoo.addons.queue_job.jobrunner.runner: queue job runner ready for db SOMEBODY
AT 5 WARNING ? odoo.addons.base.models.ir_cron: Skipping database SOMEBODY because of SOMEBODY.
SOMEBODY
`), "AT ", at+" ")
}

// certified is the address of a server whose certificates are somebody's: south's vouches for itself.
func certified(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	name := pkix.Name{
		CommonName: somebody, Organization: []string{somebody}, OrganizationalUnit: []string{somebody}, Locality: []string{somebody},
		StreetAddress: []string{somebody}, SerialNumber: somebody,
	}
	make := func(issuer pkix.Name, names ...string) tls.Certificate {
		leaf := x509.Certificate{
			SerialNumber: big.NewInt(17), Subject: name, DNSNames: names, EmailAddresses: []string{"miller@" + seeds.Canary + ".test"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, &leaf, &x509.Certificate{Subject: issuer}, key.Public(), key)
		require.NoError(t, err)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{
		make(pkix.Name{CommonName: "Ward CA"}, "mute_north.example.test", seeds.Canary+".test"), make(name, "mute_south.example.test"),
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// gossip lets clients say things of themselves: to the cache, the pooler and the cluster.
func gossip(t *testing.T, cache *platform.Redis, pooler *platform.PgBouncer, s *stage) {
	t.Helper()
	cli := redis.NewClient(&redis.Options{Addr: cache.Addr(), ClientName: seeds.Canary})
	t.Cleanup(func() { require.NoError(t, cli.Close()) })
	require.NoError(t, cli.Set(t.Context(), somebody, somebody, time.Hour).Err())
	require.NoError(t, cli.LPush(t.Context(), "queue", somebody).Err())
	require.NoError(t, cli.Do(t.Context(), "ACL", "SETUSER", seeds.Canary, "on", ">"+somebody).Err())
	require.NoError(t, cli.Do(t.Context(), "CONFIG", "SET", "proc-title-template", seeds.Canary+" {title}").Err())
	require.Error(t, cli.Do(t.Context(), "AUTH", seeds.Canary, "Miller").Err())
	require.Error(t, cli.Do(t.Context(), somebody, somebody).Err())
	require.Error(t, cli.Eval(t.Context(), "return redis.error_reply('"+somebody+"')", nil).Err())
	require.Error(t, cli.Eval(t.Context(), "return redis.error_reply('Miller "+seeds.Canary+"')", nil).Err())

	keep := func(conn *pgx.Conn, err error) *pgx.Conn {
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
		return conn
	}
	named := "&application_name=" + url.QueryEscape(somebody)
	for _, dsn := range []string{pooler.DSN("postgres", s.tenant("north")) + "&default_query_exec_mode=simple_protocol", primary.DSN("postgres", s.tenant("north"))} {
		conn := keep(pgx.Connect(t.Context(), dsn+named))
		_, err := conn.Exec(t.Context(), "BEGIN; SELECT '"+somebody+"' FROM ir_cron FOR SHARE")
		require.NoError(t, err)
	}
	for _, where := range [][2]string{{somebody, s.tenant("north")}, {"postgres", somebody}} {
		_, err := pgx.Connect(t.Context(), pooler.DSN(where[0], where[1]))
		require.Error(t, err)
	}
}

// webhooks sends what deployers say, good and bad.
func webhooks(t *testing.T, d *process, said map[string]string) {
	t.Helper()
	for what, body := range map[string]string{
		"gitlab deployment": `{"object_kind": "deployment", "status": "success", "status_changed_at": "NOW", "deployment_id": 15, "deployable_url": "https://x.test/SOMEBODY",
			"environment": "mute_north SOMEBODY", "environment_slug": "SOMEBODY", "environment_external_url": "https://x.test/SOMEBODY",
			"project": {"id": 30, "name": "SOMEBODY", "description": "SOMEBODY", "path_with_namespace": "SOMEBODY"}, "short_sha": "SOMEBODY",
			"user": {"name": "SOMEBODY", "username": "SOMEBODY", "email": "SOMEBODY"}, "commit_url": "https://x.test/SOMEBODY", "commit_title": "SOMEBODY", "ref": "SOMEBODY"}`,
		"gitlab pipeline": `{"object_kind": "pipeline", "object_attributes": {"id": 31, "name": "SOMEBODY", "ref": "SOMEBODY", "tag": true, "sha": "SOMEBODY", "source": "SOMEBODY",
			"status": "failed", "detailed_status": "SOMEBODY", "created_at": "NOW", "finished_at": "NOW", "variables": [{"key": "SOMEBODY", "value": "SOMEBODY"}], "url": "https://x.test/SOMEBODY"},
			"user": {"name": "SOMEBODY"}, "project": {"id": 30, "name": "SOMEBODY", "path_with_namespace": "SOMEBODY", "web_url": "https://x.test/SOMEBODY"},
			"commit": {"message": "SOMEBODY", "author": {"name": "SOMEBODY"}}, "builds": [{"id": 380, "name": "SOMEBODY", "environment": {"name": "mute_north"}}]}`,
		"gitlab otherwise": `{"object_kind": "SOMEBODY", "SOMEBODY": "SOMEBODY"}`,
		"gitlab broken":    `{"object_kind": "deployment", "status": SOMEBODY`,
		"flux upgrade": `{"involvedObject": {"apiVersion": "SOMEBODY", "kind": "HelmRelease", "name": "odoo", "namespace": "mute_north", "uid": "SOMEBODY"}, "severity": "info",
			"timestamp": "NOW", "message": "SOMEBODY", "reason": "UpgradeSucceeded", "metadata": {"revision": "SOMEBODY", "summary": "SOMEBODY", "SOMEBODY": "SOMEBODY"}, "reportingController": "SOMEBODY"}`,
		"flux of somebody": `{"involvedObject": {"kind": "SOMEBODY", "name": "SOMEBODY", "namespace": "mute_south SOMEBODY"}, "severity": "error", "timestamp": "NOW", "message": "SOMEBODY",
			"reason": "SOMEBODY", "metadata": {"revision": "SOMEBODY"}}`,
		"flux at no time": `{"involvedObject": {"kind": "HelmRelease", "name": "odoo", "namespace": "mute_north"}, "severity": "SOMEBODY", "timestamp": "SOMEBODY", "reason": "UpgradeFailed"}`,
		"argocd sync": `{"application": "odoo", "namespace": "argocd", "project": "SOMEBODY", "destination": "mute_north", "phase": "Failed", "revision": "SOMEBODY", "started": "NOW",
			"finished": "NOW", "message": "SOMEBODY"}`,
		"argocd of somebody": `{"application": "SOMEBODY", "namespace": "SOMEBODY", "project": "SOMEBODY", "destination": "mute_south SOMEBODY", "phase": "SOMEBODY", "revision": "SOMEBODY", "started": "NOW"}`,
	} {
		kind, _, _ := strings.Cut(what, " ")
		_, said["the answer to "+what] = d.send(http.MethodPost, "/api/v1/changes/"+kind, fill(body),
			"Authorization", "Bearer "+token, "X-Gitlab-Token", token, "X-Gitlab-Event", somebody, "X-Patient", somebody)
	}
	for _, what := range []string{"gitlab deployment", "gitlab pipeline", "flux upgrade", "argocd sync"} {
		require.Contains(t, said["the answer to "+what], `"recorded"`, what)
	}
}

// commands are run beside the daemon; what they print and write is said too.
func commands(t *testing.T, s *stage, said map[string]string) {
	t.Helper()
	file, dir := "--config.file="+filepath.Join(s.dir, "wardround.yaml"), t.TempDir()
	for _, args := range [][]string{
		{"once", file},
		{"check", "connect", file},
		{"check", "config", file},
		{"check", "objectives", file},
		{"openslo", "export", file},
		{"rules", file, "--dir=" + dir},
		{"rules", file, "--source=series", "--dir=" + filepath.Join(dir, "series")},
		{"dashboards", "--dir=" + dir},
	} {
		var out strings.Builder
		command.Run(command.Process{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }})
		said[strings.Join(args, " ")] = "said: " + out.String()
	}
	written, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, written)
	for _, path := range written {
		if text, err := os.ReadFile(path); err == nil {
			said[path] = string(text)
		}
	}
}
