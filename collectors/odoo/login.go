package odoo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Outcome is what came back when a login page was asked for.
type Outcome string

// The outcomes. HTTP statuses do not tell them apart: with its database gone Odoo answers with a
// redirect to a page that answers 200.
const (
	OutcomeOK          Outcome = "ok"              // the tenant's login page
	OutcomeNoDatabase  Outcome = "no_database"     // Odoo sends to the choice of databases: none matches, or it cannot be reached
	OutcomeUnexpected  Outcome = "unexpected_page" // some other page, or a redirect elsewhere
	OutcomeServerError Outcome = "server_error"    // a 5xx status, mostly of a proxy
	OutcomeClientError Outcome = "client_error"    // a 4xx status
	OutcomeTimeout     Outcome = "timeout"         // not within the time allowed
	OutcomeUnreachable Outcome = "unreachable"     // no connection, or none that speaks HTTP
)

var outcomes = []Outcome{
	OutcomeOK, OutcomeNoDatabase, OutcomeUnexpected, OutcomeServerError, OutcomeClientError, OutcomeTimeout, OutcomeUnreachable,
}

// Login checks one tenant's login page. A page that does not come is no failure of the visit: it
// is what the visit found, and it is counted.
type Login struct {
	client  *http.Client
	url     string
	host    string // of the tenant
	timeout time.Duration
	cold    time.Duration
	tally   *tally
}

// tally is what was counted of a tenant's checks. It belongs to the one visit that makes them.
type tally struct {
	outcomes     map[Outcome]uint64
	began        time.Time // of the first check
	coldStarts   uint64
	coldDuration time.Duration // of the last cold start
	failing      time.Time     // since when no page comes; zero while it does
}

// longest is how long a check can take: a slow page is asked for twice.
func (l *Login) longest() time.Duration { return 2*l.timeout + time.Second }

// Collect makes one check. A slow page is asked for once more at once: where the second answer is
// fast the first was a cold start, which is counted apart.
func (l *Login) Collect(ctx context.Context, b *collectors.Builder) error {
	first, err := l.ask(ctx)
	if err != nil {
		return err
	}
	last := first
	if first.outcome == OutcomeOK && first.took > l.cold {
		if last, err = l.ask(ctx); err != nil {
			return err
		}
		if last.outcome == OutcomeOK && last.took <= l.cold {
			l.tally.coldStarts++
			l.tally.coldDuration = first.took
			b.Notef("cold start: %s, then %s", first.took.Round(time.Millisecond), last.took.Round(time.Millisecond))
		}
	}
	l.tally.add(last, b.At())
	l.report(b, last)
	return nil
}

func (t *tally) add(a answer, at time.Time) {
	if t.began.IsZero() {
		t.began = at
	}
	t.outcomes[a.outcome]++
	switch {
	case a.outcome == OutcomeOK:
		t.failing = time.Time{}
	case t.failing.IsZero():
		t.failing = at
	}
}

func (l *Login) report(b *collectors.Builder, last answer) {
	for _, outcome := range outcomes {
		b.Set(metricLoginChecks, float64(l.tally.outcomes[outcome]), string(outcome))
	}
	b.Set(metricLoginSuccess, truth(last.outcome == OutcomeOK))
	b.Set(metricLoginColdStarts, float64(l.tally.coldStarts))
	if last.outcome == OutcomeOK {
		b.Set(metricLoginDuration, last.took.Seconds()) // that of an earlier page would pass for fast
	}
	if l.tally.coldDuration > 0 {
		b.Set(metricLoginColdDuration, l.tally.coldDuration.Seconds())
	}
	b.CountedSince(l.tally.began)
	b.Notef("%s", last)
	if last.outcome != OutcomeOK {
		b.Find(collectors.Finding{
			Name: "login_failing", Question: collectors.Healthy, Severity: collectors.Critical,
			Text: fmt.Sprintf("The login page does not come (%s), for %s.", last, span(b.At().Sub(l.tally.failing))),
		})
	}
}

// answer is what came back for one request.
type answer struct {
	outcome Outcome
	status  int // 0 where there was none
	took    time.Duration
}

func (a answer) String() string {
	if a.status == 0 {
		return string(a.outcome)
	}
	return fmt.Sprintf("%s, status %d", a.outcome, a.status)
}

var errSlow = errors.New("the page took longer than it may")

// ask makes one request. The error is only ever that of ctx: we are stopping, or were sent too late.
func (l *Login) ask(ctx context.Context) (answer, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, l.timeout, errSlow)
	defer cancel()
	began := time.Now()
	outcome, status := l.get(bounded)
	if err := ctx.Err(); err != nil {
		return answer{}, fmt.Errorf("check the login page: %w", context.Cause(ctx))
	}
	return answer{outcome: outcome, status: status, took: time.Since(began)}, nil
}

// largestPage is how much of a page is read: a real one has some 5 kB.
const largestPage = 1 << 20

func (l *Login) get(ctx context.Context) (Outcome, int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return OutcomeUnreachable, 0
	}
	request.Host = l.host
	request.Header.Set("User-Agent", "wardround")
	response, err := l.client.Do(request)
	if err != nil {
		return unanswered(ctx, err), 0
	}
	defer response.Body.Close()
	if outcome := byStatus(response); outcome != OutcomeOK {
		return outcome, response.StatusCode
	}
	page, err := io.ReadAll(io.LimitReader(response.Body, largestPage))
	if err != nil {
		return unanswered(ctx, err), response.StatusCode
	}
	if !bytes.Contains(page, []byte("oe_login_form")) || !bytes.Contains(page, []byte("csrf_token")) {
		return OutcomeUnexpected, response.StatusCode
	}
	return OutcomeOK, response.StatusCode
}

// byStatus judges an answer before its body: OutcomeOK means that the body decides.
func byStatus(r *http.Response) Outcome {
	switch {
	case r.StatusCode == http.StatusOK:
		return OutcomeOK
	case r.StatusCode >= 500:
		return OutcomeServerError
	case r.StatusCode >= 400:
		return OutcomeClientError
	case r.StatusCode >= 300 && toDatabases(r.Header.Get("Location")):
		return OutcomeNoDatabase
	}
	return OutcomeUnexpected
}

func toDatabases(location string) bool {
	u, err := url.Parse(location)
	return err == nil && strings.HasPrefix(u.Path, "/web/database/")
}

func unanswered(ctx context.Context, err error) Outcome {
	var network net.Error
	if ctx.Err() != nil || (errors.As(err, &network) && network.Timeout()) {
		return OutcomeTimeout
	}
	return OutcomeUnreachable
}
