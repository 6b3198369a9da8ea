package slo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDetectionAndReset(t *testing.T) {
	for _, c := range vectors[struct {
		Target, Window, Pair string
		PerMinute            float64 `yaml:"per_minute"`
		Outage, Reset        string
		Ratio                float64
		Twice                string
		TwiceReset           string `yaml:"twice_reset"`
	}](t, "detection.yaml") {
		t.Run(strings.Join([]string{c.Target, c.Window, c.Pair}, " "), func(t *testing.T) {
			o := promise(t)
			target, err := ParseTarget(c.Target)
			require.NoError(t, err)
			o.Targets = Targets{Default: target}
			if c.Window != "" {
				o.Window.Rolling, err = ParseDuration(c.Window)
				require.NoError(t, err)
			}
			x := Explain(&o, Surroundings{EventsPerMinute: c.PerMinute})
			alarms := x.Promises[0].Alarms
			a := alarms[slices.IndexFunc(alarms, func(a Alarm) bool { return a.Pair.Name() == c.Pair })]
			require.InDelta(t, 1, a.Outage.ErrorRatio, 0)
			require.InDelta(t, c.Ratio, a.Twice.ErrorRatio, 1e-12)
			for _, f := range []struct {
				fault         Fault
				detect, reset string
			}{{a.Outage, c.Outage, c.Reset}, {a.Twice, c.Twice, c.TwiceReset}} {
				if f.detect == "never" {
					require.Equal(t, Fault{ErrorRatio: f.fault.ErrorRatio, Detect: Never}, f.fault)
					continue
				}
				detect, err := time.ParseDuration(f.detect)
				require.NoError(t, err)
				reset, err := time.ParseDuration(f.reset)
				require.NoError(t, err)
				require.InDelta(t, detect, f.fault.Detect, 1000)
				require.InDelta(t, reset, f.fault.Reset, 1000)
			}
		})
	}
}

// TestDetectionIsThatOfTheJudge holds the formula against minutes judged one by one.
func TestDetectionIsThatOfTheJudge(t *testing.T) {
	o := promise(t)
	x := Explain(&o, Surroundings{EventsPerMinute: 10})
	for _, a := range x.Promises[slices.IndexFunc(x.Promises, func(p Promise) bool { return p.Target == o.Targets.Default })].Alarms {
		minutes := int64(a.Outage.Detect/time.Minute) + 1 // the first whole one after it
		require.False(t, firing(t, Evaluate(&o, steady(10, minutes-1)), a.Pair.Name()), a)
		require.True(t, firing(t, Evaluate(&o, steady(10, minutes)), a.Pair.Name()), a)
	}
}

func TestExplanations(t *testing.T) {
	var text strings.Builder
	for _, c := range []struct {
		lines        string
		surroundings Surroundings
	}{
		{"name: login\nindicator: {events: {good: 'checks_total{outcome=\"ok\"}', total: checks_total}}\ntargets: {default: 99.5%, shared: 99.5%, gold: 99.9%, dedicated: 99.9%}", Surroundings{}},
		{"name: busy\nindicator: {source: mimir, events: {bad: errors_total, total: requests_total}}\ntargets: 99.9%\nwindow: {calendar: month, zone: Europe/Berlin}", Surroundings{EventsPerMinute: 600}},
		{"name: late\nindicator: {source: mimir, events: {bad: errors_total, total: requests_total}}\ntargets: 99.9%", Surroundings{EventsPerMinute: 600, Lag: 6 * time.Minute}},
		{"name: later\nindicator: {source: mimir, events: {bad: errors_total, total: requests_total}}\ntargets: 99.9%", Surroundings{EventsPerMinute: 600, Lag: 3 * time.Minute}},
		{"name: lonely\nindicator: {events: {bad: errors_total, total: requests_total}}\ntargets: 99.9%\nlow_traffic: {min_bad: 1}", Surroundings{EventsPerMinute: 0.1}},
		{"name: fast\nindicator: {histogram: {metric: latency_seconds, within: 0.5}}\ntargets: {default: 99%}\nby: []", Surroundings{EventsPerMinute: 100}},
		{"name: jobs\nindicator: {threshold: {metric: oldest_seconds, op: <=, value: 15m, age: true, zero: good}}\ntargets: {default: 99%, gold: 99.9%}\nwindow: 7d", Surroundings{}},
		{"name: slices\nindicator: {threshold: {metric: used_ratio, op: <, value: 0.9, slice: 5m}}\ntargets: 99%\nno_data: bad", Surroundings{Interval: 15 * time.Minute}},
		{"name: blind\nindicator: {probe: {success: up}}\ntargets: 99.9%\nmin_coverage: 0%\nwindow: 1d", Surroundings{Interval: time.Minute / 2}},
		{"name: strict\nindicator: {probe: {success: up, duration: took_seconds, within: 2s}}\ntargets: 99.9%\nby: [site, tenant]\nlow_traffic: {min_bad: 30}", Surroundings{Interval: 5 * time.Minute}},
		{"name: desk\nindicator: {composite: {of: [login, {objective: mail, weight: 3}]}}\ntargets: 99%\npolicy: tickets\nwindow: 36h", Surroundings{}},
		{"name: named\nindicator: {probe: {success: up}}\ntargets: {default: 99%, gold: 99.9%, silver: 99%, tenants: {north: 99.99%, south: 99.99%, west: 99.9%, wset: 99.9%}}", Surroundings{Tenants: []string{"north", "south", "west"}}},
		{"name: sites\nindicator: {probe: {success: up}}\ntargets: {default: 99%, tenants: {north: 99.9%, south: 99%}}\nby: [site, tenant]", Surroundings{}},
		{"name: servers\nindicator: {probe: {success: up}}\ntargets: {default: 99%, tenants: {north: 99.9%}}\nby: [target]", Surroundings{Tenants: []string{}}},
		{"name: worst\nindicator: {composite: {of: [login, mail], method: worst}}\ntargets: {default: 98%, gold: 99%}\npolicy: tickets\nwindow: {calendar: quarter, anchor: 15}", Surroundings{}},
	} {
		all, err := ParseObjectives("own.yaml", []byte("question: healthy\ntitle: In time\n"+c.lines))
		require.NoError(t, err)
		text.WriteString(Explain(&all[0], c.surroundings).String() + "\n")
	}
	o := promise(t)
	o.Targets = Targets{Default: 900_000_000} // readers refuse it
	text.WriteString(Explain(&o, Surroundings{}).String())
	golden(t, "explanations.golden", text.String())
}

// TestALimitThatIsOnlyReached is not exceeded: 5 % in 3.6 hours of 30 days is a
// burn rate of 10, which is all that a target of 90 % can burn.
func TestALimitThatIsOnlyReached(t *testing.T) {
	o := promise(t)
	o.Targets = Targets{Default: 900_000_000}
	o.Policy.Pairs = []Pair{{Page, 50_000_000, 216 * time.Minute, 20 * time.Minute}}
	require.Equal(t, Fault{1, Never, 0}, Explain(&o, Surroundings{}).Promises[0].Alarms[0].Outage)
}

func TestSlicesAsLongAsRounds(t *testing.T) {
	o := promise(t)
	o.Indicator = Indicator{Threshold: &Threshold{Slice: 5 * time.Minute}}
	o.LowTraffic.MinBad = 1
	o.Policy.Pairs = o.Policy.Pairs[:1]
	o.Targets = Targets{Default: 990_000_000}
	x := Explain(&o, Surroundings{Interval: 5 * time.Minute})
	require.Empty(t, x.Warnings, "a round for each")
	require.Len(t, Explain(&o, Surroundings{Interval: 6 * time.Minute}).Warnings, 1)
}

func TestBudgetsOfPromises(t *testing.T) {
	o := promise(t)
	x := Explain(&o, Surroundings{EventsPerMinute: 2})
	require.Len(t, x.Promises, 2)
	high, low := x.Promises[0], x.Promises[1]
	require.Equal(t, []string{"dedicated"}, high.Tiers)
	require.True(t, low.Default)
	require.InDelta(t, 86_400, low.Events, 1e-6)
	require.InDelta(t, 86.4, low.BudgetEvents, 1e-9)
	require.Equal(t, 43*time.Minute+12*time.Second, low.BudgetTime.Round(time.Second))
	require.Equal(t, 4*time.Minute+19*time.Second, high.BudgetTime.Round(time.Second))
	require.Equal(t, uint64(2), low.Alarms[0].Failures, "1.728 are borne")
	require.Equal(t, uint64(5), low.Alarms[1].Failures, "4.32 are borne")
}

// TestTheCatalogueNeedsNoWarning: what ships is meant as it is.
func TestTheCatalogueNeedsNoWarning(t *testing.T) {
	all, err := Catalogue()
	require.NoError(t, err)
	for i := range all {
		require.Empty(t, Explain(&all[i], Surroundings{}).Warnings, all[i].Name)
	}
}
