package traefik

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// traffic is what was counted since the target was first visited. Nothing in it ever falls, except
// that histograms begin anew when Traefik is given other buckets, and what is gone is let go of (forget).
type traffic struct {
	tenants  map[string]*sums // by name; "" is nobody
	points   map[string]*sums // by entry point
	retries  map[retried]float64
	edge     map[pointKey]float64
	ciphers  map[cipherKey]float64
	answers  map[answerKey]*gap
	unrouted map[string]*gap // by code
	bounds   []float64       // of Traefik's buckets, without the last, which has none
	reloads  float64
	failures float64
	layers   [ofService + 1]bool // that Traefik counts
}

// sums are one tenant's, or one entry point's.
type sums struct {
	requests  map[requestKey]float64
	errors    map[errorKey]float64
	answers   map[string]float64 // of middlewares, by code
	sent, got float64            // bytes
	buckets   map[float64]float64
	failed    float64 // requests that stand above all buckets
	seconds   float64
	habit     habit
}

type (
	requestKey struct{ class, method, protocol string }
	errorKey   struct{ code, protocol string }
	pointKey   struct{ code, method, protocol, entryPoint string }
	cipherKey  struct{ version, cipher, entryPoint string }
	answerKey  struct{ service, code string }
	retried    struct{ tenant, service string }
)

// gap is what was counted at one level and not at the one behind it. It only grows: Traefik writes
// its page level by level while it counts, and a retried request counts twice at the service.
type gap struct {
	above, below float64
	told         float64
	open         map[string]float64 // tenant -> what grew above since something was told
	comparable   bool               // the level behind was ever seen
}

func newTraffic() *traffic {
	return &traffic{
		tenants: map[string]*sums{}, points: map[string]*sums{}, retries: map[retried]float64{}, edge: map[pointKey]float64{},
		ciphers: map[cipherKey]float64{}, answers: map[answerKey]*gap{}, unrouted: map[string]*gap{},
	}
}

func of(all map[string]*sums, name string) *sums {
	s := all[name]
	if s == nil {
		s = &sums{
			requests: map[requestKey]float64{}, errors: map[errorKey]float64{},
			answers: map[string]float64{}, buckets: map[float64]float64{},
		}
		all[name] = s
	}
	return s
}

// add takes what a page's series grew by. Tenants are counted at the routers; where Traefik does not
// label them, at the services, which see only what no middleware answered.
func (t *traffic) add(readings []reading, o *owners, anew bool) {
	if anew {
		t.layers = [ofService + 1]bool{} // with other settings, perhaps
	}
	leads := map[string]bool{} // to servers, and so counts
	for _, r := range readings {
		t.layers[r.level] = t.layers[r.level] || r.fact == factRequests
		if r.fact == factServerUp {
			leads[r.service] = true
		}
	}
	t.rebucket(readings, anew)
	from := ofRouter
	if !t.layers[ofRouter] {
		from = ofService
	}
	for _, r := range readings {
		if r.fact > counted {
			continue
		}
		known := r.asked == o
		if !known {
			r.owner, r.asked = o.tenant(r.router, r.service), o
		}
		if known && r.grown == 0 || isInternal(r.service) || isInternal(r.router) {
			continue
		}
		switch r.level {
		case from:
			of(t.tenants, r.owner).add(r)
		case ofEntryPoint:
			of(t.points, r.entryPoint).add(r)
		}
		t.addElse(r)
	}
	t.close(leads, anew)
}

func (t *traffic) addElse(r reading) {
	switch {
	case r.fact == factReloads:
		t.reloads += r.grown
	case r.fact == factReloadFailures:
		t.failures += r.grown
	case r.fact == factRetries:
		t.retries[retried{r.owner, r.service}] += r.grown
	case r.fact == factTLS && r.level == ofEntryPoint:
		t.ciphers[cipherKey{r.version, r.cipher, r.entryPoint}] += r.grown
	case r.fact != factRequests:
	case r.level == ofEntryPoint:
		t.edge[pointKey{r.code, r.method, r.protocol, r.entryPoint}] += r.grown
		gapOf(t.unrouted, r.code).rise("", r.grown)
	case r.level == ofRouter:
		gapOf(t.unrouted, r.code).below += r.grown
		gapOf(t.answers, answerKey{r.service, r.code}).rise(r.owner, r.grown)
	case r.level == ofService:
		gapOf(t.answers, answerKey{r.service, r.code}).below += r.grown
	}
}

func gapOf[K comparable](all map[K]*gap, key K) *gap {
	g := all[key]
	if g == nil {
		g = &gap{open: map[string]float64{}}
		all[key] = g
	}
	return g
}

func (g *gap) rise(tenant string, n float64) {
	g.above += n
	if n > 0 {
		g.open[tenant] += n
	}
}

// close tells what is counted at one level and not behind it, once a page is through. Of the services
// given it is known that they lead to servers.
func (t *traffic) close(services map[string]bool, anew bool) {
	for key, g := range t.answers {
		services[key.service] = services[key.service] || g.comparable || g.below > 0
	}
	for key, g := range t.answers {
		// One that is never seen only leads to other services, or nothing has reached it yet.
		for tenant, n := range g.tell(services[key.service], anew) {
			of(t.tenants, tenant).answers[key.code] += n
		}
	}
	for _, g := range t.unrouted {
		g.tell(g.comparable || t.layers[ofEntryPoint] && t.layers[ofRouter], anew)
	}
}

// tell says what the gap grew by, by tenant. Where nobody knows whose it was, because a service has
// several tenants and some of the requests reached it, it is nobody's. What could not be compared
// before Traefik began anew is forgotten: it may not have counted one of the levels.
func (g *gap) tell(comparable, anew bool) map[string]float64 {
	if anew && !g.comparable {
		g.above, g.below = 0, 0
		clear(g.open)
	}
	if g.comparable = comparable; !comparable {
		return nil
	}
	defer clear(g.open)
	grown := g.above - g.below - g.told
	if grown <= 0 {
		return nil
	}
	g.told += grown
	var open float64
	for _, n := range g.open {
		open += n
	}
	if open == grown {
		return maps.Clone(g.open)
	}
	if len(g.open) == 1 {
		for tenant := range g.open {
			return map[string]float64{tenant: grown}
		}
	}
	return map[string]float64{"": grown}
}

// rebucket notes Traefik's buckets; with others, its histograms begin anew.
func (t *traffic) rebucket(readings []reading, anew bool) {
	seen := map[float64]bool{}
	for _, r := range readings {
		if r.fact == factBucket && !math.IsInf(r.le, 1) {
			seen[r.le] = true
		}
	}
	bounds := slices.Sorted(maps.Keys(seen))
	if len(bounds) == 0 || slices.Equal(bounds, t.bounds) {
		return
	}
	if anew {
		for _, all := range []map[string]*sums{t.tenants, t.points} {
			for _, s := range all {
				clear(s.buckets)
				s.failed, s.seconds = 0, 0
			}
		}
	}
	t.bounds = bounds
}

// add takes one series. How long a request took counts where it was answered; one that failed stands
// above all buckets, however soon it did, and what says nothing of the service is left out.
func (s *sums) add(r reading) {
	switch r.fact {
	case factRequests:
		s.requests[requestKey{class(r.code), r.method, r.protocol}] += r.grown
		if r.code >= "400" && len(r.code) == 3 {
			s.errors[errorKey{r.code, r.protocol}] += r.grown
		}
		if !lasting(r.protocol) {
			s.habit.count(r.grown, class(r.code) == "5xx")
		}
	case factRequestBytes:
		s.got += r.grown
	case factResponseBytes:
		s.sent += r.grown
	case factBucket:
		s.bucket(r)
	case factSum:
		if !lasting(r.protocol) && served(r.code) {
			s.seconds += r.grown
		}
	}
}

func (s *sums) bucket(r reading) {
	switch {
	case lasting(r.protocol):
	case served(r.code):
		s.buckets[r.le] += r.grown
	case class(r.code) == "5xx" && math.IsInf(r.le, 1):
		s.failed += r.grown
	}
}

func served(code string) bool { return strings.HasPrefix(code, "2") || strings.HasPrefix(code, "3") }

// distribution is the histogram: not cumulated, as a Builder takes it.
func (s *sums) distribution(bounds []float64) collectors.Distribution {
	d := collectors.Distribution{Bounds: bounds, Counts: make([]uint64, len(bounds)), Sum: s.seconds}
	var below uint64
	for i, bound := range bounds {
		n := max(below, uint64(s.buckets[bound]))
		d.Counts[i], below = n-below, n
	}
	d.Over = max(below, uint64(s.buckets[math.Inf(1)])) - below + uint64(s.failed)
	return d
}
