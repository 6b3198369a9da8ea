package slo

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Surroundings are what Explain cannot see in an objective.
type Surroundings struct {
	// Interval is the time between two rounds, or two visits of a source; a
	// minute where it is 0.
	Interval time.Duration
	// EventsPerMinute is how many events an instance has, for indicators that
	// count what happens; 0 where that is not known.
	EventsPerMinute float64
	// Lag is how late minutes are on record by design, of what a source measures.
	Lag time.Duration
	// Tenants are all that the objective can be about; nil where more may be
	// found later.
	Tenants []string
}

// Explanation says what an objective means before it has measured anything. Its
// String is for people.
type Explanation struct {
	Objective *Objective
	// Promises are one per distinct target, the highest first.
	Promises []Promise
	Warnings []Warning
}

// Promise is what an objective says with one of its targets.
type Promise struct {
	Promised
	// Sentence is the promise, to be read aloud.
	Sentence string
	// Events is how many an instance has in the period; NaN where unknown, or
	// without a meaning, as with composites.
	Events float64
	// BudgetEvents is how many of them may fail.
	BudgetEvents float64
	// BudgetTime is how long a total outage the period bears, under even traffic.
	BudgetTime time.Duration
	// Alarms are the policy's pairs in their order.
	Alarms []Alarm
}

// Alarm is what one pair of the policy makes of two faults.
type Alarm struct {
	Pair Pair
	// Limit is the burn rate above which the pair fires.
	Limit float64
	// Failures is how many bad events within the long window it takes, at even
	// traffic; 0 where the traffic is not known.
	Failures uint64
	// Outage is a fault in which all events are bad.
	Outage Fault
	// Twice is one that burns twice as fast as the pair bears, or Outage if that
	// does not.
	Twice Fault
}

// Fault is how a pair sees a fault that begins after a time without any.
type Fault struct {
	// ErrorRatio is the share of events that are bad while it lasts.
	ErrorRatio float64
	// Detect is the time from its beginning to the alert, W·b·B/e or until there
	// were as many bad events as low_traffic asks for; Never if it does not come.
	Detect time.Duration
	// Reset is the time from its end to that of the alert, Ws·(1 - b·B/e).
	Reset time.Duration
}

// Warning is something that is allowed and yet hardly meant.
type Warning struct {
	Position Position
	Text     string
}

// Explain says what a valid objective means where it is to be kept.
func Explain(o *Objective, s Surroundings) Explanation {
	if s.Interval <= 0 {
		s.Interval = time.Minute
	}
	x := Explanation{Objective: o}
	rate := o.Indicator.rate(s)
	for _, p := range o.Targets.All() {
		x.Promises = append(x.Promises, o.promise(p, rate))
	}
	x.warn(s, rate)
	x.warnWhom(s)
	return x
}

// rate is how many events a minute has, 0 where it is not known. Those of a
// composite are but shares.
func (i Indicator) rate(s Surroundings) float64 {
	switch {
	case i.Composite != nil:
		return 0
	case i.Threshold != nil && i.Threshold.Slice > 0:
		return 1 / i.Threshold.Slice.Minutes()
	case i.Threshold != nil, i.Probe != nil:
		return 1 / s.Interval.Minutes()
	}
	return s.EventsPerMinute
}

func (o *Objective) promise(what Promised, rate float64) Promise {
	period, budget := o.Window.Nominal(), what.Target.Budget().Float()
	p := Promise{
		Promised: what, Sentence: o.sentence(what),
		Events: math.NaN(), BudgetEvents: math.NaN(), BudgetTime: time.Duration(budget * float64(period)),
	}
	if rate > 0 {
		p.Events = rate * period.Minutes()
		p.BudgetEvents = p.Events * budget
	}
	for _, pair := range o.Policy.Pairs {
		limit := pair.Limit(period)
		a := Alarm{Pair: pair, Limit: limit.Float()}
		bound := a.Limit * budget // the error ratio that must be exceeded
		if rate > 0 {
			a.Failures = max(o.LowTraffic.MinBad, 1+uint64(bound*rate*pair.Long.Minutes()+1e-9))
		}
		a.Outage, a.Twice = Fault{1, Never, 0}, Fault{1, Never, 0}
		if limit.Reachable(what.Target) {
			a.Outage = o.fault(pair, bound, 1, rate)
			a.Twice = o.fault(pair, bound, min(1, 2*bound), rate)
		}
		p.Alarms = append(p.Alarms, a)
	}
	return p
}

// fault is what a pair makes of an error ratio above the bound that it bears.
func (o *Objective) fault(pair Pair, bound, ratio, rate float64) Fault {
	f := Fault{ErrorRatio: ratio, Detect: Never}
	detect := float64(pair.Long) * bound / ratio
	if rate > 0 {
		detect = max(detect, float64(o.LowTraffic.MinBad)/(rate*ratio)*float64(time.Minute))
	}
	if detect <= float64(pair.Long) {
		f.Detect = time.Duration(math.Round(detect))
		f.Reset = time.Duration(math.Round(float64(pair.Short) * (1 - bound/ratio)))
	}
	return f
}

func (x *Explanation) warnf(at Position, format string, args ...any) {
	w := Warning{at, fmt.Sprintf(format, args...)}
	if !slices.Contains(x.Warnings, w) {
		x.Warnings = append(x.Warnings, w)
	}
}

// warn looks for what is allowed and yet hardly meant.
func (x *Explanation) warn(s Surroundings, rate float64) {
	o := x.Objective
	if t := o.Indicator.Threshold; t != nil && t.Slice > 0 && t.Slice < s.Interval {
		x.warnf(t.Metric.Position, "slices of %s are shorter than the %s between rounds, so most of them see none; make them at least as long",
			FormatDuration(t.Slice), FormatDuration(s.Interval))
	}
	if o.MinCoverage == 0 && o.NoData == NoDataIgnore {
		x.warnf(o.Position, "with min_coverage 0%% and no_data ignore, silence is never noticed: an alert is judged by whatever minute was measured; give a coverage, or no_data: bad")
	}
	if o.MinCoverage > 0 && o.NoData == NoDataBad {
		x.warnf(o.Position, "no_data: bad spends budget, but below the min_coverage of %s alerts freeze; to be alerted of silence write min_coverage: 0%%", o.MinCoverage)
	}
	for _, pair := range o.Policy.Pairs {
		x.warnCapped(pair)
		x.warnLate(pair, s.Lag)
	}
	for _, p := range x.Promises {
		for _, a := range p.Alarms {
			x.warnAlarm(p.Target, a, rate)
		}
	}
}

// warnWhom looks for targets of those who have no instance.
func (x *Explanation) warnWhom(s Surroundings) {
	o := x.Objective
	if len(o.Targets.ByTier)+len(o.Targets.ByTenant) > 0 && !slices.Contains(o.By, "tenant") {
		x.warnf(o.Position, "it is not grouped by tenant, so the targets of tiers and tenants hold for none; add tenant under by:, or write one target")
		return
	}
	for _, p := range x.Promises {
		for _, tenant := range p.Tenants {
			if s.Tenants != nil && !slices.Contains(s.Tenants, tenant) {
				x.warnf(o.Position, "there is no tenant %q, whose target would be %s", tenant, p.Target)
			}
		}
	}
}

// warnLate says which pairs never see a minute within their short window, because the source tells
// it later, and which see too few to judge by.
func (x *Explanation) warnLate(pair Pair, lag time.Duration) {
	o, seen := x.Objective, pair.Short-lag
	switch {
	case seen <= 0:
		x.warnf(o.Policy.Position, "policy %q, %s: minutes of the source are on record %s late, so that its short window of %s is always empty; it never fires. Lessen the source's delay, or use a policy with longer windows",
			o.Policy.Name, pair.Name(), FormatDuration(lag), FormatDuration(pair.Short))
	case lag > 0 && float64(seen) < float64(pair.Short)/2:
		x.warnf(o.Policy.Position, "policy %q, %s: minutes of the source are on record %s late, so that only the first %s of its short window of %s can be seen; it notices an outage that much later",
			o.Policy.Name, pair.Name(), FormatDuration(lag), FormatDuration(seen), FormatDuration(pair.Short))
	}
}

func (x *Explanation) warnCapped(pair Pair) {
	period := x.Objective.Window.Nominal()
	if asked := pair.Share.Float() * float64(period) / float64(pair.Long); asked < 1 {
		x.warnf(x.Objective.Policy.Position, "policy %q, %s: %s of the budget in %s would be a burn rate of %.3g over %s; it is 1, which is %.3g%% of the budget",
			x.Objective.Policy.Name, pair.Name(), pair.Share, FormatDuration(pair.Long), asked, FormatDuration(period), 100*float64(pair.Long)/float64(period))
	}
}

// warnAlarm looks at one pair with one target.
func (x *Explanation) warnAlarm(target Ratio, a Alarm, rate float64) {
	o, minBad := x.Objective, float64(x.Objective.LowTraffic.MinBad)
	outage := rate * a.Pair.Long.Minutes() // bad events of a total outage in the long window
	switch {
	case !a.Pair.Limit(o.Window.Nominal()).Reachable(target):
		x.warnf(o.Policy.Position, "policy %q, %s: with a target of %s not even a total outage burns faster than %.3g; it never fires", o.Policy.Name, a.Pair.Name(), target, a.Limit)
	case rate <= 0:
	case minBad > outage:
		x.warnf(o.Position, "%s: %s holds %.3g events, and low_traffic asks for %g bad ones; it never fires", a.Pair.Name(), FormatDuration(a.Pair.Long), outage, minBad)
	case minBad/rate > a.Pair.Short.Minutes():
		x.warnf(o.Position, "%s: low_traffic asks for %g bad events, which a total outage needs %s for, longer than the short window of %s",
			a.Pair.Name(), minBad, inSeconds(time.Duration(minBad/rate*float64(time.Minute))), FormatDuration(a.Pair.Short))
	case a.Failures <= 1:
		x.warnf(o.Position, "%s with a target of %s: %s holds %.3g events, so that a single failure fires; it takes more than %.4g of them, or low_traffic: {min_bad: 2}",
			a.Pair.Name(), target, FormatDuration(a.Pair.Long), outage, 1/(a.Limit*target.Budget().Float()))
	}
}
