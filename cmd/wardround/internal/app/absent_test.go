package app

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
)

// TestWhoWasAbsentMissedNothing lets one of two tenants leave and return, and a promise be taken
// out and come back: nothing is missing of the time between, and nothing of the time around it.
func TestWhoWasAbsentMissedNothing(t *testing.T) {
	o, minute := promised(t, 2), time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	all := o.all
	live := func(minutes, tenants int) {
		for range minutes {
			minute = minute.Add(time.Minute)
			o.feed(minute, tenants)
			o.tick(t.Context(), minute)
		}
	}
	live(10, 2)
	o.tenants.Replace(someTenants(t, 1))
	o.forget([]collectors.Key{{Collector: "other", Target: "main", Tenant: "tenant_0001"}})
	live(10, 1)
	o.tenants.Replace(someTenants(t, 2))
	live(10, 2)
	require.NoError(t, o.replace(&config.Config{Objectives: all[1:]}))
	live(10, 2)
	require.NoError(t, o.replace(&config.Config{Objectives: all}))
	live(10, 2)

	for instance, expected := range map[slo.Instance]int64{
		slo.NewInstance("promise-0", slo.Label{Name: "tenant", Value: "tenant_0000"}): 40,
		slo.NewInstance("promise-0", slo.Label{Name: "tenant", Value: "tenant_0001"}): 30,
		slo.NewInstance("promise-1", slo.Label{Name: "tenant", Value: "tenant_0000"}): 50,
		slo.NewInstance("promise-1", slo.Label{Name: "tenant", Value: "tenant_0001"}): 40,
	} {
		got, err := o.ledger.Sum(instance, minute.Add(-time.Hour), minute)
		require.NoError(t, err)
		require.Equal(t, expected, got.Expected, instance)
		require.Equal(t, expected, got.Measured, instance)
	}
}

// TestWhatIsGoneIsNotPagedForAnyLonger: of what was broken, such as a limit that an administrator
// then takes away, its source shows nothing any more while it shows the rest. An hour later that is
// known to be gone. A source that has fallen silent says nothing of the kind.
func TestWhatIsGoneIsNotPagedForAnyLonger(t *testing.T) {
	for name, test := range map[string]struct {
		shown int // tenants that the source goes on to show
		still bool
	}{
		"gone":   {shown: 1, still: false},
		"silent": {shown: 0, still: true},
		"there":  {shown: 2, still: true},
	} {
		t.Run(name, func(t *testing.T) {
			o, minute := promised(t, 2), time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
			live := func(minutes, shown int) {
				for range minutes {
					minute = minute.Add(time.Minute)
					if shown > 0 {
						o.show(minute, shown, map[int]float64{1: 5})
					}
					o.tick(t.Context(), minute)
				}
			}
			paged := func() bool {
				return slices.ContainsFunc(o.alerts.Snapshot().Alerts, func(a alert.Alert) bool {
					return a.Labels["tenant"] == "tenant_0001" && a.Labels["severity"] == "page" && a.State == alert.Firing
				})
			}
			live(10, 2)
			require.True(t, paged())
			live(30, test.shown)
			require.True(t, paged(), "it may only be away")
			live(50, test.shown)
			require.Equal(t, test.still, paged())
		})
	}
}
