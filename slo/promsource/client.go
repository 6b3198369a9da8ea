package promsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// client asks one API. It reads answers as they come, one series at a time.
type client struct {
	endpoint string
	timeout  time.Duration
	partial  bool // is accepted
	limit    int64
	http     *http.Client
}

// bytesPerSample is twice what a sample takes in an answer, which leaves room
// for the labels of series.
const bytesPerSample = 64

func newClient(c Config) (*client, error) {
	httpClient, err := promconfig.NewClientFromConfig(c.HTTP, "promsource")
	if err != nil {
		return nil, fmt.Errorf("prepare HTTP client of source %s: %w", c.Name, err)
	}
	return &client{
		endpoint: strings.TrimRight(c.URL, "/") + "/api/v1/query",
		timeout:  time.Duration(c.Timeout),
		partial:  c.AcceptPartial,
		limit:    int64(c.MaxSamples) * bytesPerSample,
		http:     httpClient,
	}, nil
}

// samples shows each series of a query with its raw samples within [from, to),
// and maybe the one before. Warnings come with an answer that is accepted all the
// same.
func (c *client) samples(ctx context.Context, q query, from, to time.Time, each func(stream) error) (warnings []string, err error) {
	late := fmt.Errorf("no answer within %s: %w", c.timeout, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, late)
	defer cancel()
	response, err := c.ask(ctx, c.form(q, from, to))
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return nil, refused(response)
	}
	answer := &answer{each: each}
	err = answer.read(&bounded{response.Body, c.limit})
	switch {
	case err != nil:
		return nil, unread(ctx, err)
	case answer.Status != "success":
		return nil, failed(ReasonProtocol, "the answer has the status %q: %s", answer.Status, answer.Error)
	case answer.resultType != "matrix":
		return nil, failed(ReasonProtocol, "the answer is a %q, not a matrix of samples", answer.resultType)
	case answer.IsPartial:
		answer.Warnings = append(answer.Warnings, "isPartial")
	}
	if len(answer.Warnings) > 0 && !c.partial {
		return nil, failed(ReasonPartial, "the answer may be partial: %s", strings.Join(answer.Warnings, "; "))
	}
	return answer.Warnings, nil
}

// form is a query's parameters. A range ends at its instant and, depending on
// the server, includes its begin or not: one millisecond before to, all of
// [from, to) is in it.
func (c *client) form(q query, from, to time.Time) url.Values {
	form := url.Values{
		"query":   {q.over(to.Sub(from))},
		"time":    {strconv.FormatFloat(float64(to.UnixMilli()-1)/1000, 'f', 3, 64)},
		"timeout": {c.timeout.String()},
	}
	if !c.partial { // Thanos and VictoriaMetrics answer an error then; others do not know it and do not mind
		form.Set("partial_response", "false")
		form.Set("deny_partial_response", "1")
	}
	return form
}

// ask posts a form; where a proxy lets nobody post, it is got.
func (c *client) ask(ctx context.Context, form url.Values) (*http.Response, error) {
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("prepare query: %w", err)
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	post.Header["Idempotency-Key"] = nil // lets a query be sent again where an idle connection turned out dead
	response, err := c.http.Do(post)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed && response.StatusCode != http.StatusNotImplemented {
		return response, err
	}
	if err := response.Body.Close(); err != nil {
		return nil, fmt.Errorf("end refused query: %w", err)
	}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint+"?"+form.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("prepare query: %w", err)
	}
	return c.http.Do(get)
}

func (c *client) close() { c.http.CloseIdleConnections() }

// unanswered says why there is no answer.
func unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return failed(ReasonTimeout, "%w", context.Cause(ctx))
	}
	var transport *url.Error
	if errors.As(err, &transport) { // its text has the address, which the caller tells
		err = transport.Err
	}
	return failed(ReasonUnreachable, "%w", err)
}

// unread says why an answer could not be read to its end.
func unread(ctx context.Context, err error) error {
	var known *Error
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, errTooLong):
		return failed(ReasonTooMuch, "%w", err)
	case ctx.Err() != nil:
		return failed(ReasonTimeout, "%w", context.Cause(ctx))
	case errors.As(err, &syntax), errors.Is(err, errShape):
		return failed(ReasonProtocol, "read the answer: %w", err)
	}
	return failed(ReasonUnreachable, "read the answer: %w", err)
}

// refused says why an answer is an error. A shorter stretch is the cure where
// the server speaks of a limit, which it says in words only.
func refused(response *http.Response) error {
	kind, words := complaint(response.Body)
	reason := ReasonRejected
	switch code := response.StatusCode; {
	case code == http.StatusUnprocessableEntity, strings.Contains(words, "exceed"):
		reason = ReasonTooMuch
	case kind == "timeout", kind == "canceled", code == http.StatusGatewayTimeout:
		reason = ReasonTimeout
	case code == http.StatusTooManyRequests, code/100 == 5:
		reason = ReasonServer
	case code/100 != 4:
		reason = ReasonProtocol
	}
	if words == "" {
		return failed(reason, "%s", response.Status)
	}
	return failed(reason, "%s: %s", response.Status, words)
}

// The longest complaint that is read, and that is shown.
const (
	longComplaint  = 64 << 10
	shownComplaint = 300
)

// complaint is what a server says is wrong: as Prometheus does, or, where
// somebody between says it, in a line of text. Pages are not for logs.
func complaint(body io.Reader) (kind, words string) {
	text, err := io.ReadAll(io.LimitReader(body, longComplaint))
	if err != nil {
		return "", ""
	}
	var said struct{ ErrorType, Error string }
	if json.Unmarshal(text, &said) == nil {
		return said.ErrorType, said.Error
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if strings.HasPrefix(line, "<") || len(line) > shownComplaint {
		return "", ""
	}
	return "", line
}
