package traefik

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesSayWhoseARouterIs(t *testing.T) {
	known := tenants(t, map[string][]string{
		"alpha": {"alpha.example.test", "www.alpha.test"}, "beta": {"beta.example.test"}, "gamma": {"Gamma.Example.Test"},
	}).Current()
	for name, c := range map[string]struct {
		rule string
		want ownership
	}{
		"one host":                        {"Host(`alpha.example.test`)", ownership{tenant: "alpha"}},
		"in double quotes":                {`Host("alpha.example.test")`, ownership{tenant: "alpha"}},
		"in any case":                     {"host(`ALPHA.example.TEST`)", ownership{tenant: "alpha"}},
		"as the registry does not":        {"Host(`gamma.example.test`)", ownership{tenant: "gamma"}},
		"with a dot behind it":            {"Host(`beta.example.test.`)", ownership{}}, // the registry has no such host
		"and a path":                      {"Host(`alpha.example.test`) && PathPrefix(`/websocket`)", ownership{tenant: "alpha"}},
		"and not a path":                  {"Host(`alpha.example.test`) && !PathPrefix(`/web/database`)", ownership{tenant: "alpha"}},
		"a path and then a host":          {"(PathPrefix(`/a`) || PathPrefix(`/b`)) && Host(`beta.example.test`)", ownership{tenant: "beta"}},
		"two hosts of one":                {"Host(`alpha.example.test`) || Host(`www.alpha.test`)", ownership{tenant: "alpha"}},
		"two hosts of one, version 2":     {"Host(`alpha.example.test`, `www.alpha.test`)", ownership{tenant: "alpha"}},
		"two tenants":                     {"Host(`alpha.example.test`) || Host(`beta.example.test`)", ownership{shared: true}},
		"two tenants, version 2":          {"Host(`alpha.example.test`,`beta.example.test`)", ownership{shared: true}},
		"a tenant and a stranger":         {"Host(`alpha.example.test`) || Host(`shop.example.test`)", ownership{tenant: "alpha"}},
		"one host but another":            {"Host(`alpha.example.test`, `beta.example.test`) && !Host(`beta.example.test`)", ownership{tenant: "alpha"}},
		"an impossible rule":              {"Host(`alpha.example.test`) && Host(`beta.example.test`)", ownership{}},
		"a pattern of one":                {"HostRegexp(`^(www\\.)?alpha\\..*test$`)", ownership{tenant: "alpha"}},
		"a pattern of several":            {"HostRegexp(`^.+\\.example\\.test$`)", ownership{shared: true}},
		"a pattern of several, narrowed":  {"HostRegexp(`^.+\\.example\\.test$`) && Host(`beta.example.test`)", ownership{tenant: "beta"}},
		"a pattern of all":                {"HostRegexp(`.+`)", ownership{}},
		"a pattern that is none":          {"HostRegexp(`(`)", ownership{}},
		"only a path":                     {"PathPrefix(`/`)", ownership{}},
		"a host or a path":                {"Host(`alpha.example.test`) || PathPrefix(`/shared`)", ownership{}},
		"all but a host":                  {"!Host(`alpha.example.test`)", ownership{}},
		"a host of nobody":                {"Host(`shop.example.test`)", ownership{}},
		"the host in another matcher":     {"Header(`Host`, `alpha.example.test`)", ownership{}},
		"the host as another's argument":  {"Query(`q`, `Host(alpha.example.test)`)", ownership{}},
		"nothing":                         {"", ownership{}},
		"cut in the middle":               {"Host(`alpha.exa", ownership{}},
		"a program":                       {"func() { for {} }()", ownership{}},
		"TLS beside it":                   {"Host(`alpha.example.test`) && ClientIP(`10.0.0.0/8`)", ownership{tenant: "alpha"}},
		"a host in a negated parenthesis": {"Host(`beta.example.test`) && !(Host(`alpha.example.test`) || Path(`/x`))", ownership{tenant: "beta"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, claim(c.rule, known), c.rule) })
	}
}

func FuzzRules(f *testing.F) {
	f.Add("Host(`alpha.example.test`) && !(PathPrefix(`/x`) || HostRegexp(`^a{1,3}$`))")
	f.Add("!!!!((Host(``)))")
	f.Add("Host(func(){}, `a`)")
	known := tenants(f, map[string][]string{"alpha": {"alpha.example.test"}, "beta": {"beta.example.test"}}).Current()
	f.Fuzz(func(t *testing.T, rule string) {
		its := claim(rule, known)
		require.False(t, its.shared && its.tenant != "", "a shared router has no tenant")
		if its.tenant != "" {
			_, there := known.ByName(its.tenant)
			require.True(t, there)
		}
	})
}
