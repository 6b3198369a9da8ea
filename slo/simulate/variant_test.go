package simulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

func TestParseVariant(t *testing.T) {
	policies, err := slo.DefaultPolicies()
	require.NoError(t, err)
	base := promise(t, "targets: {default: 99.9%, dedicated: 99.99%, tenants: {north: 99.5%}}")
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, c := range []struct {
		text string
		name string
		want func(o *slo.Objective)
	}{
		{"target=99.5%", "target=99.5%", func(o *slo.Objective) { o.Targets = slo.Targets{Default: 995_000_000} }},
		{"name=calm, target=99%", "calm", func(o *slo.Objective) { o.Targets = slo.Targets{Default: 990_000_000} }},
		{"target.dedicated=99.95%,target.shared=98%", "target.dedicated=99.95%,target.shared=98%", func(o *slo.Objective) {
			o.Targets.ByTier = map[string]slo.Ratio{"dedicated": 999_500_000, "shared": 980_000_000}
		}},
		{"name=n,target.tenants.north=99.95%,target.tenants.st.anna=98%", "n", func(o *slo.Objective) {
			o.Targets.ByTenant = map[string]slo.Ratio{"north": 999_500_000, "st.anna": 980_000_000}
		}},
		{"name=n,target=99%,target.gold=99.5%,target.tenants.north=98%", "n", func(o *slo.Objective) {
			o.Targets = slo.Targets{Default: 990_000_000, ByTier: map[string]slo.Ratio{"gold": 995_000_000}, ByTenant: map[string]slo.Ratio{"north": 980_000_000}}
		}},
		{"window=28d", "window=28d", func(o *slo.Objective) { o.Window = slo.Window{Rolling: 28 * slo.Day} }},
		{"window=quarter@Europe/Berlin", "window=quarter@Europe/Berlin", func(o *slo.Objective) {
			o.Window = slo.Window{Calendar: slo.Quarter, Zone: berlin}
		}},
		{"window=month", "window=month", func(o *slo.Objective) { o.Window = slo.Window{Calendar: slo.Month, Zone: time.UTC} }},
		{"policy=tickets", "policy=tickets", func(o *slo.Objective) { o.Policy = policies["tickets"] }},
		{"no_data=bad,min_coverage=0.4,min_bad=5,budget_spent=false", "no_data=bad,min_coverage=0.4,min_bad=5,budget_spent=false", func(o *slo.Objective) {
			o.NoData, o.MinCoverage, o.LowTraffic = slo.NoDataBad, 400_000_000, slo.LowTraffic{MinBad: 5}
		}},
	} {
		t.Run(c.text, func(t *testing.T) {
			want := promise(t, "targets: {default: 99.9%, dedicated: 99.99%, tenants: {north: 99.5%}}")
			c.want(&want)
			got, err := ParseVariant(base, policies, c.text)
			require.NoError(t, err)
			require.Equal(t, Variant{c.name, want}, got)
		})
	}
	require.Equal(t, slo.Ratio(999_900_000), base.Targets.ByTier["dedicated"], "the objective is not changed")
	require.Equal(t, map[string]slo.Ratio{"north": 995_000_000}, base.Targets.ByTenant)
}

func TestParseVariantFaults(t *testing.T) {
	policies, err := slo.DefaultPolicies()
	require.NoError(t, err)
	for text, want := range map[string]string{
		"":                          "the keys are name, target",
		"target":                    "is not a share",
		"target=100%":               "leaves no error budget",
		"target.=99%":               "the keys are",
		"target.tenants=99%":        "target.tenants: the keys are",
		"target.tenants.=99%":       "target.<tier>, target.tenants.<tenant>",
		"target.tenants.north=100%": "target.tenants.north: a target of 100% leaves no error budget",
		"goal=99%":                  `variant "goal=99%": goal: the keys are`,
		"target=99%,target=98%":     "it stands twice",
		"name=":                     "it is empty",
		"window=1h":                 "1d to 366d",
		"window=400d":               "1d to 366d",
		"window=30d@UTC":            "1d to 366d",
		"window=month@Mars/Olympus": "no time zone",
		"window=month@Local":        "no time zone",
		"policy=loud":               "there is no policy \"loud\"; the policies are default, tickets",
		"no_data=maybe":             "is none of",
		"min_coverage=150%":         "more than 100%",
		"min_bad=-1":                "invalid syntax",
		"budget_spent=perhaps":      "invalid syntax",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := ParseVariant(promise(t, "targets: 99%"), policies, text)
			require.ErrorContains(t, err, want)
		})
	}
}
