package traefik

import (
	"maps"
	"time"
)

const (
	sweepEvery = time.Hour
	goneAfter  = 24 * time.Hour // a Traefik that was started anew shows a service when it is asked for again
)

// forget lets go of what was counted of tenants that are gone, at once, and of services that no page
// has shown for a day: a platform on which they come and go for months takes no more memory for it.
// A service that comes back begins at zero, as it does in Traefik.
func (t *Target) forget(now time.Time) {
	gone := map[string]bool{}
	note := func(tenant string) {
		if _, known := t.owners.tenants.ByName(tenant); !known && tenant != "" {
			gone[tenant] = true
		}
	}
	for name := range t.traffic.tenants {
		note(name)
	}
	for key := range t.traffic.retries {
		note(key.tenant)
	}
	if len(gone) > 0 {
		maps.DeleteFunc(t.traffic.tenants, func(name string, _ *sums) bool { return gone[name] })
		maps.DeleteFunc(t.traffic.retries, func(key retried, _ float64) bool { return gone[key.tenant] })
		maps.DeleteFunc(t.shown, func(key shownKey, _ bool) bool { return gone[key.tenant] })
	}
	if now.Sub(t.swept) >= sweepEvery {
		t.swept = now
		t.sweep(now)
	}
}

// sweep is what of forget takes a look at all series.
func (t *Target) sweep(now time.Time) {
	there := map[string]bool{}
	for _, s := range t.counters.known {
		there[s.service] = true
	}
	since := map[string]time.Time{}
	drop := func(service string) bool {
		if there[service] {
			return false
		}
		at, known := t.absent[service]
		if !known {
			at = now
		}
		since[service] = at
		return now.Sub(at) >= goneAfter
	}
	maps.DeleteFunc(t.traffic.answers, func(key answerKey, _ *gap) bool { return drop(key.service) })
	for key := range t.traffic.retries {
		if drop(key.service) {
			delete(t.traffic.retries, key)
			delete(t.shown, keyOf(key.tenant, metricRetries, key.service))
		}
	}
	t.absent = since
}
