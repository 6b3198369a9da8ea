package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// page is what one scrape brought.
type page struct {
	took   time.Duration // until the last byte was there
	size   int           // as sent
	series []string      // lines that are no comments
}

// scraper is one Prometheus: it keeps its connection and asks for gzip.
type scraper struct {
	client *http.Client
	url    string
}

func newScraper(addr string) *scraper {
	return &scraper{client: &http.Client{Transport: &http.Transport{DisableCompression: true}}, url: "http://" + addr + "/metrics"}
}

func (s *scraper) close() { s.client.CloseIdleConnections() }

// scrape gets the page, or an error once limit is over.
func (s *scraper) scrape(ctx context.Context, limit time.Duration) (*page, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	began := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape: %s: %.300s", resp.Status, body)
	}
	p := &page{took: took, size: len(body)}
	p.series, err = seriesOf(body, resp.Header.Get("Content-Encoding") == "gzip")
	return p, err
}

func seriesOf(body []byte, zipped bool) ([]string, error) {
	var text io.Reader = strings.NewReader(string(body))
	if zipped {
		var err error
		if text, err = gzip.NewReader(text); err != nil {
			return nil, fmt.Errorf("unzip a scrape: %w", err)
		}
	}
	plain, err := io.ReadAll(text)
	if err != nil {
		return nil, fmt.Errorf("unzip a scrape: %w", err)
	}
	var series []string
	for line := range strings.Lines(string(plain)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			series = append(series, line)
		}
	}
	return series, nil
}

// has says whether there is a series that begins so and has all the parts in it.
func (p *page) has(prefix string, parts ...string) bool {
	return slices.ContainsFunc(p.series, func(line string) bool {
		if !strings.HasPrefix(line, prefix) {
			return false
		}
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}

// sum is the sum of the counters of successful visits to tenants' databases.
func (p *page) sum(prefix string) float64 {
	var sum float64
	for _, line := range p.series {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, prefix) && tenantName.MatchString(line) && strings.Contains(line, `outcome="success"`) {
			n, err := strconv.ParseFloat(line[at+1:], 64)
			if err == nil {
				sum += n
			}
		}
	}
	return sum
}

var tenantName = regexp.MustCompile(`tenant_[0-9]{4}`)

// tenants is how many tenants have a series that begins so.
func (p *page) tenants(prefix string) int {
	seen := map[string]bool{}
	for _, line := range p.series {
		if strings.HasPrefix(line, prefix) {
			seen[tenantName.FindString(line)] = true
		}
	}
	delete(seen, "")
	return len(seen)
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
