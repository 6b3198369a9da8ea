package probe

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	step := func(set func(*Step)) func(*Config) { return func(c *Config) { set(&c.Probes[0].Steps[0]) } }
	for name, tc := range map[string]struct {
		set  func(*Config)
		want string // a part of the problem; "" for none
	}{
		"nothing wrong":         {func(*Config) {}, ""},
		"no name":               {func(c *Config) { c.Name = "" }, "name: is missing"},
		"no room":               {func(c *Config) { c.Concurrency = 0 }, "concurrency: "},
		"no tenants":            {func(c *Config) { c.TenantsPerHour = -1 }, "tenants_per_hour: "},
		"nowhere":               {func(c *Config) { c.Connect = "proxy" }, "connect: "},
		"no probes":             {func(c *Config) { c.Probes = nil }, "probes: is empty"},
		"a probe twice":         {func(c *Config) { c.Probes = append(c.Probes, c.Probes[0]) }, "probes[1].name: \"portal\" is there twice"},
		"a probe's name":        {func(c *Config) { c.Probes[0].Name = "My Portal" }, "probes[0].name: "},
		"a bad pattern":         {func(c *Config) { c.Probes[0].Tenants = "(" }, "probes[0].tenants: "},
		"too often":             {func(c *Config) { c.Probes[0].Interval = 1 }, "probes[0].interval: "},
		"too long":              {func(c *Config) { c.Probes[0].Timeout = model.Duration(time.Hour) }, "probes[0].timeout: "},
		"a certificate":         {func(c *Config) { c.Probes[0].Certificate = -1 }, "probes[0].certificate: "},
		"a severity":            {func(c *Config) { c.Probes[0].Severity = "page" }, "probes[0].severity: "},
		"no steps":              {func(c *Config) { c.Probes[0].Steps = nil }, "probes[0].steps: has 0 steps"},
		"a step twice":          {func(c *Config) { c.Probes[0].Steps = append(c.Probes[0].Steps, c.Probes[0].Steps[0]) }, "probes[0].steps[1].name: "},
		"a step's name":         {step(func(s *Step) { s.Name = "" }), "probes[0].steps[0].name: "},
		"a method":              {step(func(s *Step) { s.Method = "FETCH" }), "probes[0].steps[0].method: "},
		"a path":                {step(func(s *Step) { s.URL = "/my" }), "probes[0].steps[0].url: must be"},
		"credentials":           {step(func(s *Step) { s.URL = "http://u:CANARY@{host}/" }), "probes[0].steps[0].url: has credentials"},
		"two bodies":            {step(func(s *Step) { s.Body, s.BodyFile = "CANARY", "b" }), "probes[0].steps[0].body_file: "},
		"a header":              {step(func(s *Step) { s.Headers = map[string]string{"a b": "CANARY"} }), "probes[0].steps[0].headers: "},
		"two tokens":            {step(func(s *Step) { s.TokenFile, s.Headers = "f", map[string]string{"authorization": "CANARY"} }), "probes[0].steps[0].token_file: "},
		"an unknown value":      {step(func(s *Step) { s.URL = "http://{host}/{csrf}" }), "probes[0].steps[0].url: has {csrf}"},
		"one in a header":       {step(func(s *Step) { s.Headers = map[string]string{"X-A": "{csrf}"} }), "probes[0].steps[0].headers.X-A: has {csrf}"},
		"one in a body":         {step(func(s *Step) { s.Body = "{csrf}" }), "probes[0].steps[0].body: has {csrf}"},
		"a status":              {step(func(s *Step) { s.Expect.Status = []int{99} }), "probes[0].steps[0].expect.status[0]: "},
		"a pattern":             {step(func(s *Step) { s.Expect.Body = "(" }), "probes[0].steps[0].expect.body: "},
		"a pattern that is not": {step(func(s *Step) { s.Expect.NotBody = "(" }), "probes[0].steps[0].expect.notbody: "},
		"a latency":             {step(func(s *Step) { s.Expect.Latency = -1 }), "probes[0].steps[0].expect.latency: "},
		"a value's name":        {step(func(s *Step) { s.Extract = []Extract{{Header: "X"}} }), "probes[0].steps[0].extract[0].name: "},
		"a value of the tenant": {step(func(s *Step) { s.Extract = []Extract{{Name: "host", Header: "X"}} }), "probes[0].steps[0].extract[0].name: \"host\" is the tenant's own"},
		"a value of two places": {step(func(s *Step) { s.Extract = []Extract{{Name: "x", Header: "X", Body: "(x)"}} }), "probes[0].steps[0].extract[0]: needs either"},
		"a value of no group":   {step(func(s *Step) { s.Extract = []Extract{{Name: "x", Body: "x"}} }), "probes[0].steps[0].extract[0].body: needs one group"},
	} {
		t.Run(name, func(t *testing.T) {
			c := to("", Probe{Steps: []Step{{URL: "https://{host}/my"}}})
			tc.set(&c)
			err := c.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := to("", Probe{Steps: []Step{{URL: "https://{host}/my?CANARY", Body: "CANARY", Headers: map[string]string{"X": "CANARY"}}}})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb+verb+verb, c, c.Probes, c.Probes[0].Steps), "CANARY")
	}
}

func TestPlanning(t *testing.T) {
	tenants := func(n int) []collectors.Tenant {
		all := make([]collectors.Tenant, n)
		for i := range all {
			all[i] = collectors.Tenant{Name: fmt.Sprintf("t%03d", i), Hosts: []string{fmt.Sprintf("t%03d.example.test", i)}}
		}
		return all
	}
	for name, tc := range map[string]struct {
		tenants, concurrency, perHour int
		least, most                   time.Duration
	}{
		"room for all":          {30, 4, 0, 5 * time.Minute, 5 * time.Minute},
		"all hang":              {240, 4, 0, 10 * time.Minute, 11 * time.Minute}, // 240 x 10 s / 4
		"memory for few":        {100, 4, 50, 2 * time.Hour, 132 * time.Minute},
		"memory for all":        {50, 4, 50, 5 * time.Minute, 5 * time.Minute},
		"more at the same time": {240, 8, 0, 5 * time.Minute, 5*time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c := to("", Probe{Steps: []Step{{URL: "https://{host}/"}}})
			c.Concurrency, c.TenantsPerHour = tc.concurrency, tc.perHour
			all := visits(t, c, tenants(tc.tenants)...)
			require.Len(t, all, tc.tenants)
			require.GreaterOrEqual(t, all[0].Interval, tc.least)
			require.LessOrEqual(t, all[0].Interval, tc.most)
			require.Equal(t, tc.concurrency, all[0].Budget.Size())
		})
	}
}

func TestWhoIsProbed(t *testing.T) {
	c := to("", Probe{Tenants: "n.*", Steps: []Step{{URL: "https://{host}/"}}})
	all := visits(t, c,
		north,
		collectors.Tenant{Name: "south", Hosts: []string{"south.example.test"}},
		collectors.Tenant{Name: "nowhere"},
		collectors.Tenant{Name: "ncopy", Hosts: []string{"copy.example.test"}, Staging: true},
	)
	require.Len(t, all, 1)
	require.Equal(t, collectors.Key{Collector: "probe_portal", Target: "web", Tenant: "north"}, all[0].Key)
}
