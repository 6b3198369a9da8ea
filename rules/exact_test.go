package rules

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	push "github.com/wardround/wardround/slo/alert"
)

const (
	histories = 216
	minutes   = 240 // of a history
)

// exactPolicies are in the manner of the default one, with windows that fit many times into a history.
var exactPolicies = []struct {
	period time.Duration
	pairs  []slo.Pair
	low    slo.LowTraffic
}{
	{3 * time.Hour, []slo.Pair{
		{Severity: slo.Page, Share: slo.One / 50, Long: 15 * time.Minute, Short: 5 * time.Minute}, // capped at 1
		{Severity: slo.Page, Share: slo.One / 5, Long: 30 * time.Minute, Short: 10 * time.Minute},
		{Severity: slo.Ticket, Share: slo.One / 2, Long: time.Hour, Short: 15 * time.Minute},
	}, slo.LowTraffic{MinBad: 2, BudgetSpent: true}},
	{2 * time.Hour, []slo.Pair{
		{Severity: slo.Page, Share: slo.One * 3 / 10, Long: 10 * time.Minute, Short: 5 * time.Minute},
		{Severity: slo.Ticket, Share: slo.One * 7 / 10, Long: time.Hour, Short: 15 * time.Minute},
	}, slo.LowTraffic{MinBad: 0, BudgetSpent: false}},
	{90 * time.Minute, []slo.Pair{
		{Severity: slo.Info, Share: slo.One / 3, Long: 15 * time.Minute, Short: 10 * time.Minute}, // a share that is no decimal
	}, slo.LowTraffic{MinBad: 7, BudgetSpent: true}},
}

func exactTargets() []slo.Ratio {
	return []slo.Ratio{slo.One * 9 / 10, slo.One * 99 / 100, slo.One * 999 / 1000, 995_555_555}
}

// promised is one combination of policy and target, and the histories that are judged by it.
type promised struct {
	name      string
	objective slo.Objective
}

func everyPromise() []promised {
	var all []promised
	for i, p := range exactPolicies {
		for j, target := range exactTargets() {
			all = append(all, promised{fmt.Sprintf("p%dt%d", i, j), slo.Objective{
				Name: "orders", Title: "Orders succeed", Question: slo.Healthy, By: []string{"tenant"},
				Targets: slo.Targets{Default: target}, Window: slo.Window{Rolling: p.period},
				Policy: slo.Policy{Pairs: p.pairs}, LowTraffic: p.low, NoData: slo.NoDataIgnore, MinCoverage: slo.One / 2,
			}})
		}
	}
	return all
}

// minute is what happened in one: nothing is known of one that is not measured.
type minute struct {
	slo.Counts
	measured bool
}

// life is a random history of outages, slow burns, flapping, quiet and busy hours, hours without any traffic, and
// single minutes that nobody measured.
func life(random *rand.Rand, budget slo.Ratio) []minute {
	all := make([]minute, 0, minutes)
	for len(all) < minutes {
		traffic := []uint64{0, 1, 3, 40, 1000, 20_000}[random.IntN(6)]
		// The share that fails, in budgets: none, about or exactly what a pair tolerates, or all.
		share := []float64{0, 0, 0.5, 1, 1.2, 1.5, 2, 7.2, 8, 1e9}[random.IntN(10)] * budget.Float()
		flapping := random.IntN(4) == 0
		for i := range 5 + random.IntN(40) {
			events := traffic + random.Uint64N(traffic/4+1)
			if random.IntN(2) == 0 {
				events = traffic // exact shares need even traffic
			}
			bad := min(events, uint64(float64(events)*share+0.5))
			if share > 0 && traffic <= 40 && random.IntN(3) == 0 {
				bad = min(events, bad+1)
			}
			if flapping && i/3%2 == 0 {
				bad = 0
			}
			all = append(all, minute{slo.Counts{Good: events - bad, Bad: bad}, len(all)%7 != 6 || random.IntN(4) > 0})
		}
	}
	return all[:minutes]
}

// brink is judged by the first promise: after 30 minutes of the spell its middle pair has spent exactly the fifth of the
// budget that it tolerates, though it burns far above its limit.
func brink() []minute {
	all := slices.Repeat([]minute{{slo.Counts{Good: 1000}, true}}, 180)
	return append(all, slices.Repeat([]minute{{slo.Counts{Good: 390, Bad: 110}, true}}, minutes-180)...)
}

// instants are the sums of the weights of the minutes in which an alert fires, by the labels that tell alerts apart.
type instants map[[3]string]uint64

// judged lets package slo and the state machine of the daemon live through a history.
func (p promised) judged(tenant string, history []minute, weights []uint64, sums instants) {
	judge, book := slo.NewJudge(&p.objective), push.Book{Forget: time.Hour}
	for now := range history {
		tally := func(d time.Duration) slo.Tally {
			var t slo.Tally
			for _, m := range history[max(0, now+1-int(d/time.Minute)) : now+1] {
				t.Expected++
				if m.measured {
					t.Measured++
					t.Counts = t.Add(m.Counts)
				}
			}
			return t
		}
		at := time.Unix(int64(now+1)*60, 0).UTC()
		e := judge.Evaluate(slo.Input{
			Instance: slo.NewInstance(p.objective.Name, slo.Label{Name: "tenant", Value: tenant}),
			At:       at, Period: tally(p.objective.Window.Rolling), Burn: tally,
		})
		book.Step(at, push.Conditions(&p.objective, &e))
		for _, a := range book.Alerts() {
			if a.State == push.Firing && a.Labels["alertname"] != push.ProjectedName {
				sums[[3]string{a.Labels["alertname"], tenant, a.Labels["long_window"]}] += weights[now]
			}
		}
	}
}

// fraction is a/b in lowest terms, as PromQL can multiply with it and stay exact.
func fraction(a, b *big.Int) (string, string) {
	r := new(big.Rat).SetFrac(a, b)
	return r.Num().String(), r.Denom().String()
}

func product(factors ...int64) *big.Int {
	all := big.NewInt(1)
	for _, f := range factors {
		all.Mul(all, big.NewInt(f))
	}
	return all
}

// plainRules are Prometheus rules without increase() and without division: sums of the minutes' own counts, compared
// as whole numbers that a float holds exactly.
func plainRules(promises []promised) map[string]any {
	var rules []map[string]any
	record := func(name, window, expr string) {
		rules = append(rules, map[string]any{"record": name, "expr": expr, "labels": map[string]string{"window": window}})
	}
	windows := map[time.Duration]bool{}
	for _, p := range promises {
		for _, w := range p.objective.BurnWindows() {
			windows[w] = true
		}
	}
	for _, w := range slices.Sorted(maps.Keys(windows)) {
		// Half a minute less, so that it holds as many samples in every version of Prometheus.
		reach := fmt.Sprintf("%ds", int(w.Seconds())-30)
		record("bad:sum", slo.FormatDuration(w), "sum_over_time(bad["+reach+"])")
		record("all:sum", slo.FormatDuration(w), "sum_over_time(all["+reach+"])")
	}
	for _, p := range promises {
		o := p.objective
		budget, period := int64(o.Targets.Default.Budget()), int64(o.Window.Rolling/time.Second)
		sum := func(name string, w time.Duration) string {
			return fmt.Sprintf(`sum by (tenant) (%s:sum{promise="%s",window="%s"})`, name, p.name, slo.FormatDuration(w))
		}
		above := func(left, op, right string, times, of *big.Int) string {
			a, b := fraction(times, of)
			return fmt.Sprintf("(%s * %s %s %s * %s)", left, b, op, right, a)
		}
		for _, pair := range o.Policy.Pairs {
			// The limit is share × period / long, and at least 1.
			num, den := int64(pair.Share)*period, int64(slo.One)*int64(pair.Long/time.Second)
			if num < den {
				num, den = 1, 1
			}
			limit, one := product(budget, num), product(int64(slo.One), den)
			expr := above(sum("bad", pair.Long), ">", sum("all", pair.Long), limit, one) +
				" and " + above(sum("bad", pair.Short), ">", sum("all", pair.Short), limit, one) +
				fmt.Sprintf(" and (%s >= %d)", sum("bad", pair.Long), o.LowTraffic.MinBad)
			if o.LowTraffic.BudgetSpent {
				expr += " and " + above(sum("bad", pair.Long), ">", sum("all", o.Window.Rolling),
					product(budget, num, int64(pair.Long/time.Second)), product(int64(slo.One), den, period))
			}
			rules = append(rules, map[string]any{
				"alert": push.BurnName, "expr": expr, "labels": map[string]string{"long_window": slo.FormatDuration(pair.Long)},
			})
		}
		spent := above(sum("bad", o.Window.Rolling), ">=", sum("all", o.Window.Rolling), product(budget), product(int64(slo.One)))
		rules = append(rules, map[string]any{
			"alert": push.ExhaustedName,
			"expr":  fmt.Sprintf("%s and (%s >= %d)", spent, sum("bad", o.Window.Rolling), max(1, o.LowTraffic.MinBad)),
		})
	}
	rules = append(rules, map[string]any{"record": "told", "expr": `ALERTS{alertstate="firing"} * on () group_left () weight`})
	return map[string]any{"groups": []map[string]any{{"name": "plain", "interval": "1m", "rules": rules}}}
}

// TestAlertsOfPrometheus lets Prometheus live through the same random histories, with rules that are written down here
// independently and sum the same minutes. Each alert must fire in the very same minutes: every minute has a random
// weight, and the sums of the weights must agree.
func TestAlertsOfPrometheus(t *testing.T) {
	random := rand.New(rand.NewPCG(20260302, 6))
	weights := make([]uint64, minutes)
	for i := range weights {
		weights[i] = random.Uint64N(1 << 40)
	}
	promises, sums := everyPromise(), instants{}
	s := scenario{Name: "random", Interval: "1m", Series: []inputSeries{{"weight", values(weights, nil)}}}
	for i := range histories {
		p, tenant := promises[i%len(promises)], fmt.Sprintf("t%03d", i)
		history := life(random, p.objective.Targets.Default.Budget())
		if i == 0 {
			history = brink()
		}
		p.judged(tenant, history, weights, sums)
		for name, count := range map[string]func(minute) uint64{
			"bad": func(m minute) uint64 { return m.Bad }, "all": func(m minute) uint64 { return m.Total() },
		} {
			var counts []uint64
			for _, m := range history {
				counts = append(counts, count(m))
			}
			s.Series = append(s.Series, inputSeries{
				fmt.Sprintf("%s{promise=%q,tenant=%q}", name, p.name, tenant),
				values(counts, func(i int) bool { return history[i].measured }),
			})
		}
	}
	require.Greater(t, len(sums), histories*2, "most promises are broken in some way")
	check := exprTest{
		Expr: fmt.Sprintf("sum by (alertname, tenant, long_window) (sum_over_time(told[%dm]))", minutes), EvalTime: fmt.Sprintf("%dm", minutes-1),
	}
	for labels, sum := range sums {
		text := fmt.Sprintf("{alertname=%q,tenant=%q,long_window=%q}", labels[0], labels[1], labels[2])
		text = strings.Replace(text, `,long_window=""`, "", 1) // which only pairs have
		check.Samples = append(check.Samples, expectedSample{text, float64(sum)})
	}
	s.Exprs = []exprTest{check}

	dir := t.TempDir()
	for name, content := range map[string]any{
		"plain.rules.yaml": plainRules(promises),
		"exact.test.yaml":  testFile{RuleFiles: []string{"plain.rules.yaml"}, EvaluationInterval: "1m", Tests: []scenario{s}},
	} {
		encoded, err := encode("", content)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), encoded, 0o600))
	}
	promtool(t, "test", dir, "exact.test.yaml")
}

// values writes samples, and a gap for what is not there.
func values(all []uint64, there func(int) bool) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = "_"
		if there == nil || there(i) {
			texts[i] = strconv.FormatUint(v, 10)
		}
	}
	return strings.Join(texts, " ")
}
