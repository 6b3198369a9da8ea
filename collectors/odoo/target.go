package odoo

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
)

// Options are what a Target is given besides its Config. The zero value is usable.
type Options struct {
	Logger   *slog.Logger  // told once of each change of the plan of checks; nil means nobody
	Interval time.Duration // of rounds; zero means a minute
	StateDir string        // existing folder where the place in the log is kept over a restart; "" for nowhere
	Previous *Target       // the service before its settings were changed: its counters go on, and its budget where that has the same size
}

// Target is one Odoo service: it knows its settings, which tenants it serves, and plans and makes
// the checks of their login pages.
type Target struct {
	config   Config
	tenants  *regexp.Regexp // nil means all
	interval time.Duration
	logger   *slog.Logger
	client   *http.Client
	budget   *collectors.Budget

	log *logVisit // nil where no log is read

	mu      sync.Mutex
	checks  map[string]*Login
	tallies map[string]*tally
	planned Plan

	sessions map[string]*Session
}

// New returns the service that c describes. It reads the TLS files that c names and opens nothing.
func New(c Config, o Options) (*Target, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	pattern, err := c.pattern()
	if err != nil {
		return nil, fmt.Errorf("odoo %s: %w", c.Name, err)
	}
	client, err := newClient(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("odoo %s: %w", c.Name, err)
	}
	t := &Target{
		config: c, tenants: pattern, interval: o.Interval, logger: o.Logger, client: client,
		budget: collectors.NewBudget(c.Concurrency),
		checks: map[string]*Login{}, tallies: map[string]*tally{},
	}
	if t.interval == 0 {
		t.interval = collectors.DefaultOptions().Interval
	}
	if t.logger == nil {
		t.logger = slog.New(slog.DiscardHandler)
	}
	if t.log, err = newLogVisit(c, o); err != nil {
		return nil, fmt.Errorf("odoo %s: %w", c.Name, err)
	}
	if o.Previous != nil {
		o.Previous.mu.Lock()
		defer o.Previous.mu.Unlock()
		maps.Copy(t.tallies, o.Previous.tallies)
		if o.Previous.budget.Size() == c.Concurrency {
			t.budget = o.Previous.budget // checks of both are bound by it while the last of the old one end
		}
	}
	return t, nil
}

// newClient returns a client that follows no redirect, because a missing tenant's answer is one,
// and keeps no connection, because an Odoo worker serves one connection at a time.
func newClient(c *config.TLSConfig) (*http.Client, error) {
	transport := &http.Transport{
		DisableKeepAlives:      true,
		DialContext:            (&net.Dialer{}).DialContext,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if c != nil {
		settings, err := config.NewTLSConfig(c)
		if err != nil {
			return nil, fmt.Errorf("read TLS settings: %w", err)
		}
		transport.TLSClientConfig = settings
	} else {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Name is the target label of the service's checks.
func (t *Target) Name() string { return t.config.Name }

// Config is the service's settings.
func (t *Target) Config() Config { return t.config }

// Serves says whether a tenant is one of this service's.
func (t *Target) Serves(tenant collectors.Tenant) bool {
	return t.tenants == nil || t.tenants.MatchString(tenant.Name)
}

// Visits plans the login checks of those of the tenants that this service serves, one visit that
// reports the plan, and one to the log. Without a URL there are no checks, and no visit to the log
// without one. What is asked again for a tenant stays the same collector.
func (t *Target) Visits(tenants []collectors.Tenant) []collectors.Visit {
	served := make([]collectors.Tenant, 0, len(tenants))
	for _, tenant := range tenants {
		if t.Serves(tenant) {
			served = append(served, tenant)
		}
	}
	return append(t.checkVisits(served), t.log.visits(served)...)
}

func (t *Target) checkVisits(served []collectors.Tenant) []collectors.Visit {
	if t.config.URL == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	plan := NewPlan(served, t.limits())
	if plan.Rotating != t.planned.Rotating {
		t.logger.Info("login checks are planned anew", "target", t.config.Name, "tenants", len(plan.Checks),
			"in_rotation", plan.Rotating, "tenants_per_hour", plan.TenantsPerHour)
	}
	t.planned = plan
	visits := []collectors.Visit{{
		Key: collectors.Key{Collector: "odoo_login", Target: t.config.Name}, Collector: planReport{plan, t.limits()},
	}}
	checks := make(map[string]*Login, len(plan.Checks))
	for _, c := range plan.Checks {
		login := t.login(c.Tenant)
		checks[c.Tenant.Name] = login
		visits = append(visits, collectors.Visit{
			Key:       collectors.Key{Collector: "odoo_login", Target: t.config.Name, Tenant: c.Tenant.Name},
			Collector: login, Interval: c.Interval, Timeout: login.longest(), Budget: t.budget,
		})
	}
	t.checks = checks
	maps.DeleteFunc(t.tallies, func(tenant string, _ *tally) bool { return checks[tenant] == nil })
	return append(visits, t.sessionVisits(plan)...)
}

func (t *Target) limits() Limits {
	return Limits{
		Registries: t.config.RegistryLimit, Interval: t.interval,
		Concurrency: t.config.Concurrency, Timeout: time.Duration(t.config.Timeout),
		EveryRound: t.config.EveryRound, Staging: t.config.Staging == StagingInclude,
	}
}

func (t *Target) login(tenant collectors.Tenant) *Login {
	host := tenant.Hosts[0]
	if held, ok := t.checks[tenant.Name]; ok && held.host == host {
		return held
	}
	count, ok := t.tallies[tenant.Name]
	if !ok {
		count = &tally{outcomes: map[Outcome]uint64{}}
		t.tallies[tenant.Name] = count
	}
	return &Login{
		client: t.client, url: t.config.loginURL(), host: host, tally: count,
		timeout: time.Duration(t.config.Timeout), cold: time.Duration(t.config.ColdThreshold),
	}
}

// Close ends what the service's client and log reader hold.
func (t *Target) Close() {
	t.client.CloseIdleConnections()
	t.log.close()
}
