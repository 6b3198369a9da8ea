package scrape

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/wardround/wardround/collectors"
)

// page is what one endpoint said, as far as anybody wants it.
type page struct {
	samples []sample
	inputs  map[*feed][]input // of the rule sets
	met     map[string]bool   // families of the page that rule sets read
	skipped map[string]int    // series by reason
	series  int               // on the page, wanted or not
}

// sample is one wanted series of a page.
type sample struct {
	family    string
	kind      collectors.Type
	suffix    string // of a histogram
	selection *selection
	labels    labels.Labels
	value     float64
}

// reader takes one page apart. It asks once for each name what is wanted of it.
type reader struct {
	page
	wants    func(family string) want
	limit    int // of samples, and ten times as many inputs
	inputsIn int
	now      time.Time
	types    map[string]model.MetricType // by name as in the TYPE lines
	names    map[string]*named
}

// want is what is to be done with a family's series.
type want struct {
	selection *selection // nil: they are not served
	feeds     []*feed    // they are read by
}

func (w want) nothing() bool { return w.selection == nil && len(w.feeds) == 0 }

// named is what a series' name says: of which family and type it is.
type named struct {
	want
	family string
	kind   collectors.Type
	suffix string
	lying  bool // its family's type is none that can be served, or it has two
}

// read takes a page apart. The error quotes nothing of it.
func read(body []byte, contentType string, now time.Time, limit int, wants func(family string) want) (page, error) {
	r := reader{
		page:  page{inputs: map[*feed][]input{}, met: map[string]bool{}, skipped: map[string]int{}},
		wants: wants, limit: limit, now: now, types: map[string]model.MetricType{}, names: map[string]*named{},
	}
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{
		FallbackContentType: "text/plain", OpenMetricsSkipSTSeries: true, IgnoreNativeHistograms: true,
	})
	if parser == nil || strings.Contains(contentType, "protobuf") {
		return page{}, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("not a page of metrics in a text format: %w", errors.Join(err, errFormat)))
	}
	for {
		entry, err := parser.Next()
		switch {
		case errors.Is(err, io.EOF):
			return r.page, nil
		case err != nil:
			return page{}, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("the page cannot be read behind its series %d", r.series))
		}
		switch entry {
		case textparse.EntryType:
			r.typed(parser.Type())
		case textparse.EntrySeries:
			r.take(parser)
		}
	}
}

var errFormat = errors.New("ask for text/plain or application/openmetrics-text")

// typed notes a family's type. One that is given twice, and not the same, is a lie.
func (r *reader) typed(name []byte, kind model.MetricType) {
	known, twice := r.types[string(name)]
	if twice && known != kind {
		kind = conflicting
	}
	r.types[string(name)] = kind
	if twice {
		clear(r.names)
	}
}

const conflicting = model.MetricType("conflicting")

func (r *reader) take(parser textparse.Parser) {
	r.series++
	text, at, value := parser.Series()
	end := bytes.IndexByte(text, '{')
	if end < 0 {
		end = len(text)
	}
	n, known := r.names[string(text[:end])]
	if !known {
		n = r.name(string(text[:end]))
		r.names[string(text[:end])] = n
	}
	if n.nothing() {
		return
	}
	if why := n.unfit(value, at, r.now); why != "" {
		r.skipped[why]++
		return
	}
	var all labels.Labels
	parser.Labels(&all)
	r.feed(n, all, value)
	if n.selection == nil || !matches(n.selection.where, all) {
		return
	}
	if len(r.samples) == r.limit {
		r.skipped[skipSeries]++
		return
	}
	r.samples = append(r.samples, sample{n.family, n.kind, n.suffix, n.selection, all, value})
}

// unfit says why a series with this value cannot be served.
func (n *named) unfit(value float64, at *int64, now time.Time) string {
	switch {
	case n.lying:
		return skipType
	case math.IsNaN(value), n.kind != collectors.Gauge && n.suffix != "_sum" && (value < 0 || math.IsInf(value, 0)):
		return skipValue
	case at != nil && now.Sub(time.UnixMilli(*at)).Abs() > believed:
		return skipStale
	}
	return ""
}

// believed is how old a sample with a timestamp of its own may be. cAdvisor measures every 10 to
// 15 seconds, and a federation hands on what is up to five minutes old.
const believed = 10 * time.Minute

func (r *reader) feed(n *named, all labels.Labels, value float64) {
	for _, f := range n.feeds {
		r.met[f.family] = true
		if !matches(f.where, all) {
			continue
		}
		if r.inputsIn == 10*r.limit {
			r.skipped[skipSeries]++
			continue
		}
		r.inputsIn++
		r.inputs[f] = append(r.inputs[f], input{labels: all, value: value})
	}
}

func matches(where []condition, all labels.Labels) bool {
	for _, c := range where {
		if !c.pattern.MatchString(all.Get(c.label)) {
			return false
		}
	}
	return true
}

// openMetrics are the suffixes that OpenMetrics leaves out where it says the type.
var openMetrics = map[string]model.MetricType{total: model.MetricTypeCounter, "_info": model.MetricTypeInfo}

// name finds out of which family and type the series of a name are.
func (r *reader) name(name string) *named {
	n := &named{family: name}
	kind, typed := r.types[name]
	for suffix, of := range openMetrics {
		if base, has := strings.CutSuffix(name, suffix); has && !typed && r.types[base] == of {
			kind, typed = of, true
		}
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, has := strings.CutSuffix(name, suffix)
		if of := r.types[base]; has && !typed && of != "" && of != model.MetricTypeCounter && of != model.MetricTypeGauge {
			kind, typed, n.family, n.suffix = of, true, base, suffix
		}
	}
	switch kind {
	case model.MetricTypeCounter:
		// A counter that its name does not show is served as a gauge: pages have no other way to
		// say it, and rates are taken of it all the same.
		if strings.HasSuffix(name, total) {
			n.kind = collectors.Counter
		}
	case model.MetricTypeHistogram:
		n.kind = collectors.Histogram
		n.lying = n.suffix == ""
	case model.MetricTypeGauge, model.MetricTypeInfo, model.MetricTypeStateset:
	case model.MetricTypeUnknown, "":
		if strings.HasSuffix(name, total) {
			n.kind = collectors.Counter
		}
	default:
		n.lying = true
	}
	n.want = r.wants(n.family)
	return n
}
