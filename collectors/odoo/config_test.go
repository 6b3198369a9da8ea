package odoo

import (
	"fmt"
	"testing"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestConfigProblems(t *testing.T) {
	require.NoError(t, site("https://odoo.example.test").Validate())
	for path, spoil := range map[string]func(*Config){
		"name":                       func(c *Config) { c.Name = "" },
		"url":                        func(c *Config) { c.URL = "odoo:8069" },
		"tenants":                    func(c *Config) { c.Tenants = "(" },
		"timeout":                    func(c *Config) { c.Timeout = 0 },
		"cold_threshold":             func(c *Config) { c.ColdThreshold = -1 },
		"registry_limit":             func(c *Config) { c.RegistryLimit = 1 },
		"concurrency":                func(c *Config) { c.Concurrency = 0 },
		"tls":                        func(c *Config) { c.TLS = &config.TLSConfig{CertFile: "only.crt"} },
		"crons.grace":                func(c *Config) { c.Crons.Grace = 0 },
		"crons.show":                 func(c *Config) { c.Crons.Show = 1000 },
		"jobs.channels.invoice":      func(c *Config) { c.Jobs.Channels = map[string]int{"invoice": 1} },
		"jobs.channels.root":         func(c *Config) { c.Jobs.Channels = map[string]int{"root": -1} },
		"jobs.stuck_after":           func(c *Config) { c.Jobs.StuckAfter = 0 },
		"jobs.waiting_after":         func(c *Config) { c.Jobs.WaitingAfter = 0 },
		"mail.delayed_after":         func(c *Config) { c.Mail.DelayedAfter = 0 },
		"mail.fetched_within":        func(c *Config) { c.Mail.FetchedWithin = 0 },
		"crons.running_after":        func(c *Config) { c.Crons.RunningAfter = 0 },
		"expected_base_version.18.0": func(c *Config) { c.ExpectedBaseVersion = map[string]string{"18.0": "17.0.1.3"} },
		"backlogs.lunch":             func(c *Config) { c.Backlogs = map[string]model.Duration{"lunch": 1} },
		"backlogs.tier_review":       func(c *Config) { c.Backlogs = map[string]model.Duration{"tier_review": -1} },
		"session.password":           func(c *Config) { c.Session.Login = "monitor" },
		"session.interval":           func(c *Config) { c.Session = SessionConfig{Login: "monitor", Password: "x"} },
		"log.path":                   func(c *Config) { c.Log.Path = "odoo.log" },
		"log.loggers[0]":             func(c *Config) { c.Log.Loggers = []string{"John Smith"} },
		"staging":                    func(c *Config) { c.Staging = "maybe" },
	} {
		t.Run(path, func(t *testing.T) {
			c := site("http://127.0.0.1:8069")
			spoil(&c)
			err := c.Validate()
			var field *collectors.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, path, field.Path)
			_, err = New(c, Options{})
			require.Error(t, err)
		})
	}
}

func TestURLWithPasswordIsNotRepeated(t *testing.T) {
	err := site("http://user:hunter2@odoo.example.test").Validate()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestNames(t *testing.T) {
	for given, want := range map[string]string{
		"root": "root", "root.invoice": "root.invoice", "root.a-b.c_d": "root.a-b.c_d",
		"": "other", "invoice": "other", "root.John Smith": "other", "root.": "other",
	} {
		require.Equal(t, want, channelName(given), given)
	}
	for given, want := range map[string]string{
		"mail.ir_cron_mail_scheduler_action": "mail.ir_cron_mail_scheduler_action",
		"":                                   "user_cron_7", "__export__.ir_cron_7": "user_cron_7",
		"studio_customization.remind_john": "user_cron_7", "mail.remind John": "user_cron_7",
	} {
		require.Equal(t, want, cronName(given, 7), given)
	}
	for given, want := range map[string]string{
		"18.0.1.3": "18.0", "saas~17.4.1.3": "saas~17.4", "": "", "John": "", "18": "",
	} {
		require.Equal(t, want, seriesOf(versionName(given)), given)
	}
	require.Equal(t, []string{"mail_smtp", "unknown", "other"}, []string{failureType("mail_smtp"), failureType(""), failureType("John")})
}

func TestChannelsBlocked(t *testing.T) {
	for name, tc := range map[string]struct {
		capacity map[string]int
		stuck    map[string]int64
		waiting  map[string]int64
		want     []string
	}{
		"below capacity":            {map[string]int{"root": 4}, map[string]int64{"root": 3}, nil, nil},
		"at capacity":               {map[string]int{"root": 4}, map[string]int64{"root": 4}, nil, []string{"root"}},
		"children count":            {map[string]int{"root": 4}, map[string]int64{"root.a": 2, "root.b": 2}, nil, []string{"root"}},
		"a child alone":             {map[string]int{"root": 4, "root.a": 1}, map[string]int64{"root.a": 1, "root.ab": 1}, nil, []string{"root.a"}},
		"no limit":                  {map[string]int{"root": 0}, map[string]int64{"root": 9}, nil, nil},
		"unknown, and jobs wait":    {nil, map[string]int64{"root.a": 1}, map[string]int64{"root.a": 1}, []string{"root.a"}},
		"unknown, and nobody waits": {nil, map[string]int64{"root.a": 1}, nil, nil},
		"unknown, others wait only": {nil, map[string]int64{"root.a": 1}, map[string]int64{"root.b": 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := &backlog{live: map[string]map[string]int64{}, stuck: tc.stuck, waiting: tc.waiting}
			for channel := range tc.stuck {
				b.live[channel] = nil
			}
			c := DefaultConfig()
			c.Jobs.Channels = tc.capacity
			require.Equal(t, tc.want, b.blockedChannels(&reading{config: &c}))
		})
	}
}

func TestCatalogue(t *testing.T) {
	require.NoError(t, Metrics().Validate())
}

func TestWords(t *testing.T) {
	require.Equal(t, "[59 s 59 min 23 h 59 min 2 d 3 h]", fmt.Sprint([]string{span(59e9), span(3599e9), span(86399e9), span(51 * 3600e9)}))
	require.Equal(t, "1 job, 2 jobs, 1 job is, 0 jobs are, 1 job was, 2 jobs were",
		count(1, "job")+", "+count(2, "job")+", "+are(1, "job")+", "+are(0, "job")+", "+were(1, "job")+", "+were(2, "job"))
}
