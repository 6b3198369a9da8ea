package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// step is a Step made ready.
type step struct {
	Step
	found    *regexp.Regexp // nil for none
	notFound *regexp.Regexp
	extract  []*regexp.Regexp // beside Step.Extract; nil for a header
}

func newStep(s Step) (*step, error) {
	made := &step{Step: s}
	var err error
	if s.Expect.Body != "" {
		if made.found, err = regexp.Compile(s.Expect.Body); err != nil {
			return nil, fmt.Errorf("expect.body: %w", err)
		}
	}
	if s.Expect.NotBody != "" {
		if made.notFound, err = regexp.Compile(s.Expect.NotBody); err != nil {
			return nil, fmt.Errorf("expect.notbody: %w", err)
		}
	}
	for _, e := range s.Extract {
		var pattern *regexp.Regexp
		if e.Body != "" {
			if pattern, err = regexp.Compile(e.Body); err != nil {
				return nil, fmt.Errorf("extract: %w", err)
			}
		}
		made.extract = append(made.extract, pattern)
	}
	return made, nil
}

// Run makes one probe for one tenant, as a collectors.Collector.
type Run struct {
	probe    *probe
	client   *http.Client
	tenant   collectors.Tenant
	interval time.Duration
	tally    *tally
}

// tally is what was counted of a tenant's runs. It belongs to the one visit that makes them.
type tally struct {
	outcomes map[Outcome]uint64
	began    time.Time
	failing  time.Time // since when; zero while it does not
}

// reached is a step that was tried.
type reached struct {
	*step
	exchange
}

// Collect makes the steps, up to the first that is not as expected. It fails only where a file of
// ours cannot be read, or where the visit is cut short.
func (r *Run) Collect(ctx context.Context, b *collectors.Builder) error {
	bounded, cancel := context.WithTimeoutCause(ctx, r.probe.timeout(), errSlow)
	defer cancel()
	began := time.Now()
	steps, err := r.walk(bounded)
	if ctx.Err() != nil {
		return fmt.Errorf("probe %s: %w", r.probe.Name, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("probe %s: %w", r.probe.Name, err)
	}
	last := steps[len(steps)-1]
	r.tally.add(last.outcome, b.At())
	for _, s := range steps {
		r.report(b, s)
	}
	b.Set(metricSuccess, truth(last.outcome == OutcomeOK), r.probe.Name)
	b.Set(metricInterval, r.interval.Seconds(), r.probe.Name)
	if last.outcome == OutcomeOK {
		b.Set(metricDuration, time.Since(began).Seconds(), r.probe.Name) // that of a part would pass for fast
	}
	for _, outcome := range outcomes {
		b.Set(metricRuns, float64(r.tally.outcomes[outcome]), r.probe.Name, string(outcome))
	}
	b.CountedSince(r.tally.began)
	r.find(b, last)
	r.findCertificate(b, steps)
	return nil
}

var errSlow = errors.New("the probe took longer than it may")

func (t *tally) add(outcome Outcome, at time.Time) {
	if t.began.IsZero() {
		t.began = at
	}
	t.outcomes[outcome]++
	switch {
	case outcome == OutcomeOK:
		t.failing = time.Time{}
	case t.failing.IsZero():
		t.failing = at
	}
}

// walk makes the steps. The error is of our own files.
func (r *Run) walk(ctx context.Context) ([]reached, error) {
	client := *r.client
	if r.probe.Cookies {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, fmt.Errorf("make a cookie jar: %w", err)
		}
		client.Jar = jar
	}
	known := values{"host": r.tenant.Hosts[0], "tenant": r.tenant.Name, "database": r.tenant.Database}
	var steps []reached
	for _, s := range r.probe.steps {
		e := exchange{outcome: OutcomeValue}
		request, err := s.request(ctx, known)
		switch {
		case errors.Is(err, errFilled):
		case err != nil:
			return nil, fmt.Errorf("step %s: %w", s.Name, err)
		default:
			client.CheckRedirect = s.redirect
			e = perform(ctx, &client, request)
			s.judge(&e, known)
		}
		steps = append(steps, reached{s, e})
		if e.outcome != OutcomeOK {
			break
		}
	}
	return steps, nil
}

var errFilled = errors.New("what was filled in makes no request")

// request is the step's request with everything filled in.
func (s *step) request(ctx context.Context, known values) (*http.Request, error) {
	text := s.Body
	if s.BodyFile != "" {
		read, err := os.ReadFile(s.BodyFile)
		if err != nil {
			return nil, ourFile("body_file", err)
		}
		text = string(read)
	}
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if text != "" {
		body = strings.NewReader(known.body(text, header(s.Headers, "Content-Type")))
	}
	request, err := http.NewRequestWithContext(ctx, method, known.url(s.URL), body)
	if err != nil {
		return nil, errFilled
	}
	request.Header.Set("User-Agent", "wardround")
	for name, text := range s.Headers {
		request.Header.Set(name, known.header(text))
		if strings.EqualFold(name, "Host") {
			request.Host = known.header(text)
		}
	}
	if s.TokenFile != "" {
		token, err := os.ReadFile(s.TokenFile)
		if err != nil {
			return nil, ourFile("token_file", err)
		}
		request.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token)))
	}
	return request, nil
}

// ourFile is a failure to read a file that the configuration names, without its path.
func ourFile(setting string, err error) error {
	reason := collectors.ReasonOther
	switch {
	case errors.Is(err, os.ErrNotExist):
		reason = collectors.ReasonMissing
	case errors.Is(err, os.ErrPermission):
		reason = collectors.ReasonPermission
	}
	return collectors.Because(reason, fmt.Errorf("%s cannot be read", setting))
}

const mostRedirects = 10

// redirect says whether a redirect is followed: within the same host, and never from https to http.
func (s *step) redirect(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	switch {
	case !s.FollowRedirects:
		return http.ErrUseLastResponse
	case len(before) > mostRedirects, next.URL.Host != first.Host, first.Scheme == "https" && next.URL.Scheme != "https":
		return errRedirect
	}
	return nil
}

// longestValue is how long an extracted value may be.
const longestValue = 4 << 10

// judge compares an answer with what is expected, and adds what it extracts to the known values.
func (s *step) judge(e *exchange, known values) {
	if e.outcome != OutcomeOK {
		return
	}
	expected := s.Expect.Status
	if len(expected) == 0 {
		expected = []int{http.StatusOK}
	}
	switch {
	case !slices.Contains(expected, e.status):
		e.outcome = OutcomeStatus
	case s.found != nil && !s.found.Match(e.body), s.notFound != nil && s.notFound.Match(e.body):
		e.outcome = OutcomeBody
	case !s.take(e, known):
		e.outcome = OutcomeValue
	case s.Expect.Latency > 0 && e.took > time.Duration(s.Expect.Latency):
		e.outcome = OutcomeSlow
	}
}

// take extracts the step's values; false where one is not there.
func (s *step) take(e *exchange, known values) bool {
	for i, x := range s.Extract {
		value := ""
		if s.extract[i] == nil {
			value = e.header.Get(x.Header)
		} else if groups := s.extract[i].FindSubmatch(e.body); groups != nil {
			value = string(groups[1])
		}
		if value == "" || len(value) > longestValue {
			return false
		}
		known[x.Name] = value
	}
	return true
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
