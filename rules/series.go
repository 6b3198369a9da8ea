package rules

import (
	"fmt"
	"slices"
	"time"

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
	roundGood     = "slo:round:good"         // a threshold's last round: 1 good, 0 bad
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

// events record what was good and what there was in the last five minutes.
func (r recorder) events() ([]rule, error) {
	switch {
	case r.o.Indicator.Events != nil:
		return r.counted(r.o.Indicator.Events)
	case r.o.Indicator.Threshold != nil:
		return r.compared(r.o.Indicator.Threshold)
	}
	return nil, errNoIndicator
}

// counted reads two counters. One that has no series yet counts nothing, instead of making everything unknown.
func (r recorder) counted(e *slo.Events) ([]rule, error) {
	total, err := r.increase(e.Total)
	if err != nil {
		return nil, err
	}
	part := e.Good
	if part.Text == "" {
		part = e.Bad
	}
	some, err := r.increase(part)
	if err != nil {
		return nil, err
	}
	all := r.own(totalIncrease)
	known := on(some, parser.LOR, r.o.By, binary(number(0), parser.MUL, all))
	good := by(parser.MAX, r.o.By, known)
	if e.Good.Text == "" {
		good = on(all, parser.SUB, r.o.By, good)
	}
	return []rule{r.record(totalIncrease, "", total), r.record(goodIncrease, "", good)}, nil
}

func (r recorder) increase(s slo.Selector) (parser.Expr, error) {
	v, err := selector(s.Text)
	if err != nil {
		return nil, err
	}
	return by(parser.SUM, r.o.By, call("increase", over(v, bucket))), nil
}

// compared takes each minute as a round, good if the comparison holds for all series of the instance.
func (r recorder) compared(t *slo.Threshold) ([]rule, error) {
	v, err := selector(t.Metric.Text)
	if err != nil {
		return nil, err
	}
	op, known := comparisons[t.Op]
	if !known {
		return nil, errNoIndicator
	}
	value := parser.Expr(v)
	if t.Age {
		value = binary(call("time"), parser.SUB, v)
	}
	good := compared(value, op, number(t.Value))
	switch t.Zero {
	case slo.Good: // zero or within bounds
		good = compared(binary(good, parser.ADD, compared(v, parser.EQLC, number(0))), parser.GTR, number(0))
	case slo.Bad: // within bounds and not zero
		good = binary(good, parser.MUL, compared(v, parser.NEQ, number(0)))
	}
	rounds := over(r.own(roundGood), bucket-fastPace/2)
	return []rule{
		r.record(roundGood, "", by(parser.MIN, r.o.By, good)),
		r.record(totalIncrease, "", call("count_over_time", rounds)),
		r.record(goodIncrease, "", call("sum_over_time", rounds)),
	}, nil
}

var comparisons = map[slo.Op]parser.ItemType{
	slo.LessOrEqual: parser.LTE, slo.Less: parser.LSS, slo.GreaterOrEqual: parser.GTE, slo.Greater: parser.GTR,
	slo.Equal: parser.EQLC, slo.NotEqual: parser.NEQ,
}

// budget is what the target leaves to fail: by tenant and tier where the objective is by tenant, and by instance
// otherwise. Tenants whose tier is not known have the default target.
func (r recorder) budget() parser.Expr {
	share := func(target slo.Ratio, expr parser.Expr) parser.Expr {
		return binary(number(target.Budget().Float()), parser.MUL, expr)
	}
	if !byTenant(r.o) {
		return share(r.o.Targets.Default, by(parser.GROUP, r.o.By, r.own(totalIncrease)))
	}
	tenants, tenantTier := []string{tenantLabel}, []string{tenantLabel, tierLabel}
	var tiers []parser.Expr
	for _, tier := range sortedTiers(r.o.Targets) {
		tiers = append(tiers, share(r.o.Targets.For(tier), by(parser.GROUP, tenantTier, series(tenantInfo, label{tierLabel, tier}))))
	}
	tiers = append(tiers, share(r.o.Targets.Default, tierOfTenants()),
		share(r.o.Targets.Default, by(parser.GROUP, tenants, r.own(totalIncrease))))
	all := tiers[0]
	for _, next := range tiers[1:] {
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
	fires = on(fires, parser.LAND, r.o.By, binary(bad, parser.GTR, number(float64(r.o.LowTraffic.MinBad)-0.5)))
	if r.o.LowTraffic.BudgetSpent {
		share := pair.Limit(r.o.Window.Nominal()).Float() * float64(pair.Long) / float64(r.o.Window.Nominal())
		spent := on(bad, parser.GTR, r.o.By, binary(number(share), parser.MUL, r.own(budgetSum)))
		fires = on(fires, parser.LAND, r.o.By, spent)
	}
	return without(parser.MAX, []string{windowLabel}, fires)
}

// spent holds when the period has burned its budget once or more.
func (r recorder) spent() parser.Expr {
	period := r.own(burnRate, label{windowLabel, slo.FormatDuration(r.o.Window.Nominal())})
	return without(parser.MAX, []string{windowLabel}, binary(period, parser.GTE, number(1)))
}

// silent holds for instances that were measured within the last day and no longer are.
func (r recorder) silent() parser.Expr {
	before := call("last_over_time", over(r.own(totalIncrease), slo.Day))
	return tiered(r.o, on(by(parser.GROUP, r.o.By, before), parser.LUNLESS, r.o.By, r.own(totalIncrease)))
}

func sortedTiers(t slo.Targets) []string {
	var tiers []string
	for tier := range t.ByTier {
		tiers = append(tiers, tier)
	}
	slices.Sort(tiers)
	return tiers
}
