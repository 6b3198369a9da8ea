package webpage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/wardround/wardround/collectors"
)

// Failed gives the failure of a request its reason; asked says what was tried, such as "ask for
// metrics". The context's reason comes first. Neither the URL nor the server's words are repeated.
func Failed(ctx context.Context, asked string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", asked, cause)
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
		return collectors.Because(collectors.ReasonProtocol, fmt.Errorf("%s: the answer is not one of HTTP that can be read", asked))
	}
	return collectors.Because(reason, fmt.Errorf("%s: %w", asked, err))
}

// Refused is the error of an answer whose status is not 200.
func Refused(asked string, status int) error {
	reason := collectors.ReasonProtocol
	switch status {
	case http.StatusUnauthorized:
		reason = collectors.ReasonAuth
	case http.StatusForbidden:
		reason = collectors.ReasonPermission
	case http.StatusNotFound:
		reason = collectors.ReasonMissing
	}
	return collectors.Because(reason, fmt.Errorf("%s: status %d", asked, status))
}
