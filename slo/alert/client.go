package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"time"

	httptransport "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/client"
	alertapi "github.com/prometheus/alertmanager/api/v2/client/alert"
	silenceapi "github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"
	promconfig "github.com/prometheus/common/config"
)

// What became of a push; values of the outcome label.
const (
	outcomeSent        = "sent"
	outcomeRejected    = "rejected"    // the server answered, and not with 200
	outcomeTimeout     = "timeout"     // no answer within the timeout
	outcomeUnreachable = "unreachable" // no connection, or it broke
)

// amClient posts alerts to one Alertmanager.
type amClient struct {
	name    string // its URL, for logs and labels
	timeout time.Duration
	api     alertapi.ClientService
	hush    silenceapi.ClientService
	http    *http.Client
}

func newClient(am Alertmanager) (*amClient, error) {
	u, err := url.Parse(am.URL)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("the URL must begin with http:// or https:// and name a host")
	case u.User != nil:
		return nil, errors.New("no user or password in the URL: use basic_auth, which can read them from a file")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("no query or fragment in the URL")
	case am.Timeout < 0:
		return nil, fmt.Errorf("the timeout is negative (%s)", am.Timeout)
	}
	httpClient, err := promconfig.NewClientFromConfig(am.HTTP, "alertmanager")
	if err != nil {
		return nil, fmt.Errorf("prepare HTTP client: %w", err)
	}
	transport := httptransport.NewWithClient(u.Host, path.Join("/", u.Path, client.DefaultBasePath), []string{u.Scheme}, httpClient)
	am2 := client.New(transport, strfmt.Default)
	return &amClient{
		name:    am.URL,
		timeout: orDefault(am.Timeout, DefaultTimeout),
		api:     am2.Alert,
		hush:    am2.Silence,
		http:    httpClient,
	}, nil
}

// post sends one batch. After an error the Alertmanager may have taken some of it; sending it again does no harm.
func (c *amClient) post(ctx context.Context, alerts models.PostableAlerts) error {
	ctx, cancel := c.timed(ctx)
	defer cancel()
	params := alertapi.NewPostAlertsParamsWithTimeout(0).WithContext(ctx).WithAlerts(alerts)
	if _, err := c.api.PostAlerts(params); err != nil {
		return fmt.Errorf("post alerts: %w", err)
	}
	return nil
}

// silences are all that the Alertmanager has, those that are over too.
func (c *amClient) silences(ctx context.Context) (models.GettableSilences, error) {
	ctx, cancel := c.timed(ctx)
	defer cancel()
	answer, err := c.hush.GetSilences(silenceapi.NewGetSilencesParamsWithTimeout(0).WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}
	return answer.Payload, nil
}

// keep makes a silence, or changes the one with its ID.
func (c *amClient) keep(ctx context.Context, s *models.PostableSilence) error {
	ctx, cancel := c.timed(ctx)
	defer cancel()
	if _, err := c.hush.PostSilences(silenceapi.NewPostSilencesParamsWithTimeout(0).WithContext(ctx).WithSilence(s)); err != nil {
		return fmt.Errorf("post silence: %w", err)
	}
	return nil
}

// expire ends a silence; one that is over stays so.
func (c *amClient) expire(ctx context.Context, id string) error {
	ctx, cancel := c.timed(ctx)
	defer cancel()
	params := silenceapi.NewDeleteSilenceParamsWithTimeout(0).WithContext(ctx).WithSilenceID(strfmt.UUID(id))
	if _, err := c.hush.DeleteSilence(params); err != nil {
		return fmt.Errorf("end silence: %w", err)
	}
	return nil
}

func (c *amClient) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	late := fmt.Errorf("no answer within %s: %w", c.timeout, context.DeadlineExceeded)
	return context.WithTimeoutCause(ctx, c.timeout, late)
}

func (c *amClient) close() { c.http.CloseIdleConnections() }

// outcomeOf classes an error of post.
func outcomeOf(err error) string {
	var network net.Error
	var transport *url.Error
	switch {
	case err == nil:
		return outcomeSent
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return outcomeTimeout
	case errors.As(err, &transport):
		return outcomeUnreachable
	default:
		return outcomeRejected
	}
}

// redacted is the URL as it may be shown in an error.
func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "<not a URL>"
	}
	u.User = nil
	u.RawQuery = ""
	return u.String()
}
