package slo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// indicator reads what is measured: one kind, and where its series come from.
func (d *decoder) indicator(into *Indicator) field {
	return func(n *yaml.Node) {
		*into = Indicator{}
		seen := d.mapping(n, "an indicator", map[string]field{
			"source":    scalar(d, &into.Source, kebabName),
			"events":    func(n *yaml.Node) { into.Events = d.events(n) },
			"histogram": func(n *yaml.Node) { into.Histogram = d.histogram(n) },
			"threshold": func(n *yaml.Node) { into.Threshold = d.threshold(n) },
			"probe":     func(n *yaml.Node) { into.Probe = d.probe(n) },
			"composite": func(n *yaml.Node) { into.Composite = d.composite(n) },
		})
		if seen == nil {
			return
		}
		kinds := len(seen)
		if at := seen["source"]; at != nil {
			kinds--
			if into.Composite != nil {
				d.failf(at, "a composite has no source of its own; its members have theirs")
			}
		}
		if kinds != 1 {
			d.failf(n, "an indicator has exactly one kind; write events:, histogram:, threshold:, probe: or composite:")
		}
	}
}

func (d *decoder) events(n *yaml.Node) *Events {
	e := &Events{}
	seen := d.mapping(n, "events", map[string]field{
		"good": d.selector(&e.Good), "bad": d.selector(&e.Bad), "total": d.selector(&e.Total),
	})
	d.require(n, "events", seen, "total")
	if seen != nil && (seen["good"] == nil) == (seen["bad"] == nil) {
		d.failf(n, "events need either good or bad beside total, not both; the other is the rest")
	}
	return e
}

func (d *decoder) histogram(n *yaml.Node) *Histogram {
	h := &Histogram{}
	seen := d.mapping(n, "histogram", map[string]field{
		"metric": d.selector(&h.Metric), "within": scalar(d, &h.Within, positive),
	})
	d.require(n, "histogram", seen, "metric", "within")
	if name, _, _ := strings.Cut(h.Metric.Text, "{"); strings.HasSuffix(strings.TrimSpace(name), "_bucket") {
		d.failf(seen["metric"], "write the histogram's own name, without _bucket")
	}
	return h
}

func (d *decoder) threshold(n *yaml.Node) *Threshold {
	t := &Threshold{}
	seen := d.mapping(n, "threshold", map[string]field{
		"metric": d.selector(&t.Metric),
		"op":     word(d, &t.Op, LessOrEqual, Less, GreaterOrEqual, Greater, Equal, NotEqual),
		"value":  scalar(d, &t.Value, bound),
		"age":    d.flag(&t.Age),
		"zero":   word(d, &t.Zero, Good, Bad),
		"slice":  d.duration(&t.Slice),
	})
	d.require(n, "threshold", seen, "metric", "op", "value")
	if t.Slice%time.Minute != 0 || t.Slice > Day {
		d.failf(seen["slice"], "a slice is whole minutes, a day at most")
	}
	return t
}

func (d *decoder) probe(n *yaml.Node) *Probe {
	p := &Probe{}
	seen := d.mapping(n, "probe", map[string]field{
		"success": d.selector(&p.Success), "duration": d.selector(&p.Duration), "within": scalar(d, &p.Within, positive),
	})
	d.require(n, "probe", seen, "success")
	if seen != nil && (seen["duration"] == nil) != (seen["within"] == nil) {
		d.failf(n, "duration and within belong together; write both, or neither")
	}
	return p
}

func (d *decoder) composite(n *yaml.Node) *Composite {
	c := &Composite{Method: Mean, Delayed: NoDataIgnore}
	seen := d.mapping(n, "composite", map[string]field{
		"of":      d.each(func(n *yaml.Node) { c.Of = append(c.Of, d.member(n)) }),
		"method":  word(d, &c.Method, Mean, Worst),
		"delayed": word(d, &c.Delayed, NoDataIgnore, NoDataGood, NoDataBad),
	})
	d.require(n, "composite", seen, "of")
	if of := seen["of"]; of != nil && of.Kind == yaml.SequenceNode && len(c.Of) < 2 {
		d.failf(of, "a composite has two members at least")
	}
	for i, m := range c.Of {
		if slices.ContainsFunc(c.Of[:i], func(other Member) bool { return m.Objective != "" && other.Objective == m.Objective }) {
			d.faults = append(d.faults, fault{m.Position, fmt.Sprintf("member %q stands twice; give one a larger weight", m.Objective)})
		}
		if m.Weight != 1 && c.Method == Worst {
			d.faults = append(d.faults, fault{m.Position, "the worst of members has no weights; leave them out, or write method: mean"})
		}
	}
	return c
}

// positive is a bound that something takes time or room to reach.
func positive(text string) (float64, error) {
	value, err := bound(text)
	if err == nil && value <= 0 {
		err = fmt.Errorf("%q is not above 0, so nothing is ever within it", text)
	}
	return value, err
}

// member reads a name, or a name and its weight.
func (d *decoder) member(n *yaml.Node) Member {
	m := Member{Weight: 1, Position: d.at(n)}
	if n.Kind == yaml.ScalarNode {
		scalar(d, &m.Objective, kebabName)(n)
		return m
	}
	seen := d.mapping(n, "a member", map[string]field{
		"objective": scalar(d, &m.Objective, kebabName), "weight": scalar(d, &m.Weight, weight),
	})
	d.require(n, "the member", seen, "objective")
	return m
}

// maxWeight keeps a composite's arithmetic far from the end of its numbers.
const maxWeight = 1000

func weight(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 || n > maxWeight {
		return 0, fmt.Errorf("%q is not a weight; write a whole number from 1 to %d", text, maxWeight)
	}
	return n, nil
}
