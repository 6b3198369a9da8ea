package slo

import "time"

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
	// Tier is that of the instance's tenant; both choose the target.
	Tier string
	// At is the end of all windows, a whole minute.
	At time.Time
	// Period is the tally of the objective's window so far, up to At.
	Period Tally
	// Burn is the tally of the time d before At. It is asked once for each of the
	// objective's BurnWindows, in their order. Where it is nil the policy is left
	// out and only the period is judged, as for a report on a month long past.
	Burn func(d time.Duration) Tally
	// Burns, where it is not nil, are the same tallies, in that order, and Burn is
	// not asked: for whoever has them at hand, many times a minute.
	Burns []Tally

	asked Tally // what Burn answered last
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
	// Conditions are the policy's pairs in their order; they point into Burn.
	Conditions []Condition
	// ExhaustedIn is when the budget ends at the present burn rate, 0 where it
	// has ended, negative where it will not.
	ExhaustedIn time.Duration
	// Projected says that the budget, of which something is left, will be spent
	// before the period ends, if all goes on as in the policy's longest window:
	// see Judge.projected.
	Projected bool
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
	// Long and Short are the burns of the two windows, in Evaluation.Burn.
	Long, Short *Burn
	// Firing says that the pair's condition holds.
	Firing bool
	// Frozen says that too little was measured to judge: an alert neither
	// fires nor resolves. Firing is false then.
	Frozen bool
}
