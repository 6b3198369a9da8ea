package slo

import (
	"math"
	"slices"
	"time"
)

// Status is an instance's state in one word.
type Status string

// The statuses, worst first.
const (
	// Exhausted: no budget is left.
	Exhausted Status = "exhausted"
	// Burning: at least one pair of the policy fires.
	Burning Status = "burning"
	// InsufficientData: too little was measured, of the period or of a burn
	// window, to judge.
	InsufficientData Status = "insufficient_data"
	// NoDataYet: the period holds no events.
	NoDataYet Status = "no_data"
	// OK: the promise is being kept.
	OK Status = "ok"
)

// Statuses are all of them, worst first.
func Statuses() []Status { return []Status{Exhausted, Burning, InsufficientData, NoDataYet, OK} }

// Input is what Evaluate needs to know of one instance.
type Input struct {
	Instance Instance
	// Tier chooses the target.
	Tier string
	// At is the end of all windows, a whole minute.
	At time.Time
	// Period is the tally of the objective's window so far, up to At.
	Period Tally
	// Burn is the tally of the time d before At. It is asked for each of the
	// objective's BurnWindows. Where it is nil the policy is left out and only
	// the period is judged, as for a report on a month long past.
	Burn func(d time.Duration) Tally
}

// Evaluation is everything that is known of one instance at one minute. All
// metrics, alerts, pages and reports show these numbers and compute none.
type Evaluation struct {
	Instance Instance
	Tier     string
	Target   Ratio
	At       time.Time
	// From and To bound the period; To is after At in an open calendar period.
	From, To time.Time
	Status   Status
	// Period is the tally of the period so far, missing minutes read as the
	// objective says.
	Period Tally
	// ErrorRatio is bad over all events of the period, NaN without events.
	ErrorRatio float64
	// Coverage is the measured share of the period, 0 where nothing was due.
	Coverage Ratio
	// Budget is that of the events so far.
	Budget Budget
	// Prorated is that of the whole period, were traffic to go on as it was.
	// With a rolling window that is as old as its period both are the same.
	Prorated Budget
	// Burn are the burn rates by window, shortest first.
	Burn []Burn
	// Conditions are the policy's pairs in their order.
	Conditions []Condition
	// ExhaustedIn is when the budget ends at the present burn rate, 0 where it
	// has ended, negative where it will not.
	ExhaustedIn time.Duration
}

// Never is an ExhaustedIn that does not come.
const Never time.Duration = -1

// Budget is how much may fail and how much of that did. Without events all
// three are NaN.
type Budget struct {
	// Total is the budget in events, which need not be whole.
	Total float64
	// Consumed is the share of the budget that bad events took; above 1 the
	// promise is broken.
	Consumed float64
	// Remaining is 1 - Consumed, below 0 when overspent.
	Remaining float64
}

// Burn is how fast one window burns the budget.
type Burn struct {
	Window time.Duration
	Tally  Tally
	// Rate is the error ratio over the budget: 1 spends the budget exactly by
	// the period's end. NaN without events.
	Rate float64
	// Covered says that enough of the window was measured to believe it.
	Covered bool
}

// Condition is one pair of the policy, judged.
type Condition struct {
	Pair Pair
	// Limit is the burn rate that both windows must exceed.
	Limit Limit
	// Long and Short are the burns of the two windows.
	Long, Short Burn
	// Firing says that the pair's condition holds.
	Firing bool
	// Frozen says that too little was measured to judge: an alert neither
	// fires nor resolves. Firing is false then.
	Frozen bool
}

// Judge is an objective made ready to judge many instances. It is immutable and
// safe for concurrent use.
type Judge struct {
	objective *Objective
	windows   []time.Duration
	slowest   int // the policy's longest window in windows
	period    int // the period's nominal length in windows
	pairs     []judgedPair
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
	j.period = at(o.Window.Nominal())
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
	o := j.objective
	e := Evaluation{
		Instance: in.Instance, Tier: in.Tier, At: in.At,
		Target: o.Targets.For(in.Tier), Period: o.read(in.Period),
	}
	e.From, e.To = o.Window.Ending(in.At)
	e.ErrorRatio = ratio(e.Period.Bad, e.Period.Total())
	e.Coverage, _ = in.Period.Coverage()
	e.Budget = budgetOf(e.Period.Counts, e.Target, 1)
	e.Prorated = budgetOf(e.Period.Counts, e.Target, e.proration(o.Window.Nominal()))
	if in.Burn != nil {
		e.Burn = j.burns(in.Burn, e.Target)
		e.Conditions = j.conditions(e.Burn, e.Target)
	}
	e.Status = e.status(o, in.Period)
	e.ExhaustedIn = j.exhaustion(&e)
	return e
}

// read gives missing minutes the meaning that the objective says.
func (o *Objective) read(t Tally) Tally {
	missing, measured := uint64(t.Missing()), uint64(t.Measured)
	if missing == 0 || o.NoData != NoDataGood && o.NoData != NoDataBad {
		return t
	}
	weight := missing
	if measured > 0 {
		weight = (t.Total()*missing + measured/2) / measured
	}
	if o.NoData == NoDataGood {
		t.Good += weight
	} else {
		t.Bad += weight
	}
	return t
}

// burns reads all windows of the policy and the period.
func (j *Judge) burns(read func(time.Duration) Tally, target Ratio) []Burn {
	o := j.objective
	all := make([]Burn, len(j.windows))
	for i, w := range j.windows {
		b := &all[i]
		b.Window, b.Tally = w, read(w)
		b.Covered = b.Tally.covers(o.MinCoverage)
		if o.NoData != NoDataIgnore {
			b.Tally = o.read(b.Tally)
		}
		b.Rate = burnRate(b.Tally.Counts, target)
	}
	return all
}

// conditions judges the pairs of the policy.
func (j *Judge) conditions(burns []Burn, target Ratio) []Condition {
	all := make([]Condition, len(j.pairs))
	for i := range j.pairs {
		p, c := &j.pairs[i], &all[i]
		c.Pair, c.Limit, c.Long, c.Short = p.Pair, p.limit, burns[p.long], burns[p.short]
		c.Frozen = !c.Long.Covered || !c.Short.Covered
		c.Firing = !c.Frozen &&
			c.Limit.Exceeded(c.Long.Tally.Counts, target) &&
			c.Limit.Exceeded(c.Short.Tally.Counts, target) &&
			j.serious(c, burns[j.period].Tally.Total(), target)
	}
	return all
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
	long, period := uint64(c.Pair.Long/time.Second), uint64(j.windows[j.period]/time.Second)
	spent := product(bad, uint64(One)*period, c.Limit.den)
	return spent.compare(product(events, uint64(target.Budget())*long, c.Limit.num)) > 0
}

// proration is how many times the period so far fits in the whole period.
func (e *Evaluation) proration(nominal time.Duration) float64 {
	whole := e.To.Sub(e.From)
	if whole <= 0 {
		whole = nominal
	}
	if e.Period.Expected <= 0 {
		return 1
	}
	return max(1, whole.Minutes()/float64(e.Period.Expected))
}

// left is the share of the budget that counts for the status: a month is not
// lost in its first hour, so an open calendar period is taken as a whole.
func (e *Evaluation) left(o *Objective) float64 {
	if o.Window.Calendar != "" {
		return e.Prorated.Remaining
	}
	return e.Budget.Remaining
}

func (e *Evaluation) status(o *Objective, raw Tally) Status {
	switch {
	case raw.Expected-raw.Excluded <= 0:
		return NoDataYet
	case !raw.covers(o.MinCoverage):
		return InsufficientData
	case e.left(o) <= 0:
		return Exhausted
	case e.firing() != nil:
		return Burning
	case e.frozen():
		return InsufficientData
	case e.Period.Total() == 0:
		return NoDataYet
	}
	return OK
}

// frozen says that some pair of the policy cannot be judged.
func (e *Evaluation) frozen() bool {
	for i := range e.Conditions {
		if e.Conditions[i].Frozen {
			return true
		}
	}
	return false
}

// firing is the most urgent pair that fires, or nil.
func (e *Evaluation) firing() *Condition {
	for i := range e.Conditions {
		if e.Conditions[i].Firing {
			return &e.Conditions[i]
		}
	}
	return nil
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
	if d := left * float64(j.windows[j.period]) / rate; d < math.MaxInt64 {
		return time.Duration(d)
	}
	return Never
}

// budgetOf is the budget of events and what bad ones took of it. times says how
// many such stretches the whole budget is for.
func budgetOf(c Counts, target Ratio, times float64) Budget {
	if c.Total() == 0 {
		return Budget{math.NaN(), math.NaN(), math.NaN()}
	}
	if c.Bad == 0 {
		return Budget{float64(c.Good) * target.Budget().Float() * times, 0, 1}
	}
	allowed := product(c.Total(), uint64(target.Budget()), 1)
	spent := product(c.Bad, uint64(One), 1)
	total := allowed.float() * times
	b := Budget{Total: total / float64(One), Consumed: spent.float() / total}
	switch {
	case times != 1:
		b.Remaining = 1 - b.Consumed
	case spent.compare(allowed) > 0:
		b.Remaining = -spent.less(allowed).float() / total
	default:
		b.Remaining = allowed.less(spent).float() / total
	}
	return b
}

// burnRate is the error ratio over the budget, NaN without events.
func burnRate(c Counts, target Ratio) float64 {
	switch {
	case c.Total() == 0:
		return math.NaN()
	case c.Bad == 0:
		return 0
	}
	return product(c.Bad, uint64(One), 1).float() / product(c.Total(), uint64(target.Budget()), 1).float()
}

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}
