package alert

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// The annotations of an alert.
const (
	SummaryAnnotation     = "summary"
	DescriptionAnnotation = "description"
	RunbookAnnotation     = "runbook_url"
	DashboardAnnotation   = "dashboard_url"
	SuspectAnnotation     = "suspected_change" // what changed shortly before, see Options.Suspect
	AffectedAnnotation    = "affected"         // of a folded alert: how many of the cluster's tenants, such as 120 of 200
	WorstAnnotation       = "worst_tenants"    // of a folded alert: the worst few of them by name, the worst first
)

// words are what an alert says to the person on call.
type words struct {
	summary     string
	description string
}

func linked(o *slo.Objective, w words) map[string]string {
	return map[string]string{
		SummaryAnnotation:     w.summary,
		DescriptionAnnotation: w.description,
		RunbookAnnotation:     o.Links.Runbook,
		DashboardAnnotation:   o.Links.Dashboard,
	}
}

func burnWords(o *slo.Objective, e *slo.Evaluation, pair *slo.Condition) words {
	description := fmt.Sprintf("In the last %s %s, in the last %s %s. ",
		slo.FormatDuration(pair.Pair.Long), failures(o, pair.Long.Tally.Counts),
		slo.FormatDuration(pair.Pair.Short), failures(o, pair.Short.Tally.Counts))
	description += fmt.Sprintf("%s may fail (%s): the error budget burns %s times as fast as it may, and this alert fires above %s. ",
		e.Target.Budget(), overWindow(o), times(pair.Long.Rate), times(pair.Limit.Float()))
	description += budgetLeft(e)
	return words{
		summary:     fmt.Sprintf("%s%s: the error budget burns %s times too fast", who(e.Instance), o.Title, times(pair.Long.Rate)),
		description: description,
	}
}

func exhaustedWords(o *slo.Objective, e *slo.Evaluation) words {
	return words{
		summary: fmt.Sprintf("%s%s: the error budget is used up", who(e.Instance), o.Title),
		description: fmt.Sprintf("%s %s; %s may fail. That is %s of the error budget. Put off what risks more failures until it has recovered.",
			capital(overWindow(o)), failures(o, e.Period.Counts), e.Target.Budget(), percent(e.Budget.Consumed)),
	}
}

func projectedWords(o *slo.Objective, e *slo.Evaluation) words {
	pace := slowest(e)
	soon := "within " + slo.FormatDuration(pace.Window)
	if o.Window.Calendar != "" {
		soon = "before this " + string(o.Window.Calendar) + " ends"
	}
	return words{
		summary: fmt.Sprintf("%s%s: the error budget will be used up %s", who(e.Instance), o.Title, soon),
		description: fmt.Sprintf("In the last %s %s; %s may fail (%s). %s Nothing is lost yet: there is time to mend it.",
			slo.FormatDuration(pace.Window), failures(o, pace.Tally.Counts), e.Target.Budget(), overWindow(o), budgetLeft(e)),
	}
}

func blindWords(o *slo.Objective, e *slo.Evaluation, burn *slo.Burn) words {
	expected := burn.Tally.Expected - burn.Tally.Excluded
	return words{
		summary: fmt.Sprintf("%s%s: too little is measured to judge it", who(e.Instance), o.Title),
		description: fmt.Sprintf("In the last %s, %d of %d minutes were measured; %s are needed. "+
			"Until measurements return, an outage goes unnoticed here, and alerts of this objective neither fire nor resolve. "+
			"The status page shows the log of the last rounds.",
			slo.FormatDuration(burn.Window), burn.Tally.Measured, expected, o.MinCoverage),
	}
}

// who names the instance by its labels: the tenant alone where it is about a tenant, nothing where there is only one.
func who(i slo.Instance) string {
	var names []string
	for name, value := range i.Labels() {
		if name == "tenant" {
			names = append(names, value)
		} else {
			names = append(names, name+" "+value)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ", ") + ": "
}

// failures says how many events, or rounds of a comparison, failed.
func failures(o *slo.Objective, c slo.Counts) string {
	what := "events"
	if o.Indicator.Threshold != nil {
		what = "rounds"
	}
	if c.Total() == 0 {
		return "there were no " + what
	}
	return fmt.Sprintf("%d of %d %s failed (%s)", c.Bad, c.Total(), what, percent(float64(c.Bad)/float64(c.Total())))
}

func overWindow(o *slo.Objective) string {
	if o.Window.Calendar != "" {
		return "in this " + string(o.Window.Calendar)
	}
	return "over " + slo.FormatDuration(o.Window.Rolling)
}

func budgetLeft(e *slo.Evaluation) string {
	left := e.Budget.Remaining
	switch {
	case math.IsNaN(left):
		return ""
	case left <= 0:
		return fmt.Sprintf("Nothing is left of the budget: %s of it is spent.", percent(e.Budget.Consumed))
	case e.ExhaustedIn == slo.Never:
		return fmt.Sprintf("%s of the budget is left.", percent(left))
	}
	return fmt.Sprintf("%s of the budget is left; at this pace it ends in %s.", percent(left), roughly(e.ExhaustedIn))
}

// percent writes a share with about three digits that mean something.
func percent(share float64) string {
	return times(share*100) + "%"
}

// times writes a factor with about three digits that mean something, and never in powers of ten.
func times(factor float64) string {
	decimals := 3
	for limit := 1.0; limit <= 100 && math.Abs(factor) >= limit; limit *= 10 {
		decimals--
	}
	text := strconv.FormatFloat(factor, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if factor > 0 && text == "0" {
		return "less than 0.001"
	}
	return text
}

// roughly is a duration in the units in which one thinks of it.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return slo.FormatDuration(d.Truncate(time.Minute))
	case d < 3*slo.Day:
		return slo.FormatDuration(d.Truncate(time.Hour))
	}
	return slo.FormatDuration(d.Truncate(slo.Day))
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
