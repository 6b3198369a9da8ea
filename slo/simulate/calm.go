package simulate

import (
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// calm tells at little cost, in most minutes, that judging would find nothing: the
// status is OK and no condition of an alert holds or is unknown. Where it cannot
// tell, the judge is asked. It follows from what the statuses and conditions
// mean, for which it uses the same exact comparisons:
//
//   - all windows are covered, so nothing is insufficient or frozen;
//   - no pair's long window exceeds its limit, so no pair fires;
//   - one bad event more would not exceed the budget of the period, so it is not
//     exhausted, and less so the prorated one;
//   - the policy's longest window does not burn faster than the budget allows
//     either, so the budget is not projected to end.
type calm struct {
	target      slo.Ratio
	minCoverage slo.Ratio
	fills       bool    // missing minutes count as good or bad: let the judge say how
	windows     []int64 // minutes, all of the policy's
	longest     int64
	limits      []limit
	one         slo.Limit // the burn rate that spends the budget by the period's end
}

// limit is the burn rate that a window of so many minutes may have.
type limit struct {
	minutes int64
	slo.Limit
}

func newCalm(o *slo.Objective, target slo.Ratio) calm {
	c := calm{
		target: target, minCoverage: o.MinCoverage,
		fills: o.NoData == slo.NoDataGood || o.NoData == slo.NoDataBad,
		one:   slo.Pair{Share: slo.One, Long: slo.Day}.Limit(slo.Day),
	}
	for _, d := range o.Policy.Windows() {
		c.windows = append(c.windows, int64(d/time.Minute))
	}
	if len(c.windows) == 0 {
		return c
	}
	c.longest = slices.Max(c.windows)
	for _, p := range o.Policy.Pairs {
		c.limits = append(c.limits, limit{int64(p.Long / time.Minute), p.Limit(o.Window.Nominal())})
	}
	c.limits = append(c.limits, limit{c.longest, c.one})
	return c
}

// at says whether all is calm at an index, given the period up to there.
func (c *calm) at(t *timeline, at int64, period *slo.Tally) bool {
	if period.Total() == 0 || c.one.Exceeded(slo.Counts{Good: period.Good, Bad: period.Bad + 1}, c.target) {
		return false
	}
	for i := range c.limits {
		l := &c.limits[i]
		if counts := t.counts(at-l.minutes, at); counts.Bad > 0 && l.Exceeded(counts, c.target) {
			return false
		}
	}
	return c.covered(t, at, period)
}

// covered says whether enough of all windows was measured, and nothing that is
// missing counts.
func (c *calm) covered(t *timeline, at int64, period *slo.Tally) bool {
	if gapless(period) && period.Expected >= min(c.longest, at-t.first) {
		return true
	}
	if c.fills || !c.covers(period) {
		return false
	}
	for _, length := range c.windows {
		if tally := t.tally(at-length, at); !c.covers(&tally) {
			return false
		}
	}
	return true
}

// gapless says that nothing is missing and nothing excluded.
func gapless(t *slo.Tally) bool { return t.Measured == t.Expected && t.Excluded == 0 }

func (c *calm) covers(t *slo.Tally) bool {
	share, ok := t.Coverage()
	return ok && share >= c.minCoverage
}
