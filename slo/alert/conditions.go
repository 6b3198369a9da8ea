package alert

import (
	"maps"
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// NoDataFor is how long an objective must be without enough data before anybody is told: a restart takes less.
const NoDataFor = 15 * time.Minute

// ProjectedFor is how long a budget must be projected to end too early before anybody is told: nobody needs to hurry,
// and a pace that comes and goes is no forecast.
const ProjectedFor = time.Hour

// Conditions are all that may be alerted for one instance of an objective: each pair of its policy, its budget
// that is exhausted or will be, and missing data. An objective whose policy has no pairs alerts nobody.
func Conditions(o *slo.Objective, e *slo.Evaluation) []Condition {
	if len(o.Policy.Pairs) == 0 {
		return nil
	}
	all := make([]Condition, 0, len(e.Conditions)+3)
	for i := range e.Conditions {
		all = append(all, burning(o, e, &e.Conditions[i]))
	}
	return append(all, exhausted(o, e), projected(o, e), blind(o, e))
}

// Quiet says that none of an instance's Conditions holds or is unknown: unless an alert about it stands, there is
// nothing to say of it, and most instances are so most of the time.
func Quiet(e *slo.Evaluation) bool {
	if e.Status == slo.Exhausted || e.Status == slo.InsufficientData || e.Projected {
		return false
	}
	for i := range e.Conditions { // by index: it is asked of thousands each minute
		if e.Conditions[i].Firing || e.Conditions[i].Frozen {
			return false
		}
	}
	return true
}

func burning(o *slo.Objective, e *slo.Evaluation, pair *slo.Condition) Condition {
	labels := labelsOf(o, e, BurnName, pair.Pair.Severity)
	labels[LongWindowLabel] = slo.FormatDuration(pair.Pair.Long)
	c := Condition{Labels: labels, Holds: pair.Firing, Unknown: pair.Frozen, Title: o.Title, Gravity: pair.Long.Rate}
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
		Title:   o.Title, Gravity: e.Budget.Consumed,
	}
	if c.Holds {
		c.Annotations = linked(o, exhaustedWords(o, e))
	}
	return c
}

// projected holds while some budget is left that will be spent before the period ends. Once it is spent, that is what
// is told instead.
func projected(o *slo.Objective, e *slo.Evaluation) Condition {
	c := Condition{
		Labels: labelsOf(o, e, ProjectedName, quiet(o.Policy)), For: ProjectedFor,
		Holds:   e.Projected,
		Unknown: e.Status != slo.Exhausted && (e.Status == slo.InsufficientData || !slowest(e).Covered),
		Title:   o.Title, Gravity: slowest(e).Rate,
	}
	if c.Holds {
		c.Annotations = linked(o, projectedWords(o, e))
	}
	return c
}

// slowest is the burn of the policy's longest window, by which the projection goes; a zero one where none was judged.
func slowest(e *slo.Evaluation) *slo.Burn {
	longest := &slo.Burn{}
	for i := range e.Conditions {
		if long := e.Conditions[i].Long; long.Window > longest.Window {
			longest = long
		}
	}
	return longest
}

// blind holds while the policy's most urgent pair cannot be judged because minutes are missing: what it is there for
// would go unnoticed. Minutes that are excluded are not missing, and an instance never measured is not awaited. Where
// the short window alone is measured again, the long one is given the time that it takes to fill: after a night in
// which nobody measured, there is nothing to do.
func blind(o *slo.Objective, e *slo.Evaluation) Condition {
	c := Condition{Labels: labelsOf(o, e, NoDataName, quiet(o.Policy)), For: NoDataFor, Title: o.Title}
	if e.Status == slo.NoDataYet || len(e.Conditions) == 0 {
		return c
	}
	for _, burn := range []*slo.Burn{e.Conditions[0].Short, e.Conditions[0].Long} {
		if !burn.Covered && burn.Tally.Missing() > 0 {
			c.Holds = true
			c.Annotations = linked(o, blindWords(o, e, burn))
			if burn == e.Conditions[0].Long {
				c.For += time.Duration(float64(burn.Window) * o.MinCoverage.Float())
			}
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
