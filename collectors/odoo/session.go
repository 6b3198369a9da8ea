package odoo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// SessionConfig says with whose session tenants are checked beyond the login page. The user is
// the same in all of them, and no administrator: with such a one's login Odoo writes another
// address of itself into the database.
type SessionConfig struct {
	Login        string         `yaml:"login"`         // empty means no such checks
	Password     config.Secret  `yaml:"password"`      //
	PasswordFile string         `yaml:"password_file"` // read at each login, in place of password
	Interval     model.Duration `yaml:"interval"`      // between two checks of a tenant
}

func (c SessionConfig) validate() []error {
	if c.Login == "" {
		return nil
	}
	var errs []error
	if (c.Password == "") == (c.PasswordFile == "") {
		errs = append(errs, collectors.Invalid("session.password", "write either it or password_file"))
	}
	if c.Interval <= 0 {
		errs = append(errs, collectors.Invalid("session.interval", "must be positive"))
	}
	return errs
}

func (c SessionConfig) password() (string, error) {
	if c.PasswordFile == "" {
		return string(c.Password), nil
	}
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", collectors.Because(collectors.ReasonAuth, fmt.Errorf("read the password of the session: %w", err))
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// The outcomes that only a session has, beside those of the login page.
const (
	OutcomeRefused       Outcome = "refused"           // the user is not let in
	OutcomeAdministrator Outcome = "administrator"     // the user is one, and not used any more
	OutcomeApplication   Outcome = "application_error" // status 200 with an error in the body
	outcomeExpired       Outcome = "expired"           // never reported: leads to another login
)

var sessionOutcomes = append([]Outcome{OutcomeRefused, OutcomeAdministrator, OutcomeApplication}, outcomes...)

// loginsApart is how far apart logins are: each costs Odoo half a second and writes a row. That of an
// administrator does more harm: it overwrites the address that Odoo writes into mails.
const (
	loginsApart        = 10 * time.Minute
	administratorApart = 24 * time.Hour
)

// Session does what a signed-in user's browser does: it logs in once, keeps the cookie, and makes
// one cheap call. It also asks whether the tenant's websockets would be served.
type Session struct {
	client   *http.Client
	base     string
	host     string // of the tenant
	database string
	config   SessionConfig
	timeout  time.Duration

	cookie   string
	loggedIn time.Time // when it was last tried
	barred   Outcome   // why no login is tried for a while; "" while nothing speaks against it
	began    time.Time
	outcomes map[Outcome]uint64
	logins   uint64
}

// Collect makes one check. As with the login page, what does not come is what was found.
func (s *Session) Collect(ctx context.Context, b *collectors.Builder) error {
	if s.began.IsZero() {
		s.began, s.outcomes = b.At(), map[Outcome]uint64{}
	}
	outcome, took, err := s.check(ctx, b.At())
	if err != nil {
		return err
	}
	socket, err := s.get(ctx, "/websocket/health")
	if err == nil && socket == OutcomeClientError { // series before 16 have long polls instead
		socket, err = s.get(ctx, "/longpolling/health")
	}
	if err != nil {
		return err
	}
	s.outcomes[outcome]++
	for _, o := range sessionOutcomes {
		b.Set(metricSessionChecks, float64(s.outcomes[o]), string(o))
	}
	b.CountedSince(s.began)
	b.Set(metricSessionLogins, float64(s.logins))
	b.Set(metricSessionSuccess, truth(outcome == OutcomeOK))
	b.Set(metricWebsocket, truth(socket == OutcomeOK))
	b.Notef("session %s, websocket %s", outcome, socket)
	if outcome == OutcomeOK {
		b.Set(metricSessionDuration, took.Seconds())
		return nil
	}
	s.find(b, outcome)
	return nil
}

func (s *Session) find(b *collectors.Builder, outcome Outcome) {
	finding := collectors.Finding{
		Name: "session_failing", Question: collectors.Healthy, Severity: collectors.Critical,
		Text: fmt.Sprintf("A signed-in user cannot work: a simple call ends with %s.", outcome),
	}
	switch outcome {
	case OutcomeRefused:
		finding.Name, finding.Severity = "session_refused", collectors.Warning
		finding.Text = "The user of the session check is not let in."
	case OutcomeAdministrator:
		finding.Name, finding.Severity = "session_is_administrator", collectors.Warning
		finding.Text = "The user of the session check is an administrator, so it is not used: give it a normal user."
	}
	b.Find(finding)
}

// check makes the call, with a login before it where there is no session.
func (s *Session) check(ctx context.Context, now time.Time) (Outcome, time.Duration, error) {
	for range 2 {
		if s.cookie == "" {
			if outcome, err := s.login(ctx, now); outcome != OutcomeOK || err != nil {
				return outcome, 0, err
			}
		}
		began := time.Now()
		outcome, reply, err := s.post(ctx, "/web/dataset/call_kw/res.users/search_count", map[string]any{
			"model": "res.users", "method": "search_count", "args": []any{[]any{}}, "kwargs": map[string]any{},
		})
		if outcome == OutcomeOK && reply.cookie != "" {
			s.cookie = reply.cookie // Odoo changes it every few hours
		}
		if outcome != outcomeExpired || err != nil {
			return outcome, time.Since(began), err
		}
		s.cookie = ""
	}
	return OutcomeApplication, 0, nil
}

// login opens a session, unless that was tried a short while ago.
func (s *Session) login(ctx context.Context, now time.Time) (Outcome, error) {
	apart := loginsApart
	if s.barred == OutcomeAdministrator {
		apart = administratorApart
	}
	if !s.loggedIn.IsZero() && now.Sub(s.loggedIn) < apart && s.barred != "" {
		return s.barred, nil
	}
	password, err := s.config.password()
	if err != nil {
		return "", err
	}
	s.loggedIn, s.barred = now, ""
	s.logins++
	outcome, reply, err := s.post(ctx, "/web/session/authenticate", map[string]any{
		"db": s.database, "login": s.config.Login, "password": password,
	})
	switch {
	case err != nil:
		return "", err
	case outcome == OutcomeApplication || (outcome == OutcomeOK && !reply.let()):
		outcome = OutcomeRefused
	case outcome == OutcomeOK && (reply.Result.Admin || reply.Result.System):
		outcome = OutcomeAdministrator
	case outcome == OutcomeOK:
		s.cookie = reply.cookie
		s.barred = OutcomeApplication // a session that ends at once is not opened again and again
	}
	if outcome == OutcomeRefused || outcome == OutcomeAdministrator {
		s.barred = outcome
	}
	return outcome, nil
}

// answered is what matters of an answer to a call.
type answered struct {
	Result struct {
		UID    any  `json:"uid"`
		Admin  bool `json:"is_admin"`
		System bool `json:"is_system"`
	} `json:"result"`
	cookie string
}

func (r *answered) let() bool {
	uid, ok := r.Result.UID.(float64)
	return ok && uid > 0 && r.cookie != ""
}

func (s *Session) get(ctx context.Context, path string) (Outcome, error) {
	return s.do(ctx, http.MethodGet, path, nil, func([]byte, *http.Response) Outcome { return OutcomeOK })
}

// post makes a call of JSON-RPC: errors come with the status 200.
func (s *Session) post(ctx context.Context, path string, params map[string]any) (Outcome, *answered, error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": "call", "id": 1, "params": params})
	if err != nil {
		return "", nil, fmt.Errorf("write a call: %w", err)
	}
	got := &answered{}
	outcome, err := s.do(ctx, http.MethodPost, path, body, got.judge)
	return outcome, got, err
}

func (r *answered) judge(text []byte, response *http.Response) Outcome {
	var envelope struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(text, &envelope); {
	case err != nil:
		return OutcomeUnexpected
	case envelope.Error != nil && envelope.Error.Code == 100:
		return outcomeExpired
	case envelope.Error != nil || len(envelope.Result) == 0:
		return OutcomeApplication
	}
	if envelope.Result[0] == '{' && json.Unmarshal(text, r) != nil { // that of the other call is a number
		return OutcomeUnexpected
	}
	for _, c := range response.Cookies() {
		if c.Name == "session_id" {
			r.cookie = c.Value
		}
	}
	return OutcomeOK
}

// do makes one request. The error is only ever that of ctx.
func (s *Session) do(ctx context.Context, method, path string, body []byte, judge func([]byte, *http.Response) Outcome) (Outcome, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, s.timeout, errSlow)
	defer cancel()
	outcome := s.request(bounded, method, path, body, judge)
	if ctx.Err() != nil {
		return "", fmt.Errorf("check the session: %w", context.Cause(ctx))
	}
	return outcome, nil
}

func (s *Session) request(ctx context.Context, method, path string, body []byte, judge func([]byte, *http.Response) Outcome) Outcome {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return OutcomeUnreachable
	}
	request.Host = s.host
	request.Header.Set("User-Agent", "wardround")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if s.cookie != "" {
		request.Header.Set("Cookie", "session_id="+s.cookie)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer response.Body.Close()
	if outcome := byStatus(response); outcome != OutcomeOK {
		return outcome
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, largestPage))
	if err != nil {
		return unanswered(ctx, err)
	}
	return judge(text, response)
}

// sessionVisits are the checks with a session: of those tenants whose login page is checked, at
// most as often as it is, so that no further tenants are loaded for them.
func (t *Target) sessionVisits(plan Plan) []collectors.Visit {
	if t.config.Session.Login == "" {
		return nil
	}
	base, err := url.Parse(strings.TrimRight(t.config.URL, "/"))
	if err != nil {
		return nil // Validate lets no such URL through
	}
	var visits []collectors.Visit
	kept := map[string]*Session{}
	for _, c := range plan.Checks {
		s, ok := t.sessions[c.Tenant.Name]
		if !ok || s.host != c.Tenant.Hosts[0] || s.database != c.Tenant.Database {
			s = &Session{
				client: t.client, base: base.String(), host: c.Tenant.Hosts[0], database: c.Tenant.Database,
				config: t.config.Session, timeout: time.Duration(t.config.Timeout),
			}
		}
		kept[c.Tenant.Name] = s
		visits = append(visits, collectors.Visit{
			Key:       collectors.Key{Collector: "odoo_session", Target: t.config.Name, Tenant: c.Tenant.Name},
			Collector: s, Interval: max(c.Interval, time.Duration(t.config.Session.Interval)), Timeout: 5*s.timeout + time.Second, Budget: t.budget,
		})
	}
	t.sessions = kept
	return visits
}
