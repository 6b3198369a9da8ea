package slo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Question is one of the five that Wardround answers at any moment.
type Question string

// The five questions.
const (
	Healthy     Question = "healthy"
	Protected   Question = "protected"
	Controlled  Question = "controlled"
	Contained   Question = "contained"
	Recoverable Question = "recoverable"
)

// Questions are the five in the order in which they are asked everywhere.
func Questions() []Question {
	return []Question{Healthy, Protected, Controlled, Contained, Recoverable}
}

// Text is the question as people read it.
func (q Question) Text() string {
	switch q {
	case Healthy:
		return "Is the platform healthy?"
	case Protected:
		return "Is data protected?"
	case Controlled:
		return "Are changes controlled?"
	case Contained:
		return "Are risks contained?"
	case Recoverable:
		return "Can we recover in time?"
	}
	return string(q)
}

// NoData says what a minute that should have been measured and was not means.
type NoData string

// The ways to read a missing minute. Where it counts as good or bad it weighs
// as much as the average measured minute of the same window, or one event in a
// window without any. Coverage stays what it is: to alert on silence with
// NoDataBad, set MinCoverage to 0.
const (
	NoDataIgnore NoData = "ignore"
	NoDataGood   NoData = "good"
	NoDataBad    NoData = "bad"
	// NoDataCarry repeats the last measured minute while a source is silent.
	// Wardround's own downtime stays missing.
	NoDataCarry NoData = "carry"
)

// Objective is one promise: what is measured, how much of it must be good over
// which window, and when to alert. Read them with ParseObjectives; the zero
// value promises nothing.
type Objective struct {
	// Name is kebab-case and unique; it is the label `objective` everywhere.
	Name        string
	Question    Question
	Title       string
	Description string
	Owner       string
	Indicator   Indicator
	// By are the labels that make an instance, sorted; [tenant] by default.
	By      []string
	Targets Targets
	Window  Window
	Policy  Policy
	NoData  NoData
	// MinCoverage is the share of a window that must have been measured for
	// its burn rate to be believed.
	MinCoverage Ratio
	LowTraffic  LowTraffic
	Links       Links
	// Position is where the objective was read from.
	Position Position
}

// LowTraffic keeps a handful of failures at night from paging.
type LowTraffic struct {
	// MinBad is how many bad events the long window must hold; 2 by default.
	MinBad uint64
	// BudgetSpent asks that the pair's share of the period's budget was really
	// spent within the long window; on by default.
	BudgetSpent bool
}

// Links lead from an alert to what helps.
type Links struct {
	Runbook   string
	Dashboard string
}

// Indicator says what is measured and where: exactly one of its kinds is set. A
// further kind is a further field.
type Indicator struct {
	// Source names the Prometheus-compatible API that the series are read from;
	// "" means that Wardround's own rounds bring them.
	Source    string
	Events    *Events
	Histogram *Histogram
	Threshold *Threshold
	Probe     *Probe
	Composite *Composite
}

// Events counts what happened with two counters: all of it, and either the
// good or the bad part; the other selector is empty.
type Events struct {
	Good, Bad, Total Selector
}

// Histogram counts observations: good are those not above the bound.
type Histogram struct {
	// Metric is the histogram's own name, without _bucket.
	Metric Selector
	// Within is the bound in the metric's unit; the histogram must have a bucket
	// that ends there.
	Within float64
}

// Threshold compares gauges with a bound. Each round is one event per instance,
// good if the comparison holds for all its series.
type Threshold struct {
	Metric Selector
	Op     Op
	// Value is the bound in the metric's unit, or in seconds with Age.
	Value float64
	// Age compares the time since a timestamp in Unix seconds, not the value.
	Age bool
	// Zero says what a value of 0 means instead of comparing it; "" compares.
	Zero Verdict
	// Slice, where it is above 0, makes one event of each such stretch of the
	// clock instead of each round: good if all its rounds were. Whole minutes.
	Slice time.Duration
}

// Probe judges one check per round: good if it succeeded, and in time where a
// time is set.
type Probe struct {
	// Success is a gauge that is 1 after a success.
	Success Selector
	// Duration is a gauge in seconds; its Text is empty where the time does not
	// matter.
	Duration Selector
	// Within is the longest good duration in seconds.
	Within float64
}

// Composite makes one promise of several objectives with the same grouping.
// Each minute weighs CompositeScale events, whatever the traffic of its
// members.
type Composite struct {
	Of     []Member
	Method Method
	// Delayed says what a member means that has no data in a minute in which
	// another one has: NoDataIgnore leaves it out, NoDataGood and NoDataBad count
	// it as wholly good or bad.
	Delayed NoData
}

// CompositeScale is how many events a minute of a composite counts for.
const CompositeScale = 1000

// Member is one objective of a composite.
type Member struct {
	Objective string
	// Weight is the member's weight in the mean, 1 by default.
	Weight   uint64
	Position Position
	// Measures is the member's Indicator.String, set by Link, so that the
	// composite's record begins anew when what a member measures changes.
	Measures string
}

// Method is how a composite's members become one.
type Method string

// The methods.
const (
	// Mean is the weighted mean of the members' error ratios in a minute.
	Mean Method = "mean"
	// Worst is the highest of them.
	Worst Method = "worst"
)

// Op is a comparison.
type Op string

// The comparisons.
const (
	LessOrEqual    Op = "<="
	Less           Op = "<"
	GreaterOrEqual Op = ">="
	Greater        Op = ">"
	Equal          Op = "=="
	NotEqual       Op = "!="
)

// Verdict is what one observation says of the promise.
type Verdict string

// The verdicts.
const (
	Good Verdict = "good"
	Bad  Verdict = "bad"
)

// Holds compares a value with a bound.
func (op Op) Holds(value, bound float64) bool {
	switch op {
	case LessOrEqual:
		return value <= bound
	case Less:
		return value < bound
	case GreaterOrEqual:
		return value >= bound
	case Greater:
		return value > bound
	case Equal:
		return value == bound
	case NotEqual:
		return value != bound
	}
	return false
}

// Good judges one value seen at a time.
func (t *Threshold) Good(value float64, at time.Time) bool {
	if value == 0 && t.Zero != "" {
		return t.Zero == Good
	}
	if t.Age {
		value = float64(at.UnixNano())/1e9 - value
	}
	return t.Op.Holds(value, t.Value)
}

// Selector chooses series as PromQL does: name{label="value"}. Its text is read
// by slo/indicator.
type Selector struct {
	Text     string
	Position Position
}

// Selectors are all selectors of the indicator.
func (i Indicator) Selectors() []Selector {
	var all []Selector
	if e := i.Events; e != nil {
		all = append(all, e.Good, e.Bad, e.Total)
	}
	if i.Histogram != nil {
		all = append(all, i.Histogram.Metric)
	}
	if i.Threshold != nil {
		all = append(all, i.Threshold.Metric)
	}
	if i.Probe != nil {
		all = append(all, i.Probe.Success, i.Probe.Duration)
	}
	return slices.DeleteFunc(all, func(s Selector) bool { return s.Text == "" })
}

// Kind is the word for the indicator's kind in objective files.
func (i Indicator) Kind() string {
	switch {
	case i.Events != nil:
		return "events"
	case i.Histogram != nil:
		return "histogram"
	case i.Threshold != nil:
		return "threshold"
	case i.Probe != nil:
		return "probe"
	case i.Composite != nil:
		return "composite"
	}
	return ""
}

// String says in one line what is measured. Two indicators with the same line
// measure the same, so their records may be added.
func (i Indicator) String() string {
	text := i.measures()
	if i.Source != "" {
		text += " in " + i.Source
	}
	return text
}

func (i Indicator) measures() string {
	switch {
	case i.Events != nil && i.Events.Good.Text != "":
		return fmt.Sprintf("good %s of %s", i.Events.Good.Text, i.Events.Total.Text)
	case i.Events != nil:
		return fmt.Sprintf("bad %s of %s", i.Events.Bad.Text, i.Events.Total.Text)
	case i.Histogram != nil:
		return fmt.Sprintf("%s within %g", i.Histogram.Metric.Text, i.Histogram.Within)
	case i.Threshold != nil:
		return i.Threshold.String()
	case i.Probe != nil && i.Probe.Duration.Text != "":
		return fmt.Sprintf("%s and %s within %g", i.Probe.Success.Text, i.Probe.Duration.Text, i.Probe.Within)
	case i.Probe != nil:
		return i.Probe.Success.Text + " succeeds"
	case i.Composite != nil:
		return i.Composite.String()
	}
	return "nothing"
}

// String is the threshold's part of Indicator.String.
func (t *Threshold) String() string {
	text := fmt.Sprintf("%s %s %g", t.Metric.Text, t.Op, t.Value)
	if t.Age {
		text = fmt.Sprintf("age of %s %s %gs", t.Metric.Text, t.Op, t.Value)
	}
	if t.Zero != "" {
		text += ", 0 is " + string(t.Zero)
	}
	if t.Slice > 0 {
		text += ", in slices of " + FormatDuration(t.Slice)
	}
	return text
}

// String is the composite's part of Indicator.String.
func (c *Composite) String() string {
	members := make([]string, len(c.Of))
	for i, m := range c.Of {
		members[i] = fmt.Sprintf("%d × %s (%s)", m.Weight, m.Objective, m.Measures)
	}
	return fmt.Sprintf("%s of %s; delayed is %s", c.Method, strings.Join(members, ", "), c.Delayed)
}

// BurnWindows are the rolling windows whose counts Evaluate asks for, shortest
// first: those of the policy and the period's nominal length.
func (o *Objective) BurnWindows() []time.Duration {
	all := append(o.Policy.Windows(), o.Window.Nominal())
	slices.Sort(all)
	return slices.Compact(all)
}

// Position is a place in a file, lines and columns from 1.
type Position struct {
	File         string
	Line, Column int
}

// String is file:line:column.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }
