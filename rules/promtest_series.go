package rules

import (
	"maps"
	"math"
	"time"

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

// course is a load that lasts.
type course struct {
	name string
	load func(slo.Ratio) load
	ends int  // the minute after which nothing is measured
	late bool // what fails succeeds, but too late
}

// scaled is a load that burns alike, with more events.
func (l load) scaled(by uint64) load { return load{l.total * by, l.failed * by} }

// seriesScenarios are loads that stay the same from the first minute on, so that every window burns alike.
func (t tester) seriesScenarios() ([]scenario, error) {
	many := t.objective.LowTraffic.MinBad // so that no pair waits for more failures
	busy := max(1000, many)
	outage := func(slo.Ratio) load { return load{busy, busy} }
	none := func(slo.Ratio) load { return load{busy, 0} }
	all := []course{
		{"nothing fails", none, t.watched, false},
		{"everything fails", outage, t.watched, false},
		{"measurements end", none, 20, false},
	}
	if t.objective.Indicator.Events != nil || t.objective.Indicator.Histogram != nil {
		part := func(num, den uint64) func(slo.Ratio) load {
			return func(r slo.Ratio) load { return times(r, num, den).scaled(1 + many/10) }
		}
		all = append(all,
			course{"half of what may fail fails", part(1, 2), t.watched, false},
			course{"four times of what may fail fails", part(4, 1), t.watched, false})
	}
	if p := t.objective.Indicator.Probe; p != nil && p.Duration.Text != "" {
		all = append(all, course{"everything succeeds too late", outage, t.watched, true})
	}
	var scenarios []scenario
	for _, c := range all {
		s, err := t.steady(c)
		if err != nil {
			return nil, err
		}
		scenarios = append(scenarios, s)
	}
	return scenarios, nil
}

func (t tester) steady(c course) (scenario, error) {
	s := scenario{Name: c.name, Interval: "1m"}
	for _, i := range t.instances {
		input, err := t.input(i, c.load(i.target), c)
		if err != nil {
			return s, err
		}
		s.Series = append(append(s.Series, i.info(t.watched)...), input...)
	}
	burn := func(i instance) float64 { return c.load(i.target).burn(i.target) }
	if c.ends < t.watched {
		s.Alerts = []alertTest{t.alertOf(t.noData(nil), "20m", false), t.alertOf(t.noData(nil), t.atEnd(), true)}
		return s, nil
	}
	spent := t.exhausted(nil)
	s.Alerts = []alertTest{
		t.burnAlerts(func(i instance, _ time.Duration) float64 { return burn(i) }, t.enough),
		{EvalTime: t.atEnd(), Name: spent.Alert, Expected: t.expect(spent, func(i instance) (float64, bool) {
			return burn(i), burn(i) >= 1 && t.enough(t.objective.Window.Nominal())
		})},
		t.alertOf(t.noData(nil), t.atEnd(), false),
	}
	s.Exprs = []exprTest{t.rates(burn)}
	return s, nil
}

// enough says whether a window holds the failures that a pair asks for, if all rounds or slices fail. Counters are made
// to count enough.
func (t tester) enough(w time.Duration) bool {
	slice := 1
	switch i := t.objective.Indicator; {
	case i.Events != nil || i.Histogram != nil:
		return true
	case i.Threshold != nil && i.Threshold.Slice > 0:
		slice = int(i.Threshold.Slice / time.Minute)
	}
	// Fast windows take a fifth of an event from each minute of its bucket. Slow ones take all of it from one of them in
	// Prometheus, and from each in promtool, which evaluates all groups every minute.
	whole := int(bucket / fastPace)
	part, since := 1, t.watched-int(w/fastPace)
	if w > fastest {
		part, since = whole, since+whole/2
	}
	parts := 0
	for event := slice - 1; event <= t.watched; event += slice {
		for at := event; at < event+whole; at++ {
			if since < at && at <= t.watched {
				parts += part
			}
		}
	}
	return float64(parts)/float64(whole) > float64(t.objective.LowTraffic.MinBad)-0.5
}

// rates expects the recorded burn rates of the shortest window.
func (t tester) rates(burn func(instance) float64) exprTest {
	window := slo.FormatDuration(t.objective.BurnWindows()[0])
	recorded := series(burnRate, label{objectiveLabel, t.objective.Name}, label{windowLabel, window})
	test := exprTest{Expr: call("round", recorded, number(0.001)).String(), EvalTime: t.atEnd()}
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
