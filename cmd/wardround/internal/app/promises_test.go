package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/backup"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// hospital is a stage with everything on it that promises can be made about.
type hospital struct {
	*stage
	*daemon
	broken atomic.Bool // what others measure
}

// sql runs statements in the database of the tenant that is ill.
func sql(text string) func(*hospital) {
	return func(w *hospital) { w.exec("ill", text) }
}

// nothing is done for what comes and goes with another ailment.
func nothing(*hospital) {}

var ailments = []ailment[*hospital]{
	{
		promise: "scheduled-tasks-on-time", patient: "ill",
		fall: sql(`UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '3 hours' WHERE cron_name = 'HL7: pull lab results'`),
		heal: sql(`UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + interval '3 hours' WHERE cron_name = 'HL7: pull lab results'`),
	},
	{
		promise: "scheduled-tasks-succeed", patient: "ill",
		fall: sql(`UPDATE ir_cron SET failure_count = 4, first_failure_date = now() AT TIME ZONE 'UTC' - interval '9 hours' WHERE cron_name = 'Claims: export to the clearing house'`),
		heal: sql(`UPDATE ir_cron SET failure_count = 0, first_failure_date = NULL WHERE cron_name = 'Claims: export to the clearing house'`),
	},
	{
		promise: "jobs-not-stuck", patient: "ill",
		fall: sql(`INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, priority, retry, max_retries, company_id, user_id, worker_pid, date_created, date_enqueued, date_started)
			SELECT 'stuck', 'started', 'root.invoice', 'account.move', 'send_invoice', 'Job', 10, 0, 5, 1, 1, 4242, d, d, d FROM (SELECT now() AT TIME ZONE 'UTC' - interval '5 hours' AS d) t`),
		heal: sql(`UPDATE queue_job SET state = 'done', date_done = now() AT TIME ZONE 'UTC' WHERE uuid = 'stuck'`),
	},
	{
		promise: "jobs-on-time", patient: "ill",
		fall: sql(`INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, priority, retry, max_retries, company_id, user_id, date_created)
			VALUES ('waits', 'pending', 'root', 'account.move', 'send_invoice', 'Job', 10, 0, 5, 1, 1, now() AT TIME ZONE 'UTC' - interval '5 hours')`),
		heal: sql(`UPDATE queue_job SET state = 'done', date_done = now() AT TIME ZONE 'UTC' WHERE uuid = 'waits'`),
	},
	{
		promise: "modules-settled", patient: "half",
		fall: func(w *hospital) {
			w.exec("half", "UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'account'")
		},
		heal: func(w *hospital) {
			w.exec("half", "UPDATE ir_module_module SET state = 'installed' WHERE name = 'account'")
		},
	},
	{
		promise: "recovery-point", patient: "ill",
		fall: func(w *hospital) { w.age("dumps", "ill", 72*time.Hour) },
		heal: func(w *hospital) { w.dumped("dumps", "ill") },
	},
	{
		promise: "second-copy", patient: "ill",
		fall: func(w *hospital) {
			require.NoError(w.stage.t, os.RemoveAll(filepath.Join(w.dir, "copies", w.tenant("ill"))))
		},
		heal: func(w *hospital) { w.dumped("copies", "ill") },
	},
	{
		promise: "rehearsal-in-date", patient: "ill", // which was met a hundred days ago
		fall: func(*hospital) {},
		heal: func(w *hospital) { w.rehearsed("ill", true) },
	},
	{
		promise: "recovery-in-time", patient: "half",
		fall: func(w *hospital) { w.rehearsed("half", false) },
		heal: func(w *hospital) { w.rehearsed("half", true) },
	},
	{
		promise: "changes-succeed", patient: "ill",
		fall: func(w *hospital) { w.released("failed", 3) },
		heal: func(w *hospital) { w.released("succeeded", 40) },
	},
	{
		promise: "drift-short", patient: "ill",
		instead: "indicator: {threshold: {metric: change_drift_oldest_timestamp_seconds, age: true, zero: good, op: <=, value: 1s}}",
		fall:    func(w *hospital) { w.broken.Store(true) }, heal: func(w *hospital) { w.broken.Store(false) },
	},
	{
		promise: "transactions-succeed", patient: "half",
		fall: func(w *hospital) { w.odoo.SetFault(w.tenant("half"), seeds.WrongBody) },
		heal: func(w *hospital) { w.odoo.SetFault(w.tenant("half"), seeds.NoFault) },
	},
	{
		promise: "purchases-approved", patient: "ill",
		fall: sql(`INSERT INTO purchase_order (name, partner_id, currency_id, company_id, picking_type_id, state, date_order, create_date)
			VALUES ('late', 1, 1, 1, 1, 'to approve', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' - interval '6 days')`),
		heal: sql(`UPDATE purchase_order SET state = 'purchase' WHERE name = 'late'`), before: true,
	},
	{
		promise: "appointments-answered", patient: "ill", before: true,
		fall: sql(`INSERT INTO resource_booking (state, active, create_date) VALUES ('pending', true, now() AT TIME ZONE 'UTC' - interval '40 hours')`),
		heal: sql(`UPDATE resource_booking SET state = 'confirmed' WHERE state = 'pending'`),
	},
	{
		promise: "invoices-leave", patient: "ill", before: true,
		fall: sql(`INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id, create_date)
			VALUES ('late', 1, 1, 'draft', 'out_invoice', 'at_date', current_date - 5, 1, now() AT TIME ZONE 'UTC' - interval '5 days')`),
		heal: sql(`UPDATE account_move SET state = 'posted' WHERE name = 'late'`),
	},
	{
		promise: "mail-on-time", patient: "ill", before: true, // as what is above, it is looked at every ten minutes, and after a reload
		fall: sql(`WITH m AS (INSERT INTO mail_message (message_type, date, create_date)
				SELECT 'email', d, d FROM (SELECT now() AT TIME ZONE 'UTC' - interval '4 hours' AS d) t RETURNING id, create_date)
			INSERT INTO mail_mail (mail_message_id, state, email_to, create_date, is_notification) SELECT id, 'outgoing', 'late', create_date, true FROM m`),
		heal: func(w *hospital) {
			w.exec("ill", `UPDATE mail_mail SET state = 'sent' WHERE email_to = 'late'`)
			w.asAnew(w.daemon, 1)
			eventually(w.stage.t, "mail is asked for anew", func() bool {
				return w.daemon.page().is(0, "odoo_mails", "tenant", w.tenant("ill"), "state", "outgoing")
			})
		},
	},
	{
		promise: "jobs-succeed", patient: "ill", // after mail, because what was counted begins anew with a reload
		fall: func(w *hospital) { w.worked("failed", 10, time.Second) },
		heal: func(w *hospital) { w.worked("done", 400, time.Second) },
	},
	{
		promise: "jobs-start-soon", patient: "ill",
		fall: func(w *hospital) { w.worked("done", 10, 20*time.Minute) },
		heal: nothing, // these started soon
	},
	{
		promise: "partner-calls-succeed", patient: "ill",
		fall: func(w *hospital) { w.called("failed", 10, 4) }, heal: func(w *hospital) { w.called("success", 400, 0.1) },
	},
	{promise: "partner-calls-fast", patient: "ill", fall: nothing, heal: nothing}, // these were slow
	{
		promise: "requests-succeed", patient: "ill",
		fall: func(w *hospital) { w.requested(502, 5) }, heal: func(w *hospital) { w.requested(200, 200) },
	},
	{
		promise: "booking-succeed", patient: "ill",
		fall: nothing, heal: nothing, // these were bookings
	},
	{promise: "login", patient: "half", fall: nothing, heal: nothing}, // as its transactions

	// As drift-short: what the patient who is ill has of Kubernetes is used up.
	{promise: "pods-ready", patient: "ill", fall: nothing, heal: nothing},
	{promise: "quotas-free", patient: "ill", fall: nothing, heal: nothing},
	{promise: "memory-suffices", patient: "ill", fall: nothing, heal: nothing},
	{promise: "volumes-free", patient: "ill", fall: nothing, heal: nothing},
}

// TestPromisesFireAndReset breaks each promise to somebody on real servers, waits for the page at a
// real Alertmanager, keeps it again, and waits for the page to go. Nobody else is paged for.
func TestPromisesFireAndReset(t *testing.T) {
	t.Parallel()
	w := newHospital(t)
	p := watchPages(t, w.stage)
	var broken []string
	for _, a := range ailments {
		broken = append(broken, a.page(w.stage))
		if !a.before {
			a.fall(w)
		}
	}
	p.come(4*time.Minute, broken...)
	for _, a := range ailments {
		a.heal(w)
	}
	p.leave(6 * time.Minute)
}

func newHospital(t *testing.T) *hospital {
	t.Helper()
	w := &hospital{stage: newStage(t, "ward",
		patient{name: "ill", series: seeds.Series18, listed: true}, patient{name: "half", series: seeds.Series18, listed: true},
		patient{name: "calm", series: seeds.Series18, listed: true}, patient{name: "well", series: seeds.Series17, listed: true},
	)}
	for _, p := range w.patients {
		for _, place := range []string{"dumps", "copies"} {
			w.dumped(place, p.name)
		}
	}
	others := httptest.NewServer(http.HandlerFunc(w.others))
	t.Cleanup(others.Close)
	w.targets(others.URL)
	judgedBy(w.stage, "1%", ailments)
	for _, a := range ailments {
		if a.before {
			a.fall(w)
		}
	}
	w.extra = "objectives: {files: ['own-*.yaml'], policies: [quick.yaml]}\napi: {tokens: [{name: desk, token: " + token + "}]}\n" +
		"changes:\n  senders: [{name: desk, kind: generic, token: other-" + token + "}]\n" +
		"  applications: [{name: ward-argo, url: '" + others.URL + "/argo', rules: [{match: {namespace: 'odoo-(?P<tenant>.+)'}}]}]\n"
	w.met("ill", 100*24*time.Hour)
	w.requested(200, 1)
	w.daemon = w.stage.start().ready()
	return w
}

func (w *hospital) targets(others string) {
	odoo, err := url.Parse(w.odooURL)
	require.NoError(w.stage.t, err)
	w.replace("  odoo:\n    - name", `  backups:
    - {name: ward-nightly, interval: 10s, dumps: {in: {folder: dumps}, path: '{database}/{date}.dump'}}
    - {name: ward-copies, interval: 10s, copy_of: ward-nightly, dumps: {in: {folder: copies}, path: '{database}/{date}.dump'}}
  traefik: [{name: ward-proxy, access_log: {path: '`+filepath.Join(w.dir, "access.json")+`'}}]
  scrape:
    - {name: ward-kube, urls: ['`+others+`/kube-state-metrics', '`+others+`/kubelet'], rules: [kubernetes], tenants: [{label: namespace, pattern: 'odoo-(?P<tenant>.+)'}]}
  probe:
    - name: ward-edge
      connect: '`+odoo.Host+`'
      tenants_per_hour: 0
      probes: [{name: portal, interval: 10s, steps: [{name: page, url: 'http://{host}/web/login', expect: {body: csrf_token}}]}]
  odoo:
    - name`)
}

// worked lets jobs of the patient who is ill end that waited before they began just now.
func (w *hospital) worked(state string, n int, waited time.Duration) {
	w.exec("ill", fmt.Sprintf(`INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, priority, retry, max_retries, company_id, user_id,
			exc_name, exec_time, date_created, date_enqueued, date_started, date_done)
		SELECT gen_random_uuid()::text, state, 'root.lab', 'clinic.result', 'import_result', 'Job', 10, 0, 5, 1, 1,
			CASE state WHEN 'failed' THEN 'builtins.ValueError' END, 0, at - interval '%f seconds', at, at, CASE state WHEN 'done' THEN at END
		FROM (SELECT '%s' AS state, now() AT TIME ZONE 'UTC' AS at) job, generate_series(1, %d)`, waited.Seconds(), state, n))
}

// called lets partners' systems call the patient who is ill, as OCA's rest_log notes it.
func (w *hospital) called(state string, n int, seconds float64) {
	w.exec("ill", fmt.Sprintf(`INSERT INTO rest_log (collection, state, exec_time, request_url, request_method, params, create_date)
		SELECT 'clinic.services', '%s', %f, '/bookings', 'POST', '{}', now() AT TIME ZONE 'UTC' FROM generate_series(1, %d)`, state, seconds, n))
}

// dumped puts a new backup of a patient into a place: a real one, made once.
func (w *hospital) dumped(place, name string) {
	t := w.stage.t
	w.dump(name)
	if place == "dumps" {
		return
	}
	from, to := filepath.Join(w.dir, "dumps", w.tenant(name)), filepath.Join(w.dir, place, w.tenant(name))
	require.NoError(t, os.RemoveAll(to))
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
}

// age makes all backups of a patient older than they are.
func (w *hospital) age(place, name string, by time.Duration) {
	t := w.stage.t
	for _, folder := range []string{place, "copies"} {
		files, err := filepath.Glob(filepath.Join(w.dir, folder, w.tenant(name), "*.dump"))
		require.NoError(t, err)
		for _, file := range files {
			then := time.Now().Add(-by).UTC()
			old := filepath.Join(filepath.Dir(file), then.Format("2006-01-02_15-04-05")+".dump")
			require.NoError(t, os.Rename(file, old))
			require.NoError(t, os.Chtimes(old, then, then))
		}
	}
}

// met says that the daemon has known a tenant for some time.
func (w *hospital) met(name string, ago time.Duration) {
	t := w.stage.t
	require.NoError(t, os.MkdirAll(filepath.Join(w.dir, "data"), 0o750))
	since, err := json.Marshal(map[string]any{
		"since": map[string]time.Time{w.tenant(name): time.Now().Add(-ago)},
		"last":  map[string]backup.Rehearsal{}, "good": map[string]backup.Rehearsal{},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "data", "rehearsals.json"), since, 0o600))
}

// rehearsed reports a rehearsal that was made elsewhere.
func (w *hospital) rehearsed(name string, success bool) {
	t := w.stage.t
	end := time.Now().UTC()
	r := backup.Rehearsal{Tenant: w.tenant(name), Place: "tapes", Started: end.Add(-time.Second), Ended: end, Success: success, Reason: "restore"}
	if success {
		r.Reason, r.Seconds, r.RecoveryPoint = "", 1, end.Add(-time.Minute)
	}
	body, err := json.Marshal(r)
	require.NoError(t, err)
	status, answer := w.send(http.MethodPost, "/api/v1/rehearsals", string(body), "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusCreated, status, answer)
}

// requested has people book appointments through Traefik, as its access log tells.
func (w *hospital) requested(status, n int) {
	t := w.stage.t
	log, err := os.OpenFile(filepath.Join(w.dir, "access.json"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	for range n {
		_, err := fmt.Fprintf(log, `{"DownstreamStatus":%[1]d,"Duration":40000000,"OriginDuration":39000000,"OriginStatus":%[1]d,"Overhead":1000000,"RequestHost":"%[2]s.example.test",`+
			`"RequestMethod":"POST","RequestPath":"/web/dataset/call_kw/calendar.event/create","RouterName":"%[2]s@file","ServiceName":"%[2]s@file","StartUTC":%[3]q,"time":%[3]q}`+"\n",
			status, w.tenant("ill"), time.Now().UTC().Format(time.RFC3339Nano))
		require.NoError(t, err)
	}
	require.NoError(t, log.Close())
}

// released reports releases to the patient who is ill.
func (w *hospital) released(outcome string, n int) {
	t := w.stage.t
	for i := range n {
		now := time.Now().UTC().Format(time.RFC3339)
		status, answer := w.send(http.MethodPost, "/api/v1/changes/generic", fmt.Sprintf(
			`{"id": "%s-%d", "kind": "release", "tenants": [%q], "revision": "18.0.%d", "system": "desk", "started": %q, "finished": %q, "outcome": %q}`,
			outcome, i, w.tenant("ill"), i, now, now, outcome), "Authorization", "Bearer other-"+token)
		require.Equal(t, http.StatusOK, status, answer)
	}
}
