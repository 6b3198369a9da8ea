package app_test

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// somebody is a patient as names of files, labels, headers and fields may hold one.
const somebody = seeds.Canary + " Miller"

// TestNothingAboutPatientsFromElsewhere plants canaries in what backups, webhooks, pages of metrics,
// web pages and an operator's queries say, and finds none of them in anything that comes out.
func TestNothingAboutPatientsFromElsewhere(t *testing.T) {
	t.Parallel()
	s := newStage(t, "hush",
		patient{name: "north", series: seeds.Series18, listed: true, troubles: []seeds.Trouble{seeds.Canaries}},
		patient{name: "south", series: seeds.Series18, listed: true, troubles: []seeds.Trouble{seeds.Canaries}},
	)
	s.keepBackups()
	s.surround(scratch(t), talkative(t).URL)
	d := s.serve()
	said := map[string]string{}
	report(t, d, said)
	for what, there := range map[string]func(page) bool{
		"dumps": func(p page) bool {
			return p.is(0, "backup_last_attempt_success", "target", "hush-nightly", "tenant", "hush_south")
		},
		"tool":      func(p page) bool { return p.has("backup_up", "target", "hush-tool") },
		"answer":    func(p page) bool { return p.has("backup_up", "target", "hush-answer") },
		"bucket":    func(p page) bool { return p.has("backup_up", "target", "hush-bucket") },
		"sentinels": func(p page) bool { return p.has("backup_up", "target", "hush-sentinels") },
		"page":      func(p page) bool { return p.has("partner_calls_total", "tenant", "hush_north") },
		"cluster":   func(p page) bool { return p.has("kubernetes_pods", "tenant", "hush_north") },
		"probe":     func(p page) bool { return p.is(0, "probe_success", "tenant", "hush_north") },
		"argo":      func(p page) bool { return p.has("change_application_info", "tenant", "hush_north") },
		"texts":     func(p page) bool { return p.has("wardround_sql_skipped_values_total", "tenant", "hush_north") },
		"quotes":    func(p page) bool { return p.has("wardround_sql_errors_total", "tenant", "hush_north") },
	} {
		eventually(t, what, func() bool { return there(d.page()) })
	}

	rehearsed(t, s, said)
	everything(t, s, d, said)
	discreet(t, said)
}

// discreet wants nothing of somebody, and no token, in what was said.
func discreet(t *testing.T, said map[string]string) {
	t.Helper()
	for where, text := range said {
		for _, secret := range []string{seeds.Canary, "Miller", token, primary.Password} {
			at := strings.Index(text, secret)
			require.Negative(t, at, "%s: …%s…", where, text[max(0, at-300):min(len(text), max(0, at)+300)])
		}
	}
}

// keepBackups makes backups whose names, directories and contents hold canaries.
func (s *stage) keepBackups() {
	s.dump("north")
	folder := filepath.Join(s.dir, "dumps", s.tenant("north"))
	made, err := filepath.Glob(filepath.Join(folder, "*.dump"))
	require.NoError(s.t, err)
	require.NoError(s.t, os.Rename(made[0], filepath.Join(folder, somebody+".dump")))
	south := filepath.Join(s.dir, "dumps", s.tenant("south"))
	require.NoError(s.t, os.MkdirAll(filepath.Join(south, somebody), 0o750))
	file, err := os.Create(filepath.Join(south, somebody, somebody+".zip"))
	require.NoError(s.t, err)
	packed := zip.NewWriter(file)
	for name, text := range map[string]string{
		"dump.sql":                       "-- PostgreSQL database dump\n-- " + somebody,
		"manifest.json":                  fmt.Sprintf(`{"db_name": %q, "version": %q, %q: %q}`, somebody, "18.0 "+somebody, somebody, somebody),
		"filestore/" + somebody + ".pdf": somebody,
	} {
		part, err := packed.Create(name)
		require.NoError(s.t, err)
		_, err = io.WriteString(part, text)
		require.NoError(s.t, err)
	}
	require.NoError(s.t, packed.Close())
	require.NoError(s.t, file.Close())
	before := time.Now().Add(-time.Hour)
	require.NoError(s.t, os.Chtimes(file.Name(), before, before))

	sentinels := filepath.Join(s.dir, "sentinels", "basebackups_005")
	require.NoError(s.t, os.MkdirAll(filepath.Join(sentinels, "base_"+somebody), 0o750))
	require.NoError(s.t, os.WriteFile(filepath.Join(sentinels, "base_"+somebody+"_backup_stop_sentinel.json"),
		[]byte(fmt.Sprintf(`{"Hostname": %[1]q, "UserData": %[1]q, "DeltaFrom": %[1]q}`, somebody)), 0o600))
	s.write("answer.json", fmt.Sprintf(`[{"name": "odoo", "status": {"code": 0, "message": %[1]q}, "repo": [{"key": 1, "cipher": %[1]q,
		"status": {"code": 0, "message": %[1]q}}], "db": [{"id": 1, "repo-key": 1, "version": %[1]q}], "archive": [{"id": %[1]q, "max": %[1]q,
		"database": {"id": 1, "repo-key": 1}}], "backup": [{"label": %[1]q, "type": "full", "database": {"id": 1, "repo-key": 1}, "annotation": {%[1]q: %[1]q},
		"backrest": {"version": %[1]q}, "reference": [%[1]q], "timestamp": {"start": 1, "stop": 2}}, {"label": "x", "type": %[1]q, "timestamp": {"stop": 2}}]}]`, somebody))
	tool := s.write("tool", "#!/bin/sh\necho '"+somebody+"'; echo '"+somebody+"' >&2; exit 3\n")
	require.NoError(s.t, os.Chmod(tool, 0o700))
}

// surround adds sources to the configuration that all say more than they should.
func (s *stage) surround(dir, elsewhere string) {
	odoo, err := url.Parse(s.odooURL)
	require.NoError(s.t, err)
	s.replace("  odoo:\n    - name", `  backups:
    - {name: hush-nightly, interval: 10s, dumps: {in: {folder: dumps}, path: '{database}/**', without_filestore: true}}
    - {name: hush-tool, interval: 10s, pgbackrest: {postgres: hush-main, stanza: odoo, command: [`+filepath.Join(s.dir, "tool")+`]}}
    - {name: hush-answer, interval: 10s, pgbackrest: {postgres: hush-main, stanza: odoo, file: answer.json, compat: true}}
    - {name: hush-sentinels, interval: 10s, walg: {postgres: hush-main, in: {folder: sentinels}}}
    - {name: hush-bucket, interval: 10s, dumps: {in: {bucket: {endpoint: '`+elsewhere+`', bucket: backups, region: here}}, path: '{database}/**'}}
  scrape:
    - name: hush-kube
      urls: ['`+elsewhere+`/metrics?of=`+url.QueryEscape(somebody)+`']
      rules: [kubernetes]
      families: [{names: [partner_*], labels: [state]}]
      tenants: [{label: namespace, pattern: 'odoo-(?P<tenant>.+)'}, {label: clinic}]
    - {name: hush-lost, urls: ['`+elsewhere+`/lost?of=`+url.QueryEscape(somebody)+`'], families: [{names: [x]}]}
  probe:
    - name: hush-edge
      connect: '`+odoo.Host+`'
      probes:
        - name: portal
          interval: 10s
          steps:
            - {name: page, url: 'http://{host}/web/login', extract: [{name: words, body: '(?s)(.{1,200})'}]}
            - {name: booking, method: POST, url: 'http://{host}/booking?name={words}', headers: {X-Patient: '`+somebody+`'}, body: '{words}'}
  odoo:
    - name`)
	s.extra = `
rehearsals: {dir: '` + dir + `', reserve: 1MiB}
api: {tokens: [{name: desk, token: ` + token + `}]}
sql:
  - name: texts
    query: SELECT '` + somebody + `' AS state, 1 AS n
    interval: 10s
    metrics: [{name: clinic_texts, type: gauge, help: Texts, value: n, labels: [{name: state, values: [open]}]}]
  - name: quoted
    query: SELECT '` + somebody + `'::text::int AS n
    interval: 10s
    metrics: [{name: clinic_quoted, type: gauge, help: Quoted, value: n}]
changes:
  senders:
    - {name: desk, kind: generic, token: other-` + token + `}
    - {name: hub, kind: github, token: other-` + token + `, rules: [{match: {repository: '.*', environment: '(?P<tenant>\S+).*'}}]}
  applications: [{name: hush-argo, url: '` + elsewhere + `/argo?of=` + url.QueryEscape(somebody) + `', rules: [{match: {namespace: 'odoo-(?P<tenant>.+)'}}]}]
`
}

// talkative is a server that says too much, whatever it is asked.
func talkative(t *testing.T) *httptest.Server {
	return saying(t, map[string]string{
		"/metrics": fmt.Sprintf(`# HELP partner_calls_total %[1]s
# TYPE partner_calls_total counter
partner_calls_total{clinic="hush_north",state="failed",patient=%[1]q} 7
partner_calls_total{clinic=%[1]q,state="failed"} 7
# TYPE partner_answers gauge
partner_answers{clinic="hush_south",state="%[2]s"} 1
# TYPE kube_pod_status_phase gauge
kube_pod_status_phase{namespace="odoo-hush_north",pod=%[1]q,uid=%[1]q,phase="Running"} 1
kube_pod_status_phase{namespace=%[1]q,pod=%[1]q,phase="Running"} 1
`, somebody, strings.Repeat(somebody, 20)),
		"/argo": fmt.Sprintf(`# TYPE argocd_app_info gauge
argocd_app_info{name="clinic",namespace="argocd",project=%[1]q,repo=%[1]q,dest_namespace="odoo-hush_north",sync_status=%[1]q,health_status=%[1]q} 1
argocd_app_info{name=%[1]q,namespace=%[1]q,project="p",dest_namespace="odoo-hush_north",sync_status="Synced",health_status="Healthy"} 1
`, somebody),
		"/backups/": fmt.Sprintf(`<ListBucketResult><Name>backups</Name><IsTruncated>false</IsTruncated><Contents><Key>hush_north/%s.dump</Key>`+
			`<LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>9</Size></Contents></ListBucketResult>`, somebody),
	})
}

// saying is a server that answers on paths, and with somebody's name on all others.
func saying(t *testing.T, answers map[string]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := answers[r.URL.Path]
		w.Header().Set("X-Patient", somebody)
		if !known || r.URL.Query().Has("versioning") {
			w.WriteHeader(http.StatusForbidden)
			text = "<Error><Code>AccessDenied</Code><Message>" + somebody + "</Message><Resource>" + somebody + "</Resource></Error>"
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server
}

// report sends changes and a rehearsal that name somebody, good ones and bad ones.
func report(t *testing.T, d *process, said map[string]string) {
	t.Helper()
	started := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	send := func(what, path, body string, headers ...string) {
		_, said["the answer to "+what] = d.send(http.MethodPost, path, body, headers...)
	}
	authorized := []string{"Authorization", "Bearer other-" + token, "X-GitHub-Event", "deployment_status", "X-Patient", somebody}
	quoted, err := json.Marshal(somebody)
	require.NoError(t, err)
	for what, body := range map[string]string{
		"a change":          `{"id": "r-1", "kind": "release", "tenants": ["hush_north"], "started": "` + started + `", "outcome": "started"}`,
		"an unknown field":  `{"id": "r-2", "` + somebody + `": 1}`,
		"an id of somebody": `{"id": ` + string(quoted) + `}`,
		"an unknown tenant": `{"id": "r-3", "kind": "release", "tenants": [` + string(quoted) + `], "started": "` + started + `", "outcome": "started"}`,
		"a link to somebody": `{"id": "r-4", "kind": "release", "tenants": ["hush_north"], "started": "` + started +
			`", "outcome": "started", "link": "https://x.test/?q=` + url.QueryEscape(somebody) + `"}`,
		"no JSON": somebody,
	} {
		send(what, "/api/v1/changes/generic", body, authorized...)
	}
	send("a forged change", "/api/v1/changes/generic", "{}", "Authorization", "Bearer "+somebody)
	event := strings.NewReplacer("SOMEBODY", somebody, "STARTED", started).Replace(`{"action": "created",
		"deployment_status": {"id": 1, "state": "failure", "description": "SOMEBODY", "environment": "hush_north SOMEBODY", "target_url": "https://x.test/SOMEBODY",
			"created_at": "STARTED", "updated_at": "STARTED", "creator": {"login": "SOMEBODY"}},
		"deployment": {"id": 7, "ref": "SOMEBODY", "sha": "SOMEBODY", "task": "SOMEBODY", "environment": "hush_north SOMEBODY", "created_at": "STARTED",
			"description": "SOMEBODY", "payload": {"SOMEBODY": "SOMEBODY"}},
		"repository": {"full_name": "SOMEBODY", "name": "SOMEBODY"}, "sender": {"login": "SOMEBODY"}}`)
	send("a deployment", "/api/v1/changes/github", event, authorized...)
	require.Contains(t, said["the answer to a deployment"], `"recorded"`)
	for what, field := range map[string]string{"place": "place", "reason": "reason"} {
		send("a rehearsal with "+what, "/api/v1/rehearsals", fmt.Sprintf(
			`{"tenant": "hush_north", "started": %q, "ended": %q, "success": false, "recovery_seconds": 0, "recovery_point": "0001-01-01T00:00:00Z", %q: %q}`,
			started, started, field, somebody), "Authorization", "Bearer "+token)
	}
}

// rehearsed makes rehearsals by command, of which one goes well, and checks the configuration.
func rehearsed(t *testing.T, s *stage, said map[string]string) {
	t.Helper()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	file := filepath.Join(s.dir, "wardround.yaml")
	for tenant, place := range map[string]string{"hush_north": "hush-nightly", "hush_south": "hush-nightly"} {
		for _, from := range []string{place, "hush-tool", "hush-answer", "hush-bucket", "hush-sentinels"} {
			result, err := app.Rehearse(t.Context(), app.RehearseOptions{ConfigFile: file, Storage: filepath.Join(s.dir, "data"), Tenant: tenant, Place: from}, logger)
			require.Equal(t, err == nil, result.Success)
			require.Equal(t, tenant == "hush_north" && from == "hush-nightly", result.Success, "%s from %s: %v", tenant, from, err)
			text, jsonErr := json.Marshal(result)
			require.NoError(t, jsonErr)
			said["rehearsal of "+tenant+" from "+from] = fmt.Sprint(string(text), err)
		}
	}
	found, err := app.Examine(t.Context(), file, logger)
	said["check connect"] = fmt.Sprint(found, err)
	said["log of commands"] = "log: " + log.String()
}
