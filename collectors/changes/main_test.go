package changes

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is when tests take place, a minute after the events in testdata ended.
var now = time.Date(2026, 11, 1, 2, 5, 0, 0, time.UTC)

const token = "CANARY-token-of-a-sender"

// stage is a record of changes with one sender of each kind, and all that it said.
type stage struct {
	*Changes
	t    testing.TB
	dir  string
	log  lockedBuffer
	said bytes.Buffer // answers
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func tenants(t testing.TB) *collectors.Registry {
	list, err := collectors.NewTenants([]collectors.Tenant{
		{Name: "rosenhof", Tier: "dedicated", Region: "north", Postgres: "pg-a", Database: "rosenhof", Labels: map[string]string{"wave": "one"}},
		{Name: "lindenau", Tier: "shared", Region: "north", Postgres: "pg-b", Database: "lindenau"},
		{Name: "marienstift", Tier: "shared", Region: "south", Postgres: "pg-b", Database: "marienstift", Labels: map[string]string{"wave": "one"}},
	})
	require.NoError(t, err)
	r := collectors.NewRegistry()
	r.Replace(list)
	return r
}

func settings() Config {
	c := DefaultConfig()
	clinic := []Rule{
		{Match: map[string]string{"namespace": "clinic-(?P<tenant>[a-z]+)"}},
		{Match: map[string]string{"application": "platform-.*"}, All: true},
	}
	environment := []Rule{
		{Match: map[string]string{"environment": "clinic-(?P<tenant>[a-z]+)"}},
		{Match: map[string]string{"repository": "clinics/odoo", "branch": `[0-9.]+`}, Tier: "shared"},
	}
	c.Senders = []Sender{
		{Name: "desk", Kind: "generic", Token: token, Systems: []string{"runner"}},
		{Name: "github", Kind: "github", Token: token, Rules: environment},
		{Name: "gitlab", Kind: "gitlab", Token: token, Rules: environment},
		{Name: "argo-cd", Kind: "argocd", Token: token, Rules: clinic},
		{Name: "flux", Kind: "flux", Token: token, Rules: clinic},
	}
	return c
}

func open(t testing.TB, dir string, c Config) *stage {
	t.Helper()
	s := &stage{t: t, dir: dir}
	require.NoError(t, c.Validate())
	var err error
	s.Changes, err = New(c, Options{Logger: slog.New(slog.NewTextHandler(&s.log, nil)), Tenants: tenants(t), Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// staged runs a test at now, with a clock of its own.
func staged(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now))
		test(t, open(t, dir, settings()))
	})
}

// again is the record after a restart.
func (s *stage) again() *stage {
	s.t.Helper()
	require.NoError(s.t, s.Close())
	return open(s.t, s.dir, s.setup.Load().Config)
}

// header is what a sender of a kind proves itself with.
func header(kind, event string, body []byte) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(body)
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	switch kind {
	case "github":
		h.Set("X-Hub-Signature-256", signature)
		h.Set("X-GitHub-Event", event)
	case "gitlab":
		h.Set("X-Gitlab-Token", token)
	case "flux":
		h.Set("X-Signature", signature)
	default:
		h.Set("Authorization", "Bearer "+token)
	}
	return h
}

func (s *stage) post(kind string, h http.Header, body []byte) (int, string) {
	s.t.Helper()
	request := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, "/api/v1/changes/"+kind, bytes.NewReader(body))
	request.Header = h
	reply := httptest.NewRecorder()
	s.Handler(kind).ServeHTTP(reply, request)
	s.said.Write(reply.Body.Bytes())
	require.Equal(s.t, "application/json", reply.Header().Get("Content-Type"))
	return reply.Code, reply.Body.String()
}

// send posts a body as its sender would, and returns what became of it.
func (s *stage) send(kind string, body []byte) string {
	s.t.Helper()
	event := "deployment_status"
	if bytes.Contains(body, []byte("workflow_run")) {
		event = "workflow_run"
	}
	status, text := s.post(kind, header(kind, event, body), body)
	var reply struct {
		Answer
		Error Fault `json:"error"`
	}
	require.NoError(s.t, json.Unmarshal([]byte(text), &reply))
	require.Equal(s.t, status == http.StatusOK, reply.Error.Code == "", "%d %s", status, text)
	if status != http.StatusOK {
		return strings.TrimSpace(reply.Error.Code + " " + reply.Error.Field)
	}
	return reply.Result
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "events", name))
	require.NoError(t, err)
	return text
}

// with is a fixture with other words in place of its own.
func with(t testing.TB, name string, oldnew ...string) []byte {
	t.Helper()
	text := string(fixture(t, name))
	for i := 0; i < len(oldnew); i += 2 {
		require.Contains(t, text, oldnew[i])
	}
	return []byte(strings.NewReplacer(oldnew...).Replace(text))
}

// page is what the record's own visit brings, as text without the constant target.
func (s *stage) page() string {
	s.t.Helper()
	return text(s.batch())
}

func (s *stage) batch() *collectors.Batch {
	s.t.Helper()
	b := collectors.NewBuilder(s.Visits()[0].Key, time.Now())
	require.NoError(s.t, s.Collect(s.t.Context(), b))
	return b.Batch()
}

func text(b *collectors.Batch) string {
	var kept []string
	for line := range strings.Lines(string(collectortest.Text(b))) {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, strings.NewReplacer(`target="`+b.Key.Target+`",`, "", `{target="`+b.Key.Target+`"}`, "").Replace(line))
		}
	}
	return strings.Join(kept, "")
}

func TestConfigValidate(t *testing.T) {
	bearer := func(s Sender) Config { c := DefaultConfig(); c.Senders = []Sender{s}; return c }
	rules := func(r ...Rule) Config {
		return bearer(Sender{Name: "a", Kind: "argocd", Token: token, Rules: r})
	}
	at := func(e Endpoint) Config { c := DefaultConfig(); c.Applications = []Endpoint{e}; return c }
	match := map[string]string{"application": ".*"}
	cases := map[string]struct {
		config Config
		want   string
	}{
		"default":            {DefaultConfig(), ""},
		"full":               {settings(), ""},
		"zero":               {Config{}, "drift_after: is 0s; write a time above 0\nretention: is 0s"},
		"no name":            {bearer(Sender{Kind: "generic", Token: token}), `senders[0].name: ""`},
		"mail as name":       {bearer(Sender{Name: "jane@example.test", Kind: "generic", Token: token}), "senders[0].name"},
		"our name":           {bearer(Sender{Name: "wardround", Kind: "generic", Token: token}), `senders[0].name: "wardround" is taken`},
		"kind":               {bearer(Sender{Name: "a", Kind: "svn", Token: token}), `senders[0].kind: "svn" is none of argocd, flux,`},
		"no token":           {bearer(Sender{Name: "a", Kind: "generic"}), "senders[0].token_file: or token is needed"},
		"two tokens":         {bearer(Sender{Name: "a", Kind: "generic", Token: token, TokenFile: "/t"}), "and one of them only"},
		"short token":        {bearer(Sender{Name: "a", Kind: "generic", Token: "fifteen-letters"}), "senders[0].token: is too short: 16"},
		"rate":               {bearer(Sender{Name: "a", Kind: "generic", Token: token, PerMinute: -1}), "senders[0].per_minute: is -1"},
		"foreign systems":    {bearer(Sender{Name: "a", Kind: "argocd", Token: token, Systems: []string{"b"}}), "senders[0].systems[0]"},
		"generic rules":      {bearer(Sender{Name: "a", Kind: "generic", Token: token, Rules: []Rule{{}}}), "senders[0].rules: are not for generic"},
		"no rules":           {rules(), "senders[0].rules: are missing"},
		"no match":           {rules(Rule{All: true}), "rules[0]: match is missing"},
		"unknown fact":       {rules(Rule{Match: map[string]string{"title": "."}, All: true}), `there is no "title" to match; write one of application, namespace`},
		"pattern":            {rules(Rule{Match: map[string]string{"project": "("}, All: true}), "project is not a regular expression"},
		"no way":             {rules(Rule{Match: match}), "in no way or in several"},
		"two ways":           {rules(Rule{Match: match, All: true, Tier: "shared"}), "in no way or in several"},
		"tier and region":    {rules(Rule{Match: match, Tier: "shared", Region: "north"}), ""},
		"address":            {at(Endpoint{Name: "a", URL: "ftp://host"}), "applications[0].url: is not http"},
		"user in address":    {at(Endpoint{Name: "a", URL: "http://u:CANARY@host"}), "applications[0].url: is not http"},
		"reserved page":      {at(Endpoint{Name: "changes", URL: "http://host"}), `applications[0].name: "changes" is taken`},
		"two tokens of page": {at(Endpoint{Name: "a", URL: "http://host", Token: token, TokenFile: "/t"}), "applications[0].token_file: is set beside token"},
		"tls":                {at(Endpoint{Name: "a", URL: "http://host", TLS: &config.TLSConfig{CertFile: "/c"}}), "applications[0].tls: "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.config.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func TestNewNamesWhatItCannotRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	c := DefaultConfig()
	c.Senders = []Sender{{Name: "a", Kind: "generic", TokenFile: missing}}
	c.Applications = []Endpoint{{Name: "b", URL: "http://host", TLS: &config.TLSConfig{CAFile: missing}}}
	_, err := New(c, Options{Logger: slog.New(slog.DiscardHandler), Tenants: tenants(t), Dir: t.TempDir()})
	require.ErrorContains(t, err, "senders[0].token_file: read token file: open "+missing)
	require.ErrorContains(t, err, "applications[0]: tls: ")
	_, err = New(DefaultConfig(), Options{Logger: slog.New(slog.DiscardHandler), Tenants: tenants(t), Dir: missing})
	require.ErrorContains(t, err, "write changes: ")
}
