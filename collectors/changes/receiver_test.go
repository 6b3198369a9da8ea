package changes

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

var fixtures = map[string]string{
	"argocd.json": "argocd", "flux.json": "flux", "generic.json": "generic",
	"github-deployment_status.json": "github", "github-workflow_run.json": "github",
	"gitlab-deployment.json": "gitlab", "gitlab-pipeline.json": "gitlab",
}

// TestEvents shows what is taken over of each sender's event, and that nothing else is: neither in
// answers nor in the record, its file, the log, the series, nor the words for alerts.
func TestEvents(t *testing.T) {
	for name, kind := range fixtures {
		t.Run(name, func(t *testing.T) {
			staged(t, func(t *testing.T, s *stage) {
				require.Equal(t, "recorded", s.send(kind, fixture(t, name)))
				require.Equal(t, "repeated", s.send(kind, fixture(t, name)))
				var seen bytes.Buffer
				enc := json.NewEncoder(&seen)
				enc.SetIndent("", "  ")
				for _, tenant := range []string{"rosenhof", "lindenau"} {
					for _, c := range s.Query(tenant, now, time.Hour) {
						require.NoError(t, enc.Encode(c))
					}
					fmt.Fprintf(&seen, "%s: %s\n", tenant, s.Suspect(map[string]string{"tenant": tenant}, now))
				}
				file, err := os.ReadFile(filepath.Join(s.dir, "changes.jsonl"))
				require.NoError(t, err)
				for where, text := range map[string]string{
					"answers": s.said.String(), "record": seen.String(), "file": string(file), "log": s.log.b.String(), "page": s.page(),
				} {
					require.NotContains(t, text, "CANARY", where)
					require.NotContains(t, text, "Jane", where)
				}
				golden(t, strings.TrimSuffix(name, ".json")+".golden", seen.Bytes())
			})
		})
	}
}

func TestWhoMayNot(t *testing.T) {
	body := fixture(t, "argocd.json")
	for _, kind := range []string{"generic", "github", "gitlab", "argocd", "flux"} {
		good := header(kind, "deployment_status", body)
		cases := map[string]func(http.Header){
			"nothing": func(h http.Header) { clear(h) },
			"other token": func(h http.Header) {
				clear(h)
				h.Set("Authorization", "Bearer "+token+"x")
				h.Set("X-Gitlab-Token", "x")
			},
			"empty token": func(h http.Header) { clear(h); h.Set("Authorization", "Bearer "); h.Set("X-Gitlab-Token", "") },
			"basic":       func(h http.Header) { clear(h); h.Set("Authorization", "Basic "+token) },
			"wrong signature": func(h http.Header) {
				h.Set("X-Hub-Signature-256", "sha256=00")
				h.Set("X-Signature", "sha256=00")
				h.Del("Authorization")
				h.Del("X-Gitlab-Token")
			},
			"no digits": func(h http.Header) {
				clear(h)
				h.Set("X-Hub-Signature-256", "sha256=zz")
				h.Set("X-Signature", "sha256=")
			},
			"older digest": func(h http.Header) {
				clear(h)
				for _, name := range []string{"X-Hub-Signature-256", "X-Signature"} {
					h.Set(name, strings.Replace(good.Get(name), "sha256=", "sha1=", 1))
				}
			},
			"signature of another body": func(h http.Header) {
				clear(h)
				other := header(kind, "", []byte("{}"))
				h.Set("X-Hub-Signature-256", other.Get("X-Hub-Signature-256"))
				h.Set("X-Signature", other.Get("X-Signature"))
			},
		}
		for name, forge := range cases {
			t.Run(kind+" "+name, func(t *testing.T) {
				staged(t, func(t *testing.T, s *stage) {
					h := good.Clone()
					forge(h)
					h.Set("Content-Type", "application/json")
					status, text := s.post(kind, h, body)
					require.Equal(t, http.StatusUnauthorized, status, text)
					require.Empty(t, s.Query("rosenhof", now, time.Hour))
					require.Contains(t, s.page(), `change_events_total{result="unauthorized"} 1`)
				})
			})
		}
	}
}

func TestTokenOfAnotherKindIsNone(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		for _, each := range s.setup.Load().senders {
			each.Token = config.Secret("token of " + each.Kind)
		}
		body := fixture(t, "argocd.json")
		h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer token of generic"}}
		status, _ := s.post("argocd", h, body)
		require.Equal(t, http.StatusUnauthorized, status)
	})
}

func TestNoTokenLetsNobodyIn(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		s.setup.Load().senders[0].Token = ""
		h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer "}}
		status, _ := s.post("generic", h, fixture(t, "generic.json"))
		require.Equal(t, http.StatusUnauthorized, status)
	})
}

func TestBearerDoesForSigners(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		for _, name := range []string{"flux.json", "github-deployment_status.json", "gitlab-deployment.json"} {
			h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Authorization": {"bearer " + token}, "X-Github-Event": {"deployment_status"}}
			status, text := s.post(fixtures[name], h, fixture(t, name))
			require.Equal(t, http.StatusOK, status, text)
			require.Contains(t, text, `"recorded"`)
		}
	})
}

func TestTokenFileIsReadAtEachEvent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("the first of its tokens\n"), 0o600))
	c := DefaultConfig()
	c.Senders = []Sender{{Name: "desk", Kind: "generic", TokenFile: file, Systems: []string{"runner"}}}
	s := open(t, t.TempDir(), c)
	status := func(token string) int {
		h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
		code, _ := s.post("generic", h, []byte("{}"))
		return code
	}
	require.Equal(t, http.StatusUnprocessableEntity, status("the first of its tokens"))
	require.NoError(t, os.WriteFile(file, []byte("the second of its tokens"), 0o600))
	require.Equal(t, http.StatusUnauthorized, status("the first of its tokens"))
	require.Equal(t, http.StatusUnprocessableEntity, status("the second of its tokens"))
	require.NoError(t, os.WriteFile(file, []byte("short"), 0o600))
	require.Equal(t, http.StatusUnauthorized, status("short"), "what can be guessed lets nobody in")
	require.NoError(t, os.Remove(file))
	require.Equal(t, http.StatusUnauthorized, status("the second of its tokens"))
	require.Equal(t, http.StatusUnauthorized, status(""))
	require.Equal(t, 1, strings.Count(s.log.b.String(), "a sender cannot be recognized"), "said once")
}

func TestHandlerRefuses(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		require.Nil(t, s.Handler("svn"))
		h := header("argocd", "", nil)
		code, text := s.post("argocd", h, bytes.Repeat([]byte("x"), 10<<20))
		require.Equal(t, http.StatusRequestEntityTooLarge, code)
		require.Contains(t, text, "262144 bytes")
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		code, text = s.post("argocd", h, fixture(t, "argocd.json"))
		require.Equal(t, http.StatusUnsupportedMediaType, code)
		require.Contains(t, text, "application/json")
		for body, want := range map[string]int{
			"": 400, "[]": 422, "null": 200, "{": 400, "{}": 200, `{"started":"yesterday"}`: 422, `{"application":7}`: 422,
			`{"phase":"Succeeded"}`: 422,
		} {
			code, text := s.post("argocd", header("argocd", "", nil), []byte(body))
			require.Equal(t, want, code, "%q: %s", body, text)
		}
	})
}

// hurried is a writer of a connection whose reading can be given a deadline.
type hurried struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (h *hurried) SetReadDeadline(until time.Time) error { h.until = until; return nil }

func TestBodiesThatTrickle(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		w := &hurried{ResponseRecorder: httptest.NewRecorder()}
		s.Handler("generic").ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(os.ErrDeadlineExceeded)))
		require.Zero(t, w.until, "what is refused before its body is read needs no deadline")
		request := httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(os.ErrDeadlineExceeded))
		request.Header.Set("Content-Type", "application/json")
		s.Handler("generic").ServeHTTP(w, request)
		require.Equal(t, time.Now().Add(patience), w.until)
	})
}

func TestFloods(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		results := map[string]int{}
		for range 100 {
			results[s.send("argocd", fixture(t, "argocd.json"))]++
		}
		require.Equal(t, map[string]int{"recorded": 1, "repeated": 59, "flooded": 40}, results)
		require.Equal(t, "recorded", s.send("flux", fixture(t, "flux.json")), "another sender is not to blame")
		time.Sleep(10 * time.Second)
		require.Equal(t, "repeated", s.send("argocd", fixture(t, "argocd.json")))

		codes := map[int]int{}
		for range 100 {
			code, _ := s.post("argocd", http.Header{"Content-Type": {"application/json"}}, nil)
			codes[code]++
		}
		require.Equal(t, map[int]int{http.StatusUnauthorized: 60, http.StatusTooManyRequests: 40}, codes)
		require.Equal(t, "repeated", s.send("argocd", fixture(t, "argocd.json")), "strangers do not keep senders out")
	})
}

func TestGenericIsStrict(t *testing.T) {
	cases := map[string]struct {
		replace []string
		want    string
	}{
		"good":               {nil, "recorded"},
		"all":                {[]string{`"tenants": ["rosenhof"]`, `"scope": "all"`}, "recorded"},
		"pattern":            {[]string{`"tenants": ["rosenhof"]`, `"pattern": "*en*"`}, "recorded"},
		"without system":     {[]string{`"system": "runner",`, ""}, "recorded"},
		"unknown field":      {[]string{`"kind"`, `"title": "CANARY", "kind"`}, "invalid"},
		"other type":         {[]string{`"release/2026-11-01"`, `17`}, "invalid id"},
		"no id":              {[]string{`release/2026-11-01`, ``}, "invalid id"},
		"a sentence":         {[]string{`release/2026-11-01`, `CANARY of Jane Doe`}, "invalid id"},
		"kind":               {[]string{`"release"`, `"party"`}, "invalid kind"},
		"system of others":   {[]string{`"runner"`, `"jane.doe"`}, "invalid system"},
		"outcome":            {[]string{`"succeeded"`, `"fine"`}, "invalid outcome"},
		"observed":           {[]string{`"succeeded"`, `"observed"`}, "invalid outcome"},
		"no end":             {[]string{`"finished": "2026-11-01T02:04:00Z",`, ""}, "invalid finished"},
		"end of a start":     {[]string{`"succeeded"`, `"started"`}, "invalid finished"},
		"no start":           {[]string{`"started": "2026-11-01T02:00:00Z",`, ""}, "invalid started"},
		"time":               {[]string{`2026-11-01T02:00:00Z`, `2026-11-01 CANARY`}, "invalid"},
		"before all":         {[]string{`2026-11-01T02:00:00Z`, `2025-09-01T02:00:00Z`}, "invalid started"},
		"revision":           {[]string{`18.0.3.2`, `fix for Jane`}, "invalid revision"},
		"link with query":    {[]string{`runs/17`, `runs/17?patient=CANARY`}, "invalid link"},
		"link with user":     {[]string{`https://`, `https://jane@`}, "invalid link"},
		"link to a file":     {[]string{`https://`, `file://`}, "invalid link"},
		"unknown tenant":     {[]string{`"rosenhof"`, `"jane-doe"`}, "invalid tenants"},
		"no tenant":          {[]string{`["rosenhof"]`, `[]`}, "invalid tenants"},
		"two ways":           {[]string{`"tenants"`, `"scope": "all", "tenants"`}, "invalid tenants"},
		"some":               {[]string{`"tenants": ["rosenhof"]`, `"scope": "some"`}, "invalid tenants"},
		"bad pattern":        {[]string{`"tenants": ["rosenhof"]`, `"pattern": "["`}, "invalid pattern"},
		"pattern of nothing": {[]string{`"tenants": ["rosenhof"]`, `"pattern": "x*"`}, "invalid pattern"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			staged(t, func(t *testing.T, s *stage) {
				require.Equal(t, c.want, s.send("generic", with(t, "generic.json", c.replace...)))
				require.NotContains(t, s.said.String()+s.log.b.String(), "CANARY")
				require.NotContains(t, s.said.String()+s.log.b.String(), "ane")
			})
		})
	}
	staged(t, func(t *testing.T, s *stage) {
		require.Equal(t, "malformed", s.send("generic", append(fixture(t, "generic.json"), "{}"...)))
	})
}

// TestForeignEvents changes one thing of each sender's event.
func TestForeignEvents(t *testing.T) {
	cases := []struct {
		name    string
		replace []string
		want    string
		outcome Outcome
	}{
		{"argocd.json", []string{`"Succeeded"`, `"Running"`}, "recorded", Started},
		{"argocd.json", []string{`"Succeeded"`, `"Error"`}, "recorded", Failed},
		{"argocd.json", []string{`"Succeeded"`, `null`}, "ignored", ""},
		{"argocd.json", []string{`"clinic-rosenhof"`, `"clinic-nobody"`}, "unmapped", ""},
		{"argocd.json", []string{`"clinic-rosenhof"`, `"my-clinic-rosenhof"`}, "unmapped", ""},
		{"argocd.json", []string{`"clinic-rosenhof"`, `"clinic-rosenhof-2"`}, "unmapped", ""},
		{"argocd.json", []string{`"clinic-rosenhof"`, `"x"`, `"odoo-rosenhof"`, `"platform-ingress"`}, "recorded", Succeeded},
		{"flux.json", []string{`"UpgradeSucceeded"`, `"UpgradeFailed"`, `"info"`, `"error"`}, "recorded", Failed},
		{"flux.json", []string{`"UpgradeSucceeded"`, `"HealthCheckFailed"`}, "recorded", Failed},
		{"flux.json", []string{`"UpgradeSucceeded"`, `"RollbackSucceeded"`}, "recorded", RolledBack},
		{"flux.json", []string{`"UpgradeSucceeded"`, `"Progressing"`}, "recorded", Started},
		{"flux.json", []string{`"UpgradeSucceeded"`, `"DependencyNotReady"`, `"info"`, `"error"`}, "ignored", ""},
		{"flux.json", []string{`"HelmRelease"`, `"GitRepository"`}, "ignored", ""},
		{"flux.json", []string{`"revision"`, `"helm.toolkit.fluxcd.io/revision"`}, "recorded", Succeeded},
		{"flux.json", []string{`"revision"`, `"other"`}, "ignored", ""},
		{"github-deployment_status.json", []string{`"success"`, `"in_progress"`}, "recorded", Started},
		{"github-deployment_status.json", []string{`"success"`, `"error"`}, "recorded", Failed},
		{"github-deployment_status.json", []string{`"success"`, `"inactive"`}, "ignored", ""},
		{"github-workflow_run.json", []string{`"success"`, `"timed_out"`}, "recorded", Failed},
		{"github-workflow_run.json", []string{`"success"`, `"cancelled"`}, "recorded", Cancelled},
		{"github-workflow_run.json", []string{`"success"`, `"skipped"`}, "ignored", ""},
		{"github-workflow_run.json", []string{`"action": "completed"`, `"action": "in_progress"`}, "recorded", Started},
		{"github-workflow_run.json", []string{`"head_branch": "18.0.3.2"`, `"head_branch": "main"`}, "unmapped", ""},
		{"gitlab-deployment.json", []string{`"success"`, `"canceled"`}, "recorded", Cancelled},
		{"gitlab-deployment.json", []string{`"success"`, `"created"`}, "ignored", ""},
		{"gitlab-deployment.json", []string{`2026-11-01 03:04:00 +0100`, `soon`}, "invalid", ""},
		{"gitlab-deployment.json", []string{`"object_kind": "deployment"`, `"object_kind": "push"`}, "ignored", ""},
		{"gitlab-pipeline.json", []string{`"success"`, `"manual"`}, "ignored", ""},
		{"gitlab-pipeline.json", []string{`"2026-11-01 02:04:00 UTC"`, `null`, `"success"`, `"running"`}, "recorded", Started},
	}
	for _, c := range cases {
		t.Run(c.name+" "+strings.Join(c.replace, " "), func(t *testing.T) {
			staged(t, func(t *testing.T, s *stage) {
				require.Equal(t, c.want, s.send(fixtures[c.name], with(t, c.name, c.replace...)))
				found := append(s.Query("rosenhof", now, time.Hour), s.Query("lindenau", now, time.Hour)...)
				if c.outcome == "" {
					require.Empty(t, found)
					return
				}
				require.Equal(t, c.outcome, found[0].Outcome)
				require.Equal(t, map[bool]time.Time{true: found[0].Finished}[c.outcome.bad()], found[0].Failed)
			})
		})
	}
	staged(t, func(t *testing.T, s *stage) {
		body := []byte(`{"zen": "CANARY"}`)
		code, text := s.post("github", header("github", "ping", body), body)
		require.Equal(t, http.StatusOK, code)
		require.JSONEq(t, `{"result": "ignored"}`, text)
	})
}

func TestClocksThatAreWrong(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		require.Equal(t, "recorded", s.send("generic", with(t, "generic.json",
			"2026-11-01T02:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T02:04:00Z", "2026-11-01T08:05:00Z")))
		c := s.Query("rosenhof", now, time.Hour)[0]
		require.Equal(t, now, c.Started, "nothing is yet to come")
		require.Equal(t, now, c.Finished)
		require.Contains(t, s.page(), `change_sender_clock_ahead_seconds{sender="desk"} 21600`)
		require.Equal(t, "recorded", s.send("generic", with(t, "generic.json", "release/", "other/",
			"2026-11-01T02:00:00Z", "2026-11-01T01:30:00Z", "2026-11-01T02:04:00Z", "2026-11-01T01:00:00Z")))
		c = s.Query("rosenhof", now, time.Hour)[1]
		require.Equal(t, c.Started, c.Finished, "nothing ends before it begins")
		require.Contains(t, s.page(), `change_sender_clock_ahead_seconds{sender="desk"} 0`)
	})
}
