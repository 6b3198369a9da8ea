package scrape

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/wardround/wardround/collectors"
)

// endpoint is one page to fetch.
type endpoint struct {
	url     string
	name    string // host and path: what may be shown of the URL
	client  *http.Client
	timeout time.Duration
	limit   int
}

// endpointName is a URL without what may be secret: user, query and fragment.
func endpointName(u *url.URL) string { return u.Host + u.EscapedPath() }

// accepted are the formats that parse reads, the one that tells types best first.
const accepted = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

var errSlow = errors.New("the page took longer than it may")

// fetch returns a page and its content type. Errors have a reason and name the endpoint, never
// its URL.
func (e *endpoint) fetch(ctx context.Context) (body []byte, contentType string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.timeout, collectors.Because(collectors.ReasonTimeout, errSlow))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return nil, "", fmt.Errorf("ask %s: the URL is not valid", e.name)
	}
	request.Header.Set("Accept", accepted)
	request.Header.Set("User-Agent", "wardround")
	response, err := e.client.Do(request)
	if err != nil {
		return nil, "", e.failed(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, "", collectors.Because(byStatus(response.StatusCode), fmt.Errorf("ask %s: status %d", e.name, response.StatusCode))
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, int64(e.limit)+1))
	switch {
	case err != nil:
		return nil, "", e.failed(ctx, err)
	case len(body) > e.limit:
		return nil, "", collectors.Because(collectors.ReasonProtocol, fmt.Errorf("read %s: the page is larger than max_bytes (%d)", e.name, e.limit))
	}
	return body, response.Header.Get("Content-Type"), nil
}

// failed gives a failure its reason. The context's comes first, and the URL is left out.
func (e *endpoint) failed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("ask %s: %w", e.name, cause)
	}
	var located *url.Error
	if errors.As(err, &located) {
		err = located.Err
	}
	var certificate *tls.CertificateVerificationError
	reason := collectors.ReasonOf(err)
	switch {
	case errors.As(err, &certificate):
		reason = collectors.ReasonAuth
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		reason = collectors.ReasonUnreachable
	case reason == collectors.ReasonOther: // a redirect, a malformed answer: its words may be the server's
		return collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask %s: the answer is not one of HTTP that can be read", e.name))
	}
	return collectors.Because(reason, fmt.Errorf("ask %s: %w", e.name, err))
}

func byStatus(status int) collectors.Reason {
	switch status {
	case http.StatusUnauthorized:
		return collectors.ReasonAuth
	case http.StatusForbidden:
		return collectors.ReasonPermission
	case http.StatusNotFound:
		return collectors.ReasonMissing
	}
	return collectors.ReasonProtocol
}
