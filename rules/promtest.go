package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// testFile, scenario and what they hold are the schema of `promtool test rules`, as far as it is used here.
type testFile struct {
	RuleFiles          []string   `yaml:"rule_files"`
	EvaluationInterval string     `yaml:"evaluation_interval"`
	Tests              []scenario `yaml:"tests"`
}

type scenario struct {
	Name     string        `yaml:"name"`
	Interval string        `yaml:"interval"`
	Series   []inputSeries `yaml:"input_series"`
	Alerts   []alertTest   `yaml:"alert_rule_test"`
	Exprs    []exprTest    `yaml:"promql_expr_test,omitempty"`
}

type inputSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertTest struct {
	EvalTime string          `yaml:"eval_time"`
	Name     string          `yaml:"alertname"`
	Expected []expectedAlert `yaml:"exp_alerts"`
}

type expectedAlert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

type exprTest struct {
	Expr     string           `yaml:"expr"`
	EvalTime string           `yaml:"eval_time"`
	Samples  []expectedSample `yaml:"exp_samples"`
}

type expectedSample struct {
	Labels string  `yaml:"labels"`
	Value  float64 `yaml:"value"`
}

// instance is one that a test watches.
type instance struct {
	labels map[string]string // of the objective's grouping
	tier   string            // empty where no tier is known
	target slo.Ratio
}

// testInstances are one for each tier, one whose tier nobody knows, and each tenant with a target of its own: they are of
// every tier and of none in turn, which makes no difference to it.
func testInstances(o *slo.Objective) []instance {
	named := func(prefix string) map[string]string {
		labels := make(map[string]string)
		for _, name := range o.By {
			labels[name] = prefix + "-" + strings.ReplaceAll(name, "_", "-")
		}
		return labels
	}
	all := []instance{{named("some"), "", o.Targets.Default}}
	if !byTenant(o) {
		return all
	}
	tiers := sortedKeys(o.Targets.ByTier)
	for _, tier := range tiers {
		all = append(all, instance{named(tier), tier, o.Targets.ByTier[tier]})
	}
	tiers = append(tiers, "")
	for i, tenant := range sortedKeys(o.Targets.ByTenant) {
		labels := named(tenant)
		labels[tenantLabel] = tenant
		all = append(all, instance{labels, tiers[i%len(tiers)], o.Targets.ByTenant[tenant]})
	}
	return all
}

// info is the series that says the instance's tier, if it has one.
func (i instance) info(minutes int) []inputSeries {
	if i.tier == "" {
		return nil
	}
	return []inputSeries{{selectorText(tenantInfo, map[string]string{tenantLabel: i.labels[tenantLabel], tierLabel: i.tier}), flat(1, minutes)}}
}

// tester expects of each alert what its rule says.
type tester struct {
	alert
	instances []instance
	watched   int // how long the scenarios last, in minutes
}

// expect lists the alerts that the rule raises for each instance that is chosen, with the value it shows.
func (t tester) expect(r rule, chosen func(instance) (value float64, fires bool)) []expectedAlert {
	var all []expectedAlert
	for _, i := range t.instances {
		value, fires := chosen(i)
		if !fires {
			continue
		}
		labels := maps.Clone(r.Labels)
		maps.Copy(labels, i.labels)
		if i.tier != "" {
			labels[tierLabel] = i.tier
		}
		all = append(all, expectedAlert{labels, rendered(r.Annotations, i.labels, value)})
	}
	return all
}

// burnAlerts expects the pairs of which the instance burns both windows faster than the limit, if enough failed in the
// long one.
func (t tester) burnAlerts(rate func(instance, time.Duration) float64, enough func(long time.Duration) bool) alertTest {
	test := alertTest{EvalTime: t.atEnd(), Name: burnAlert, Expected: []expectedAlert{}}
	for _, pair := range t.objective.Policy.Pairs {
		limit := pair.Limit(t.objective.Window.Nominal()).Float()
		test.Expected = append(test.Expected, t.expect(t.burning(pair, nil), func(i instance) (float64, bool) {
			return rate(i, pair.Long), enough(pair.Long) && rate(i, pair.Long) > limit && rate(i, pair.Short) > limit
		})...)
	}
	return test
}

func (t tester) alertOf(r rule, at string, fires bool) alertTest {
	expected := t.expect(r, func(instance) (float64, bool) { return 1, fires })
	return alertTest{EvalTime: at, Name: r.Alert, Expected: slices.Concat([]expectedAlert{}, expected)}
}

// rendered fills in the templates that the alerts' annotations use.
func rendered(annotations, labels map[string]string, value float64) map[string]string {
	pairs := []string{`{{ "{{" }}`, "{{", "{{ $value | humanize }}", humanized(value)}
	for name, v := range labels {
		pairs = append(pairs, "{{ $labels."+name+" }}", v)
	}
	filled := make(map[string]string, len(annotations))
	for name, text := range annotations {
		filled[name] = strings.NewReplacer(pairs...).Replace(text)
	}
	return filled
}

// humanized writes a number as Prometheus' template function does.
func humanized(value float64) string {
	for _, prefix := range []string{"", "k", "M", "G"} {
		if math.Abs(value) < 1000 {
			return strconv.FormatFloat(value, 'g', 4, 64) + prefix
		}
		value /= 1000
	}
	return strconv.FormatFloat(value, 'g', 4, 64) + "T"
}

// watched is how long scenarios last, in minutes: enough for every alert, since windows reach back to the beginning and
// no further. Slices are events that take longer: enough of them must have ended, the last one a whole bucket ago.
func watched(o *slo.Objective) int {
	const most = 60
	if t := o.Indicator.Threshold; t != nil && t.Slice > 0 {
		slice := int(t.Slice / time.Minute)
		return max(int(min(o.LowTraffic.MinBad, most))+1, (most+slice-1)/slice)*slice + int(bucket/fastPace) - 1
	}
	return most
}

// atEnd is when the scenarios end, as promtool writes it.
func (t tester) atEnd() string { return slo.FormatDuration(time.Duration(t.watched) * time.Minute) }

// flat is a value that stays for so many minutes.
func flat(value float64, minutes int) string {
	return fmt.Sprintf("%s+0x%d", strconv.FormatFloat(value, 'f', -1, 64), minutes)
}

// rising grows by step each minute.
func rising(step uint64, minutes int) string { return fmt.Sprintf("0+%dx%d", step, minutes) }

func selectorText(name string, labels map[string]string) string {
	var equal []label
	for _, l := range slices.Sorted(maps.Keys(labels)) {
		equal = append(equal, label{l, labels[l]})
	}
	return series(name, equal...).String()
}

// testOf makes the test of an objective's rule file.
func testOf(o *slo.Objective, options Options, ruleFile string) (testFile, error) {
	t := tester{alert{o, options}, testInstances(o), watched(o)}
	scenarios, err := t.daemonScenarios(), error(nil)
	if options.Source == FromSeries {
		scenarios, err = t.seriesScenarios()
	}
	return testFile{RuleFiles: []string{ruleFile}, EvaluationInterval: "1m", Tests: scenarios}, err
}
