package slo

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// windowOf reads a window as objective files have it.
func windowOf(t testing.TB, n *yaml.Node) Window {
	t.Helper()
	var w Window
	d := &decoder{}
	d.window(&w)(n)
	require.NoError(t, d.err())
	return w
}

func TestCalendars(t *testing.T) {
	for _, c := range vectors[struct {
		Name, At, From, To string
		Window             yaml.Node
		Hours              float64
	}](t, "calendars.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			from, to := windowOf(t, &c.Window).Bounds(utc(t, c.At))
			require.Equal(t, c.From, from.UTC().Format(time.RFC3339))
			require.Equal(t, c.To, to.UTC().Format(time.RFC3339))
			require.InDelta(t, c.Hours, to.Sub(from).Hours(), 0)
		})
	}
}

func TestThresholds(t *testing.T) {
	policy := defaultPolicy(t)
	for _, c := range vectors[struct {
		Period string
		Burn   []float64
		Reach  string
	}](t, "thresholds.yaml") {
		t.Run(c.Period, func(t *testing.T) {
			w := Window{Calendar: Calendar(c.Period)}
			if d, err := ParseDuration(c.Period); err == nil {
				w = Window{Rolling: d}
			}
			var got []float64
			for _, pair := range policy.Pairs {
				got = append(got, pair.Limit(w.Nominal()).Float())
			}
			require.InDeltaSlice(t, c.Burn, got, 1e-14)

			reach, err := ParseRatio(c.Reach)
			require.NoError(t, err)
			if reach > 0 {
				require.ErrorContains(t, policy.Check(reach, w.Nominal()), "even a total outage")
			}
			require.NoError(t, policy.Check(reach+One/10_000, w.Nominal()))
		})
	}
}

func TestBudgets(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Target, Policy, Window, At, Age string
		Good, Bad                             uint64
		Total, Consumed, Left                 float64
		Prorated                              *float64
		Status                                Status
	}](t, "budgets.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			var more []string
			for key, value := range map[string]string{"policy": c.Policy, "window": c.Window} {
				if value != "" {
					more = append(more, key+": "+value)
				}
			}
			o := promise(t, more...)
			target, err := ParseTarget(c.Target)
			require.NoError(t, err)
			o.Targets = Targets{Default: target}
			at, age := noon, 30*Day
			if c.At != "" {
				at = utc(t, c.At)
			}
			if c.Age != "" {
				age, err = ParseDuration(c.Age)
				require.NoError(t, err)
			}
			e := Evaluate(&o, Input{At: at, Period: full(c.Good, c.Bad, age)})
			same(t, c.Total, e.Budget.Total)
			same(t, c.Consumed, e.Budget.Consumed)
			same(t, c.Left, e.Budget.Remaining)
			if c.Prorated != nil {
				same(t, *c.Prorated, e.Prorated.Consumed)
				same(t, 1-*c.Prorated, e.Prorated.Remaining)
			} else {
				require.Empty(t, cmp.Diff(e.Budget, e.Prorated, cmpopts.EquateNaNs()))
			}
			require.Equal(t, c.Status, e.Status)
		})
	}
}

// same compares floats to fifteen digits, and NaN with NaN.
func same(t *testing.T, want, got float64) {
	t.Helper()
	require.Equal(t, fmt.Sprintf("%.15g", want), fmt.Sprintf("%.15g", got))
}

func TestNoDataAndExclusions(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Coverage     string
		NoData             NoData `yaml:"no_data"`
		MinCoverage        string `yaml:"min_coverage"`
		Expected           *int64
		Excluded, Measured int64
		Good, Bad          uint64
		Counts             [2]uint64
		Status             Status
	}](t, "no_data.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			more := []string{"no_data: " + string(c.NoData)}
			if c.MinCoverage != "" {
				more = append(more, "min_coverage: "+c.MinCoverage)
			}
			o := promise(t, more...)
			expected := int64(100)
			if c.Expected != nil {
				expected = *c.Expected
			}
			tally := Tally{Counts: Counts{c.Good, c.Bad}, Measured: c.Measured, Expected: expected, Excluded: c.Excluded}
			e := Evaluate(&o, Input{At: noon, Period: tally, Burn: func(time.Duration) Tally { return tally }})
			require.Equal(t, Counts{c.Counts[0], c.Counts[1]}, e.Period.Counts)
			require.Equal(t, c.Coverage, e.Coverage.String())
			require.Equal(t, c.Status, e.Status)
			for _, b := range e.Burn {
				require.Equal(t, e.Period, b.Tally, "windows are read as the period is")
			}
			for _, pair := range e.Conditions {
				require.Equal(t, c.Status == InsufficientData || c.Coverage == "0%" && o.MinCoverage > 0, pair.Frozen)
				require.False(t, pair.Firing && pair.Frozen)
			}
		})
	}
}

func TestFewEvents(t *testing.T) {
	for _, c := range vectors[struct {
		Name             string
		LowTraffic       yaml.Node `yaml:"low_traffic"`
		Month, Hour, Bad uint64
		Fires            bool
	}](t, "low_traffic.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			o := promise(t)
			if !c.LowTraffic.IsZero() {
				d := &decoder{}
				d.lowTraffic(&o.LowTraffic)(&c.LowTraffic)
				require.NoError(t, d.err())
			}
			e := Evaluate(&o, Input{At: noon, Period: full(c.Month-c.Bad, c.Bad, 30*Day), Burn: func(d time.Duration) Tally {
				switch d {
				case 30 * Day:
					return full(c.Month-c.Bad, c.Bad, d)
				case time.Hour:
					return full(c.Hour-c.Bad, c.Bad, d)
				}
				return full(max(5, c.Bad)-c.Bad, c.Bad, d)
			}})
			require.Equal(t, c.Fires, firing(t, e, "page-1h"))
		})
	}
}
