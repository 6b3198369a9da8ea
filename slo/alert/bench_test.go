package alert

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// BenchmarkQuiet is a tick of two thousand instances of which nothing is to be said.
func BenchmarkQuiet(b *testing.B) {
	o := objective(b, objectiveYAML)
	all := make([]*slo.Evaluation, 2000)
	for i := range all {
		all[i] = judged(o, slo.Counts{Good: 1_000_000, Bad: 10}, 1, burnsAt(slo.Counts{Good: 1000}))
	}
	e, err := Open(Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)}, start)
	require.NoError(b, err)
	now := start
	for b.Loop() {
		var conditions []Condition
		for _, evaluation := range all {
			if !Quiet(evaluation) {
				conditions = append(conditions, Conditions(o, evaluation)...)
			}
		}
		now = now.Add(time.Minute)
		e.Evaluate(b.Context(), now, conditions)
	}
	require.Len(b, e.Alerts(), 1)
}

// BenchmarkOutage is a tick in which all pairs of two thousand tenants of twenty clusters fire, as they did before.
func BenchmarkOutage(b *testing.B) {
	var conditions []Condition
	for n := range 2000 {
		for _, window := range []string{"1h", "6h", "1d", "3d"} {
			c := on("pg-"+string(rune('a'+n%20)), n)
			c.Labels[LongWindowLabel], c.Holds = window, true
			conditions = append(conditions, c)
		}
	}
	e, err := Open(Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler), Folding: ofClusters(100)}, start)
	require.NoError(b, err)
	now := start
	for b.Loop() {
		now = now.Add(time.Minute)
		e.Evaluate(b.Context(), now, conditions)
	}
	require.Len(b, e.Alerts(), 8000+80+1)
}
