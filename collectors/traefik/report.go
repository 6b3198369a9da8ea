package traefik

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// report writes what the page says, what was counted until now, and what is wrong.
func (t *Target) report(b *collectors.Builder, p *page, state began) {
	b.CountedSince(t.began)
	b.Set(metricUp, 1)
	b.Set(metricSeries, float64(len(p.readings)))
	if p.started > 0 {
		b.Set(metricStarted, p.started)
	}
	if state == another {
		b.Notef("another process answers than before, which has run for longer than since the last visit: what it counted until now is left out")
		b.Find(collectors.Finding{
			Name: "several_processes", Question: collectors.Controlled, Severity: collectors.Warning,
			Text: "Another Traefik answers than the last time, and it has run since before: several share the URL, or a clock is wrong; give each process a target of its own",
		})
	}
	if p.skipped > 0 {
		b.Notef("%d series with impossible values were left out", p.skipped)
	}
	t.forget(b.At())
	t.reportTenants(b)
	t.reportEdge(b)
	t.reportState(b, p)
	t.reportServers(b, p)
	t.reportCertificates(b, p)
	t.reportRouters(b)
	t.unavailable(b)
}

// unavailable says what cannot be had.
func (t *Target) unavailable(b *collectors.Builder) {
	if err := t.listing.err; err != nil {
		b.Unavailable("routers", collectors.ReasonOf(err), err)
	}
	if t.config.API != "" {
		b.Set(metricAPIUp, truth(t.listing.err == nil))
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (t *Target) reportTenants(b *collectors.Builder) {
	for _, name := range slices.Sorted(maps.Keys(t.traffic.tenants)) {
		s := t.traffic.tenants[name]
		for key, n := range s.requests {
			t.count(b, name, metricRequests, n, key.class, key.method, key.protocol)
		}
		for key, n := range s.errors {
			t.count(b, name, metricErrors, n, key.code, key.protocol)
		}
		for code, n := range s.answers {
			t.count(b, name, metricAnswers, n, code)
		}
		t.count(b, name, metricRequestBytes, s.got)
		t.count(b, name, metricResponseBytes, s.sent)
		t.distribute(b, name, metricDuration, s)
		t.reportErrors(b, name, s)
	}
}

// shownKey is a series that counts: its tenant, and all else.
type shownKey struct{ tenant, series string }

func keyOf(tenant string, m *collectors.Metric, labels ...string) shownKey {
	return shownKey{tenant, m.Name + "\xff" + strings.Join(labels, "\xff")}
}

// count writes a counter: as zero when it is shown first, so that whoever follows it sees all of its
// growth. Of a series that begins with 5 nobody can tell since when.
func (t *Target) count(b *collectors.Builder, tenant string, m *collectors.Metric, n float64, labels ...string) {
	key := keyOf(tenant, m, labels...)
	if !t.shown[key] {
		t.shown[key], n = true, 0
	}
	b.SetFor(tenant, m, n, labels...)
}

// distribute writes a histogram, which begins like a counter.
func (t *Target) distribute(b *collectors.Builder, tenant string, m *collectors.Metric, s *sums, labels ...string) {
	bounds := t.traffic.bounds
	if len(bounds) == 0 {
		return
	}
	key := shownKey{tenant, fmt.Sprint(m.Name, labels, bounds)}
	if !t.shown[key] {
		t.shown[key], s = true, &sums{}
	}
	b.SetHistogram(tenant, m, s.distribution(bounds), labels...)
}

func (t *Target) reportErrors(b *collectors.Builder, name string, s *sums) {
	s.habit.turn(b.At())
	recent, usual, is := s.habit.unusual(t.config.Errors)
	if recent.requests > 0 {
		b.SetFor(name, metricErrorShare, recent.share())
	}
	if is {
		b.Find(collectors.Finding{
			Tenant: name, Name: "errors_unusual", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("%.0f of %.0f requests failed in %d minutes (%.1f %%), %.1f %% are usual",
				recent.failed, recent.requests, minutes, 100*recent.share(), 100*usual),
		})
	}
}

func (t *Target) reportEdge(b *collectors.Builder) {
	f := t.traffic
	for key, n := range f.edge {
		t.count(b, "", metricPointRequests, n, key.code, key.method, key.protocol, key.entryPoint)
	}
	for key, n := range f.ciphers {
		t.count(b, "", metricPointTLS, n, key.version, key.cipher, key.entryPoint)
	}
	for _, point := range slices.Sorted(maps.Keys(f.points)) {
		s := f.points[point]
		t.count(b, "", metricPointGot, s.got, point)
		t.count(b, "", metricPointSent, s.sent, point)
		t.distribute(b, "", metricPointDuration, s, point)
	}
	for code, g := range f.unrouted {
		if g.told > 0 {
			t.count(b, "", metricUnrouted, g.told, code)
		}
	}
	for key, n := range f.retries {
		t.count(b, key.tenant, metricRetries, n, key.service)
	}
	t.count(b, "", metricReloads, f.reloads)
	if f.layers[ofService] && !f.layers[ofRouter] {
		b.Find(collectors.Finding{
			Name: "routers_unlabelled", Question: collectors.Healthy, Severity: collectors.Info,
			Text: "Traefik does not count by router, so that what middlewares answer and what shares a service is not seen by tenant: set metrics.prometheus.addRoutersLabels",
		})
	}
}

// reportState writes what Traefik says of itself as it is now.
func (t *Target) reportState(b *collectors.Builder, p *page) {
	var failed float64
	for _, r := range p.readings {
		switch r.fact {
		case factConnections:
			b.Set(metricConnections, r.value, r.entryPoint, r.protocol)
		case factReloaded:
			if r.value > 0 {
				t.reloaded = r.value
				b.Set(metricReloaded, r.value)
			}
		case factReloadFailed:
			failed = r.value
		case factReloadFailures:
			t.count(b, "", metricReloadFailures, t.traffic.failures)
		}
	}
	if failed > 0 {
		b.Set(metricReloadFailed, failed)
	}
	if failed > t.reloaded {
		b.Find(collectors.Finding{
			Name: "config_reload_failed", Question: collectors.Controlled, Severity: collectors.Warning,
			Text: fmt.Sprintf("Traefik could not take the configuration of %s and goes on with that of %s", moment(failed), moment(t.reloaded)),
		})
	}
}

func moment(seconds float64) string {
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

// reportServers writes which servers pass their health checks.
func (t *Target) reportServers(b *collectors.Builder, p *page) {
	type state struct {
		tenant   string
		up, down int
	}
	services := map[string]*state{}
	for _, r := range p.readings {
		if r.fact != factServerUp {
			continue
		}
		s := services[r.service]
		if s == nil {
			s = &state{tenant: t.owners.tenant("", r.service)}
			services[r.service] = s
		}
		b.SetFor(s.tenant, metricServerUp, r.value, r.service, r.url)
		if r.value > 0 {
			s.up++
		} else {
			s.down++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		f := collectors.Finding{Tenant: s.tenant, Question: collectors.Healthy}
		switch {
		case s.down == 0:
			continue
		case s.up == 0:
			f.Name, f.Severity = "service_down", collectors.Critical
			f.Text = fmt.Sprintf("No server of the service %s passes its health check (%d fail)", name, s.down)
		default:
			f.Name, f.Severity = "service_server_down", collectors.Warning
			f.Text = fmt.Sprintf("%d of %d servers of the service %s do not pass their health check", s.down, s.up+s.down, name)
		}
		b.Find(f)
	}
}

// reportCertificates writes when certificates end. Traefik goes on to name those that were replaced
// or taken away: one is left out when the hosts that it names are known to be served with others.
func (t *Target) reportCertificates(b *collectors.Builder, p *page) {
	unserved := 0
	seen := false
	for _, r := range p.readings {
		if r.fact != factCertificate {
			continue
		}
		seen = true
		tenant, looked, served := t.certified(r.series)
		if looked && !served {
			unserved++
			continue
		}
		b.SetFor(tenant, metricCertificate, r.value, r.cn, r.serial, r.sans)
		if !looked {
			t.findEnding(b, tenant, r)
		}
	}
	if seen {
		b.Set(metricUnserved, float64(unserved))
	}
}

// certified says whose a certificate is, whether any host of it was looked at, and whether one of
// them is served with it.
func (t *Target) certified(s *series) (tenant string, looked, served bool) {
	var owner ownership
	names := strings.Split(s.sans, ",")
	if s.cn != "" && !slices.Contains(names, s.cn) {
		names = append(names, s.cn)
	}
	for _, name := range t.owners.covered(names) {
		if its, known := t.owners.tenants.ByHost(name); known && owner.tenant != its.Name {
			owner.tenant, owner.shared = its.Name, owner.tenant != ""
		}
		if t.options.Served == nil || name == "" {
			continue
		}
		if serial, known := t.options.Served(name); known {
			looked, served = true, served || serial == s.serial
		}
	}
	if owner.shared {
		owner.tenant = ""
	}
	return owner.tenant, looked, served
}

// findEnding speaks up for certificates that nobody looks at by their host names.
func (t *Target) findEnding(b *collectors.Builder, tenant string, r reading) {
	ends := time.Unix(int64(r.value), 0)
	left := ends.Sub(b.At())
	f := collectors.Finding{Tenant: tenant, Name: "certificate_ending", Question: collectors.Contained, Severity: collectors.Warning}
	switch {
	case left >= time.Duration(t.config.Certificates.Warning):
		return
	case left < time.Duration(t.config.Certificates.Critical):
		f.Severity = collectors.Critical
	}
	f.Text = fmt.Sprintf("The certificate %s (%s) ends on %s", r.serial, cmp.Or(r.sans, r.cn, "without host names"), ends.UTC().Format(time.DateOnly))
	b.Find(f)
}

// reportRouters writes whose routers are, and what Traefik made of them.
func (t *Target) reportRouters(b *collectors.Builder) {
	if t.listing.at.IsZero() {
		return
	}
	if t.listing.version != "" {
		b.Set(metricVersion, 1, t.listing.version)
	}
	owned := map[string]int{"tenant": 0, "shared": 0, "none": 0, "internal": 0}
	states := map[string]int{"enabled": 0, "warning": 0, "disabled": 0}
	var lost, broken []string
	for _, r := range t.listing.routers {
		if _, known := states[r.Status]; known {
			states[r.Status]++
		}
		if r.Status == "warning" || r.Status == "disabled" {
			broken = append(broken, technical(r.Name))
		}
		its := t.owners.router(r.Name, r.service())
		switch {
		case r.internal():
			owned["internal"]++
		case its.shared:
			owned["shared"]++
		case its.tenant != "":
			owned["tenant"]++
		default:
			owned["none"]++
			lost = append(lost, technical(r.Name))
		}
	}
	for owner, n := range owned {
		b.Set(metricRouters, float64(n), owner)
	}
	for status, n := range states {
		b.Set(metricRouterStatus, float64(n), status)
	}
	if len(lost) > 0 {
		b.Find(collectors.Finding{
			Name: "router_without_tenant", Question: collectors.Controlled, Severity: collectors.Info,
			Text: fmt.Sprintf("%d routers belong to no tenant that is known: %s", len(lost), few(lost)),
		})
	}
	if len(broken) > 0 {
		b.Find(collectors.Finding{
			Name: "router_broken", Question: collectors.Controlled, Severity: collectors.Warning,
			Text: fmt.Sprintf("Traefik could not make use of %d routers as they are configured: %s", len(broken), few(broken)),
		})
	}
}

// few are the first of some names.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
