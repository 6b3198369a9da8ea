package openslo

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// same are the options under which two promises are the same: positions do not
// count, and zones are told apart by name.
func same() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(_, _ slo.Position) bool { return true }),
		cmp.Comparer(func(a, b *time.Location) bool {
			return (a == nil) == (b == nil) && (a == nil || a.String() == b.String())
		}),
	}
}

func write(t testing.TB, objectives []slo.Objective) []byte {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, Write(&text, objectives))
	return text.Bytes()
}

func TestTheCatalogueComesBackAsItWas(t *testing.T) {
	want, err := slo.Catalogue()
	require.NoError(t, err)
	text := write(t, want)
	valid(t, text)
	got, err := Read([]File{{"catalogue.yaml", text}})
	require.NoError(t, err, string(text))
	require.Empty(t, got.Warnings)
	require.Empty(t, got.Policies, "the embedded ones need not be said")
	require.Empty(t, cmp.Diff(want, got.Objectives, same()))
}

func TestAnyObjectivesComeBackAsTheyWere(t *testing.T) {
	for seed := range uint64(100) {
		want := randomObjectives(t, rand.New(rand.NewPCG(seed, 0)))
		text := write(t, want)
		valid(t, text)
		got, err := Read([]File{{"random.yaml", text}})
		require.NoError(t, err, "seed %d:\n%s", seed, text)
		require.Empty(t, got.Warnings)
		require.Empty(t, cmp.Diff(want, got.Objectives, same()), "seed %d:\n%s", seed, text)
		require.Equal(t, string(text), string(write(t, got.Objectives)), "seed %d", seed)
		throughNative(t, got)
	}
}

// throughNative writes what was read into our own files, reads these and
// compares.
func throughNative(t testing.TB, want Result) {
	t.Helper()
	var text, policyText bytes.Buffer
	require.NoError(t, WriteNative(&text, want.Objectives))
	require.NoError(t, WriteNativePolicies(&policyText, want.Policies))
	policies, err := slo.DefaultPolicies()
	require.NoError(t, err)
	further, err := slo.ParsePolicies("policies.yaml", policyText.Bytes())
	require.NoError(t, err, policyText.String())
	for _, p := range further {
		policies[p.Name] = p
	}
	got, err := policies.ParseObjectives("native.yaml", text.Bytes())
	require.NoError(t, err, text.String())
	require.Empty(t, cmp.Diff(want.Objectives, got, same()), text.String())
}

// random makes promises.
type random struct{ *rand.Rand }

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

func (r random) often() bool { return r.IntN(2) == 0 }

func (r random) ratio() slo.Ratio { return 999_500_001 + slo.Ratio(r.Int64N(499_999)) }

// text is what a person could have written, of up to most characters.
func (r random) text(most int) string {
	words := []string{"Alles", "ist", "gut:", "#1", "99.9%", "\"quoted\"", "it's", "Größe", "日本", "- dash", "{brace}", "true", "null", "1.0", "\U0001f600", "line\nbreak", "tab\there"}
	var all []string
	for range 1 + r.IntN(4) {
		all = append(all, pick(r, words...))
	}
	for length := most * r.IntN(2); len(strings.Join(all, " ")) < length; {
		all = append(all, pick(r, words...))
	}
	return strings.Join(all, " ")
}

func (r random) name(i int) string {
	return fmt.Sprintf("promise-%d%s", i, strings.Repeat("-of-great-length", r.IntN(2)*r.IntN(8)))
}

func (r random) selector() slo.Selector {
	return slo.Selector{Text: pick(r, "up", `http_requests_total{code!~"5.."}`, `{__name__="m", a="b"}`,
		"ns:rule:sum{ a = 'b' }", "a{b=`c`,\n d!=\"e\\\"f\"}", "sum", `{"quoted.name", x="y"}`)}
}

func (r random) number() float64 {
	return pick(r, 0, 1, -1, 0.1, 1e21, 1e-300, 12345.678, r.NormFloat64(), float64(r.Int64()))
}

func (r random) positive() float64 { return pick(r, 0.5, 1e-9, 300, 1e21) }

func (r random) window() slo.Window {
	if r.often() {
		return slo.Window{Rolling: pick(r, slo.Day, 28*slo.Day, 30*slo.Day, 366*slo.Day, slo.Day+time.Minute, 30*time.Hour)}
	}
	w := slo.Window{Calendar: pick(r, slo.Week, slo.Month, slo.Quarter, slo.Year)}
	if r.often() {
		zone, _ := time.LoadLocation(pick(r, "Europe/Berlin", "America/New_York", "Asia/Kathmandu"))
		w.Zone = zone
	}
	if w.Calendar != slo.Week && r.often() {
		w.Anchor = 2 + r.IntN(30)
	}
	return w
}

func (r random) indicator() slo.Indicator {
	in := slo.Indicator{Source: pick(r, "", "", "prom", "thanos-eu")}
	switch r.IntN(5) {
	case 0:
		in.Events = &slo.Events{Good: r.selector(), Total: r.selector()}
	case 1:
		in.Events = &slo.Events{Bad: r.selector(), Total: r.selector()}
	case 2:
		in.Histogram = &slo.Histogram{Metric: pick(r, slo.Selector{Text: "latency_seconds"}, slo.Selector{Text: `x{ a="b" , c=~".+"}`}), Within: r.positive()}
	case 3:
		in.Threshold = &slo.Threshold{
			Metric: r.selector(), Op: pick(r, slo.LessOrEqual, slo.Less, slo.GreaterOrEqual, slo.Greater, slo.Equal, slo.NotEqual),
			Value: r.number(), Age: r.often(), Zero: pick(r, "", slo.Good, slo.Bad),
			Slice: pick(r, 0, time.Minute, 90*time.Minute, time.Hour, slo.Day),
		}
	case 4:
		in.Probe = &slo.Probe{Success: r.selector()}
		if r.often() {
			in.Probe.Duration, in.Probe.Within = r.selector(), r.positive()
		}
	}
	return in
}

func (r random) policy(t testing.TB, number int) slo.Policy {
	embedded, err := slo.DefaultPolicies()
	require.NoError(t, err)
	if r.often() {
		return pick(r, embedded["default"], embedded["tickets"], silence())
	}
	p := slo.Policy{Name: fmt.Sprintf("own-%d", number), Description: pick(r, "", r.text(20))}
	for i := range 1 + r.IntN(3) {
		long := []time.Duration{time.Hour, 7 * time.Minute, 3 * slo.Day}[i]
		p.Pairs = append(p.Pairs, slo.Pair{
			Severity: pick(r, slo.Severities()...), Share: 1 + slo.Ratio(r.Int64N(2_000_000)), Long: long, Short: pick(r, long/7, time.Minute).Round(time.Minute),
		})
	}
	return p
}

func (r random) objective(t testing.TB, i int) slo.Objective {
	o := slo.Objective{
		Name: r.name(i), Question: pick(r, slo.Questions()...), Title: r.text(80), Indicator: r.indicator(),
		By: pick(r, []string{"tenant"}, []string{}, []string{"cluster", "target"}), Window: r.window(), Policy: r.policy(t, i),
		NoData:      pick(r, slo.NoDataIgnore, slo.NoDataGood, slo.NoDataBad, slo.NoDataCarry),
		MinCoverage: pick(r, slo.One/2, 0, slo.One, r.ratio()),
		LowTraffic:  slo.LowTraffic{MinBad: pick(r, 0, 2, uint64(r.Uint32())), BudgetSpent: r.often()},
		Targets:     slo.Targets{Default: r.ratio()},
	}
	if r.often() {
		o.Description, o.Owner = r.text(2000), r.text(80)
	}
	if r.often() {
		o.Links = slo.Links{Runbook: "https://run.example/" + o.Name, Dashboard: pick(r, "", "https://dash.example/")}
	}
	if r.often() {
		o.Targets.ByTier = r.targets("gold", "shared", "a,b=c", "99")
	}
	if r.often() {
		o.Targets.ByTenant = r.targets("north", "default", "tenants", "gold", "0042", "st. anna: \"a\"")
	}
	return o
}

// targets are of one name or two.
func (r random) targets(names ...string) map[string]slo.Ratio {
	all := map[string]slo.Ratio{}
	for range 1 + r.IntN(2) {
		all[pick(r, names...)] = r.ratio()
	}
	return all
}

// randomObjectives are some promises and composites of them.
func randomObjectives(t testing.TB, rnd *rand.Rand) []slo.Objective {
	r := random{rnd}
	var all []slo.Objective
	for i := range 2 + r.IntN(4) {
		all = append(all, r.objective(t, i))
	}
	for i := range r.IntN(2) {
		o := r.objective(t, 100+i)
		c := &slo.Composite{Method: pick(r, slo.Mean, slo.Worst), Delayed: pick(r, slo.NoDataIgnore, slo.NoDataGood, slo.NoDataBad)}
		for j := range all {
			c.Of = append(c.Of, slo.Member{Objective: all[j].Name, Weight: uint64(1 + r.IntN(1000))})
			if c.Method == slo.Worst {
				c.Of[j].Weight = 1
			}
		}
		o.Indicator = slo.Indicator{Composite: c}
		all = append(all, o)
	}
	for i := range all { // texts are read without the space around them
		all[i].Title, all[i].Owner, all[i].Description = strings.TrimSpace(all[i].Title), strings.TrimSpace(all[i].Owner), strings.TrimSpace(all[i].Description)
	}
	return all
}
