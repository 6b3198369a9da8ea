package openslo

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// written is one object of openslo/v1.
type written struct {
	APIVersion dialect `yaml:"apiVersion"`
	Kind       string
	Metadata   writtenMeta
	Spec       any
}

type writtenMeta struct {
	Name        string
	DisplayName string            `yaml:"displayName,omitempty"`
	Annotations map[string]string `yaml:",omitempty"`
}

// annotate adds an annotation of ours.
func (m *writtenMeta) annotate(name, text string) {
	if m.Annotations == nil {
		m.Annotations = map[string]string{}
	}
	m.Annotations[prefix+name] = text
}

type writtenSLI struct {
	Threshold *writtenMetric `yaml:"thresholdMetric,omitempty"`
	Ratio     *writtenRatio  `yaml:"ratioMetric,omitempty"`
}

type writtenRatio struct {
	Counter bool
	Good    *writtenMetric `yaml:",omitempty"`
	Bad     *writtenMetric `yaml:",omitempty"`
	Total   *writtenMetric
}

type writtenMetric struct {
	Source writtenSource `yaml:"metricSource"`
}

type writtenSource struct {
	Ref  string `yaml:"metricSourceRef,omitempty"`
	Type string
	Spec map[string]string
}

type writtenDescription struct {
	Description string `yaml:",omitempty"`
}

// Write writes objectives as openslo/v1 documents: what they measure as an SLI
// each, what they promise as an SLO each, and once each what they share. Reading
// them gives the same objectives, but for their positions, for a composite's
// Member.Measures, which slo.Link sets, and for a window's zone and anchor
// where they say UTC and day 1, which is what they mean anyway.
//
// It fails, before anything is written, on an objective that documents cannot
// hold: one with a selector that is no PromQL, or a composite whose members are
// not among the objectives.
func Write(w io.Writer, objectives []slo.Objective) error {
	out := &writer{known: map[name]any{}, objectives: map[string]*slo.Objective{}}
	for i := range objectives {
		out.objectives[objectives[i].Name] = &objectives[i]
	}
	var errs []error
	for i := range objectives {
		if err := out.objective(&objectives[i]); err != nil {
			errs = append(errs, fmt.Errorf("write objective %q: %w", objectives[i].Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return encode(w, out.documents())
}

// writer collects objects.
type writer struct {
	shared, own []any
	known       map[name]any
	objectives  map[string]*slo.Objective
}

// documents are shared objects first, so that a reader knows what later ones
// speak of.
func (w *writer) documents() []any { return append(w.shared, w.own...) }

// share adds an object that others may need too. It fails where one of its name
// says something else.
func (w *writer) share(kind string, meta writtenMeta, spec any) error {
	key, o := name{kind, meta.Name}, written{v1, kind, meta, spec}
	other, known := w.known[key]
	if !known {
		w.known[key] = o
		w.shared = append(w.shared, o)
		return nil
	}
	if !reflect.DeepEqual(other, o) {
		return fmt.Errorf("%s %q would stand twice, with different contents; rename one", kind, meta.Name)
	}
	return nil
}

func (w *writer) objective(o *slo.Objective) error {
	meta, err := w.sli(o)
	if err != nil {
		return err
	}
	spec, err := w.slo(o, &meta)
	if err != nil {
		return err
	}
	w.own = append(w.own, written{v1, "SLO", meta, spec})
	return nil
}

// sli adds what an objective measures, and answers its SLO's metadata.
func (w *writer) sli(o *slo.Objective) (writtenMeta, error) {
	meta := writtenMeta{Name: dnsName(o.Name)}
	if meta.Name != o.Name {
		meta.annotate("name", o.Name)
	}
	if kebab(o.Name) != o.Name || o.Name == "" {
		return meta, errors.New("this is not a name; write small letters, digits and hyphens")
	}
	if o.Indicator.Composite != nil {
		return meta, nil
	}
	spec, err := measure(o.Indicator, &meta)
	if err != nil {
		return meta, err
	}
	if err := w.source(o.Indicator.Source); err != nil {
		return meta, err
	}
	if _, twice := w.known[name{"SLI", meta.Name}]; twice {
		return meta, errors.New("an objective of this name stands already")
	}
	return meta, w.share("SLI", writtenMeta{Name: meta.Name}, spec)
}

// source adds the data source of a name; none stands for Wardround's own rounds.
func (w *writer) source(source string) error {
	switch {
	case source == "":
		return nil
	case kebab(source) != source || dnsName(source) != source:
		return fmt.Errorf("%q cannot name a data source; write up to 63 small letters, digits and hyphens", source)
	}
	return w.share("DataSource", writtenMeta{Name: source}, struct {
		Type    string
		Details map[string]string `yaml:"connectionDetails"`
	}{"Prometheus", map[string]string{"source": source}})
}

// measure is an indicator as an SLI, and the annotations that it needs.
func measure(in slo.Indicator, meta *writtenMeta) (spec writtenSLI, err error) {
	ask := func(query string, selector slo.Selector) *writtenMetric {
		if q, bad := readQuery(query); err == nil && bad != nil {
			err = fmt.Errorf("%s: %w", query, bad)
		} else if err == nil && q.selector != selector.Text {
			err = fmt.Errorf("%s is no plain selector; %s", selector.Text, queryForms)
		}
		return &writtenMetric{writtenSource{in.Source, "Prometheus", map[string]string{"query": query}}}
	}
	switch {
	case in.Events != nil:
		e := in.Events
		spec.Ratio = &writtenRatio{Counter: true, Total: ask(e.Total.Text, e.Total)}
		if e.Good.Text != "" {
			spec.Ratio.Good = ask(e.Good.Text, e.Good)
		} else {
			spec.Ratio.Bad = ask(e.Bad.Text, e.Bad)
		}
	case in.Histogram != nil:
		return measureHistogram(in.Histogram, meta, ask)
	case in.Threshold != nil:
		t := in.Threshold
		query := t.Metric.Text
		if t.Age {
			query = "time() - " + query
		}
		spec.Threshold = ask(query, t.Metric)
		if t.Op == slo.Equal || t.Op == slo.NotEqual {
			meta.annotate("op", string(t.Op))
		}
		if t.Zero != "" {
			meta.annotate("zero", string(t.Zero))
		}
	case in.Probe != nil:
		p := in.Probe
		spec.Threshold = ask(p.Success.Text, p.Success)
		meta.annotate("indicator", "probe")
		if p.Duration.Text != "" {
			ask(p.Duration.Text, p.Duration)
			meta.annotate("duration", p.Duration.Text)
			meta.annotate("within", floatText(p.Within))
		}
	default:
		err = errors.New("it measures nothing; give it an indicator")
	}
	return spec, err
}

// measureHistogram asks for the bucket that ends at the bound, and for all.
func measureHistogram(h *slo.Histogram, meta *writtenMeta, ask func(string, slo.Selector) *writtenMetric) (writtenSLI, error) {
	matchers, err := newParser().ParseMetricSelector(h.Metric.Text)
	if err != nil {
		return writtenSLI{}, fmt.Errorf("%s is no selector: %w", h.Metric.Text, err)
	}
	i := slices.IndexFunc(matchers, naming)
	if i < 0 {
		return writtenSLI{}, fmt.Errorf("%s names no metric", h.Metric.Text)
	}
	metric := matchers[i].Value
	others := slices.Delete(matchers, i, i+1)
	part := func(suffix string, further ...*labels.Matcher) *writtenMetric {
		all := append(further, others...)
		name := labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, metric+suffix)
		text := (&parser.VectorSelector{Name: metric + suffix, LabelMatchers: append(all, name)}).String()
		return ask(text, slo.Selector{Text: text})
	}
	le := labels.MustNewMatcher(labels.MatchEqual, "le", floatText(h.Within))
	meta.annotate("indicator", "histogram")
	meta.annotate("metric", h.Metric.Text)
	meta.annotate("within", floatText(h.Within))
	return writtenSLI{Ratio: &writtenRatio{Counter: true, Good: part("_bucket", le), Total: part("_count")}}, nil
}

// shorten cuts a text to what OpenSLO allows, and keeps the whole in an
// annotation.
func shorten(meta *writtenMeta, annotation, text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	meta.annotate(annotation, text)
	return strings.TrimSpace(string([]rune(text)[:most]))
}
