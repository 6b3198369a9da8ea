package rules

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// The pace of the two groups, and how long the events last that they keep.
const (
	fastPace = time.Minute
	bucket   = 5 * time.Minute
	// fastest is the longest window of a pair that is judged each minute.
	fastest = 6 * time.Hour
)

// The series that the rules record; each has the label objective and those of the instance.
const (
	roundGood     = "slo:round:good"         // the last round of a threshold or probe: 1 good, 0 bad
	sliceGood     = "slo:slice:good"         // a threshold's slice, in its last minute: 1 good, 0 bad
	goodIncrease  = "slo:good:increase"      // events of the last bucket, each minute
	totalIncrease = "slo:total:increase"     // the same, good and bad
	goodBucket    = "slo:good:bucket"        // the same, each five minutes: buckets that do not overlap
	totalBucket   = "slo:total:bucket"       //
	badSum        = "slo:bad:sum"            // events by window
	totalSum      = "slo:total:sum"          //
	budgetRatio   = "slo:error_budget:ratio" // one minus the target, by tenant and tier
	budgetSum     = "slo:error_budget:sum"   // what may fail in the period, in events
	burnRate      = "slo:burn_rate:ratio"    // by window
)

// recorder makes the rules of one objective over its raw series.
type recorder struct {
	alert
	o *slo.Objective
}

func seriesGroups(o *slo.Objective, options Options) ([]group, error) {
	r := recorder{alert{o, options}, o}
	if shortest := o.BurnWindows()[0]; shortest < bucket {
		return nil, fmt.Errorf("policy %q has a window of %s; source series needs %s or more",
			o.Policy.Name, slo.FormatDuration(shortest), slo.FormatDuration(bucket))
	}
	if t := o.Indicator.Threshold; t != nil && t.Slice > o.BurnWindows()[0] {
		return nil, fmt.Errorf("its slices of %s are longer than the window of %s in policy %q, which would hold no event most of the time; choose another policy, or use source daemon",
			slo.FormatDuration(t.Slice), slo.FormatDuration(o.BurnWindows()[0]), o.Policy.Name)
	}
	events, err := r.events()
	if err != nil {
		return nil, err
	}
	fast := group{Name: "slo-" + o.Name + "-fast", Interval: slo.FormatDuration(fastPace), Rules: events}
	slow := group{Name: "slo-" + o.Name + "-slow", Interval: slo.FormatDuration(bucket), Rules: []rule{
		r.record(goodBucket, "", r.own(goodIncrease)),
		r.record(totalBucket, "", r.own(totalIncrease)),
	}}
	fast.Rules = append(fast.Rules, r.record(budgetRatio, "", r.budget()))
	quick, patient := r.windows()
	for _, w := range quick {
		fast.Rules = append(fast.Rules, r.window(w, r.fastSum)...)
	}
	for _, w := range patient {
		slow.Rules = append(slow.Rules, r.window(w, r.slowSum)...)
	}
	slow.Rules = append(slow.Rules, r.record(budgetSum, "", r.allowed()))
	for _, pair := range o.Policy.Pairs {
		if pair.Long <= fastest {
			fast.Rules = append(fast.Rules, r.burning(pair, r.pair(pair)))
		} else {
			slow.Rules = append(slow.Rules, r.burning(pair, r.pair(pair)))
		}
	}
	fast.Rules = append(fast.Rules, r.noData(r.silent()))
	slow.Rules = append(slow.Rules, r.exhausted(r.spent()))
	return []group{fast, slow}, nil
}

// windows are those of the pairs that are judged each minute, and all others.
func (r recorder) windows() (quick, patient []time.Duration) {
	for _, pair := range r.o.Policy.Pairs {
		if pair.Long <= fastest {
			quick = append(quick, pair.Long, pair.Short)
		}
	}
	slices.Sort(quick)
	quick = slices.Compact(quick)
	for _, w := range r.o.BurnWindows() {
		if !slices.Contains(quick, w) {
			patient = append(patient, w)
		}
	}
	return quick, patient
}

func (r recorder) record(name, window string, expr parser.Expr) rule {
	labels := map[string]string{objectiveLabel: r.o.Name}
	if window != "" {
		labels[windowLabel] = window
	}
	return rule{Record: name, Expr: expression{expr}, Labels: labels}
}

// own selects a recorded series of this objective.
func (r recorder) own(name string, equal ...label) *parser.VectorSelector {
	return series(name, append([]label{{objectiveLabel, r.o.Name}}, equal...)...)
}

// budget is what the target leaves to fail: by tenant and tier where the objective is by tenant, and by instance
// otherwise. What a tenant has of its own goes first; tenants whose tier is not known have the default target.
func (r recorder) budget() parser.Expr {
	share := func(target slo.Ratio, expr parser.Expr) parser.Expr {
		return binary(number(target.Budget().Float()), parser.MUL, expr)
	}
	if !byTenant(r.o) {
		return share(r.o.Targets.Default, by(parser.GROUP, r.o.By, r.own(totalIncrease)))
	}
	tenants, tenantTier := []string{tenantLabel}, []string{tenantLabel, tierLabel}
	var whose []parser.Expr
	tierOrNone := func(target slo.Ratio, named ...*labels.Matcher) {
		measured := r.own(totalIncrease)
		measured.LabelMatchers = append(measured.LabelMatchers, named...)
		whose = append(whose, share(target, tierOfTenants(named...)), share(target, by(parser.GROUP, tenants, measured)))
	}
	for _, p := range r.o.Targets.All() {
		if p.Tenants != nil {
			tierOrNone(p.Target, oneOf(tenantLabel, p.Tenants))
		}
	}
	for _, tier := range sortedKeys(r.o.Targets.ByTier) {
		whose = append(whose, share(r.o.Targets.ByTier[tier], by(parser.GROUP, tenantTier, series(tenantInfo, label{tierLabel, tier}))))
	}
	tierOrNone(r.o.Targets.Default)
	all := whose[0]
	for _, next := range whose[1:] {
		all = on(all, parser.LOR, tenants, next)
	}
	return all
}

// window records the events of one window, and how fast it burns the budget.
func (r recorder) window(w time.Duration, sum func(string, string, time.Duration) parser.Expr) []rule {
	name := slo.FormatDuration(w)
	at := label{windowLabel, name}
	good, total := sum(goodIncrease, goodBucket, w), sum(totalIncrease, totalBucket, w)
	failed := binary(r.own(badSum, at), parser.DIV, r.own(totalSum, at))
	return []rule{
		r.record(totalSum, name, total),
		r.record(badSum, name, binary(total, parser.SUB, good)),
		r.record(burnRate, name, r.withBudget(failed, parser.DIV)),
	}
}

// withBudget joins what is by instance with its budget, and takes the tier from there.
func (r recorder) withBudget(expr parser.Expr, op parser.ItemType) parser.Expr {
	if byTenant(r.o) {
		return taking(expr, op, []string{tenantLabel}, tierLabel, r.own(budgetRatio))
	}
	return on(expr, op, r.o.By, r.own(budgetRatio))
}

// fastSum adds what was kept each minute, in which every event stands once for each minute of a bucket. The range
// ends between two evaluations, so that it holds the same number of them in every version of Prometheus.
func (r recorder) fastSum(increase, _ string, w time.Duration) parser.Expr {
	if w == bucket {
		return r.own(increase)
	}
	sum := call("sum_over_time", over(r.own(increase), w-fastPace/2))
	return binary(sum, parser.DIV, number(float64(bucket/fastPace)))
}

// slowSum adds buckets that do not overlap.
func (r recorder) slowSum(_, buckets string, w time.Duration) parser.Expr {
	return call("sum_over_time", over(r.own(buckets), w-bucket/2))
}

// allowed is the budget of the period in events.
func (r recorder) allowed() parser.Expr {
	total := r.own(totalSum, label{windowLabel, slo.FormatDuration(r.o.Window.Nominal())})
	return r.withBudget(total, parser.MUL)
}

// pair holds when both windows burn faster than the limit, and what failed in the long one matters.
func (r recorder) pair(pair slo.Pair) parser.Expr {
	limit := r.limit(pair)
	long, short := label{windowLabel, slo.FormatDuration(pair.Long)}, label{windowLabel, slo.FormatDuration(pair.Short)}
	bad := r.own(badSum, long)
	fires := on(binary(r.own(burnRate, long), parser.GTR, limit), parser.LAND, r.o.By,
		binary(r.own(burnRate, short), parser.GTR, limit))
	fires = on(fires, parser.LAND, r.o.By, r.enough(bad))
	if r.o.LowTraffic.BudgetSpent {
		share := pair.Limit(r.o.Window.Nominal()).Float() * float64(pair.Long) / float64(r.o.Window.Nominal())
		spent := on(bad, parser.GTR, r.o.By, binary(number(share), parser.MUL, r.own(budgetSum)))
		fires = on(fires, parser.LAND, r.o.By, spent)
	}
	return without(parser.MAX, []string{windowLabel}, fires)
}

// spent holds when the period has burned its budget once or more, with enough failures to prove it.
func (r recorder) spent() parser.Expr {
	period := label{windowLabel, slo.FormatDuration(r.o.Window.Nominal())}
	burned := binary(r.own(burnRate, period), parser.GTE, number(1))
	return without(parser.MAX, []string{windowLabel}, on(burned, parser.LAND, r.o.By, r.enough(r.own(badSum, period))))
}

// enough keeps those of which so many events failed that anybody is told. Half an event is left to extrapolation.
func (r recorder) enough(bad parser.Expr) parser.Expr {
	return binary(bad, parser.GTR, number(float64(r.o.LowTraffic.MinBad)-0.5))
}

// silent holds for instances that were measured within the last day and no longer are.
func (r recorder) silent() parser.Expr {
	before := call("last_over_time", over(r.own(totalIncrease), slo.Day))
	return tiered(r.o, on(by(parser.GROUP, r.o.By, before), parser.LUNLESS, r.o.By, r.own(totalIncrease)))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
