package rules

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// exports is what the daemon says of every instance.
type exports struct {
	name        string
	status      slo.Status
	long, short float64 // burn rates of the policy's long windows, and of those that are short ones only
	bad         uint64  // failures in a minute
	silent      bool    // no burn alert, whatever the rates
}

// daemonScenarios state what the daemon would export, and what follows from it.
func (t tester) daemonScenarios() []scenario {
	steepest := 0.0
	for _, pair := range t.objective.Policy.Pairs {
		steepest = max(steepest, pair.Limit(t.objective.Window.Nominal()).Float())
	}
	burn := math.Floor(steepest) + 1
	some := 1 + t.objective.LowTraffic.MinBad/10
	var all []scenario
	for _, e := range []exports{
		{"both windows burn", slo.Burning, burn, burn, some, false},
		{"the fault is over", slo.Burning, burn, 0, some, false},
		{"the daemon does not take it seriously", slo.OK, burn, burn, some, true},
		{"too few failures", slo.Burning, burn, burn, 0, t.objective.LowTraffic.MinBad > 0},
		{"the budget is used up", slo.Exhausted, 0, 0, some, false},
		{"too little is measured", slo.InsufficientData, burn, burn, some, true},
	} {
		all = append(all, t.exported(e))
	}
	return all
}

func (t tester) exported(e exports) scenario {
	s := scenario{Name: e.name, Interval: "1m"}
	for _, i := range t.instances {
		s.Series = append(append(s.Series, i.info(t.watched)...), t.exportsOf(i, e)...)
	}
	s.Alerts = []alertTest{
		t.burnAlerts(func(_ instance, w time.Duration) float64 { return t.rate(e, w) }, func(time.Duration) bool { return !e.silent }),
		t.alertOf(t.exhausted(nil), t.atEnd(), e.status == slo.Exhausted),
		t.alertOf(t.noData(nil), "10m", false),
		t.alertOf(t.noData(nil), t.atEnd(), e.status == slo.InsufficientData),
	}
	return s
}

func (t tester) exportsOf(i instance, e exports) []inputSeries {
	var all []inputSeries
	add := func(name, values string, more ...label) {
		labels := map[string]string{objectiveLabel: t.objective.Name, "instance": "a", "job": "wardround"}
		maps.Copy(labels, i.labels)
		var pairs []string
		for _, name := range beyond(t.objective) {
			pairs = append(pairs, name+"="+i.labels[name])
			delete(labels, name)
		}
		if pairs != nil {
			labels[byLabel] = strings.Join(pairs, ",")
		}
		for _, l := range more {
			labels[l.name] = l.value
		}
		all = append(all, inputSeries{selectorText(name, labels), values})
	}
	add("slo_status", flat(1, t.watched), label{"status", string(e.status)})
	for _, w := range t.objective.Policy.Windows() {
		add("slo_burn_rate", flat(t.rate(e, w), t.watched), label{windowLabel, slo.FormatDuration(w)})
	}
	add("slo_bad_total", rising(e.bad, t.watched))
	return all
}

// rate is the burn rate of a window. One that is long in one pair and short in another burns as a long one.
func (t tester) rate(e exports, w time.Duration) float64 {
	if slices.ContainsFunc(t.objective.Policy.Pairs, func(p slo.Pair) bool { return p.Long == w }) {
		return e.long
	}
	return e.short
}
