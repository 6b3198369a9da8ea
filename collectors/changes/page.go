package changes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// page is an Endpoint as a collectors.Collector.
type page struct {
	Endpoint
	of     *Changes
	rules  []*rule
	client *http.Client
	absent map[string]time.Time // since when what is remembered was not on the page
}

func newPage(of *Changes, c Endpoint) (*page, error) {
	if _, err := secret(c.Token, c.TokenFile); err != nil {
		return nil, err
	}
	rules, err := compile(c.Rules, applicationFacts)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1}
	if c.TLS != nil {
		if transport.TLSClientConfig, err = config.NewTLSConfig(c.TLS); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &page{Endpoint: c, of: of, rules: rules, client: client, absent: map[string]time.Time{}}, nil
}

// Collect reads the page and says how each application is.
func (p *page) Collect(ctx context.Context, b *collectors.Builder) error {
	families, err := p.fetch(ctx)
	if err != nil {
		return err
	}
	applications := read(families)
	if len(applications) == 0 {
		return collectors.Because(collectors.ReasonMissing, errors.New("the page shows no application: neither argocd_app_info nor gotk_resource_info"))
	}
	return p.of.applications(b, p, applications)
}

func (p *page) fetch(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	token, err := secret(p.Token, p.TokenFile)
	if err != nil {
		return nil, collectors.Because(collectors.ReasonAuth, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for applications: %w", err)
	}
	request.Header.Set("Accept", "text/plain; version=0.0.4")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return nil, p.explain(ctx, err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, collectors.Because(collectors.ReasonAuth, fmt.Errorf("ask for applications: %s", answer.Status))
	default:
		return nil, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask for applications: status %d", answer.StatusCode))
	}
	wanted, err := selected(io.LimitReader(answer.Body, maxPage+1))
	if err != nil {
		return nil, p.explain(ctx, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(wanted)
	if err != nil {
		return nil, collectors.Because(collectors.ReasonProtocol, errors.New("ask for applications: the page is not in the text format of metrics"))
	}
	return families, nil
}

// explain gives a failure its reason, without the URL: it may have words of people in it.
func (p *page) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("ask for applications: %w", cause)
	}
	reason := collectors.ReasonOf(err)
	if reason == collectors.ReasonOther {
		reason = collectors.ReasonProtocol
	}
	return collectors.Because(reason, fmt.Errorf("ask for applications on the page %q: %s", p.Name, reason))
}

const (
	maxPage = 256 << 20
	maxLine = 1 << 20
)

var errPage = errors.New("the page is too large")

// selected are the lines of the families that are wanted: those pages show much else.
func selected(r io.Reader) (io.Reader, error) {
	var kept bytes.Buffer
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	read := 0
	for lines.Scan() {
		text := lines.Text()
		if read += len(text) + 1; read > maxPage {
			return nil, errPage
		}
		name := strings.TrimPrefix(strings.TrimPrefix(text, "# TYPE "), "# HELP ")
		for _, family := range []string{argoInfo, argoSyncs, fluxInfo} {
			if rest, ok := strings.CutPrefix(name, family); ok && (rest == "" || rest[0] == '{' || rest[0] == ' ') {
				kept.WriteString(text + "\n")
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	return &kept, nil
}

const (
	argoInfo  = "argocd_app_info"
	argoSyncs = "argocd_app_sync_total"
	fluxInfo  = "gotk_resource_info"
)
