package slo

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// targetsOf reads targets as objective files have them.
func targetsOf(t testing.TB, n *yaml.Node) Targets {
	t.Helper()
	var all Targets
	d := &decoder{}
	d.targets(&all, false)(n)
	require.NoError(t, d.err())
	return all
}

func TestWhichTargetHolds(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Instance, Tier, Target string
		Targets                      yaml.Node
	}](t, "targets.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			i, err := ParseInstance(c.Instance)
			require.NoError(t, err)
			require.Equal(t, c.Target, targetsOf(t, &c.Targets).Of(i, c.Tier).String())
		})
	}
}

func TestAllTargets(t *testing.T) {
	targets := Targets{
		Default:  990_000_000,
		ByTier:   map[string]Ratio{"shared": 990_000_000, "gold": 999_000_000, "bronze": 980_000_000},
		ByTenant: map[string]Ratio{"west": 999_900_000, "south": 999_000_000, "north": 999_000_000, "east": 990_000_000},
	}
	require.Equal(t, []Promised{
		{Target: 999_900_000, Tenants: []string{"west"}},
		{Target: 999_000_000, Tiers: []string{"gold"}, Tenants: []string{"north", "south"}},
		{Target: 990_000_000, Default: true, Tiers: []string{"shared"}, Tenants: []string{"east"}},
		{Target: 980_000_000, Tiers: []string{"bronze"}},
	}, targets.All())
	require.Equal(t, []Promised{{Target: 990_000_000, Default: true}}, Targets{Default: 990_000_000}.All())
}

// TestTheJudgeKnowsTenants gives tenants of one tier the same failures: what they
// were promised decides which of them are told of.
func TestTheJudgeKnowsTenants(t *testing.T) {
	o := promise(t)
	o.Targets.ByTenant = map[string]Ratio{"north": 999_990_000, "south": 990_000_000}
	for _, c := range []struct {
		tenant string
		target Ratio
		status Status
	}{{"north", 999_990_000, Exhausted}, {"east", 999_900_000, Burning}, {"south", 990_000_000, OK}} {
		in := steady(10, 2)
		in.Instance, in.Tier = NewInstance("p", Label{"tenant", c.tenant}), "dedicated"
		e := Evaluate(&o, in)
		require.Equal(t, c.target, e.Target, c.tenant)
		require.Equal(t, c.status, e.Status, c.tenant)
		require.InDelta(t, 2./43_200/c.target.Budget().Float(), e.Budget.Consumed, 1e-9)
	}
}
