package openslo

import (
	"slices"
	"strings"

	"github.com/wardround/wardround/slo"
)

// sli is what an SLO measures, in the words of any version.
type sli struct {
	at                    value
	good, bad, total, raw *metric
	threshold             *metric
	failure               bool // raw is bad/total
	counter, counts       bool // counter's value, and whether it is said
}

// metric is one query.
type metric struct {
	query
	at     value
	source string
}

// metrics are those that there are.
func (s *sli) metrics() []*metric {
	return slices.DeleteFunc([]*metric{s.good, s.bad, s.total, s.raw, s.threshold}, func(m *metric) bool { return m == nil })
}

// indicatorKeys are the keys under which an SLI stands, inline or by name.
func (d dialect) indicatorKeys() (inline, ref string) {
	if d == v2alpha {
		return "sli", "sliRef"
	}
	return "indicator", "indicatorRef"
}

// measured reads what an SLO, or one objective of a composite, measures.
func (p *promise) measured(o object) *sli {
	inline, ref := p.doc.version.indicatorKeys()
	switch {
	case o.at(inline).present && o.at(ref).present:
		o.at(ref).failf("%s and %s exclude each other; keep one", inline, ref)
	case o.at(ref).present:
		if d, ok := p.refer(o.at(ref), "SLI"); ok {
			return d.spec.sli(d.version)
		}
	case o.at(inline).present && p.doc.version == v1alpha:
		return o.at(inline).sli(v1alpha)
	case o.at(inline).present:
		if d, ok := o.at(inline).mapping("metadata", "spec", "apiVersion", "kind"); ok {
			return d.at("spec").sli(p.doc.version)
		}
	default:
		o.failf("nothing is measured; add %s or %s", inline, ref)
	}
	return nil
}

// sli reads an SLI's spec; nil where it is of no use.
func (v value) sli(version dialect) *sli {
	o, ok := v.mapping("description", "thresholdMetric", "ratioMetric")
	if !ok {
		return nil
	}
	ratio, threshold := o.at("ratioMetric"), o.at("thresholdMetric")
	if ratio.present == threshold.present {
		v.failf("an SLI has either a ratioMetric or a thresholdMetric; write one of them")
		return nil
	}
	if threshold.present {
		m := threshold.metric(version)
		return m.in(&sli{at: threshold, threshold: m})
	}
	r, ok := ratio.mapping("counter", "good", "bad", "total", "rawType", "raw")
	if !ok {
		return nil
	}
	return r.ratio(version)
}

// in is the SLI itself where its metric could be read.
func (m *metric) in(s *sli) *sli {
	if m == nil {
		return nil
	}
	return s
}

func (r object) ratio(version dialect) *sli {
	s := &sli{at: r.value}
	s.counter, s.counts = r.at("counter").flag()
	parts := map[string]**metric{"good": &s.good, "bad": &s.bad, "total": &s.total, "raw": &s.raw}
	for _, key := range sortedKeys(parts) {
		if !r.at(key).present {
			continue
		}
		if *parts[key] = r.at(key).metric(version); *parts[key] == nil {
			return nil
		}
	}
	kind := r.at("rawType").word("success", "failure")
	s.failure = kind == "failure"
	switch {
	case s.raw != nil && (s.good != nil || s.bad != nil || s.total != nil):
		r.failf("raw is a ratio already; leave good, bad and total out")
	case s.raw != nil && kind == "":
		r.at("rawType").failf("raw needs its rawType; write success or failure")
	case s.raw != nil:
		return s
	case s.total == nil:
		r.at("total").failf("a ratio needs its total; write it")
	case (s.good == nil) == (s.bad == nil):
		r.failf("a ratio needs either good or bad beside total, not both; the other is the rest")
	default:
		return s
	}
	return nil
}

// metric reads one query and where it is asked; nil where that fails.
func (v value) metric(version dialect) *metric {
	m := &metric{at: v}
	var spec value
	var ok bool
	switch version {
	case v1alpha:
		spec, ok = v.alphaSource()
	case v2alpha:
		spec, ok = v.dataSource(m)
	default:
		spec, ok = v.metricSource(m)
	}
	if !ok {
		return nil
	}
	text := value{r: v.r, node: spec.node, file: v.file, path: spec.path + ".query"}
	for key, child := range spec.entries() {
		if key == "query" {
			text = child
		}
	}
	if text.text() == "" {
		return nil
	}
	q, err := readQuery(text.optional())
	if err != nil {
		text.failf("%v", err)
		return nil
	}
	if q.rate != "" || q.fold != "" {
		text.warnf("this is read as the raw series of %s, each by itself", q.selector)
	}
	m.query, m.at = q, text
	return m
}

func (v value) metricSource(m *metric) (spec value, ok bool) {
	o, ok := v.mapping("metricSource")
	if !ok {
		return v, false
	}
	s, ok := o.at("metricSource").mapping("metricSourceRef", "type", "spec")
	if !ok {
		return v, false
	}
	kind, ref := s.at("type"), s.at("metricSourceRef")
	if kind.present && !kind.prometheus() {
		return v, false
	}
	if ref.present {
		m.source, ok = v.r.source(ref)
	} else if !kind.present {
		s.warnf("neither type nor metricSourceRef is said; Prometheus is assumed")
	}
	return s.at("spec"), ok
}

func (v value) dataSource(m *metric) (spec value, ok bool) {
	o, ok := v.mapping("dataSourceRef", "dataSourceSpec", "dataSource", "spec")
	if !ok {
		return v, false
	}
	for _, key := range []string{"dataSourceSpec", "dataSource"} {
		if o.at(key).present {
			o.at(key).failf("a source needs a name here; write a DataSource of its own and refer to it with dataSourceRef")
			return v, false
		}
	}
	if o.at("dataSourceRef").present {
		m.source, ok = v.r.source(o.at("dataSourceRef"))
	}
	return o.at("spec"), ok
}

func (v value) alphaSource() (spec value, ok bool) {
	o, ok := v.mapping("source", "queryType", "query")
	if !ok || o.at("source").present && !o.at("source").prometheus() {
		return v, false
	}
	if kind := o.at("queryType"); kind.present && !strings.EqualFold(kind.optional(), "promql") {
		kind.failf("%q cannot be asked; write promql", kind.optional())
		return v, false
	}
	return v, true
}

// prometheus says whether a type of source is asked as Prometheus is.
func (v value) prometheus() bool {
	kinds := []string{"prometheus", "thanos", "mimir", "cortex", "victoriametrics"}
	text := v.optional()
	if slices.Contains(kinds, strings.ToLower(text)) {
		return true
	}
	v.failf("%q cannot be asked; only Prometheus and what answers like it can: write Prometheus", text)
	return false
}

// source is the name of the data source that a reference names.
func (r *reader) source(ref value) (string, bool) {
	d, ok := r.refer(ref, "DataSource")
	if !ok {
		return "", false
	}
	spec, ok := d.spec.mapping("description", "type", "connectionDetails")
	if !ok || spec.at("type").text() == "" || !spec.at("type").prometheus() {
		return "", false
	}
	name := ref.ours(d.meta.name)
	if len(name) > maxName {
		ref.failf("a name has up to %d characters; shorten this one", maxName)
	}
	return name, name != ""
}

// grouping is what the queries group by, where one of them says so.
func (s *sli) grouping() (by []string, said bool) {
	for _, m := range s.metrics() {
		switch {
		case !m.grouped:
		case said && !slices.Equal(by, m.by):
			m.at.failf("this groups by %v, the other query by %v; group both by the same", m.by, by)
		default:
			by, said = m.by, true
		}
	}
	return by, said
}

// where is the source of all queries.
func (s *sli) where() string {
	all := s.metrics()
	for _, m := range all[1:] {
		if m.source != all[0].source {
			m.at.failf("this asks %s, the other query %s; both must ask the same", sourceName(m.source), sourceName(all[0].source))
		}
	}
	return all[0].source
}

func sourceName(s string) string {
	if s == "" {
		return "no source"
	}
	return s
}

func (m *metric) asSelector() slo.Selector {
	if m == nil {
		return slo.Selector{}
	}
	return slo.Selector{Text: m.selector, Position: m.at.position()}
}
