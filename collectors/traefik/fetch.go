package traefik

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
	"github.com/wardround/wardround/collectors/webpage"
)

var errSlow = errors.New("the answer took longer than it may")

// get returns what one address answers, which is called what in errors: they have a reason, and
// quote neither the address nor the answer.
func (t *Target) get(ctx context.Context, what, address string) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(t.config.Timeout), collectors.Because(collectors.ReasonTimeout, errSlow))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("ask for %s: the URL is not valid", what)
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4, application/json;q=0.5")
	request.Header.Set("User-Agent", "wardround")
	response, err := t.client.Do(request)
	if err != nil {
		return nil, nil, failed(ctx, what, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nil, collectors.Because(byStatus(response.StatusCode), fmt.Errorf("ask for %s: status %d", what, response.StatusCode))
	}
	body, err := webpage.Read(response.Body, t.config.MaxBytes)
	switch {
	case errors.Is(err, webpage.ErrTooLarge):
		return nil, nil, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask for %s: more than max_bytes (%d)", what, t.config.MaxBytes))
	case err != nil:
		return nil, nil, failed(ctx, what, err)
	}
	return body, response.Header, nil
}

// failed gives a failure its reason. The context's comes first.
func failed(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("ask for %s: %w", what, cause)
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
	case reason == collectors.ReasonOther: // what is not understood may quote the answer
		return collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask for %s: the answer is not one of HTTP that can be read", what))
	}
	return collectors.Because(reason, fmt.Errorf("ask for %s: %w", what, err))
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
