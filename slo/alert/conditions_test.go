package alert

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

const objectiveYAML = `
name: login-works
question: healthy
title: People can log in
owner: platform
indicator: {events: {bad: 'logins_total{outcome="failed"}', total: logins_total}}
targets: {default: 99.9%, dedicated: 99.95%}
links: {runbook: 'https://example.test/runbook', dashboard: 'https://example.test/board'}
`

func objective(t testing.TB, yaml string) *slo.Objective {
	t.Helper()
	all, err := slo.ParseObjectives("test.yaml", []byte(yaml))
	require.NoError(t, err)
	require.Len(t, all, 1)
	return &all[0]
}

// judged evaluates tallies by window, each measured to the given share.
func judged(o *slo.Objective, period slo.Counts, measured float64, burns func(time.Duration) slo.Counts) *slo.Evaluation {
	tally := func(d time.Duration, c slo.Counts) slo.Tally {
		minutes := int64(d / time.Minute)
		return slo.Tally{Counts: c, Expected: minutes, Measured: int64(float64(minutes) * measured)}
	}
	e := slo.Evaluate(o, slo.Input{
		Instance: slo.NewInstance(o.Name, slo.Label{Name: "tenant", Value: "north"}),
		Tier:     "dedicated",
		At:       start,
		Period:   tally(30*slo.Day, period),
		Burn: func(d time.Duration) slo.Tally {
			if d == 30*slo.Day {
				return tally(d, period)
			}
			return tally(d, burns(d))
		},
	})
	return &e
}

func burnsAt(counts slo.Counts) func(time.Duration) slo.Counts {
	return func(time.Duration) slo.Counts { return counts }
}

func named(conditions []Condition, name string) []Condition {
	var found []Condition
	for _, c := range conditions {
		if c.Labels[NameLabel] == name {
			found = append(found, c)
		}
	}
	return found
}

func TestConditionsBurning(t *testing.T) {
	o := objective(t, objectiveYAML)
	e := judged(o, slo.Counts{Good: 99_980, Bad: 20}, 1, func(d time.Duration) slo.Counts {
		if d == time.Hour {
			return slo.Counts{Good: 985, Bad: 15}
		}
		return slo.Counts{Good: 95, Bad: 5}
	})
	pairs := named(Conditions(o, e), BurnName)
	require.Len(t, pairs, 4)
	require.Equal(t, Condition{
		Holds: true, Title: "People can log in", Gravity: 30,
		Labels: map[string]string{
			"alertname": "ErrorBudgetBurn", "objective": "login-works", "question": "healthy", "owner": "platform",
			"severity": "page", "tier": "dedicated", "tenant": "north", "long_window": "1h",
		},
		Annotations: map[string]string{
			"summary": "north: People can log in: the error budget burns 30 times too fast",
			"description": "In the last 1h 15 of 1000 events failed (1.5%), in the last 5m 5 of 100 events failed (5%). " +
				"0.05% may fail (over 30d): the error budget burns 30 times as fast as it may, and this alert fires above 14.4. " +
				"60% of the budget is left; at this pace it ends in 14h.",
			"runbook_url":   "https://example.test/runbook",
			"dashboard_url": "https://example.test/board",
		},
	}, pairs[0])
	for _, c := range named(Conditions(o, e), ExhaustedName) {
		require.False(t, c.Holds)
	}
	for _, c := range named(Conditions(o, e), NoDataName) {
		require.False(t, c.Holds)
	}
}

func TestConditionsExhausted(t *testing.T) {
	o := objective(t, objectiveYAML)
	all := Conditions(o, judged(o, slo.Counts{Good: 999_000, Bad: 1000}, 1, burnsAt(slo.Counts{Good: 1000})))
	for _, c := range named(all, BurnName) {
		require.False(t, c.Holds)
		require.Nil(t, c.Annotations)
	}
	spent := named(all, ExhaustedName)
	require.Len(t, spent, 1)
	require.True(t, spent[0].Holds)
	require.Equal(t, "ticket", spent[0].Labels[SeverityLabel])
	require.NotContains(t, spent[0].Labels, LongWindowLabel)
	require.Equal(t, "north: People can log in: the error budget is used up", spent[0].Annotations["summary"])
	require.Equal(t, "Over 30d 1000 of 1000000 events failed (0.1%); 0.05% may fail. That is 200% of the error budget. "+
		"Put off what risks more failures until it has recovered.", spent[0].Annotations["description"])
}

func TestConditionsProjected(t *testing.T) {
	o := objective(t, objectiveYAML)
	only := func(e *slo.Evaluation) Condition {
		t.Helper()
		found := named(Conditions(o, e), ProjectedName)
		require.Len(t, found, 1)
		require.Equal(t, ProjectedFor, found[0].For)
		require.Equal(t, "ticket", found[0].Labels[SeverityLabel])
		return found[0]
	}
	period := slo.Counts{Good: 10_000_000 - 4500, Bad: 4500} // of 5000
	c := only(judged(o, period, 1, burnsAt(slo.Counts{Good: 999_000, Bad: 1000})))
	require.True(t, c.Holds)
	require.False(t, c.Unknown)
	require.InDelta(t, 2, c.Gravity, 1e-9)
	require.Equal(t, "north: People can log in: the error budget will be used up within 3d", c.Annotations["summary"])
	require.Equal(t, "In the last 3d 1000 of 1000000 events failed (0.1%); 0.05% may fail (over 30d). 10% of the budget is left; "+
		"at this pace it ends in 1d12h. Nothing is lost yet: there is time to mend it.", c.Annotations["description"])

	c = only(judged(o, period, 1, burnsAt(slo.Counts{Good: 1_000_000})))
	require.False(t, c.Holds)
	require.False(t, c.Unknown)
	c = only(judged(o, slo.Counts{Good: 9_000_000, Bad: 9000}, 1, burnsAt(slo.Counts{Good: 999_000, Bad: 1000})))
	require.False(t, c.Holds || c.Unknown, "it is used up: that is told instead")
	spent := judged(o, slo.Counts{Good: 9_000_000, Bad: 9000}, 1, burnsAt(slo.Counts{Good: 1000}))
	slowest(spent).Covered = false
	require.False(t, only(spent).Unknown, "so it is resolved, whatever could not be measured")
	c = only(judged(o, period, 0.4, burnsAt(slo.Counts{Good: 999_000, Bad: 1000})))
	require.True(t, c.Unknown, "too little was measured")

	o.Window = slo.Window{Calendar: slo.Month}
	c = only(judged(o, period, 1, burnsAt(slo.Counts{Good: 9_000, Bad: 1000})))
	require.Contains(t, c.Annotations["summary"], "will be used up before this month ends")
}

func TestQuiet(t *testing.T) {
	o := objective(t, objectiveYAML)
	fine := slo.Counts{Good: 10_000_000, Bad: 10}
	for name, e := range map[string]*slo.Evaluation{
		"burning":   judged(o, fine, 1, burnsAt(slo.Counts{Good: 9000, Bad: 1000})),
		"exhausted": judged(o, slo.Counts{Good: 9, Bad: 9}, 1, burnsAt(slo.Counts{Good: 1000})),
		"unseen":    judged(o, fine, 0.4, burnsAt(slo.Counts{Good: 1000})),
	} {
		require.False(t, Quiet(e), name)
	}
	calm := judged(o, fine, 1, burnsAt(slo.Counts{Good: 1000}))
	require.True(t, Quiet(calm))
	for _, c := range Conditions(o, calm) {
		require.False(t, c.Holds || c.Unknown, c.Labels)
	}
	calm.Projected = true // as a slow policy has it while none of its pairs fires
	require.False(t, Quiet(calm))
}

func TestConditionsWithoutData(t *testing.T) {
	o := objective(t, objectiveYAML)
	all := Conditions(o, judged(o, slo.Counts{Good: 1, Bad: 1}, 0.2, burnsAt(slo.Counts{Bad: 1000})))
	for _, c := range append(named(all, BurnName), named(all, ExhaustedName)...) {
		require.True(t, c.Unknown, "freezes: %v", c.Labels)
	}
	missing := named(all, NoDataName)
	require.Len(t, missing, 1)
	require.True(t, missing[0].Holds)
	require.False(t, missing[0].Unknown, "it cannot freeze itself")
	require.Equal(t, NoDataFor, missing[0].For)
	require.Contains(t, missing[0].Annotations["description"], "In the last 5m, 1 of 5 minutes were measured; 50% are needed.")
}

func TestConditionsNothingAwaited(t *testing.T) {
	o := objective(t, objectiveYAML)
	never := slo.Evaluate(o, slo.Input{
		Instance: slo.NewInstance(o.Name), At: start, Burn: func(time.Duration) slo.Tally { return slo.Tally{} },
	})
	excluded := slo.Evaluate(o, slo.Input{
		Instance: slo.NewInstance(o.Name), At: start,
		Period: slo.Tally{Counts: slo.Counts{Good: 10}, Expected: 100, Measured: 80, Excluded: 20},
		Burn: func(d time.Duration) slo.Tally {
			return slo.Tally{Expected: int64(d / time.Minute), Excluded: int64(d / time.Minute)}
		},
	})
	for name, e := range map[string]slo.Evaluation{"never measured": never, "under maintenance": excluded} {
		t.Run(name, func(t *testing.T) {
			for _, c := range Conditions(o, &e) {
				require.False(t, c.Holds, "%v", c.Labels)
			}
		})
	}
}

// TestConditionsKeepTheirLabels makes sure that no number gets into a label: an alert stays the same alert.
func TestConditionsKeepTheirLabels(t *testing.T) {
	o := objective(t, objectiveYAML)
	labels := func(bad uint64, measured float64) []map[string]string {
		var all []map[string]string
		for _, c := range Conditions(o, judged(o, slo.Counts{Good: 100, Bad: bad}, measured, burnsAt(slo.Counts{Good: 10, Bad: bad}))) {
			all = append(all, c.Labels)
		}
		return all
	}
	for bad := range uint64(20) {
		require.Equal(t, labels(0, 1), labels(bad, float64(bad)/20), strconv.Itoa(int(bad)))
	}
}

func TestConditionsOfInfoPolicy(t *testing.T) {
	o := objective(t, objectiveYAML)
	o.Policy.Pairs = []slo.Pair{{Severity: slo.Info, Share: slo.One / 10, Long: slo.Day, Short: time.Hour}}
	e := judged(o, slo.Counts{Good: 1, Bad: 1}, 1, burnsAt(slo.Counts{}))
	require.Equal(t, "info", named(Conditions(o, e), ExhaustedName)[0].Labels[SeverityLabel])
	o.Policy.Pairs = nil
	require.Empty(t, Conditions(o, e))
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"14.4":               times(14.4),
		"1000":               times(999.96),
		"99.9":               times(99.94),
		"1.23":               times(1.2345),
		"0.001":              times(0.001),
		"less than 0.001":    times(1e-9),
		"0":                  times(0),
		"-1500%":             percent(-15),
		"0.3%":               percent(0.003),
		"2h":                 roughly(2*time.Hour + 59*time.Minute),
		"1h59m":              roughly(2*time.Hour - time.Second),
		"less than a minute": roughly(time.Second),
		"12d":                roughly(12*slo.Day + time.Hour),
		"north: ":            who(slo.NewInstance("o", slo.Label{Name: "tenant", Value: "north"})),
		"target main: ":      who(slo.NewInstance("o", slo.Label{Name: "target", Value: "main"})),
		"":                   who(slo.NewInstance("o")),
	} {
		require.Equal(t, want, got)
	}
}
