package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/webpage"
)

const (
	mostBytes = 64 << 20 // of one page
	// mostSamples is how many wanted series the pages of one place may have: those of ten thousand
	// schedules.
	mostSamples = 100_000
	// believed is how old a sample with a time of its own may be. A federation hands on what is up to
	// five minutes old.
	believed = 10 * time.Minute
)

// Sample is one series of a page.
type Sample struct {
	Name   string // as on the page
	Labels labels.Labels
	Value  float64
	Page   int // on which it was, by its place in Config.URLs
}

// Key tells a series from all others, also from one with the same labels on another page.
func (s Sample) Key() string { return fmt.Sprint(s.Page, s.Labels) }

// Reader reads the pages of one tool.
type Reader struct {
	client *http.Client
	pages  []*webpage.Page
	where  []condition
}

// atOnce is how many pages of one tool are asked for at the same time.
const atOnce = 4

// New prepares to read pages, within visits of the given length, of which one silent page takes no
// more than a part; it connects to nothing yet. The configuration must be valid; what cannot be read
// (certificates) is an error here.
func New(c Config, visit time.Duration) (*Reader, error) {
	where, err := compile(c.Where)
	if err != nil {
		return nil, err
	}
	client, err := config.NewClientFromConfig(c.HTTP, "backup")
	if err != nil {
		return nil, collectors.Invalid("http", "%v", err)
	}
	p := &Reader{client: client, where: where}
	turns := (len(c.URLs) + atOnce - 1) / atOnce
	for _, address := range c.URLs {
		one, err := webpage.New(address, client, visit/time.Duration(turns+1), mostBytes)
		if err != nil {
			return nil, err
		}
		p.pages = append(p.pages, one)
	}
	return p, nil
}

// Close ends what the client keeps open.
func (p *Reader) Close() { p.client.CloseIdleConnections() }

// Read returns the series of the given names, those of the first page first. Pages that cannot be
// read are in silent, each with its reason; where none can be, that is the error.
func (p *Reader) Read(ctx context.Context, now time.Time, names []string) (samples []Sample, silent []error, err error) {
	found, failed := make([][]Sample, len(p.pages)), make([]error, len(p.pages))
	work := pool.New().WithMaxGoroutines(atOnce)
	for i := range p.pages {
		work.Go(func() { found[i], failed[i] = p.readOne(ctx, now, names, i) })
	}
	work.Wait()
	samples = slices.Concat(found...)
	silent = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	switch {
	case len(silent) == len(p.pages):
		return nil, nil, silent[0]
	case len(samples) > mostSamples:
		return nil, nil, collectors.Because(collectors.ReasonProtocol, errors.New("the pages show more series of backups than may be read"))
	}
	return samples, silent, nil
}

func (p *Reader) readOne(ctx context.Context, now time.Time, names []string, page int) ([]Sample, error) {
	body, contentType, err := p.pages[page].Fetch(ctx)
	if err != nil {
		return nil, err
	}
	all, err := p.parse(body, contentType, now, names, page)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.pages[page].Name, err)
	}
	return all, nil
}

var errFormat = errors.New("it is no page of metrics in a text format")

// parse takes a page apart. The error quotes nothing of it.
func (p *Reader) parse(body []byte, contentType string, now time.Time, names []string, page int) ([]Sample, error) {
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{
		FallbackContentType: "text/plain", OpenMetricsSkipSTSeries: true, IgnoreNativeHistograms: true,
	})
	if parser == nil || strings.Contains(contentType, "protobuf") {
		return nil, collectors.Because(collectors.ReasonProtocol, errors.Join(errFormat, err))
	}
	var all []Sample
	for n := 0; ; n++ {
		entry, err := parser.Next()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("it cannot be read behind its entry %d", n))
		case entry != textparse.EntrySeries:
			continue
		}
		text, at, value := parser.Series()
		name, _, _ := bytes.Cut(text, []byte("{"))
		if !slices.Contains(names, string(name)) || math.IsNaN(value) || math.IsInf(value, 0) ||
			at != nil && now.Sub(time.UnixMilli(*at)).Abs() > believed {
			continue
		}
		s := Sample{Name: string(name), Value: value, Page: page}
		parser.Labels(&s.Labels)
		if p.fits(s.Labels) {
			all = append(all, s)
		}
	}
}

func (p *Reader) fits(l labels.Labels) bool {
	return !slices.ContainsFunc(p.where, func(c condition) bool { return !c.pattern.MatchString(l.Get(c.label)) })
}

// Moment is what a value means that is a time in seconds since 1970; zero where it says never.
func Moment(value float64) time.Time {
	if value <= 0 || value > 1<<40 {
		return time.Time{}
	}
	return time.UnixMilli(int64(value * 1e3))
}
