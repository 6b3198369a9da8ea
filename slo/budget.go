package slo

import (
	"math"
	"math/bits"
	"time"
)

// read gives missing minutes the meaning that the objective says, in place.
func (o *Objective) read(t *Tally) {
	if o.NoData != NoDataGood && o.NoData != NoDataBad {
		return
	}
	missing := uint64(t.Missing())
	if missing == 0 {
		return
	}
	weight := missing
	if t.Measured > 0 {
		weight = scaled(t.Total(), missing, uint64(t.Measured))
	}
	if o.NoData == NoDataGood {
		t.Good += weight
	} else {
		t.Bad += weight
	}
}

// scaled is n·times/of to the nearest whole number, or the largest there is.
func scaled(n, times, of uint64) uint64 {
	high, low := bits.Mul64(n, times)
	low, carry := bits.Add64(low, of/2, 0)
	if high += carry; high >= of {
		return math.MaxUint64
	}
	quotient, _ := bits.Div64(high, low, of)
	return quotient
}

// proration is how many times the period so far fits in the whole period.
func (e *Evaluation) proration(w *Window) float64 {
	whole := w.Rolling
	if w.Calendar != "" {
		whole = e.To.Sub(e.From)
	}
	minutes := int64(whole / time.Minute)
	if e.Period.Expected <= 0 || e.Period.Expected >= minutes {
		return 1
	}
	return float64(minutes) / float64(e.Period.Expected)
}

// left is the share of the budget that counts for the status: a month is not
// lost in its first hour, so an open calendar period is taken as a whole.
func (e *Evaluation) left(o *Objective) float64 {
	if o.Window.Calendar != "" {
		return e.Prorated.Remaining
	}
	return e.Budget.Remaining
}

func (e *Evaluation) status(o *Objective, raw *Tally) Status {
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
	spent, exact := exactly(c.Bad, uint64(One))
	allowed, too := exactly(c.Total(), uint64(target.Budget()))
	if exact && too { // nearly always
		return spent / allowed
	}
	return product(c.Bad, uint64(One), 1).float() / product(c.Total(), uint64(target.Budget()), 1).float()
}

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}
