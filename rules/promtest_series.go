package rules

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// load is what happens in one minute: of total, failed.
type load struct{ total, failed uint64 }

// times is a load that burns the budget of a target so many times as fast as it may; beyond a total outage it is one.
// The numbers are the smallest whole ones.
func times(target slo.Ratio, num, den uint64) load {
	budget, one := uint64(target.Budget())*num, uint64(slo.One)*den
	d := gcd(budget, one)
	return load{one / d, min(budget, one) / d}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// burn is how fast the load burns the budget of a target.
func (l load) burn(target slo.Ratio) float64 {
	return float64(l.failed) / float64(l.total) / target.Budget().Float()
}

// seriesScenarios are loads that stay the same from the first minute on, so that every window burns alike.
func (t tester) seriesScenarios() ([]scenario, error) {
	outage := func(slo.Ratio) load { return load{1000, 1000} }
	none := func(slo.Ratio) load { return load{1000, 0} }
	all := []struct {
		name string
		load func(slo.Ratio) load
		ends int // the minute after which nothing is measured
	}{
		{"nothing fails", none, watched},
		{"everything fails", outage, watched},
		{"measurements end", none, 20},
	}
	if t.objective.Indicator.Events != nil {
		all = append(all, []struct {
			name string
			load func(slo.Ratio) load
			ends int
		}{
			{"half of what may fail fails", func(r slo.Ratio) load { return times(r, 1, 2) }, watched},
			{"four times of what may fail fails", func(r slo.Ratio) load { return times(r, 4, 1) }, watched},
		}...)
	}
	var scenarios []scenario
	for _, c := range all {
		s, err := t.steady(c.name, c.load, c.ends)
		if err != nil {
			return nil, err
		}
		scenarios = append(scenarios, s)
	}
	return scenarios, nil
}

func (t tester) steady(name string, loadOf func(slo.Ratio) load, ends int) (scenario, error) {
	s := scenario{Name: name, Interval: "1m"}
	for _, i := range t.instances {
		input, err := t.input(i, loadOf(i.target), ends)
		if err != nil {
			return s, err
		}
		s.Series = append(append(s.Series, i.info()...), input...)
	}
	burn := func(i instance) float64 { return loadOf(i.target).burn(i.target) }
	if ends < watched {
		s.Alerts = []alertTest{t.alertOf(t.noData(nil), "20m", false), t.alertOf(t.noData(nil), atEnd, true)}
		return s, nil
	}
	spent := t.exhausted(nil)
	s.Alerts = []alertTest{
		t.burnAlerts(atEnd, func(i instance, _ time.Duration) float64 { return burn(i) }),
		{EvalTime: atEnd, Name: spent.Alert, Expected: t.expect(spent, func(i instance) (float64, bool) { return burn(i), burn(i) >= 1 })},
		t.alertOf(t.noData(nil), atEnd, false),
	}
	s.Exprs = []exprTest{t.rates(burn)}
	return s, nil
}

// rates expects the recorded burn rates of the shortest window.
func (t tester) rates(burn func(instance) float64) exprTest {
	window := slo.FormatDuration(t.objective.BurnWindows()[0])
	recorded := series(burnRate, label{objectiveLabel, t.objective.Name}, label{windowLabel, window})
	test := exprTest{Expr: call("round", recorded, number(0.001)).String(), EvalTime: atEnd}
	for _, i := range t.instances {
		labels := maps.Clone(i.labels)
		labels[objectiveLabel], labels[windowLabel] = t.objective.Name, window
		if i.tier != "" {
			labels[tierLabel] = i.tier
		}
		test.Samples = append(test.Samples, expectedSample{selectorText("", labels), math.Round(burn(i)*1000) / 1000})
	}
	return test
}

// input is the raw series of one instance under a load.
func (t tester) input(i instance, l load, ends int) ([]inputSeries, error) {
	indicator := t.objective.Indicator
	if indicator.Threshold != nil {
		return gauge(i, indicator.Threshold, l.failed == 0, ends)
	}
	return counters(i, indicator.Events, l, ends)
}

// gauge is a value that keeps a threshold or breaks it all the time.
func gauge(i instance, t *slo.Threshold, good bool, ends int) ([]inputSeries, error) {
	v, err := selector(t.Metric.Text)
	if err != nil {
		return nil, err
	}
	values, err := observed(t, good, ends)
	if err != nil {
		return nil, err
	}
	found, err := matching(i, v)
	return []inputSeries{{found.series(v.Name), values + ending(ends)}}, err
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
			all = append(all, inputSeries{c.series, rising(c.count, ends) + ending(ends)})
		}
	}
	return all, err
}

// ending ends a series before the scenario does.
func ending(ends int) string {
	if ends < watched {
		return " stale"
	}
	return ""
}

// observed is a gauge that keeps a threshold or breaks it. The judgement is the threshold's own.
func observed(t *slo.Threshold, good bool, minutes int) (string, error) {
	if t.Age && good {
		return rising(60, minutes), nil // always just now: promtool's clock begins at 0
	}
	end := time.Unix(watched*60, 0)
	for _, value := range []float64{t.Value, t.Value + 1, t.Value - 1, -1e9, 1e9} {
		if t.Good(value, end) == good && t.Good(value, time.Unix(0, 0)) == good {
			return fmt.Sprintf("%s+0x%d", strconv.FormatFloat(value, 'f', -1, 64), minutes), nil
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
