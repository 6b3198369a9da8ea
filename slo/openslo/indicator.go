package openslo

import (
	"errors"
	"math/big"
	"strconv"
	"time"

	"github.com/wardround/wardround/slo"
)

// indicator makes an indicator of what is measured and how one objective
// judges it. What it returns after a fault does not matter.
func (p *promise) indicator(s *sli, o object) slo.Indicator {
	in := slo.Indicator{Source: s.where()}
	switch p.notes.get("indicator") {
	case "histogram":
		in.Histogram = p.histogram()
		return in
	case "probe":
		in.Probe = p.probe(s)
		return in
	case "":
		p.notes.unused("a histogram or a probe", "metric", "duration", "within")
	default:
		p.notes.keys["indicator"].failf("only histogram and probe need saying")
	}
	if s.threshold == nil {
		p.unjudged(o)
		p.notes.unused("a threshold", "op", "zero")
	}
	switch {
	case s.threshold != nil:
		in.Threshold = p.threshold(s.threshold, o)
	case s.raw != nil:
		in.Threshold = p.raw(s, o)
	default:
		in.Events = p.events(s, o)
	}
	return in
}

// unjudged warns of a comparison where nothing is compared. In v1alpha value
// must always be there.
func (p *promise) unjudged(o object) {
	for _, key := range []string{"op", "value"} {
		if v := o.at(key); v.present && !(key == "value" && p.doc.version == v1alpha) {
			v.warnf("a ratio is not compared with anything; %s is left out", key)
		}
	}
}

func (p *promise) events(s *sli, o object) *slo.Events {
	if p.method != "Occurrences" {
		p.spec.at("budgetingMethod").failf("%s of good and total would need each slice's ratio judged; write Occurrences, or measure with a thresholdMetric", p.method)
	}
	p.unsliced(o)
	for _, m := range s.metrics() {
		switch {
		case m.age || m.fold == "min" || m.fold == "max":
			m.at.failf("this counts nothing; %s", queryForms)
		case m.rate == "" && s.counts && !s.counter:
			m.at.failf("counter: false says that this is no counter, but only counters can be counted; write counter: true if it is one")
		case m.rate == "" && !s.counts:
			m.at.warnf("counter is not said; %s is taken for a counter", m.selector)
		}
	}
	return &slo.Events{Good: s.good.asSelector(), Bad: s.bad.asSelector(), Total: s.total.asSelector()}
}

// unsliced warns of slices where every event counts.
func (p *promise) unsliced(o object) {
	for _, key := range []string{"timeSliceTarget", "timeSliceWindow"} {
		if o.at(key).present && p.method == "Occurrences" {
			o.at(key).warnf("Occurrences know no slices; %s is left out", key)
		}
	}
}

func (p *promise) threshold(m *metric, o object) *slo.Threshold {
	t := &slo.Threshold{Metric: m.asSelector(), Age: m.age}
	t.Op = p.op(o)
	var ok bool
	if t.Value, ok = o.at("value").float(); !ok && !o.at("value").present {
		o.at("value").failf("a threshold needs a value to compare with; write it")
	}
	below := t.Op == slo.Less || t.Op == slo.LessOrEqual
	above := t.Op == slo.Greater || t.Op == slo.GreaterOrEqual
	switch {
	case m.rate != "" || m.fold == "sum":
		m.at.failf("a threshold compares each series by itself; write a plain selector, or max by (…) of one with lte, or min with gte")
	case m.fold == "max" && above, m.fold == "min" && below:
		m.at.failf("%s with %s says that one of the series may do for all; only max with lte or lt, and min with gte or gt, can be kept", m.fold, o.at("op").optional())
	}
	choose(p.notes, "zero", &t.Zero, "good", "bad")
	t.Slice = p.slice(o)
	return t
}

func (p *promise) op(o object) slo.Op {
	if text := p.notes.get("op"); text != "" {
		if text != "==" && text != "!=" {
			p.notes.keys["op"].failf("%q is neither == nor !=; write the others as op", text)
		}
		return slo.Op(text)
	}
	word := o.at("op").word("lte", "lt", "gte", "gt")
	if !o.at("op").present {
		o.at("op").failf("a threshold needs a comparison; write op: lte, lt, gte or gt, as it is when all is well")
	}
	return map[string]slo.Op{"lte": slo.LessOrEqual, "lt": slo.Less, "gte": slo.GreaterOrEqual, "gt": slo.Greater}[word]
}

// slice is the length of a threshold's slices, 0 where each round counts.
func (p *promise) slice(o object) time.Duration {
	p.unsliced(o)
	if p.method == "Occurrences" {
		return 0
	}
	least := o.at("timeSliceTarget")
	if n, ok := least.number(); !ok || n.Cmp(big.NewRat(1, 1)) != 0 {
		least.failf("a slice is good if all its rounds were; write timeSliceTarget: 1, or Occurrences")
	}
	return p.sliceWindow(o)
}

// sliceWindow reads minutes as a number, or a duration.
func (p *promise) sliceWindow(o object) time.Duration {
	v := o.at("timeSliceWindow")
	if p.doc.version == v1alpha {
		o.failf("%s does not say how long a slice is; write %s with timeSliceWindow", v1alpha, v1)
		return 0
	}
	var length time.Duration
	if minutes, err := strconv.ParseUint(v.optional(), 10, 16); err == nil {
		length = time.Duration(minutes) * time.Minute
	} else {
		length, _ = v.span()
	}
	switch {
	case !v.present:
		v.failf("%s need the length of a slice; write timeSliceWindow: 1m", p.method)
	case length < time.Minute || length > slo.Day:
		v.failf("a slice is a minute to a day long")
	}
	return length
}

// raw makes slices of a ratio that somebody else has computed: good are those
// in which it never fell short.
func (p *promise) raw(s *sli, o object) *slo.Threshold {
	t := &slo.Threshold{Metric: s.raw.asSelector(), Op: slo.GreaterOrEqual}
	if s.raw.age || s.raw.rate != "" || s.raw.fold != "" {
		s.raw.at.failf("a raw ratio is compared as it is; write a plain selector")
	}
	if p.method != "Timeslices" {
		p.spec.at("budgetingMethod").failf("%s of a raw ratio have no events to count; write good and total instead of raw, or Timeslices with timeSliceTarget", p.method)
		return t
	}
	v := o.at("timeSliceTarget")
	n, ok := v.number()
	if !ok || n.Sign() <= 0 || n.Cmp(big.NewRat(1, 1)) > 0 {
		v.failf("Timeslices need the share that a slice must reach, above 0 and up to 1; write timeSliceTarget: 0.99")
		return t
	}
	if s.failure {
		t.Op = slo.LessOrEqual
		n.Sub(big.NewRat(1, 1), n)
	}
	t.Value, _ = n.Float64()
	t.Slice = p.sliceWindow(o)
	if t.Slice > time.Minute {
		v.warnf("each round of a slice is held to this, not their mean")
	}
	return t
}

func (p *promise) histogram() *slo.Histogram {
	h := &slo.Histogram{Metric: p.selector("metric")}
	set(p.notes, "within", &h.Within, number)
	return h
}

func (p *promise) probe(s *sli) *slo.Probe {
	if s.threshold == nil {
		s.at.failf("a probe's success is a thresholdMetric")
		return nil
	}
	probe := &slo.Probe{Success: s.threshold.asSelector(), Duration: p.selector("duration")}
	set(p.notes, "within", &probe.Within, number)
	return probe
}

func number(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

// selector reads a selector out of an annotation; empty if there is none.
func (p *promise) selector(name string) slo.Selector {
	v, ok := p.notes.keys[name]
	if !ok {
		return slo.Selector{}
	}
	q, err := readQuery(v.optional())
	if err == nil && q.selector != v.optional() {
		err = errors.New(queryForms)
	}
	if err != nil {
		v.failf("%v", err)
	}
	return slo.Selector{Text: q.selector, Position: v.position()}
}
