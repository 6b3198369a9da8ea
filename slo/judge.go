package slo

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// Judge is an objective made ready to judge many instances. It is safe for
// concurrent use.
type Judge struct {
	objective *Objective
	windows   []time.Duration
	slowest   int // the policy's longest window in windows
	nominal   int // the period's nominal length in windows
	pairs     []judgedPair
	// bounds are those of the last period asked for: all instances of a tick
	// share them, and finding a calendar's edges takes longer than all the rest.
	bounds atomic.Pointer[Span]
}

// judgedPair is a pair with what does not depend on the instance.
type judgedPair struct {
	Pair
	limit       Limit
	long, short int // in the judge's windows
}

// NewJudge makes an objective ready. The objective must not change afterwards.
func NewJudge(o *Objective) *Judge {
	j := &Judge{objective: o, windows: o.BurnWindows()}
	at := func(d time.Duration) int { return slices.Index(j.windows, d) }
	j.nominal = at(o.Window.Nominal())
	for _, p := range o.Policy.Pairs {
		pair := judgedPair{p, p.Limit(o.Window.Nominal()), at(p.Long), at(p.Short)}
		j.pairs = append(j.pairs, pair)
		if j.windows[pair.long] > j.windows[j.slowest] {
			j.slowest = pair.long
		}
	}
	return j
}

// Evaluate judges one instance of an objective; for many, make a Judge once.
func Evaluate(o *Objective, in Input) Evaluation { return NewJudge(o).Evaluate(in) }

// Evaluate judges one instance. It is exact: limits are compared as integers.
func (j *Judge) Evaluate(in Input) Evaluation {
	var e Evaluation
	j.Into(&e, &in)
	return e
}

// Into judges one instance as Evaluate does, into an Evaluation of any age. It
// writes all its fields and uses its slices again, so that judging a fleet every
// minute allocates nothing; copies of what stood there before lose their Burn and
// Conditions.
func (j *Judge) Into(e *Evaluation, in *Input) {
	o := j.objective
	e.Instance, e.Tier, e.At = in.Instance, in.Tier, in.At
	e.Target, e.Period = o.Targets.Of(in.Instance, in.Tier), in.Period
	o.read(&e.Period)
	e.From, e.To = j.period(in.At)
	e.ErrorRatio = ratio(e.Period.Bad, e.Period.Total())
	e.Coverage, _ = in.Period.Coverage()
	e.Budget = budgetOf(e.Period.Counts, e.Target, 1)
	e.Prorated = e.Budget
	if times := e.proration(&o.Window); times != 1 {
		e.Prorated = budgetOf(e.Period.Counts, e.Target, times)
	}
	e.Burn, e.Conditions = e.Burn[:0], e.Conditions[:0]
	if in.Burns != nil || in.Burn != nil {
		j.burns(e, in)
		j.conditions(e)
	}
	e.Status = e.status(o, &in.Period)
	e.ExhaustedIn = j.exhaustion(e)
	e.Projected = j.projected(e, &in.Period)
}

// period is what Window.Ending says, found anew only when another one begins.
func (j *Judge) period(at time.Time) (from, to time.Time) {
	w := j.objective.Window
	if w.Calendar == "" {
		return w.Ending(at)
	}
	if b := j.bounds.Load(); b != nil && at.After(b.From) && !at.After(b.To) {
		return b.From, b.To
	}
	from, to = w.Ending(at)
	j.bounds.Store(&Span{from, to})
	return from, to
}

// burns reads all windows of the policy and the period.
func (j *Judge) burns(e *Evaluation, in *Input) {
	o := j.objective
	e.Burn = sized(e.Burn, len(j.windows))
	for i, w := range j.windows {
		b, t := &e.Burn[i], in.tally(i, w)
		// Field by field: copies of the whole, of what was just written in parts,
		// would take half the time of judging.
		b.Window, b.Tally.Good, b.Tally.Bad = w, t.Good, t.Bad
		b.Tally.Measured, b.Tally.Expected, b.Tally.Excluded = t.Measured, t.Expected, t.Excluded
		b.Covered = b.Tally.covers(o.MinCoverage)
		o.read(&b.Tally)
		b.Rate = burnRate(b.Tally.Counts, e.Target)
	}
}

// tally is that of the i-th window. A tally that was asked for stands where the
// next one will.
func (in *Input) tally(i int, w time.Duration) *Tally {
	if in.Burns != nil {
		return &in.Burns[i]
	}
	in.asked = in.Burn(w)
	return &in.asked
}

// conditions judges the pairs of the policy.
func (j *Judge) conditions(e *Evaluation) {
	e.Conditions = sized(e.Conditions, len(j.pairs))
	events := e.Burn[j.nominal].Tally.Total()
	for i := range j.pairs {
		p, c := &j.pairs[i], &e.Conditions[i]
		c.Pair, c.Limit, c.Long, c.Short = p.Pair, p.limit, &e.Burn[p.long], &e.Burn[p.short]
		c.Frozen = !c.Long.Covered || !c.Short.Covered
		c.Firing = !c.Frozen &&
			c.Limit.Exceeded(c.Long.Tally.Counts, e.Target) &&
			c.Limit.Exceeded(c.Short.Tally.Counts, e.Target) &&
			j.serious(c, events, e.Target)
	}
}

// sized is a slice of n items in the memory of all, if that is enough.
func sized[T any](all []T, n int) []T {
	if cap(all) < n {
		return make([]T, n)
	}
	return all[:n]
}

// serious says whether the bad events of the long window matter, given how
// many events the period has.
func (j *Judge) serious(c *Condition, events uint64, target Ratio) bool {
	low, bad := j.objective.LowTraffic, c.Long.Tally.Bad
	if bad < low.MinBad {
		return false
	}
	if !low.BudgetSpent {
		return true
	}
	// bad / (budget × events) > limit × long / period, multiplied out. Seconds
	// times parts per billion stay below 2^56, a limit's parts below 2^55.
	long, period := uint64(c.Pair.Long/time.Second), uint64(j.windows[j.nominal]/time.Second)
	spent := product(bad, uint64(One)*period, c.Limit.den)
	return spent.compare(product(events, uint64(target.Budget())*long, c.Limit.num)) > 0
}

// exhaustion is R·P/BR, with the burn of the firing pair or else of the policy's
// longest window.
func (j *Judge) exhaustion(e *Evaluation) time.Duration {
	rate := math.NaN()
	if c := e.firing(); c != nil {
		rate = c.Long.Rate
	} else if len(e.Burn) > 0 {
		rate = e.Burn[j.slowest].Rate
	}
	left := e.left(j.objective)
	switch {
	case math.IsNaN(left) || left > 0 && !(rate > 0):
		return Never
	case left <= 0:
		return 0
	}
	if d := left * float64(j.windows[j.nominal]) / rate; d < math.MaxInt64 {
		return time.Duration(d)
	}
	return Never
}

// projected looks ahead: to the end of an open calendar period, or, as a rolling
// one has no end, as far as the policy's longest window looks back. Every minute
// to come is taken to be as one measured in that window, and of a rolling period
// the minutes that will have left it as its mean; what the period will hold then
// must break the promise. It is false without a policy, once the budget is
// spent, where too little is measured of the period or of the window, and where
// the window has fewer bad events than the objective asks for, or none.
func (j *Judge) projected(e *Evaluation, raw *Tally) bool {
	o := j.objective
	if len(e.Conditions) == 0 {
		return false
	}
	pace := &e.Burn[j.slowest]
	if pace.Tally.Bad < max(1, o.LowTraffic.MinBad) || !pace.Covered || !raw.covers(o.MinCoverage) || !(e.left(o) > 0) {
		return false
	}
	lived, ahead := raw.Expected-raw.Excluded, int64(pace.Window/time.Minute)
	kept := lived
	if o.Window.Calendar != "" {
		ahead = int64(e.To.Sub(e.At) / time.Minute)
	} else if leaving := raw.Expected + ahead - int64(o.Window.Rolling/time.Minute); leaving > 0 {
		kept = max(0, lived-leaving)
	}
	// kept/lived of the period's counts and ahead/minutes of the window's, on one
	// denominator. A minute read as good or bad counts among the window's.
	minutes := pace.Tally.Measured
	if o.NoData == NoDataGood || o.NoData == NoDataBad {
		minutes += pace.Tally.Missing()
	}
	past, future := uint64(kept*minutes), uint64(ahead*lived)
	budget, now, then := uint64(e.Target.Budget()), e.Period.Counts, pace.Tally.Counts
	spent := product(now.Bad, past, uint64(One)).plus(product(then.Bad, future, uint64(One)))
	return spent.compare(product(now.Total(), past, budget).plus(product(then.Total(), future, budget))) > 0
}
