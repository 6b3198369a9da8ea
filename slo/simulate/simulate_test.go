package simulate

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var start = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

// at is so many minutes after the start.
func at(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }

func tenant(name string) slo.Instance {
	return slo.NewInstance("login", slo.Label{Name: "tenant", Value: name})
}

// promise is the objective login over 30 days with the default policy.
func promise(t testing.TB, more ...string) slo.Objective {
	t.Helper()
	text := "name: login\nquestion: healthy\ntitle: Login\nindicator: {events: {bad: b, total: t}}\n"
	for _, line := range more {
		text += line + "\n"
	}
	all, err := slo.ParseObjectives("test.yaml", []byte(text))
	require.NoError(t, err)
	return all[0]
}

// history is minutes 0 to n of one instance, each as of says; nil is not
// measured.
func history(t testing.TB, n int, of func(minute int) *slo.Counts) *History {
	t.Helper()
	h := NewHistory()
	for m := range n {
		var deltas []slo.Delta
		if c := of(m); c != nil {
			deltas = []slo.Delta{{Instance: tenant("a"), Counts: *c}}
		}
		require.NoError(t, h.Add(at(m), deltas))
	}
	return h
}

// outage is ten events a minute, all of which fail from a minute to another.
func outage(from, to int) func(int) *slo.Counts {
	return func(m int) *slo.Counts {
		if from <= m && m < to {
			return &slo.Counts{Bad: 10}
		}
		return &slo.Counts{Good: 10}
	}
}

func replayed(t testing.TB, h *History, opts Options, variants ...Variant) *Result {
	t.Helper()
	opts.Variants = variants
	r, err := Run(t.Context(), h, opts)
	require.NoError(t, err)
	return r
}

// lines are alerts in minutes since the start: "page 1h 10-25".
func lines(o Outcome) []string {
	var all []string
	minute := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return strconv.Itoa(int(t.Sub(start) / time.Minute))
	}
	for _, a := range o.Alerts {
		name := a.Name
		if a.LongWindow != "" {
			name = a.LongWindow
		}
		line := fmt.Sprintf("%s %s %s-%s", a.Severity, name, minute(a.Started), minute(a.Resolved))
		if a.Frozen > 0 {
			line += " frozen " + a.Frozen.String()
		}
		all = append(all, line)
	}
	return all
}

// TestOutageOfTenMinutes is computed by hand: 432,000 events in 30 days, of which
// 432 may fail at 99.9 %; 100 do, from minute d on.
func TestOutageOfTenMinutes(t *testing.T) {
	const d, period = 30 * 1440, 30 * 1440
	h := history(t, d+period+2*1440, outage(d, d+10))
	r := replayed(t, h, Options{From: at(d - 60)},
		Variant{"99.9%", promise(t, "targets: 99.9%")},
		Variant{"99%", promise(t, "targets: 99%")},
		Variant{"99.99%", promise(t, "targets: 99.99%")},
		Variant{"90%", promise(t, "targets: 90%", "policy: tickets")},
	)
	kept := r.Variants[0]
	require.Equal(t, []string{
		fmt.Sprintf("page 1h %d-%d", d+1, d+15),    // 10 > 14.4 × 0.1 % of 600; the last failure leaves 5m
		fmt.Sprintf("page 6h %d-%d", d+3, d+40),    // 30 > 6 × 0.1 % of 3,600; 30m
		fmt.Sprintf("ticket 1d %d-%d", d+5, d+130), // 50 > 3 × 0.1 % of 14,400; 2h
		fmt.Sprintf("ticket 3d %d-%d", d+5, d+370), // 50 > 1 × 0.1 % of 43,200; 6h
	}, lines(kept))
	require.Equal(t, []int{2, 1, 2, 0}, []int{kept.Pages, kept.Incidents, kept.Tickets, kept.Infos})
	require.InDelta(t, 100.0/600/0.001, float64(kept.Alerts[0].PeakBurnRate), 1e-9)
	require.Zero(t, kept.Ended)
	instance := kept.Instances[0]
	require.Equal(t, Number(0), instance.ConsumedRatio, "the outage has left the window")
	require.Equal(t, Number(1), instance.CoverageRatio)
	require.Equal(t, uint64(432_000), instance.Good)

	require.Equal(t, []string{fmt.Sprintf("page 1h %d-%d", d+9, d+15)}, lines(r.Variants[1])) // 90 > 14.4 × 1 % of 600

	strict := r.Variants[2]
	require.Contains(t, lines(strict), fmt.Sprintf("ticket ErrorBudgetExhausted %d-%d", d+5, d+period+6)) // 50 > 43.2 until 40 are left
	require.Equal(t, at(d+5), strict.Instances[0].EndedAt)
	require.Equal(t, Seconds(60*(period+1)), strict.Exhausted)
	require.Equal(t, 1, strict.Ended)
	for _, a := range strict.Alerts {
		if a.Name == "ErrorBudgetExhausted" {
			require.InDelta(t, 100/43.2, float64(a.PeakConsumedRatio), 1e-9)
		}
	}

	require.Empty(t, r.Variants[3].Alerts)
	require.Equal(t, Number(1), r.Variants[3].Statuses[slo.OK])
	require.Equal(t, r.Variants[3].Judged, Seconds(60*(60+period+2*1440)))
}

// TestYoungHistory has no past: an outage from the first minute pages at once.
func TestYoungHistory(t *testing.T) {
	r := replayed(t, history(t, 10, outage(0, 10)), Options{}, Variant{"v", promise(t, "targets: 99.9%")})
	require.Contains(t, lines(r.Variants[0]), "page 1h 1-")
	require.Equal(t, at(1), r.Variants[0].Instances[0].EndedAt)
	require.Equal(t, Number(1), r.Variants[0].Statuses[slo.Exhausted])
	require.Equal(t, 10*60, int(r.Variants[0].Exhausted))
}

// TestSilence has an outage that falls silent, and returns sound.
func TestSilence(t *testing.T) {
	of := func(m int) *slo.Counts {
		if 2000 <= m && m < 2100 {
			return nil
		}
		return outage(1990, 2000)(m)
	}
	h := history(t, 2200, of)
	v := Variant{"v", promise(t, "targets: 99%", "window: 1d")}
	r := replayed(t, h, Options{From: at(1500)}, v)
	require.Equal(t, []string{
		// Two of five minutes are left at 2,003; 5m is covered again at 2,103, 1h at 2,130.
		"page 1h 1991-2130 frozen 2h7m",
		// 14 of thirty minutes are left at 2,016, and fifteen are there again at 2,115.
		"page 6h 1994-2115 frozen 1h39m",
		"ticket ObjectiveNoData 2018-2130", // as long as the page cannot be judged, after 15m
	}, lines(r.Variants[0]))
	require.Zero(t, r.Unwatched)

	// The same, but nobody watched: nothing can be said, so nothing was.
	gap := NewHistory()
	for m := range 2200 {
		if c := of(m); c != nil {
			require.NoError(t, gap.Add(at(m), []slo.Delta{{Instance: tenant("a"), Counts: *c}}))
		}
	}
	r = replayed(t, gap, Options{From: at(1500)}, v)
	require.Equal(t, Seconds(100*60), r.Unwatched)
	require.Equal(t, Seconds(600*60), r.Variants[0].Judged)
	require.Equal(t, []string{"page 1h 1991-2130 frozen 29m", "page 6h 1994-2115 frozen 14m"}, lines(r.Variants[0]))
}

func TestGoneInstancesAreForgotten(t *testing.T) {
	h := history(t, 8*1440, func(m int) *slo.Counts {
		if m >= 1440 {
			return nil
		}
		return outage(1400, 1440)(m)
	})
	r := replayed(t, h, Options{}, Variant{"v", promise(t, "targets: 99.9%")})
	require.Equal(t, Seconds(60*(1440+3*1440-1)), r.Variants[0].Judged, "until three days hold nothing")
	require.NotEmpty(t, r.Variants[0].Alerts)
	for _, a := range r.Variants[0].Alerts {
		require.Equal(t, at(4*1440+5), a.Resolved, "%+v", a)
	}
}

func TestNoDataVariants(t *testing.T) {
	silent := func(m int) *slo.Counts {
		if m >= 300 && m < 320 {
			return nil
		}
		return outage(0, 0)(m)
	}
	var variants []Variant
	for _, how := range []string{"ignore", "carry", "good", "bad"} {
		variants = append(variants, Variant{how, promise(t, "targets: 99%", "no_data: "+how)})
	}
	var got [][2]uint64
	for _, o := range replayed(t, history(t, 500, silent), Options{}, variants...).Variants {
		i := o.Instances[0]
		got = append(got, [2]uint64{i.Good, i.Bad})
		require.InDelta(t, 0.96, float64(i.CoverageRatio), 1e-9, "what was measured stays what it was")
	}
	require.Equal(t, [][2]uint64{{4800, 0}, {5000, 0}, {5000, 0}, {4800, 200}}, got)
}

// TestCarriedMinutes: what was repeated when it was recorded counts for who wants
// it, and nothing is repeated again.
func TestCarriedMinutes(t *testing.T) {
	h := NewHistory()
	for m := range 100 {
		d := slo.Delta{Instance: tenant("a"), Counts: slo.Counts{Good: 1}, Carried: m >= 50 && m < 60}
		if m >= 60 && m < 70 {
			require.NoError(t, h.Add(at(m), nil))
			continue
		}
		require.NoError(t, h.Add(at(m), []slo.Delta{d}))
	}
	for how, good := range map[string]uint64{"carry": 90, "ignore": 80} {
		r := replayed(t, h, Options{}, Variant{"v", promise(t, "targets: 99%", "no_data: "+how)})
		require.Equal(t, good, r.Variants[0].Instances[0].Good, how)
		require.InDelta(t, 0.8, float64(r.Variants[0].Instances[0].CoverageRatio), 1e-9)
	}
}

func TestCarryWithSlices(t *testing.T) {
	o := promise(t, "targets: 99%", "no_data: carry")
	o.Indicator = slo.Indicator{Threshold: &slo.Threshold{Slice: 5 * time.Minute}}
	h := history(t, 39, func(m int) *slo.Counts {
		switch {
		case m >= 20:
			return nil
		case m%5 == 4:
			return &slo.Counts{Good: 1}
		}
		return &slo.Counts{}
	})
	r := replayed(t, h, Options{}, Variant{"v", o})
	require.Equal(t, uint64(7), r.Variants[0].Instances[0].Good, "one event at each slice's end")
}

func TestExclusions(t *testing.T) {
	h := history(t, 3000, outage(2000, 2010))
	v := Variant{"v", promise(t, "targets: 99.9%", "window: 1d")}
	exclude := func(from, to int, mode slo.ExclusionMode, tiers ...string) slo.Exclusion {
		return slo.Exclusion{
			ID: "x", Scope: slo.Scope{Tiers: tiers}, From: at(from), To: at(to), Mode: mode,
			Category: slo.Correction, Approver: "j.doe", Reason: "broken probe",
		}
	}
	tier := func(slo.Instance) string { return "shared" }
	require.NotEmpty(t, replayed(t, h, Options{From: at(1500)}, v).Variants[0].Alerts)
	for _, c := range []struct {
		name       string
		exclusions []slo.Exclusion
		good, bad  uint64
	}{
		{"removed", []slo.Exclusion{exclude(2000, 2010, slo.Remove)}, 14300, 0},
		{"as good", []slo.Exclusion{exclude(2000, 2010, slo.AsGood)}, 14400, 0},
		{"both", []slo.Exclusion{exclude(2000, 2010, slo.AsGood), exclude(2005, 2010, slo.Remove)}, 14350, 0},
		{"both, the other way round", []slo.Exclusion{exclude(2005, 2010, slo.Remove), exclude(2000, 2010, slo.AsGood)}, 14350, 0},
		{"half of it", []slo.Exclusion{exclude(2000, 2005, slo.Remove, "shared")}, 14300, 50},
		{"of another tier", []slo.Exclusion{exclude(2000, 2010, slo.Remove, "dedicated")}, 14300, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := replayed(t, h, Options{From: at(1500), Tier: tier, Exclusions: c.exclusions}, v)
			i := r.Variants[0].Instances[0]
			require.Equal(t, []uint64{c.good, c.bad}, []uint64{i.Good, i.Bad})
			require.Equal(t, Number(1), i.CoverageRatio)
			require.Equal(t, c.bad > 0, len(r.Variants[0].Alerts) > 0)
		})
	}
}

func TestCalendarPeriods(t *testing.T) {
	// From 1 March in UTC over three civil weeks in Berlin: Mondays begin at 23:00, and at 22:00 from 29 March on.
	n := 35 * 1440
	h := history(t, n, func(m int) *slo.Counts {
		if m == 10*1440 || m == 20*1440 || m == 20*1440+1 {
			return &slo.Counts{Bad: 10}
		}
		return &slo.Counts{Good: 10}
	})
	r := replayed(t, h, Options{}, Variant{"week", promise(t, "targets: 99.99%", "window: {calendar: week, zone: Europe/Berlin}")})
	type period struct {
		days    float64
		through string
		spent   float64
	}
	var got []period
	for _, p := range r.Variants[0].Instances[0].Periods {
		got = append(got, period{p.To.Sub(p.From).Hours() / 24, p.Through.Format("01-02 15:04"), float64(p.ConsumedRatio)})
	}
	week := 10 / (0.0001 * 10 * 10080)
	require.InDeltaSlice(t, []float64{0, 0, week, 2 * week, 0, 0}, spent(got, func(p period) float64 { return p.spent }), 1e-9)
	require.InDeltaSlice(t, []float64{7, 7, 7, 7, 167. / 24, 7}, spent(got, func(p period) float64 { return p.days }), 1e-9)
	require.Equal(t, []string{"03-01 23:00", "03-08 23:00", "03-15 23:00", "03-22 23:00", "03-29 22:00", "04-05 00:00"},
		spent(got, func(p period) string { return p.through }))
	last := r.Variants[0].Instances[0].Periods[5]
	require.Equal(t, Number(0), last.ProratedRatio)
}

func spent[T, V any](all []T, of func(T) V) []V {
	var values []V
	for _, v := range all {
		values = append(values, of(v))
	}
	return values
}

func TestTiersHaveTheirTargets(t *testing.T) {
	h := NewHistory()
	for m := range 200 {
		c := *outage(100, 102)(m)
		require.NoError(t, h.Add(at(m), []slo.Delta{{Instance: tenant("a"), Counts: c}, {Instance: tenant("b"), Counts: c}}))
	}
	opts := Options{Tier: func(i slo.Instance) string { return map[string]string{"b": "dedicated"}[i.Tenant()] }}
	r := replayed(t, h, opts, Variant{"v", promise(t, "targets: {default: 95%, dedicated: 99.9%}")})
	o := r.Variants[0]
	require.Equal(t, "95%, dedicated 99.9%", o.Targets)
	require.Equal(t, "b", o.Instances[0].Instance.Tenant(), "worst first")
	require.Equal(t, "dedicated", o.Instances[0].Tier)
	require.Equal(t, slo.Ratio(950_000_000), o.Instances[1].Target)
	require.Equal(t, []int{0, 1}, []int{o.Instances[1].Pages, min(1, o.Instances[0].Pages)})
}

// TestTenantsHaveTheirTargets gives tenants of one tier the same failures.
func TestTenantsHaveTheirTargets(t *testing.T) {
	h := NewHistory()
	for m := range 200 {
		c := *outage(100, 102)(m)
		require.NoError(t, h.Add(at(m), []slo.Delta{
			{Instance: tenant("a"), Counts: c}, {Instance: tenant("b"), Counts: c}, {Instance: tenant("c"), Counts: c},
		}))
	}
	opts := Options{Tier: func(slo.Instance) string { return "dedicated" }}
	r := replayed(t, h, opts, Variant{"v", promise(t, "targets: {default: 95%, dedicated: 99.8%, tenants: {a: 99.9%, c: 95%}}")})
	o := r.Variants[0]
	require.Equal(t, "95%, dedicated 99.8%, tenant a 99.9%, tenant c 95%", o.Targets)
	var got []string
	for _, i := range o.Instances { // worst first
		got = append(got, fmt.Sprintf("%s %s %v", i.Instance.Tenant(), i.Target, i.Pages > 0))
	}
	require.Equal(t, []string{"a 99.9% true", "b 99.8% true", "c 95% false"}, got)
}

func TestEvery(t *testing.T) {
	h := history(t, 400, outage(300, 310))
	v := Variant{"v", promise(t, "targets: 99%", "window: 1d")}
	r := replayed(t, h, Options{Every: 5 * time.Minute}, v)
	require.Equal(t, Seconds(400*60), r.Variants[0].Judged)
	for _, a := range r.Variants[0].Alerts {
		require.Zero(t, a.Started.Minute()%5)
	}
	require.NotEmpty(t, r.Variants[0].Alerts)
}
