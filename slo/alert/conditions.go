package alert

import (
	"maps"
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// NoDataFor is how long an objective must be without enough data before anybody is told: a restart takes less.
const NoDataFor = 15 * time.Minute

// Conditions are all that may be alerted for one instance of an objective: each pair of its policy, its exhausted
// budget, and missing data. An objective whose policy has no pairs alerts nobody.
func Conditions(o *slo.Objective, e *slo.Evaluation) []Condition {
	if len(o.Policy.Pairs) == 0 {
		return nil
	}
	all := make([]Condition, 0, len(e.Conditions)+2)
	for _, pair := range e.Conditions {
		all = append(all, burning(o, e, pair))
	}
	return append(all, exhausted(o, e), blind(o, e))
}

// Quiet says that none of an instance's Conditions holds or is unknown: unless an alert about it stands, there is
// nothing to say of it, and most instances are so most of the time.
func Quiet(e *slo.Evaluation) bool {
	return e.Status != slo.Exhausted && e.Status != slo.InsufficientData &&
		!slices.ContainsFunc(e.Conditions, func(c slo.Condition) bool { return c.Firing || c.Frozen })
}

func burning(o *slo.Objective, e *slo.Evaluation, pair slo.Condition) Condition {
	labels := labelsOf(o, e, BurnName, pair.Pair.Severity)
	labels[LongWindowLabel] = slo.FormatDuration(pair.Pair.Long)
	c := Condition{Labels: labels, Holds: pair.Firing, Unknown: pair.Frozen}
	if c.Holds { // most do not: spare the words
		c.Annotations = linked(o, burnWords(o, e, pair))
	}
	return c
}

// exhausted holds once the budget is spent, by as many bad events as the objective wants to see before anybody is told:
// the very first sample of a new installation proves nothing.
func exhausted(o *slo.Objective, e *slo.Evaluation) Condition {
	c := Condition{
		Labels:  labelsOf(o, e, ExhaustedName, quiet(o.Policy)),
		Holds:   e.Status == slo.Exhausted && e.Period.Bad >= o.LowTraffic.MinBad,
		Unknown: e.Status == slo.InsufficientData,
	}
	if c.Holds {
		c.Annotations = linked(o, exhaustedWords(o, e))
	}
	return c
}

// blind holds while the policy's most urgent pair cannot be judged because minutes are missing: what it is there for
// would go unnoticed. Minutes that are excluded are not missing, and an instance never measured is not awaited.
func blind(o *slo.Objective, e *slo.Evaluation) Condition {
	c := Condition{Labels: labelsOf(o, e, NoDataName, quiet(o.Policy)), For: NoDataFor}
	if e.Status == slo.NoDataYet || len(e.Conditions) == 0 {
		return c
	}
	for _, burn := range []*slo.Burn{e.Conditions[0].Short, e.Conditions[0].Long} {
		if !burn.Covered && burn.Tally.Missing() > 0 {
			c.Holds = true
			c.Annotations = linked(o, blindWords(o, e, *burn))
			break
		}
	}
	return c
}

// labelsOf are the labels that all alerts of an instance share. Ours win over labels of the same name in its grouping.
func labelsOf(o *slo.Objective, e *slo.Evaluation, name string, severity slo.Severity) map[string]string {
	labels := maps.Collect(e.Instance.Labels())
	maps.Copy(labels, map[string]string{
		NameLabel:      name,
		ObjectiveLabel: o.Name,
		QuestionLabel:  string(o.Question),
		SeverityLabel:  string(severity),
	})
	for label, value := range map[string]string{OwnerLabel: o.Owner, TierLabel: e.Tier} {
		if value != "" {
			labels[label] = value
		}
	}
	return labels
}

// quiet is the severity of alerts that need no one at once: a ticket, unless the whole policy is for information.
func quiet(p slo.Policy) slo.Severity {
	if slices.ContainsFunc(p.Pairs, func(pair slo.Pair) bool { return pair.Severity != slo.Info }) {
		return slo.Ticket
	}
	return slo.Info
}
