package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
)

// Options are what a Target is given besides its Config. The zero value is usable.
type Options struct {
	Previous *Target // the service before its settings were changed: its counters go on, and its budget where that has the same size
}

// Target is one service with its probes.
type Target struct {
	config Config
	probes []*probe
	client *http.Client
	budget *collectors.Budget

	mu      sync.Mutex
	runs    map[place]*Run
	tallies map[place]*tally
}

// place is one tenant's run of one probe.
type place struct{ probe, tenant string }

// probe is a Probe made ready.
type probe struct {
	Probe
	tenants *regexp.Regexp // nil means all
	steps   []*step
}

func (p *probe) timeout() time.Duration { return orElse(time.Duration(p.Timeout), defaultTimeout) }
func (p *probe) certificate() time.Duration {
	return orElse(time.Duration(p.Certificate), defaultCertificate)
}

func (p *probe) severity() collectors.Severity {
	if p.Severity == "" {
		return collectors.Critical
	}
	return p.Severity
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// New returns the service that c describes. It reads the TLS files that c names and opens nothing.
func New(c Config, o Options) (*Target, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	t := &Target{
		config: c, client: client, budget: collectors.NewBudget(c.Concurrency),
		runs: map[place]*Run{}, tallies: map[place]*tally{},
	}
	for i, p := range c.Probes {
		made, err := newProbe(p)
		if err != nil {
			return nil, fmt.Errorf("probes[%d].%w", i, err)
		}
		t.probes = append(t.probes, made)
	}
	if o.Previous != nil {
		o.Previous.mu.Lock()
		defer o.Previous.mu.Unlock()
		maps.Copy(t.tallies, o.Previous.tallies)
		if o.Previous.budget.Size() == c.Concurrency {
			t.budget = o.Previous.budget // runs of both are bound by it while the last of the old one end
		}
	}
	return t, nil
}

func newProbe(p Probe) (*probe, error) {
	made := &probe{Probe: p}
	if p.Tenants != "" {
		pattern, err := regexp.Compile(`^(?:` + p.Tenants + `)$`)
		if err != nil {
			return nil, fmt.Errorf("tenants: %w", err)
		}
		made.tenants = pattern
	}
	for i, s := range p.Steps {
		step, err := newStep(s)
		if err != nil {
			return nil, fmt.Errorf("steps[%d].%w", i, err)
		}
		made.steps = append(made.steps, step)
	}
	return made, nil
}

// newClient returns a client that keeps no connection, because an Odoo worker serves one
// connection at a time, and connects where the configuration says.
func newClient(c Config) (*http.Client, error) {
	dialer := &net.Dialer{}
	transport := &http.Transport{
		DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if c.Connect != "" {
				address = c.Connect
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	if c.TLS != nil {
		settings, err := config.NewTLSConfig(c.TLS)
		if err != nil {
			return nil, collectors.Invalid("tls", "%v", err)
		}
		transport.TLSClientConfig = settings
	}
	return &http.Client{Transport: transport}, nil
}

// Name is the target label of the probes.
func (t *Target) Name() string { return t.config.Name }

// Close ends what the client holds.
func (t *Target) Close() { t.client.CloseIdleConnections() }

// Visits plans the runs: one visit per tenant and probe, with a key whose collector names the
// probe, such as probe_portal. Staging copies and tenants without a host are left out. What is
// made again stays the same collector.
func (t *Target) Visits(tenants []collectors.Tenant) []collectors.Visit {
	t.mu.Lock()
	defer t.mu.Unlock()
	served := t.served(tenants)
	runs := map[place]*Run{}
	var visits []collectors.Visit
	for i, p := range t.probes {
		interval := t.interval(p, served)
		for _, tenant := range served[i] {
			at := place{p.Name, tenant.Name}
			runs[at] = t.run(at, p, tenant, interval)
			visits = append(visits, collectors.Visit{
				Key:       collectors.Key{Collector: "probe_" + p.Name, Target: t.config.Name, Tenant: tenant.Name},
				Collector: runs[at], Interval: interval, Timeout: p.timeout() + time.Second, Budget: t.budget,
			})
		}
	}
	t.runs = runs
	maps.DeleteFunc(t.tallies, func(at place, _ *tally) bool { return runs[at] == nil })
	return visits
}

// served are, by probe, the tenants that it is made for.
func (t *Target) served(tenants []collectors.Tenant) [][]collectors.Tenant {
	all := make([][]collectors.Tenant, len(t.probes))
	for i, p := range t.probes {
		for _, tenant := range tenants {
			if !tenant.Staging && len(tenant.Hosts) > 0 && (p.tenants == nil || p.tenants.MatchString(tenant.Name)) {
				all[i] = append(all[i], tenant)
			}
		}
	}
	return all
}

// interval is how often a probe is made for each tenant: as asked for, or as often as all runs
// get their turn even if every one of them hangs, and as no more tenants are asked within an hour
// than may be. It grows in steps of a tenth, so that a tenant who comes or goes seldom changes it.
func (t *Target) interval(p *probe, served [][]collectors.Tenant) time.Duration {
	var least time.Duration
	distinct := map[string]bool{}
	for i, other := range t.probes {
		least += time.Duration(len(served[i])) * other.timeout() / time.Duration(t.config.Concurrency)
		for _, tenant := range served[i] {
			distinct[tenant.Name] = true
		}
	}
	if bound := t.config.TenantsPerHour; bound > 0 && len(distinct) > bound {
		least = max(least, time.Duration(len(distinct))*time.Hour/time.Duration(bound))
	}
	interval := orElse(time.Duration(p.Interval), defaultInterval)
	for interval < least {
		interval += max(1, interval/10)
	}
	return interval
}

func (t *Target) run(at place, p *probe, tenant collectors.Tenant, interval time.Duration) *Run {
	if held := t.runs[at]; held != nil && held.interval == interval && held.tenant.Database == tenant.Database && slices.Equal(held.tenant.Hosts, tenant.Hosts) {
		return held
	}
	count := t.tallies[at]
	if count == nil {
		count = &tally{outcomes: map[Outcome]uint64{}}
		t.tallies[at] = count
	}
	return &Run{probe: p, client: t.client, tenant: tenant, interval: interval, tally: count}
}
