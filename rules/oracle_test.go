package rules

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

const (
	perMinute = 1000   // events
	lasting   = 8 * 60 // minutes of a history
	settling  = 12     // minutes within which both must have come to the same
	warmingUp = 30     // minutes before anything is compared
)

// history is how many of the events of each minute fail: spells of different lengths and gravity.
func history(random *rand.Rand) []uint64 {
	var failed []uint64
	for len(failed) < lasting {
		share := []uint64{0, 0, 5, 45, 85, 220, 1000}[random.IntN(7)]
		failed = append(failed, slices.Repeat([]uint64{share}, 20+random.IntN(70))...)
	}
	return failed[:lasting]
}

// fires says which pairs fire at the end of each minute, by the arithmetic of package slo.
func fires(o *slo.Objective, failed []uint64) []map[string]bool {
	all := make([]map[string]bool, len(failed))
	for now := range failed {
		tally := func(d time.Duration) slo.Tally {
			var t slo.Tally
			for _, bad := range failed[max(0, now+1-int(d/time.Minute)) : now+1] {
				t.Counts = t.Add(slo.Counts{Good: perMinute - bad, Bad: bad})
				t.Measured++
				t.Expected++
			}
			return t
		}
		e := slo.Evaluate(o, slo.Input{
			Instance: slo.NewInstance(o.Name), At: time.Unix(int64(now+1)*60, 0), Period: tally(30 * slo.Day), Burn: tally,
		})
		all[now] = make(map[string]bool)
		for _, c := range e.Conditions {
			all[now][slo.FormatDuration(c.Pair.Long)] = c.Firing
		}
	}
	return all
}

// settled says that the pair fires, or does not, all the time around a minute.
func settled(firing []map[string]bool, pair string, at int) bool {
	for now := max(0, at-settling); now <= min(lasting-1, at+settling); now++ {
		if firing[now][pair] != firing[at][pair] {
			return false
		}
	}
	return true
}

func cumulative(failed []uint64, of func(uint64) uint64) string {
	values, sum := []string{"0"}, uint64(0)
	for _, bad := range failed {
		sum += of(bad)
		values = append(values, fmt.Sprint(sum))
	}
	return strings.Join(values, " ")
}

// TestAgainstEvaluate is a second oracle: on random histories the generated rules, evaluated by promtool, fire the
// pairs that package slo says, except within some minutes of a change, which the buckets delay.
func TestAgainstEvaluate(t *testing.T) {
	o := &parse(t, `
name: orders
question: healthy
title: Orders succeed
indicator: {events: {bad: 'orders_total{state="failed"}', total: orders_total}}
targets: 99%
by: []
`)[0]
	random := rand.New(rand.NewPCG(20260302, 3))
	test := testFile{RuleFiles: []string{"orders.rules.yaml"}, EvaluationInterval: "1m"}
	compared, fired := 0, 0
	for round := range 3 {
		failed := history(random)
		firing := fires(o, failed)
		s := scenario{Name: fmt.Sprint(round), Interval: "1m", Series: []inputSeries{
			{`orders_total{state="failed"}`, cumulative(failed, func(bad uint64) uint64 { return bad })},
			{`orders_total{state="ok"}`, cumulative(failed, func(bad uint64) uint64 { return perMinute - bad })},
		}}
		for at := warmingUp; at < lasting; at += 5 {
			for _, pair := range o.Policy.Pairs {
				long := slo.FormatDuration(pair.Long)
				if !settled(firing, long, at) {
					continue
				}
				compared++
				alerts := series("ALERTS", label{"alertname", burnAlert}, label{"alertstate", "firing"}, label{longWindowLabel, long})
				expr := exprTest{Expr: "count(" + alerts.String() + ")", EvalTime: fmt.Sprintf("%dm", at+1)}
				if firing[at][long] {
					fired++
					expr.Samples = []expectedSample{{"{}", 1}}
				}
				s.Exprs = append(s.Exprs, expr)
			}
		}
		test.Tests = append(test.Tests, s)
	}
	require.Greater(t, compared, 500)
	require.Greater(t, fired, 100)
	require.Greater(t, compared-fired, 100)
	dir := write(t, []slo.Objective{*o}, Options{Source: FromSeries})
	content, err := encode("", test)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "oracle.yaml"), content, 0o600))
	promtool(t, "test", dir, "oracle.yaml")
}
