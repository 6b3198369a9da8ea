package scrape

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	valid := func(c *Config) {
		c.Name, c.URLs = "cluster", []string{"http://127.0.0.1:1/metrics"}
		c.Families = []Selection{{Names: []string{"kube_*"}}}
	}
	for name, tc := range map[string]struct {
		set  func(*Config)
		want string // a part of the problem; "" for none
	}{
		"nothing wrong":     {func(*Config) {}, ""},
		"rules alone":       {func(c *Config) { c.Families, c.Rules = nil, []string{"kubernetes"} }, ""},
		"no name":           {func(c *Config) { c.Name = "" }, "name: "},
		"no url":            {func(c *Config) { c.URLs = nil }, "urls: is empty"},
		"a path":            {func(c *Config) { c.URLs = []string{"/metrics"} }, "urls[0]: must be http"},
		"credentials":       {func(c *Config) { c.URLs = []string{"http://u:CANARY@h/"} }, "urls[0]: has credentials"},
		"twice":             {func(c *Config) { c.URLs = append(c.URLs, c.URLs[0]+"?x=CANARY") }, "urls[1]: is there twice"},
		"nothing taken":     {func(c *Config) { c.Families = nil }, "families: is empty"},
		"no names":          {func(c *Config) { c.Families[0].Names = nil }, "families[0].names: is empty"},
		"a bad glob":        {func(c *Config) { c.Families[0].Names[0] = "[" }, "families[0].names[0]: "},
		"an unknown type":   {func(c *Config) { c.Families[0].Type = "summary" }, "families[0].type: "},
		"a type for many":   {func(c *Config) { c.Families[0].Type = "gauge" }, "families[0].type: is for names without wildcards"},
		"a lying type":      {func(c *Config) { c.Families[0] = Selection{Names: []string{"x"}, Type: "counter"} }, "families[0].names[0]: \"x\": counters"},
		"le as a label":     {func(c *Config) { c.Families[0].Labels = []string{"le"} }, "families[0].labels[0]: "},
		"a label twice":     {func(c *Config) { c.Families[0].Labels = []string{"a", "a"} }, "families[0].labels[1]: \"a\" is there twice"},
		"a bad condition":   {func(c *Config) { c.Families[0].Where = map[string]string{"a": "("} }, "families[0].where: a: not a regular"},
		"a bad combination": {func(c *Config) { c.Families[0].Combine = "avg" }, "families[0].combine: "},
		"a rule without":    {func(c *Config) { c.Tenants = []TenantRule{{}} }, "tenants[0].label: "},
		"a rule of two kinds": {func(c *Config) {
			c.Tenants = []TenantRule{{Label: "a", Pattern: "(?P<tenant>.*)", Map: map[string]string{}}}
		}, "tenants[0].map: "},
		"no group":            {func(c *Config) { c.Tenants = []TenantRule{{Label: "a", Pattern: "(.*)"}} }, "tenants[0].pattern: has no group"},
		"a bad pattern":       {func(c *Config) { c.Tenants = []TenantRule{{Label: "a", Pattern: "("}} }, "tenants[0].pattern: is not"},
		"by what":             {func(c *Config) { c.Tenants = []TenantRule{{Label: "a", By: "id"}} }, "tenants[0].by: "},
		"an unknown rule set": {func(c *Config) { c.Rules = []string{"nomad"} }, "rules[0]: \"nomad\" is no rule set; there are: kubernetes"},
		"keep or drop":        {func(c *Config) { c.Unattributed = "" }, "unattributed: "},
		"no bytes":            {func(c *Config) { c.MaxBytes = 0 }, "max_bytes: "},
		"no series":           {func(c *Config) { c.MaxSeries = 0 }, "max_series: "},
		"no families":         {func(c *Config) { c.MaxFamilies = 0 }, "max_families: "},
		"endless labels":      {func(c *Config) { c.MaxLabelLength = 1000 }, "max_label_length: "},
		"no time":             {func(c *Config) { c.Timeout = 0 }, "timeout: "},
		"backwards":           {func(c *Config) { c.Interval = -1 }, "interval: "},
		"two credentials": {func(c *Config) {
			c.HTTP.BasicAuth, c.HTTP.Authorization = &config.BasicAuth{}, &config.Authorization{}
		}, "http: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := DefaultConfig()
			valid(&c)
			tc.set(&c)
			err := c.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "CANARY")
			var field *collectors.FieldError
			require.ErrorAs(t, err, &field)
		})
	}
}

func TestConfigIsReadStrictly(t *testing.T) {
	c := DefaultConfig()
	text := "name: cluster\nurls: [http://127.0.0.1/metrics]\nhttp: {authorization: {credentials: CANARY}}\nfamilies: [{names: [kube_*], labels: [pod]}]\n"
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&c))
	require.NoError(t, c.Validate())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "scrape target cluster", fmt.Sprintf(verb, c))
	}
}

func TestRulesSayWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"an unknown field":   {"metrics: [{nam: x}]", "not found"},
		"an unknown type":    {"metrics: [{name: x, type: sum}]", "type \"sum\""},
		"no family":          {"metrics: [{name: x, type: gauge, from: [{take: sum}]}]", "the family is missing"},
		"a gauge's increase": {"metrics: [{name: x, type: gauge, from: [{family: y, take: increase}]}]", "take \"increase\""},
		"a counter's sum":    {"metrics: [{name: x_total, type: counter, from: [{family: y, take: sum}]}]", "take \"sum\""},
		"a label unsaid":     {"metrics: [{name: x, type: gauge, labels: [a], from: [{family: y, take: sum}]}]", "label a"},
		"no comparison":      {"metrics: [{name: x, type: gauge, from: [{family: y, take: sum, is: \"about 3\"}]}]", "no comparison"},
		"no join":            {"metrics: [{name: x, type: gauge, from: [{family: y, take: sum, join: {family: z}}]}]", "join must do"},
		"a bad pattern":      {"metrics: [{name: x, type: gauge, from: [{family: y, take: sum, where: {a: (}}]}]", "not a regular"},
		"no such metric":     {"findings: [{name: f, metric: x}]", "there is no metric"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadRules([]byte(tc.text))
			require.ErrorContains(t, err, tc.want)
		})
	}
}
