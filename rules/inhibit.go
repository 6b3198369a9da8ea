package rules

import (
	"cmp"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/wardround/wardround/slo"
)

// Inhibition is one entry of Alertmanager's inhibit_rules, ready to be encoded as YAML.
type Inhibition struct {
	SourceMatchers []string `yaml:"source_matchers"`
	TargetMatchers []string `yaml:"target_matchers"`
	Equal          []string `yaml:"equal"`
}

// InhibitRules are what Alertmanager needs so that of all burn alerts of an objective's instance only the most urgent
// one is told: a page silences tickets, and a pair silences the slower ones of its severity. An alert that speaks for
// the tenants of a cluster silences those of them that were told before it. The policies are all those in use; grouping
// are the labels of instances, such as tenant and target.
func InhibitRules(policies []slo.Policy, grouping []string) []Inhibition {
	equal := append([]string{objectiveLabel, clusterLabel}, grouping...)
	var rules []Inhibition
	severities := slo.Severities()
	for i, severity := range severities {
		if lower := severities[i+1:]; len(lower) > 0 {
			rules = append(rules, Inhibition{
				SourceMatchers: burning(equals("severity", string(severity))),
				TargetMatchers: burning(anyOf("severity", lower)),
				Equal:          equal,
			})
		}
		windows := longWindows(policies, severity)
		for j, w := range windows {
			if slower := windows[j+1:]; len(slower) > 0 {
				rules = append(rules, Inhibition{
					SourceMatchers: burning(equals("severity", string(severity)), equals(longWindowLabel, w)),
					TargetMatchers: burning(equals("severity", string(severity)), anyOf(longWindowLabel, slower)),
					Equal:          equal,
				})
			}
		}
	}
	return append(rules, Inhibition{
		SourceMatchers: []string{equals(scopeLabel, clusterScope)},
		TargetMatchers: []string{labels.MustNewMatcher(labels.MatchNotEqual, tenantLabel, "").String()},
		Equal:          []string{"alertname", objectiveLabel, "severity", longWindowLabel, clusterLabel},
	})
}

// longWindows are those of a severity in all policies, fastest first.
func longWindows(policies []slo.Policy, severity slo.Severity) []string {
	var pairs []slo.Pair
	for _, p := range policies {
		pairs = append(pairs, p.Pairs...)
	}
	slices.SortFunc(pairs, func(a, b slo.Pair) int { return cmp.Compare(a.Long, b.Long) })
	var windows []string
	for _, p := range pairs {
		if p.Severity == severity {
			windows = append(windows, slo.FormatDuration(p.Long))
		}
	}
	return slices.Compact(windows)
}

func burning(more ...string) []string {
	return append([]string{equals("alertname", burnAlert)}, more...)
}

func equals(name, value string) string {
	return labels.MustNewMatcher(labels.MatchEqual, name, value).String()
}

func anyOf[T ~string](name string, values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return oneOf(name, texts).String()
}
