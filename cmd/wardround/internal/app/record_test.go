package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo/evidence"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

const token = "a-token-of-the-change-desk"

// send asks the API to change something.
func (d *daemon) send(method, path, body string, headers ...string) (status int, answer string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, bytes.NewBufferString(body))
	require.NoError(d.t, err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	require.NoError(d.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	return response.StatusCode, string(text)
}

// TestExclusions takes a stretch out of a promise that was broken in it, over the API, sees that it
// outlives a restart, and takes it back. What was decided is in the evidence.
func TestExclusions(t *testing.T) {
	t.Parallel()
	s := newStage(t, "except", patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}})
	s.extra = "api: {tokens: [{name: desk, token: " + token + "}]}"
	s.replace("resend_delay: 5s}", "resend_delay: 5s, silences: true}")
	d := s.start().ready()
	const overdue = "scheduled-tasks-on-time except_cedar"
	eventually(t, "the budget is spent", func() bool { return d.promises()[overdue].Status == "exhausted" })

	now := time.Now().UTC().Truncate(time.Minute)
	exclusion := fmt.Sprintf(`{"id": "probe-was-wrong", "scope": {"objectives": ["scheduled-tasks-on-time"], "tenants": ["except_cedar"]},
		"from": %q, "to": %q, "mode": "as_good", "category": "correction", "approver": "Head of Operations", "reason": "The clock was wrong"}`,
		now.Add(-time.Hour).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
	status, answer := d.send(http.MethodPost, "/api/v1/exclusions", exclusion)
	require.Equal(t, http.StatusUnauthorized, status, answer)
	status, answer = d.send(http.MethodPost, "/api/v1/exclusions", exclusion, "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusCreated, status, answer)
	eventually(t, "what was bad counts as good", func() bool {
		p := d.promises()[overdue]
		return p.Status == "ok" && p.Bad == 0 && p.Good > 0
	})
	eventually(t, "it is a silence, too", func() bool { return silenced(t, "probe-was-wrong") == "active" })
	d.stop()

	d = s.start().ready()
	eventually(t, "it outlives a restart", func() bool {
		p := d.promises()[overdue]
		return p.Status == "ok" && p.Bad == 0 && p.Good > 0
	})
	status, answer = d.send(http.MethodDelete, "/api/v1/exclusions/probe-was-wrong?reason=It+was+right", "", "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusOK, status, answer)
	eventually(t, "what was bad is bad again", func() bool { return d.promises()[overdue].Status == "exhausted" })
	eventually(t, "the silence has ended", func() bool { return silenced(t, "probe-was-wrong") == "expired" })
	d.stop()

	kinds := s.evidence()
	require.Equal(t, []string{evidence.KindExclusionCreated + " desk", evidence.KindExclusionRevoked + " desk"},
		slicesOf(kinds, "exclusion_"))
	require.Len(t, slicesOf(kinds, evidence.KindConfigReloaded), 2, "one for each start")
	require.NotEmpty(t, slicesOf(kinds, evidence.KindAlertTransition))
}

// silenced is the state of an exclusion's silence in Alertmanager, "" where there is none.
func silenced(t *testing.T, exclusion string) string {
	t.Helper()
	_, body := fetch(t, http.MethodGet, alertmanager.URL()+"/api/v2/silences")
	var all []struct {
		Comment string
		Status  struct{ State string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &all), body)
	for _, s := range all {
		if strings.Contains(s.Comment, exclusion) {
			return s.Status.State
		}
	}
	return ""
}

// TestAFaultOfManyIsToldOnce breaks the same promise to all tenants of a cluster.
func TestAFaultOfManyIsToldOnce(t *testing.T) {
	t.Parallel()
	var patients []patient
	for _, name := range []string{"ash", "beech", "cedar", "elm", "fir"} {
		patients = append(patients, patient{name: name, series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}})
	}
	s := newStage(t, "fold", patients...)
	d := s.start().ready()
	eventually(t, "the cluster's alert is at Alertmanager", func() bool {
		for _, a := range alerts(t) {
			if a.Labels["cluster"] == s.target("main") && a.Labels["scope"] == "cluster" && a.Labels["severity"] == "page" {
				require.Equal(t, "scheduled-tasks-on-time", a.Labels["objective"])
				require.Contains(t, a.Annotations["description"]+a.Annotations["worst"], "fold_ash")
				return true
			}
		}
		return false
	})
	var answer struct {
		Alerts []struct {
			Tenant     string
			FoldedInto string `json:"folded_into"`
		}
	}
	d.json("/api/v1/alerts?severity=page&objective=scheduled-tasks-on-time&tenant=fold_elm", &answer)
	require.NotEmpty(t, answer.Alerts)
	for _, a := range answer.Alerts {
		require.NotEmpty(t, a.FoldedInto, "the tenant's own alert says who speaks for it")
	}
}

// evidence proves the record whole, and answers the kinds of its events and who caused them.
func (s *stage) evidence() []string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "data", evidence.FileName))
	require.NoError(s.t, err)
	result, err := evidence.Verify(bytes.NewReader(data))
	require.NoError(s.t, err)
	require.True(s.t, result.Whole(), result.Faults)
	require.NotContains(s.t, string(data), token)
	require.NotContains(s.t, string(data), seeds.Canary)
	var all []string
	for e, err := range evidence.Read(bytes.NewReader(data)) {
		require.NoError(s.t, err)
		all = append(all, e.Kind+" "+e.Who)
	}
	return all
}

func slicesOf(all []string, prefix string) []string {
	var some []string
	for _, text := range all {
		if strings.HasPrefix(text, prefix) {
			some = append(some, text)
		}
	}
	return some
}

// TestSources measures a promise in a real Prometheus, which knew of failures before the daemon
// was there.
func TestSources(t *testing.T) {
	t.Parallel()
	s := newStage(t, "source", patient{name: "north", series: seeds.Series18})
	from := time.Now().Add(-2 * time.Hour).Truncate(time.Minute)
	fleet := prometheusWith(t, from, func(minute int) (good, bad int) { return 90 * minute, 10 * minute })
	promise := func(failed, target string) {
		s.write("partner.yaml", fmt.Sprintf(`
name: partner-api
question: healthy
title: Partners are answered
indicator:
  source: fleet
  events: {bad: 'partner_requests_total{%s}', total: partner_requests_total}
targets: %s
`, failed, target))
	}
	promise(`code="500"`, "99.9%")
	s.extra = "objectives: {files: [partner.yaml]}\nsources: [{name: fleet, url: '" + fleet.URL() + "', catch_up: 6h}]"
	d := s.start().ready()
	const partners = "partner-api source_north"
	eventually(t, "what was before is caught up exactly", func() bool {
		p := d.promises()[partners]
		return p.Bad == 600 && p.Good == 5400
	})
	p := d.page()
	require.True(t, p.is(1, "wardround_source_up", "source", "fleet"))
	_, there := firingSince(t, "source_north", "partner-api", "page")
	require.False(t, there, "its last failure is an hour ago")

	promise(`code=~"5.."`, "99%")
	status, answer := d.send(http.MethodPost, "/-/reload", "")
	require.Equal(t, http.StatusOK, status, answer)
	eventually(t, "what measures something else begins anew, and catches up", func() bool {
		p := d.promises()[partners]
		return p.Bad == 600 && p.Good == 5400 && p.TargetRatio == 0.99
	})
}

// prometheusWith starts a Prometheus that holds an hour of one tenant's requests, one sample a
// minute.
func prometheusWith(t *testing.T, from time.Time, counted func(minute int) (good, bad int)) *platform.Monitor {
	t.Helper()
	var text strings.Builder
	text.WriteString("# TYPE partner_requests counter\n")
	for _, code := range []string{"200", "500"} {
		for minute := range 61 {
			good, bad := counted(minute)
			fmt.Fprintf(&text, "partner_requests_total{tenant=\"source_north\",code=%q} %d %d\n",
				code, map[string]int{"200": good, "500": bad}[code], from.Add(time.Duration(minute)*time.Minute).Unix())
		}
	}
	text.WriteString("# EOF\n")
	dir := t.TempDir()
	file := filepath.Join(dir, "history.txt")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	out, err := exec.CommandContext(t.Context(), "promtool", "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(dir, "tsdb")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	m, err := platform.StartPrometheus(t.Context(), platform.MonitorOptions{
		Place: platform.Place{Dir: dir}, Config: "global: {scrape_interval: 1m}\n",
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Remove()) })
	return m
}

// TestHistoryAsTheAPITellsIt reads minutes of one promise.
func TestHistoryAsTheAPITellsIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, "history", patient{name: "north", series: seeds.Series18})
	d := s.start().ready()
	from := time.Now().UTC().Truncate(time.Hour).Format(time.RFC3339)
	eventually(t, "the minute is told", func() bool {
		_, text := fetch(t, http.MethodGet, d.url+"/api/v1/history?objective=jobs-not-stuck&tenant=history_north&step=hour&from="+from)
		var answer struct {
			Points []struct {
				Good uint64 `json:"good_events"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		var good uint64
		for _, p := range answer.Points {
			good += p.Good
		}
		return good > 0
	})
}
