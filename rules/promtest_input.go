package rules

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// input is the raw series of one instance under a load.
func (t tester) input(i instance, l load, c course) ([]inputSeries, error) {
	series, err := t.raw(i, l, c)
	for k := range series {
		if c.ends < t.watched {
			series[k].Values += " stale"
		}
	}
	return series, err
}

func (t tester) raw(i instance, l load, c course) ([]inputSeries, error) {
	indicator := t.objective.Indicator
	switch {
	case indicator.Threshold != nil:
		return gauge(i, indicator.Threshold, l.failed == 0, t.watched, c.ends)
	case indicator.Probe != nil:
		return checks(i, indicator.Probe, l.failed == 0, c)
	case indicator.Histogram != nil:
		return buckets(i, indicator.Histogram, l, c.ends)
	}
	return counters(i, indicator.Events, l, c.ends)
}

// checks are a probe that succeeds or fails all the time, in time or late.
func checks(i instance, p *slo.Probe, good bool, c course) ([]inputSeries, error) {
	outcome, took := 1.0, p.Within
	switch {
	case c.late:
		took = 2 * p.Within
	case !good:
		outcome = 0
	}
	var all []inputSeries
	for _, gauge := range []struct {
		selector slo.Selector
		value    float64
	}{{p.Success, outcome}, {p.Duration, took}} {
		if gauge.selector.Text == "" {
			continue
		}
		v, err := selector(gauge.selector.Text)
		if err != nil {
			return nil, err
		}
		found, err := matching(i, v)
		if err != nil {
			return nil, err
		}
		all = append(all, inputSeries{found.series(v.Name), flat(gauge.value, c.ends)})
	}
	return all, nil
}

// buckets are a histogram's bucket at the bound, one beyond it, and its count.
func buckets(i instance, h *slo.Histogram, l load, ends int) ([]inputSeries, error) {
	v, err := selector(h.Metric.Text)
	if err != nil {
		return nil, err
	}
	found, err := matching(i, v)
	at := func(le string) string {
		labels := maps.Clone(found)
		labels[model.BucketLabel] = le
		return labels.series(v.Name + "_bucket")
	}
	return []inputSeries{
		{at(strconv.FormatFloat(h.Within, 'g', -1, 64)), rising(l.total-l.failed, ends)},
		{at("+Inf"), rising(l.total, ends)},
		{found.series(v.Name + "_count"), rising(l.total, ends)},
	}, err
}

// gauge is a value that keeps a threshold or breaks it all the time.
func gauge(i instance, t *slo.Threshold, good bool, watched, ends int) ([]inputSeries, error) {
	v, err := selector(t.Metric.Text)
	if err != nil {
		return nil, err
	}
	values, err := observed(t, good, watched, ends)
	if err != nil {
		return nil, err
	}
	found, err := matching(i, v)
	return []inputSeries{{found.series(v.Name), values}}, err
}

// counters are the part (good or bad) and the rest of an events indicator.
func counters(i instance, e *slo.Events, l load, ends int) ([]inputSeries, error) {
	partText, part := e.Good.Text, l.total-l.failed
	if partText == "" {
		partText, part = e.Bad.Text, l.failed
	}
	total, err := selector(e.Total.Text)
	if err != nil {
		return nil, err
	}
	some, err := selector(partText)
	if err != nil {
		return nil, err
	}
	inside, err := matching(i, some)
	if err != nil {
		return nil, err
	}
	rest, restCount := labelled(nil), l.total
	if some.Name == total.Name && inside.matches(total) {
		restCount -= part
		rest, err = differing(inside, some, total)
	} else {
		rest, err = matching(i, total)
	}
	var all []inputSeries
	for _, c := range []struct {
		series string
		count  uint64
	}{{inside.series(some.Name), part}, {rest.series(total.Name), restCount}} {
		if c.count > 0 { // what never happened has no series
			all = append(all, inputSeries{c.series, rising(c.count, ends)})
		}
	}
	return all, err
}

// observed is a gauge that keeps a threshold or breaks it. The judgement is the threshold's own.
func observed(t *slo.Threshold, good bool, watched, minutes int) (string, error) {
	if t.Age && good {
		return rising(60, minutes), nil // always just now: promtool's clock begins at 0
	}
	end := time.Unix(int64(watched)*60, 0)
	for _, value := range []float64{t.Value, t.Value + 1, t.Value - 1, -1e9, 1e9} {
		if t.Good(value, end) == good && t.Good(value, time.Unix(0, 0)) == good {
			return flat(value, minutes), nil
		}
	}
	return "", fmt.Errorf("no value makes the comparison %s %g %v", t.Op, t.Value, good)
}

// labelled are the labels of a test series.
type labelled map[string]string

func (l labelled) series(name string) string { return selectorText(name, l) }

func (l labelled) matches(v *parser.VectorSelector) bool {
	for _, m := range v.LabelMatchers {
		if m.Name != model.MetricNameLabel && !m.Matches(l[m.Name]) {
			return false
		}
	}
	return true
}

// guesses are label values to try where a matcher does not say which it wants.
func guesses(m *labels.Matcher) []string {
	return append(append([]string{m.Value}, m.SetMatches()...), "", "other", "ok", "200", "500", "1", "a")
}

// matching finds labels of the instance that the selector chooses.
func matching(i instance, v *parser.VectorSelector) (labelled, error) {
	found := labelled(maps.Clone(i.labels))
	for _, m := range v.LabelMatchers {
		if m.Name == model.MetricNameLabel || m.Matches(found[m.Name]) {
			continue
		}
		for _, guess := range guesses(m) {
			if m.Matches(guess) {
				found[m.Name] = guess
				break
			}
		}
	}
	if !found.matches(v) {
		return nil, fmt.Errorf("no test series found for %s", v)
	}
	return found, nil
}

// differing finds labels that total chooses and part does not.
func differing(inside labelled, part, total *parser.VectorSelector) (labelled, error) {
	for _, m := range part.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			continue
		}
		for _, guess := range []string{"other", "500", "200", ""} {
			outside := maps.Clone(inside)
			outside[m.Name] = guess
			if outside.matches(total) && !outside.matches(part) {
				return outside, nil
			}
		}
	}
	return nil, fmt.Errorf("no test series found that is in %s and not in %s", total, part)
}
