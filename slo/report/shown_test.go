package report_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/report"
)

// many is a platform of one tier: so many tenants with so many promises each, of which the first ones broke their first.
func many(t *testing.T, tenants, each, broken int) report.Input {
	t.Helper()
	in, records := single(t, steady(never)), map[slo.Instance]record{}
	for i := range tenants {
		for k := range each {
			r := steady(never)
			if i < broken && k == 0 {
				r = steady(on(1000, 3))
			}
			tenant := slo.Label{Name: "tenant", Value: fmt.Sprintf("clinic-%03d", i)}
			records[slo.NewInstance("jobs", tenant, slo.Label{Name: "kind", Value: fmt.Sprint(k)})] = r
		}
	}
	in.Days = days(in.Month, 31, records)
	return in
}

// TestShown lets some of many tenants break a promise.
func TestShown(t *testing.T) {
	for name, tc := range map[string]struct {
		tenants, each, broken int
		shown                 int
		rest                  string
	}{
		"few":                    {25, 4, 25, 100, ""},
		"the others kept theirs": {400, 2, 20, 50, "These are the 25 tenants and parts whose promises did worst. All promises to the 375 others were kept. "},
		"others broke theirs":    {400, 2, 30, 50, "These are the 25 tenants and parts whose promises did worst. Of 375 others, 5 had promises that were not simply kept. "},
		"many promises": {
			30, 10, 3, 100,
			"These are the worst 100 promises, to the 25 tenants and parts that did worst; 150 more to them were kept. All promises to the 5 others were kept. ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := build(t, many(t, tc.tenants, tc.each, tc.broken))
			shown := 0
			for _, tier := range m.Tiers {
				shown += len(tier.Shown)
			}
			require.Equal(t, tc.shown, shown)
			if tc.rest != "" {
				tc.rest += "The CSV and JSON editions of this report list them all."
			}
			require.Equal(t, tc.rest, m.Rest)
			for i, r := range m.Tiers[0].Shown[:min(tc.broken, 25)] {
				require.Equal(t, report.Broken, r.Verdict, "%d", i)
			}
			require.Equal(t, 1+tc.tenants*tc.each, bytes.Count(written(t, m.WriteCSV), []byte("\n")))
			require.Len(t, m.Tiers[0].Rows, tc.tenants*tc.each)
		})
	}
}
