package accesslog

import (
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/logtail"
)

// tally is what was counted since the reader was made. A line takes no memory: what it adds to is
// there already, or is one of a bounded number.
type tally struct {
	rules  *rules
	good   []bool    // by outcome
	bad    []bool    // by outcome
	bounds []float64 // of the histograms, in nanoseconds
	owner  func(router, service string) string
	habits *habits

	parser  parser
	request request // of the line at hand
	path    parts
	name    []byte // room for a host, a router and a service

	known   *collectors.Tenants // as of this round
	tenants map[string]*counts  // by name; "" is nobody
	hosts   map[string]*counts  // by host, in lower case
	routes  map[string]*route   // by router and service
	overfew *route              // all routes beyond mostRoutes
	kinds   [kinds]counter
	last    int64 // of the newest line, in seconds since 1970
	now     int64 // when this round began
}

// counts are one tenant's.
type counts struct {
	works   []work    // by workflow
	sockets []counter // by outcome
	retries counter
	habit   *habit // nil for nobody's
	refused int    // websockets that Odoo answered with an error, since one lived
}

// work is a workflow of one tenant.
type work struct {
	outcomes []counter
	buckets  []uint64 // by bound, the last above all bounds
	seconds  float64  // nanoseconds of the good ones
	backend  float64  // nanoseconds
	overhead float64  // nanoseconds

	judged, timed bool // the histogram, the times were shown before
}

// counter is shown as 0 when it is shown first, so that whoever follows it sees all of its growth:
// of a series that begins with 5 nobody can tell since when.
type counter struct {
	n     uint64
	shown bool
}

func (c *counter) show() float64 {
	if !c.shown {
		c.shown = true
		return 0
	}
	return float64(c.n)
}

// route is a router with a service that it sends to.
type route struct {
	router, service string
	owner           *counts // to whom its requests belong where no host says so; nil for not asked yet
	requests        counter
	used            int64 // the round in which it was taken last, in seconds since 1970
}

const (
	mostRoutes  = 5000
	unused      = 24 * 3600 // seconds after which a route makes room for another
	longestName = 200       // bytes
	ahead       = 300       // seconds that the clock of Traefik may be before ours
)

func newTally(c Config, r *rules, owner func(router, service string) string) *tally {
	t := &tally{
		rules: r, owner: owner, habits: newHabits(), known: &collectors.Tenants{}, name: make([]byte, 0, 3*longestName+1),
		tenants: map[string]*counts{}, hosts: map[string]*counts{}, routes: map[string]*route{}, overfew: &route{router: other, service: other},
	}
	for _, verdict := range r.verdicts {
		t.good, t.bad = append(t.good, verdict == verdictGood), append(t.bad, verdict == verdictBad)
	}
	for _, bound := range c.Bounds {
		t.bounds = append(t.bounds, float64(time.Duration(bound)))
	}
	return t
}

// begin prepares for a round: tenants may have come, gone or moved.
func (t *tally) begin(now time.Time, tenants *collectors.Tenants) {
	t.now = now.Unix()
	t.habits.begin(t.now)
	full := len(t.routes) >= mostRoutes
	for name, r := range t.routes {
		r.owner = nil
		if full && r.used < t.now-unused {
			delete(t.routes, name)
		}
	}
	t.overfew.owner = t.of("")
	if tenants == t.known {
		return
	}
	t.known = tenants
	clear(t.hosts)
	for name := range t.tenants {
		if _, there := tenants.ByName(name); !there && name != "" {
			delete(t.tenants, name)
		}
	}
	for _, tenant := range tenants.All() {
		for _, host := range lower(tenant.Hosts) {
			t.hosts[host] = t.of(tenant.Name)
		}
	}
}

// of are a tenant's counts; "" is nobody.
func (t *tally) of(tenant string) *counts {
	c := t.tenants[tenant]
	if c == nil {
		c = &counts{works: make([]work, len(t.rules.workflows)), sockets: make([]counter, len(t.rules.outcomes))}
		for i := range c.works {
			c.works[i] = work{outcomes: make([]counter, len(t.rules.outcomes)), buckets: make([]uint64, len(t.bounds)+1)}
		}
		if tenant != "" {
			c.habit = t.habits.of(tenant)
		}
		t.tenants[tenant] = c
	}
	return c
}

// add counts one line.
func (t *tally) add(line logtail.Line) {
	r := &t.request
	kind := t.parser.parse(line, r)
	t.kinds[kind].n++
	if kind != kindRequest {
		return
	}
	t.lowerHost(r)
	bare := r.cutQuery()
	t.path.split(r.path.bytes)
	workflow := t.rules.classify(r, &t.path)
	outcome := t.rules.judge(r, &t.path, bare)
	route := t.routeOf(r)
	route.requests.n++
	route.used = t.now
	c := t.whose(r, route)
	if r.at <= t.now+ahead {
		t.last = max(t.last, r.at)
	}
	if t.rules.sockets[workflow] {
		c.socket(outcome, r)
		return
	}
	t.addRequest(c, workflow, outcome, r)
	t.habits.count(c.habit, r.at)
}

func (t *tally) addRequest(c *counts, workflow, outcome int, r *request) {
	w := &c.works[workflow]
	w.outcomes[outcome].n++
	c.retries.n += uint64(r.retries.value)
	if r.backend.there { // the common format does not say
		backend := min(r.backend.value, r.duration.value)
		w.backend += backend
		w.overhead += r.duration.value - backend
	}
	bucket := len(t.bounds)
	if t.good[outcome] {
		for bucket > 0 && r.duration.value <= t.bounds[bucket-1] {
			bucket--
		}
		w.seconds += r.duration.value
	} else if !t.bad[outcome] {
		return
	}
	w.buckets[bucket]++
}

// socket counts a connection that came to its end. An error of Odoo itself means that its HTTP
// workers were asked, who cannot serve it.
func (c *counts) socket(outcome int, r *request) {
	c.sockets[outcome].n++
	switch status := r.status.value; {
	case status == 500:
		c.refused++
	case status < 400:
		c.refused = 0
	}
}

// lowerHost writes the host as tenants' hosts are written here.
func (t *tally) lowerHost(r *request) {
	host := r.host.bytes
	if len(host) > longestName {
		r.host = text{}
		return
	}
	if len(host) > 0 && host[len(host)-1] == '.' {
		host = host[:len(host)-1]
	}
	t.name = t.name[:0]
	for _, c := range host {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		t.name = append(t.name, c)
	}
	r.host.bytes = t.name
}

// whose are the counts to which a request belongs: by its host, else by its route.
func (t *tally) whose(r *request, via *route) *counts {
	if c := t.hosts[string(r.host.bytes)]; c != nil {
		return c
	}
	if via.owner == nil {
		name := t.owner(via.router, via.service)
		if _, there := t.known.ByName(name); !there {
			name = ""
		}
		via.owner = t.of(name)
	}
	return via.owner
}

// routeOf is the route that a request took.
func (t *tally) routeOf(r *request) *route {
	router, service := r.router.bytes, r.service.bytes
	if len(router) > longestName || len(service) > longestName {
		return t.overfew
	}
	name := append(t.name[len(t.name):], router...) // behind the host
	name = append(append(name, 0), service...)
	if known := t.routes[string(name)]; known != nil {
		return known
	}
	if len(t.routes) >= mostRoutes || !isName(router) || !isName(service) {
		return t.overfew
	}
	via := &route{router: string(router), service: string(service)}
	t.routes[string(name)] = via
	return via
}

// isName says whether something can be the name of a router or a service.
func isName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
