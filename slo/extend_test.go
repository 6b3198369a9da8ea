package slo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// extended is one document that extends the built-in objective login, and that one.
func extended(t *testing.T, text string) (got, builtin Objective) {
	t.Helper()
	all, err := ParseObjectives("own.yaml", []byte("# ours\n"+text))
	require.NoError(t, err)
	catalogue, err := Catalogue()
	require.NoError(t, err)
	for _, o := range catalogue {
		if o.Name == "login" {
			builtin = o
		}
	}
	require.Equal(t, Position{"own.yaml", 2, 1}, all[0].Position)
	builtin.Position = all[0].Position
	return all[0], builtin
}

func TestExtends(t *testing.T) {
	builtinLinks := Links{}
	for _, c := range []struct {
		name   string
		text   string
		change func(*Objective)
	}{
		{"nothing but the name", "extends: login\n", func(*Objective) {}},
		{"another tier's target", "extends: login\ntargets: {dedicated: 99.95%, gold: 99.99%}\n", func(o *Objective) {
			o.Targets.ByTier = map[string]Ratio{"shared": 995_000_000, "dedicated": 999_500_000, "gold": 999_900_000}
		}},
		{"a tenant's target", "extends: login\ntargets: {tenants: {north: 99.99%}}\n", func(o *Objective) {
			o.Targets.ByTenant = map[string]Ratio{"north": 999_900_000}
		}},
		{"another default", "extends: login\ntargets: {default: 99%}\n", func(o *Objective) { o.Targets.Default = 990_000_000 }},
		{"one target for all", "targets: 99%\nextends: login\n", func(o *Objective) { o.Targets = Targets{Default: 990_000_000} }},
		{"another window", "extends: login\nwindow: {calendar: month, zone: Europe/Berlin}\n", func(o *Objective) {
			o.Window = Window{Calendar: Month, Zone: zoneOf(t, "Europe/Berlin")}
		}},
		{"another policy", "extends: login\npolicy: tickets\n", func(o *Objective) {
			policies, err := DefaultPolicies()
			require.NoError(t, err)
			o.Policy = policies["tickets"]
		}},
		{"links", "extends: login\nlinks: {runbook: https://run.example/login}\n", func(o *Objective) {
			builtinLinks = o.Links
			o.Links.Runbook = "https://run.example/login"
		}},
		{"part of the low-traffic settings", "extends: login\nlow_traffic: {min_bad: 7}\n", func(o *Objective) { o.LowTraffic = LowTraffic{MinBad: 7, BudgetSpent: true} }},
		{"another name and other words", "extends: login\nname: portal\ntitle: Portal\nquestion: contained\nowner: us\nno_data: bad\nmin_coverage: 0%\n", func(o *Objective) {
			o.Name, o.Title, o.Question, o.Owner, o.NoData, o.MinCoverage = "portal", "Portal", Contained, "us", NoDataBad, 0
		}},
		{"another indicator", "extends: login\nby: [site]\nindicator: {threshold: {metric: m, op: <, value: 1, slice: 2m}}\n", func(o *Objective) {
			o.By = []string{"site"}
			o.Indicator = Indicator{Threshold: &Threshold{Metric: Selector{"m", Position{"own.yaml", 4, 33}}, Op: Less, Value: 1, Slice: 2 * time.Minute}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := extended(t, c.text)
			c.change(&want)
			require.Equal(t, want, got)
		})
	}
	require.Equal(t, Links{}, builtinLinks)
}

func TestExtendsTheSameTwice(t *testing.T) {
	all, err := ParseObjectives("own.yaml", []byte("extends: login\ntargets: {gold: 99.99%}\n---\nextends: login\nname: other\n"))
	require.NoError(t, err)
	require.Contains(t, all[0].Targets.ByTier, "gold")
	require.NotContains(t, all[1].Targets.ByTier, "gold", "they share nothing")
}

// TestExtendsMergesTargets: what is not named stays, of tiers as of tenants; one
// target for all is one for all.
func TestExtendsMergesTargets(t *testing.T) {
	policies, err := DefaultPolicies()
	require.NoError(t, err)
	built := promise(t)
	built.Targets.ByTenant = map[string]Ratio{"north": 999_500_000, "south": 998_000_000}
	builtin := func() ([]Objective, error) { return []Objective{built}, nil }
	for _, c := range []struct {
		targets string
		want    Targets
	}{
		{"{tenants: {north: 99.99%, west: 99%}}", Targets{
			999_000_000, map[string]Ratio{"dedicated": 999_900_000}, map[string]Ratio{"north": 999_900_000, "south": 998_000_000, "west": 990_000_000},
		}},
		{"{default: 99%, dedicated: 99.5%}", Targets{990_000_000, map[string]Ratio{"dedicated": 995_000_000}, built.Targets.ByTenant}},
		{"99%", Targets{Default: 990_000_000}},
	} {
		all, err := policies.parse("own.yaml", []byte("extends: p\ntargets: "+c.targets+"\n"), builtin)
		require.NoError(t, err)
		require.Equal(t, c.want, all[0].Targets)
	}
	require.Equal(t, map[string]Ratio{"north": 999_500_000, "south": 998_000_000}, built.Targets.ByTenant, "they share nothing")
}

func TestExtendsFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown", "extends: logout\n", `own.yaml:1:10: there is no built-in objective "logout" to extend; there are appointments-answered, `},
		{"no name", "extends: [login]\n", "own.yaml:1:10: a single value belongs here"},
		{"a target that the policy cannot watch", "extends: login\ntargets: {shared: 90%}\n", `own.yaml:1:1: policy "default": page-1h needs a burn rate above 14.4`},
		{"an unknown policy", "extends: login\npolicy: calm\n", `own.yaml:2:9: there is no policy "calm"`},
		{"a target of everything", "extends: login\ntargets: {shared: 100%}\n", "own.yaml:2:19: a target of 100% leaves no error budget"},
		{"a tenant's target of everything", "extends: login\ntargets: {tenants: {north: 99%, south: 100%}}\n", "own.yaml:2:40: a target of 100% leaves no error budget"},
		{"a tenant's target that the policy cannot watch", "extends: login\ntargets: {tenants: {north: 90%}}\n", `own.yaml:1:1: policy "default": page-1h needs a burn rate above 14.4, but with a target of 90%`},
		{"a tenant twice", "extends: login\ntargets: {tenants: {north: 99%, north: 98%}}\n", `own.yaml:2:33: "north" stands twice; keep one`},
		{"a tenant without a name", "extends: login\ntargets:\n  tenants:\n    '': 99%\n", "own.yaml:4:5: the name of a tier or tenant is missing"},
		{"a tenant without a target", "extends: login\ntargets: {tenants: {north: }}\n", "own.yaml:2:28: a single value belongs here"},
		{"a tier called tenants", "extends: login\ntargets: {tenants: 99%}\n", "own.yaml:2:20: below tenants stand their names with a target each"},
		{"a list of tenants", "extends: login\ntargets: {tenants: [north]}\n", "own.yaml:2:20: below tenants stand their names with a target each"},
		{"tenants and no default", "name: a\nquestion: healthy\ntitle: A\nindicator: {events: {good: g, total: t}}\ntargets: {tenants: {north: 99%}}\n", "own.yaml:5:10: targets has no default; add default:"},
		{"an unknown key", "extends: login\ntarget: 99%\n", `own.yaml:2:1: an objective has no key "target"`},
		{"twice", "extends: login\n---\nextends: login\n", `own.yaml:3:1: objective "login" stands twice; the other is at own.yaml:1:1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseObjectives("own.yaml", []byte(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := Policies{}.parse("catalogue/x.yaml", []byte("extends: login\n"), nothing)
	require.ErrorContains(t, err, "catalogue/x.yaml:1:10: the catalogue cannot be read: it extends nothing itself")
}
