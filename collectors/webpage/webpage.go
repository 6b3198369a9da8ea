// Package webpage fetches pages of metrics that others serve, for the sources that read them.
//
//	URL -> Check -> New -> Page.Fetch: deadline, size limit, reasons -> body and content type
//
// Who asks in another way has the parts: Read bounds an answer's size, Failed and Refused give reasons.
// A URL may hold secrets: of it nothing is shown but host and path.
package webpage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Page is one page to fetch.
type Page struct {
	Name    string // host and path: what may be shown of the URL
	url     string
	client  *http.Client
	timeout time.Duration
	limit   int
}

// New returns the page at a URL that was checked. The timeout is of one fetch, the limit is the
// largest page in bytes, decompressed; the client stays its owner's.
func New(address string, client *http.Client, timeout time.Duration, limit int) (*Page, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("a URL is not valid")
	}
	return &Page{Name: name(u), url: address, client: client, timeout: timeout, limit: limit}, nil
}

// name is a URL without what may be secret: user, query and fragment.
func name(u *url.URL) string { return u.Host + u.EscapedPath() }

// Check says what is wrong with the URLs of a target, each with its path such as urls[0].
func Check(path string, addresses []string) error {
	var errs []error
	if len(addresses) == 0 {
		errs = append(errs, collectors.Invalid(path, "is empty; write at least one, such as http://127.0.0.1:8080/metrics"))
	}
	seen := map[string]bool{}
	for i, text := range addresses {
		at := fmt.Sprintf("%s[%d]", path, i)
		u, err := url.Parse(text)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
			errs = append(errs, collectors.Invalid(at, "must be http:// or https:// with a host"))
		case u.User != nil:
			errs = append(errs, collectors.Invalid(at, "has credentials in it; write them under http, best in a file"))
		case seen[name(u)]:
			errs = append(errs, collectors.Invalid(at, "is there twice"))
		default:
			seen[name(u)] = true
		}
	}
	return errors.Join(errs...)
}

// accepted are the formats that pages are read in, the one that tells types best first.
const accepted = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

var errSlow = errors.New("the page took longer than it may")

// Fetch returns a page and its content type. Errors have a reason and name the page, never
// its URL.
func (p *Page) Fetch(ctx context.Context) (body []byte, contentType string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, collectors.Because(collectors.ReasonTimeout, errSlow))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, "", fmt.Errorf("ask %s: the URL is not valid", p.Name)
	}
	request.Header.Set("Accept", accepted)
	request.Header.Set("User-Agent", "wardround")
	response, err := p.client.Do(request)
	if err != nil {
		return nil, "", Failed(ctx, "ask "+p.Name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, "", Refused("ask "+p.Name, response.StatusCode)
	}
	body, err = Read(response.Body, int64(p.limit))
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, "", collectors.Because(collectors.ReasonProtocol, fmt.Errorf("read %s: the page is larger than the %d bytes that it may have", p.Name, p.limit))
	case err != nil:
		return nil, "", Failed(ctx, "ask "+p.Name, err)
	case len(body) > 0 && body[len(body)-1] != '\n' || bytes.IndexByte(body, 0) >= 0: // both are the end to parsers
		return nil, "", collectors.Because(collectors.ReasonProtocol, fmt.Errorf("read %s: the page does not end in a whole line, or is no text", p.Name))
	}
	return body, response.Header.Get("Content-Type"), nil
}
