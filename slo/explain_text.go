package slo

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// String is the whole explanation, some lines per promise.
func (x Explanation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n", x.Objective.Name, x.Objective.Title)
	for _, p := range x.Promises {
		fmt.Fprintf(&text, "  %s\n    %s\n", p.Sentence, x.budget(p))
		for _, a := range p.Alarms {
			fmt.Fprintf(&text, "    %s\n", a)
		}
	}
	for _, w := range x.Warnings {
		fmt.Fprintf(&text, "  warning: %s\n", w)
	}
	return text.String()
}

// String is the warning with its place, as errors of files have it.
func (w Warning) String() string {
	if w.Position.File == "" {
		return w.Text
	}
	return w.Position.String() + ": " + w.Text
}

// String is what the pair makes of a total outage and of a smaller fault.
func (a Alarm) String() string {
	text := fmt.Sprintf("%s: a burn rate above %.4g", a.Pair.Name(), a.Limit)
	if a.Failures > 0 {
		text += fmt.Sprintf(" and at least %d bad in %s", a.Failures, FormatDuration(a.Pair.Long))
	}
	text += "; a total outage is " + a.Outage.String()
	if a.Twice != a.Outage {
		text += fmt.Sprintf(", %.3g%% of errors %s", 100*a.Twice.ErrorRatio, a.Twice)
	}
	return text
}

// String is when the fault is noticed and when it is over.
func (f Fault) String() string {
	if f.Detect == Never {
		return "not noticed"
	}
	return fmt.Sprintf("noticed after %s and over %s after it ends", inSeconds(f.Detect), inSeconds(f.Reset))
}

// inSeconds is a duration up to the next whole second.
func inSeconds(d time.Duration) string {
	return FormatDuration((d + time.Second - 1).Truncate(time.Second))
}

func (x Explanation) budget(p Promise) string {
	outage := inSeconds(p.BudgetTime)
	switch {
	case x.Objective.Indicator.Composite != nil:
		return fmt.Sprintf("All of it may be bad for %s.", outage)
	case math.IsNaN(p.Events):
		return fmt.Sprintf("Of a million events %s may fail, which is %s of total outage.", number(1e6*p.Target.Budget().Float()), outage)
	}
	return fmt.Sprintf("Of about %s events %s may fail, which is %s of total outage.", number(p.Events), number(p.BudgetEvents), outage)
}

// number is one for reading, with decimals only where it is small.
func number(n float64) string {
	if n >= 1000 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 4, 64)
}

// sentence is the promise with one target.
func (o *Objective) sentence(p Promised) string {
	return fmt.Sprintf("%s of %s, %s, over %s.", p.Target, o.Indicator.must(), o.whose(p), o.Window.words())
}

// must is what the indicator's events are, and what they must be.
func (i Indicator) must() string {
	text := ""
	switch {
	case i.Events != nil && i.Events.Good.Text != "":
		text = fmt.Sprintf("%s must be %s", i.Events.Total.Text, i.Events.Good.Text)
	case i.Events != nil:
		text = fmt.Sprintf("%s must not be %s", i.Events.Total.Text, i.Events.Bad.Text)
	case i.Histogram != nil:
		text = fmt.Sprintf("observations of %s must be %g at most", i.Histogram.Metric.Text, i.Histogram.Within)
	case i.Threshold != nil:
		text = i.Threshold.must()
	case i.Probe != nil && i.Probe.Duration.Text != "":
		text = fmt.Sprintf("probes must succeed (%s) within %g seconds (%s)", i.Probe.Success.Text, i.Probe.Within, i.Probe.Duration.Text)
	case i.Probe != nil:
		text = fmt.Sprintf("probes must succeed (%s)", i.Probe.Success.Text)
	case i.Composite != nil:
		text = i.Composite.must()
	}
	if i.Source != "" {
		text += " (from " + i.Source + ")"
	}
	return text
}

func (t *Threshold) must() string {
	what, bound := t.Metric.Text, fmt.Sprintf("%g", t.Value)
	if t.Age {
		what, bound = "the age of "+what, inSeconds(time.Duration(t.Value*float64(time.Second)))
	}
	each := "rounds"
	if t.Slice > 0 {
		each = "slices of " + FormatDuration(t.Slice)
	}
	text := fmt.Sprintf("%s must find %s %s %s", each, what, t.Op, bound)
	if t.Zero != "" {
		text += fmt.Sprintf(" (0 is %s)", t.Zero)
	}
	return text
}

func (c *Composite) must() string {
	names := make([]string, len(c.Of))
	for i, m := range c.Of {
		names[i] = m.Objective
		if c.Method == Mean && m.Weight != 1 {
			names[i] = fmt.Sprintf("%d × %s", m.Weight, m.Objective)
		}
	}
	return fmt.Sprintf("the %s of %s must be good, minute by minute", c.Method, strings.Join(names, ", "))
}

// whose says what has a budget of its own with a target.
func (o *Objective) whose(p Promised) string {
	if len(o.By) == 0 {
		return "all in all"
	}
	var all []string
	if p.Default || p.Tiers != nil {
		each := slices.Clone(o.By)
		if i := slices.Index(each, "tenant"); i >= 0 && o.Targets.ByTenant != nil {
			each[i] = "other tenant"
		}
		all = append(all, "for each "+strings.Join(each, " and ")+o.which(p))
	}
	if p.Tenants != nil {
		all = append(all, "for "+o.parts()+"tenant "+strings.Join(p.Tenants, " or "))
	}
	return strings.Join(all, " and ")
}

// parts begins what is said of a tenant that has several budgets.
func (o *Objective) parts() string {
	further := slices.DeleteFunc(slices.Clone(o.By), func(label string) bool { return label == "tenant" })
	if len(further) == 0 {
		return ""
	}
	return "each " + strings.Join(further, " and ") + " of "
}

func (o *Objective) which(p Promised) string {
	switch {
	case len(o.Targets.ByTier) == 0:
		return ""
	case !p.Default:
		return " of tier " + strings.Join(p.Tiers, " or ")
	case p.Tiers != nil:
		return " of tier " + strings.Join(p.Tiers, " or ") + " or of another"
	}
	return " of any other tier"
}

// words is the window as it is spoken of.
func (w Window) words() string {
	switch {
	case w.Calendar != "":
		return "each " + w.String()
	case w.Rolling == Day:
		return "a day"
	case w.Rolling%Day == 0:
		return fmt.Sprintf("%d days", w.Rolling/Day)
	}
	return FormatDuration(w.Rolling)
}
