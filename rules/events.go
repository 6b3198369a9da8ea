package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// events record what was good and what there was in the last five minutes. Whether the daemon reads the series from its
// own rounds or from a source does not matter here: in Prometheus they have the same names.
func (r recorder) events() ([]rule, error) {
	switch i := r.o.Indicator; {
	case i.Events != nil:
		return r.counted(i.Events)
	case i.Histogram != nil:
		return r.observed(i.Histogram)
	case i.Threshold != nil:
		return r.compared(i.Threshold)
	case i.Probe != nil:
		return r.probed(i.Probe)
	}
	return nil, errNoIndicator
}

// counted reads two counters. One that has no series yet counts nothing, instead of making everything unknown.
func (r recorder) counted(e *slo.Events) ([]rule, error) {
	total, err := r.increase(e.Total)
	if err != nil {
		return nil, err
	}
	part := e.Good
	if part.Text == "" {
		part = e.Bad
	}
	some, err := r.increase(part)
	if err != nil {
		return nil, err
	}
	all := r.own(totalIncrease)
	known := on(some, parser.LOR, r.o.By, binary(number(0), parser.MUL, all))
	good := by(parser.MAX, r.o.By, known)
	if e.Good.Text == "" {
		good = on(all, parser.SUB, r.o.By, good)
	}
	return []rule{r.record(totalIncrease, "", total), r.record(goodIncrease, "", good)}, nil
}

func (r recorder) increase(s slo.Selector) (parser.Expr, error) {
	v, err := selector(s.Text)
	if err != nil {
		return nil, err
	}
	return by(parser.SUM, r.o.By, increased(v)), nil
}

func increased(v *parser.VectorSelector) parser.Expr { return call("increase", over(v, bucket)) }

// observed reads a histogram's count, and the bucket that ends at the bound. Where a count comes without that bucket
// nothing is known of the instance: all that the bucket would hold would count as bad.
func (r recorder) observed(h *slo.Histogram) ([]rule, error) {
	v, err := selector(h.Metric.Text)
	if err != nil {
		return nil, err
	}
	if v.Name == "" {
		return nil, fmt.Errorf("selector %q names no metric", h.Metric.Text)
	}
	within, count := part(v, "_bucket"), part(v, "_count")
	within.LabelMatchers = append(within.LabelMatchers, endsAt(h.Within))
	good := by(parser.SUM, r.o.By, increased(within))
	blind := ignoring(increased(count), parser.LUNLESS, []string{model.BucketLabel}, increased(within))
	total := on(by(parser.SUM, r.o.By, increased(count)), parser.LUNLESS, r.o.By, blind)
	known := on(good, parser.LAND, r.o.By, r.own(totalIncrease))
	return []rule{r.record(totalIncrease, "", total), r.record(goodIncrease, "", known)}, nil
}

// part selects one of the series that a histogram is made of.
func part(v *parser.VectorSelector, suffix string) *parser.VectorSelector {
	p := &parser.VectorSelector{Name: v.Name + suffix}
	for _, m := range v.LabelMatchers {
		if m.Name != model.MetricNameLabel {
			p.LabelMatchers = append(p.LabelMatchers, m)
		}
	}
	return p
}

// endsAt chooses a bucket by its bound in each way that exporters and versions of Prometheus write it: 1, 1.0.
func endsAt(bound float64) *labels.Matcher {
	short, long := strconv.FormatFloat(bound, 'g', -1, 64), strconv.FormatFloat(bound, 'f', -1, 64)
	spellings := []string{short}
	if long != short {
		spellings = append(spellings, long)
	}
	if !strings.Contains(long, ".") {
		spellings = append(spellings, long+".0")
	}
	return oneOf(model.BucketLabel, spellings)
}

// probed takes each minute as a round: bad if a check failed or was too slow, good if all succeeded and each came with
// its duration. A success without one says nothing.
func (r recorder) probed(p *slo.Probe) ([]rule, error) {
	success, err := selector(p.Success.Text)
	if err != nil {
		return nil, err
	}
	succeeded := by(parser.MIN, r.o.By, compared(success, parser.EQLC, number(1)))
	if p.Duration.Text == "" {
		return r.rounds(succeeded), nil
	}
	duration, err := selector(p.Duration.Text)
	if err != nil {
		return nil, err
	}
	zero := func(expr parser.Expr) parser.Expr { return binary(expr, parser.EQLC, number(0)) }
	inTime := by(parser.MIN, r.o.By, compared(duration, parser.LTE, number(p.Within)))
	timed := on(by(parser.COUNT, r.o.By, duration), parser.GTE, r.o.By, by(parser.COUNT, r.o.By, success))
	tooSlow := on(zero(inTime), parser.LAND, r.o.By, succeeded)
	whole := on(succeeded, parser.LAND, r.o.By, timed)
	return r.rounds(on(on(zero(succeeded), parser.LOR, r.o.By, tooSlow), parser.LOR, r.o.By, whole)), nil
}

// compared takes each minute as a round, good if the comparison holds for all series of the instance.
func (r recorder) compared(t *slo.Threshold) ([]rule, error) {
	v, err := selector(t.Metric.Text)
	if err != nil {
		return nil, err
	}
	op, known := comparisons[t.Op]
	if !known {
		return nil, errNoIndicator
	}
	value := parser.Expr(v)
	if t.Age {
		value = binary(call("time"), parser.SUB, v)
	}
	good := compared(value, op, number(t.Value))
	switch t.Zero {
	case slo.Good: // zero or within bounds
		good = compared(binary(good, parser.ADD, compared(v, parser.EQLC, number(0))), parser.GTR, number(0))
	case slo.Bad: // within bounds and not zero
		good = binary(good, parser.MUL, compared(v, parser.NEQ, number(0)))
	}
	round := by(parser.MIN, r.o.By, good)
	if t.Slice > 0 {
		return r.slices(round, t.Slice), nil
	}
	return r.rounds(round), nil
}

var comparisons = map[slo.Op]parser.ItemType{
	slo.LessOrEqual: parser.LTE, slo.Less: parser.LSS, slo.GreaterOrEqual: parser.GTE, slo.Greater: parser.GTR,
	slo.Equal: parser.EQLC, slo.NotEqual: parser.NEQ,
}

// rounds makes an event of each minute's round.
func (r recorder) rounds(good parser.Expr) []rule {
	recent := r.recent(roundGood, bucket)
	return []rule{
		r.record(roundGood, "", good),
		r.record(totalIncrease, "", call("count_over_time", recent)),
		r.record(goodIncrease, "", call("sum_over_time", recent)),
	}
}

// slices makes an event of each stretch of the clock, in its last minute: good if all its rounds were. Minutes between
// hold no event, and yet are measured.
func (r recorder) slices(good parser.Expr, length time.Duration) []rule {
	recent := r.recent(sliceGood, bucket)
	clock := binary(call("time"), parser.MOD, number(length.Seconds()))
	last := binary(call("vector", clock), parser.GTE, number((length - fastPace).Seconds()))
	verdict := on(call("min_over_time", r.recent(roundGood, length)), parser.LAND, []string{}, last)
	none := binary(number(0), parser.MUL, call("count_over_time", r.recent(roundGood, bucket)))
	orNone := func(events parser.Expr) parser.Expr { return on(events, parser.LOR, r.o.By, none) }
	return []rule{
		r.record(roundGood, "", good),
		r.record(sliceGood, "", verdict),
		r.record(totalIncrease, "", orNone(call("count_over_time", recent))),
		r.record(goodIncrease, "", orNone(call("sum_over_time", recent))),
	}
}

// recent is what was recorded each minute for so long. The range ends between two evaluations, so that it holds the same
// number of them in every version of Prometheus.
func (r recorder) recent(name string, d time.Duration) parser.Expr {
	return over(r.own(name), d-fastPace/2)
}
