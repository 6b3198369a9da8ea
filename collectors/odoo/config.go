package odoo

import (
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo/odoolog"
)

// Config describes one Odoo service: where its pages are, which tenants it serves, and what
// cannot be read from their databases.
type Config struct {
	Name    string `yaml:"name"`    // the target label of the login checks
	URL     string `yaml:"url"`     // where it listens, such as http://127.0.0.1:8069; empty means no login checks
	Tenants string `yaml:"tenants"` // pattern of the whole names of the tenants it serves; empty means all. The first service that matches counts

	Timeout       model.Duration    `yaml:"timeout"`        // of one request for the login page
	ColdThreshold model.Duration    `yaml:"cold_threshold"` // a slower answer is asked for again, to tell a cold start from a slow page
	RegistryLimit int               `yaml:"registry_limit"` // tenants that one worker holds in memory: limit_memory_soft / 15 MB, or registry_lru_size
	Concurrency   int               `yaml:"concurrency"`    // login checks in flight at once, each of which holds a worker of the service while it hangs
	EveryRound    []string          `yaml:"every_round"`    // tiers that are checked each round even where not all tenants can be
	TLS           *config.TLSConfig `yaml:"tls"`            // for a URL with https; set server_name where the certificate names a tenant's host

	Session SessionConfig  `yaml:"session"` // checks with a signed-in user; optional
	Log     odoolog.Config `yaml:"log"`     // of the service; optional

	Crons Crons `yaml:"crons"`
	Jobs  Jobs  `yaml:"jobs"`
	Mail  Mail  `yaml:"mail"`

	// Backlogs is, by kind of business work, after how long a piece of it that waits is reported,
	// in place of the default; 0 for never.
	Backlogs map[string]model.Duration `yaml:"backlogs"`

	// ExpectedBaseVersion is, by series, the version of the module base that this service runs,
	// such as "18.0": "18.0.1.3". Odoo skips all scheduled tasks of a database with another one.
	// The program alone knows it, so a series that is not listed here is not judged by version.
	ExpectedBaseVersion map[string]string `yaml:"expected_base_version"`

	// Staging says what is done about neutralized copies: "exclude" shows that they are there and
	// nothing else, "include" treats them as any tenant.
	Staging string `yaml:"staging"`
}

// Crons says when scheduled tasks are in trouble.
type Crons struct {
	Grace        model.Duration `yaml:"grace"`         // a task is overdue when it is late by more than this and by more than one interval
	RunningAfter model.Duration `yaml:"running_after"` // a task that runs for longer is reported
	Show         int            `yaml:"show"`          // tasks in trouble that get series of their own, per tenant
}

// Jobs says what queue_job keeps outside the database, and when jobs are in trouble.
type Jobs struct {
	Channels     map[string]int `yaml:"channels"`      // capacity by channel as in ODOO_QUEUE_JOB_CHANNELS: root: 4, root.invoice: 1
	StuckAfter   model.Duration `yaml:"stuck_after"`   // a job that runs for longer counts as dead; above limit_time_real
	WaitingAfter model.Duration `yaml:"waiting_after"` // a runnable job that waits for longer is reported
}

// Mail says when mail is in trouble.
type Mail struct {
	DelayedAfter  model.Duration `yaml:"delayed_after"`  // Odoo's mail queue runs hourly
	FetchedWithin model.Duration `yaml:"fetched_within"` // incoming mail that was not fetched for longer is reported; Odoo fetches every 5 minutes
}

// What Config.Staging can be.
const (
	StagingExclude = "exclude"
	StagingInclude = "include"
)

// DefaultConfig is a service with Odoo's own defaults that serves all tenants. Four checks at once
// leave workers and most of a listen backlog of 16 to people even while every check hangs: a
// worker serves one request at a time, and does not notice that we have left. More tenants than
// fit into a round that way are checked more seldom.
func DefaultConfig() Config {
	return Config{
		Timeout:       model.Duration(10 * time.Second),
		ColdThreshold: model.Duration(time.Second),
		RegistryLimit: 136,
		Concurrency:   4,
		EveryRound:    []string{"dedicated"},
		Crons:         Crons{Grace: model.Duration(5 * time.Minute), RunningAfter: model.Duration(time.Hour), Show: 10},
		Jobs:          Jobs{StuckAfter: model.Duration(30 * time.Minute), WaitingAfter: model.Duration(15 * time.Minute)},
		Mail:          Mail{DelayedAfter: model.Duration(2 * time.Hour), FetchedWithin: model.Duration(time.Hour)},
		Session:       SessionConfig{Interval: model.Duration(5 * time.Minute)},
		Staging:       StagingExclude,
	}
}

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(path, format, args...))
		}
	}
	wrong(c.Name == "", "name", "is missing; it becomes the target label")
	wrong(c.URL != "" && !isBase(c.URL), "url", "must be http:// or https:// with a host, and no credentials, query or fragment")
	_, err := c.pattern()
	wrong(err != nil, "tenants", "is not a regular expression: %v", err)
	wrong(c.Timeout <= 0, "timeout", "must be positive")
	wrong(c.ColdThreshold <= 0, "cold_threshold", "must be positive")
	wrong(c.RegistryLimit < 2, "registry_limit", "is %d; half of it is what login checks may use, so write at least 2", c.RegistryLimit)
	wrong(c.Concurrency < 1, "concurrency", "is %d; write at least 1", c.Concurrency)
	if c.TLS != nil {
		err := c.TLS.Validate()
		wrong(err != nil, "tls", "%v", err)
	}
	wrong(c.Crons.Grace <= 0, "crons.grace", "must be positive")
	wrong(c.Crons.RunningAfter <= 0, "crons.running_after", "must be positive")
	wrong(c.Crons.Show < 0 || c.Crons.Show > mostShown, "crons.show", "is %d; write 0 to %d", c.Crons.Show, mostShown)
	for _, channel := range slices.Sorted(maps.Keys(c.Jobs.Channels)) {
		capacity := c.Jobs.Channels[channel]
		wrong(channelName(channel) != channel, "jobs.channels."+channel, "is not a channel; write root, root.invoice, …")
		wrong(capacity < 0, "jobs.channels."+channel, "is %d; write the capacity, 0 for no limit", capacity)
	}
	wrong(c.Jobs.StuckAfter <= 0, "jobs.stuck_after", "must be positive")
	wrong(c.Jobs.WaitingAfter <= 0, "jobs.waiting_after", "must be positive")
	wrong(c.Mail.DelayedAfter <= 0, "mail.delayed_after", "must be positive")
	wrong(c.Mail.FetchedWithin <= 0, "mail.fetched_within", "must be positive")
	for _, name := range slices.Sorted(maps.Keys(c.Backlogs)) {
		known := slices.ContainsFunc(works, func(w work) bool { return w.name == name })
		wrong(!known, "backlogs."+name, "is no kind of work that can wait")
		wrong(c.Backlogs[name] < 0, "backlogs."+name, "must not be negative")
	}
	for _, series := range slices.Sorted(maps.Keys(c.ExpectedBaseVersion)) {
		expected := c.ExpectedBaseVersion[series]
		wrong(versionName(expected) == "" || seriesOf(expected) != series, "expected_base_version."+series,
			"is %q; write the version of the module base in that series, such as %s.1.3", expected, series)
	}
	wrong(c.Staging != StagingExclude && c.Staging != StagingInclude, "staging", "is %q; write exclude or include", c.Staging)
	errs = append(errs, c.Session.validate()...)
	errs = append(errs, part("log", c.Log.Validate()))
	return errors.Join(errs...)
}

const mostShown = 100

// part puts the paths of settings below that of the part which they belong to.
func part(name string, err error) error {
	var field *collectors.FieldError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, err := range joined.Unwrap() {
			errs = append(errs, part(name, err))
		}
		return errors.Join(errs...)
	}
	if errors.As(err, &field) {
		return &collectors.FieldError{Path: name + "." + field.Path, Problem: field.Problem}
	}
	return err
}

func isBase(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// pattern is nil where all tenants are served.
func (c Config) pattern() (*regexp.Regexp, error) {
	if c.Tenants == "" {
		return nil, nil
	}
	return regexp.Compile("^(?:" + c.Tenants + ")$")
}

// loginURL is the address of the login page.
func (c Config) loginURL() string { return strings.TrimRight(c.URL, "/") + "/web/login" }
