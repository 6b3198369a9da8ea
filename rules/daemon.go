package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// daemonGroups alert on what the daemon exports. It has judged coverage and low traffic already, and says so in
// slo_status; the burn rates say which pair it is.
func daemonGroups(o *slo.Objective, options Options) ([]group, error) {
	a := alert{o, options}
	g := group{Name: "slo-" + o.Name, Interval: "1m"}
	judged := exported(o, "slo_status")
	judged.LabelMatchers = append(judged.LabelMatchers,
		labels.MustNewMatcher(labels.MatchRegexp, "status", string(slo.Burning)+"|"+string(slo.Exhausted)))
	serious := binary(instances(o, judged), parser.EQLC, number(1))
	for _, pair := range o.Policy.Pairs {
		burn := func(window string) parser.Expr {
			return instances(o, exported(o, "slo_burn_rate", label{windowLabel, window}))
		}
		above := func(expr parser.Expr) parser.Expr { return binary(expr, parser.GTR, a.limit(pair)) }
		both := on(above(tiered(o, burn(slo.FormatDuration(pair.Long)))), parser.LAND, o.By,
			above(burn(slo.FormatDuration(pair.Short))))
		g.Rules = append(g.Rules, a.burning(pair, on(on(both, parser.LAND, o.By, enough(o, pair)), parser.LAND, o.By, serious)))
	}
	is := func(s slo.Status) parser.Expr {
		return binary(tiered(o, instances(o, exported(o, "slo_status", label{"status", string(s)}))), parser.EQLC, number(1))
	}
	g.Rules = append(g.Rules, a.exhausted(is(slo.Exhausted)), a.noData(is(slo.InsufficientData)))
	return []group{g}, nil
}

func exported(o *slo.Objective, name string, equal ...label) *parser.VectorSelector {
	return series(name, append([]label{{objectiveLabel, o.Name}}, equal...)...)
}

// instances drops what the scrape added, such as job and instance: replicas of the daemon say the same. It gives the
// labels back that the daemon exports within one.
func instances(o *slo.Objective, expr parser.Expr) parser.Expr {
	names := beyond(o)
	pattern := strings.Join(names, "=(.*),") + "=(.*)"
	for i, name := range names {
		expr = call("label_replace", expr, word(name), word(fmt.Sprintf("$%d", i+1)), word(byLabel), word(pattern))
	}
	return by(parser.MAX, o.By, expr)
}

func word(text string) parser.Expr { return &parser.StringLiteral{Val: text} }

// byLabel holds what an objective groups by beyond tenant and target, as name=value pairs in their order.
const byLabel = "by"

func beyond(o *slo.Objective) []string {
	var names []string
	for _, name := range o.By {
		if name != tenantLabel && name != "target" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(a+"=", b+"=") })
	return names
}

// tiered adds the tenant's tier, where one is known.
func tiered(o *slo.Objective, expr parser.Expr) parser.Expr {
	if !byTenant(o) {
		return expr
	}
	tenants := []string{tenantLabel}
	tiers := on(tierOfTenants(), parser.LOR, tenants, by(parser.GROUP, tenants, expr))
	return taking(expr, parser.MUL, tenants, tierLabel, tiers)
}

// tierOfTenants is 1 for each tenant, or each that fits, and its tier. For the minutes in which a tenant changes from one
// to another there are both; more than one would make every join fail.
func tierOfTenants(which ...*labels.Matcher) parser.Expr {
	info := series(tenantInfo)
	info.LabelMatchers = which
	both := by(parser.GROUP, []string{tenantLabel, tierLabel}, info)
	return &parser.AggregateExpr{Op: parser.TOPK, Grouping: []string{tenantLabel}, Param: number(1), Expr: both}
}

// enough asks for the bad events that a pair needs in its long window. Half an event is left to extrapolation.
func enough(o *slo.Objective, pair slo.Pair) parser.Expr {
	bad := instances(o, call("increase", over(exported(o, "slo_bad_total"), pair.Long)))
	return binary(bad, parser.GTR, number(float64(o.LowTraffic.MinBad)-0.5))
}
