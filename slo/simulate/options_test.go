package simulate

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

func TestOptionsAreChecked(t *testing.T) {
	h := history(t, 10, outage(0, 0))
	good := Variant{"v", promise(t, "targets: 99%")}
	other := good
	other.Objective.Name = "other"
	never := good
	never.Objective.Targets.Default = 500_000_000
	neverOfOne := good
	neverOfOne.Objective.Targets.ByTenant = map[string]slo.Ratio{"a": 500_000_000}
	none := good
	none.Objective.Targets.Default = 0
	for _, c := range []struct {
		name string
		opts Options
		want string
	}{
		{"none", Options{}, "Variants is empty"},
		{"no name", Options{Variants: []Variant{{"", good.Objective}}}, "not a name of its own"},
		{"same name", Options{Variants: []Variant{good, good}}, "not a name of its own"},
		{"unknown objective", Options{Variants: []Variant{other}}, `nothing of objective "other"`},
		{"never fires", Options{Variants: []Variant{never}}, "even a total outage burns only"},
		{"never fires for a tenant", Options{Variants: []Variant{neverOfOne}}, "even a total outage burns only"},
		{"no target", Options{Variants: []Variant{none}}, "cannot be promised"},
		{"too seldom", Options{Variants: []Variant{good}, Every: time.Hour}, "5m at most"},
		{"not whole", Options{Variants: []Variant{good}, Every: 90 * time.Second}, "whole minutes"},
		{"From within a minute", Options{Variants: []Variant{good}, From: at(1).Add(1)}, "From is"},
		{"after the end", Options{Variants: []Variant{good}, From: at(10)}, "nothing lies between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Run(t.Context(), h, c.opts)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := Run(t.Context(), NewHistory(), Options{Variants: []Variant{good}})
	require.ErrorIs(t, err, errEmpty)
}

func TestProgressAndCancel(t *testing.T) {
	h := NewHistory()
	for m := range 5000 {
		require.NoError(t, h.Add(at(m), []slo.Delta{
			{Instance: tenant("a"), Counts: slo.Counts{Good: 1}}, {Instance: tenant("b"), Counts: slo.Counts{Good: 1}},
		}))
	}
	var seen atomic.Int64
	opts := Options{Progress: func(done, all int) {
		seen.Add(1)
		if all != 4 || done < 1 || done > 4 {
			seen.Add(100)
		}
	}}
	replayed(t, h, opts, Variant{"x", promise(t, "targets: 99%")}, Variant{"y", promise(t, "targets: 99%")})
	require.Equal(t, int64(4), seen.Load())

	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the terminal is gone")
	cancel(gone)
	_, err := Run(ctx, h, Options{Variants: []Variant{{"x", promise(t, "targets: 99%")}}})
	require.ErrorIs(t, err, gone)
}
