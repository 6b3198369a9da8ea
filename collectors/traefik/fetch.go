package traefik

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
		return nil, nil, webpage.Failed(ctx, "ask for "+what, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nil, webpage.Refused("ask for "+what, response.StatusCode)
	}
	body, err := webpage.Read(response.Body, t.config.MaxBytes)
	switch {
	case errors.Is(err, webpage.ErrTooLarge):
		return nil, nil, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask for %s: more than max_bytes (%d)", what, t.config.MaxBytes))
	case err != nil:
		return nil, nil, webpage.Failed(ctx, "ask for "+what, err)
	}
	return body, response.Header, nil
}
