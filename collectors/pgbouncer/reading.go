package pgbouncer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// reading is what the console said on one visit.
type reading struct {
	version string
	shared  bool // several processes can answer at the console's address
	tables  map[string]table
	errs    map[string]error
}

func newReading(version string) *reading {
	return &reading{version: version, tables: map[string]table{}, errs: map[string]error{}}
}

func (r *reading) take(what string, t table, err error) {
	if err != nil {
		r.errs[what] = err
		return
	}
	r.tables[what] = t
}

// mostSockets is up to how many clients or server connections are listed one by one: PgBouncer
// serves nobody else while it writes the list.
const mostSockets = 2000

// worthAsking says whether to ask for a table, by what is known from those asked before.
func (r *reading) worthAsking(what string) bool {
	switch what {
	case "CLIENTS":
		return r.list("used_clients") <= mostSockets
	case "SERVERS":
		return r.list("used_servers") <= mostSockets
	}
	return has(r.version, what)
}

func (r *reading) list(name string) float64 {
	for line := range r.tables["LISTS"].each() {
		if line.text("list") == name {
			return line.number("items")
		}
	}
	return math.NaN()
}

func (r *reading) setting(key string) (string, float64) {
	for line := range r.tables["CONFIG"].each() {
		if line.text("key") == key {
			return line.text("value"), line.number("value")
		}
	}
	return "", math.NaN()
}

// emit writes everything that was said.
func (r *reading) emit(b *collectors.Builder, c Config, tenants *collectors.Tenants) {
	b.Set(metricUp, 1)
	b.Set(metricVersion, 1, "PgBouncer "+r.version)
	for what, err := range r.errs {
		b.Unavailable(strings.ToLower(what), collectors.ReasonOf(err), err)
	}
	e := &emission{Builder: b, reading: r, compat: c.Compat, owners: r.owners(c, tenants)}
	e.numbers()
	e.state()
	for _, v := range tables {
		if v.show == stats.show && e.oneOfSeveral() {
			continue
		}
		e.view(v)
	}
	e.sockets()
	e.saturation()
}

// emission is one visit's way into the Builder.
type emission struct {
	*collectors.Builder
	*reading
	compat bool
	owners *owners
}

// numbers writes LISTS and CONFIG, of which each row is a number with a name.
func (e *emission) numbers() {
	for line := range e.tables["LISTS"].each() {
		if m := lists[line.text("list")]; m != nil {
			e.Set(m, line.number("items"))
		}
	}
	for line := range e.tables["CONFIG"].each() {
		if m := settings[line.text("key")]; m != nil {
			e.Set(m, line.number("value"))
		}
	}
}

func (e *emission) state() {
	active := true
	for line := range e.tables["STATE"].each() {
		if line.text("key") == "active" {
			active = line.text("value") == "yes"
			e.Set(metricState, truth(!active))
		}
	}
	if !active {
		e.findPaused()
	}
}

// oneOfSeveral says that the visit met one of several processes, and cannot know which: counters
// would jump from those of one to those of another.
func (e *emission) oneOfSeveral() bool {
	shares, _ := e.setting("so_reuseport")
	_, peer := e.setting("peer_id")
	if !e.shared || shares != "1" || !(peer > 0) {
		return false
	}
	e.Unavailable("stats", collectors.ReasonOther, errors.New("several processes answer at this port: "+
		"let the dsn lead to one process's own Unix socket, and give each process a target of its own"))
	return true
}

// folded is one or several rows of a view that have the same labels.
type folded struct {
	labels []string
	values []float64 // beside view.columns; NaN where no row has one
}

// fold reads a view's rows; those with the same labels become one.
func (e *emission) fold(v view) []*folded {
	var all []*folded
	known := map[string]*folded{}
	for line := range e.tables[v.show].each() {
		if v.name != "" && !e.owners.admit(line.text(v.name)) {
			continue
		}
		labels := make([]string, len(v.labels))
		for i, name := range v.labels {
			labels[i] = line.text(name)
		}
		key := strings.Join(labels, "\x00")
		f := known[key]
		if f == nil {
			f = &folded{labels: labels, values: slices.Repeat([]float64{math.NaN()}, len(v.columns))}
			known[key] = f
			all = append(all, f)
		}
		for i, c := range v.columns {
			f.values[i] = c.join(f.values[i], c.read(line))
		}
	}
	return all
}

func (c column) read(line row) float64 {
	n := line.number(c.names...)
	if more := line.number(c.micros); !math.IsNaN(more) {
		n += more / micros
	}
	return n / c.per
}

func (c column) join(held, more float64) float64 {
	switch {
	case math.IsNaN(held):
		return more
	case math.IsNaN(more):
		return held
	case c.most:
		return max(held, more)
	}
	return held + more
}

func (e *emission) view(v view) {
	named := slices.Index(v.labels, v.name)
	for _, f := range e.fold(v) {
		tenant := ""
		if named >= 0 {
			tenant = e.owners.of(f.labels[named])
		}
		for i, c := range v.columns {
			e.SetFor(tenant, c.metric, f.values[i], f.labels...)
			if e.compat && c.compat != nil {
				e.SetFor(tenant, c.compat, f.values[i], f.labels...)
			}
		}
	}
}

// socket is who has a connection, and what it is doing.
type socket struct{ database, user, state string }

// sockets counts what SHOW CLIENTS and SHOW SERVERS list. Names of applications are left out: they
// are whatever a client likes to say.
func (e *emission) sockets() {
	e.count("CLIENTS", metricClients)
	e.count("SERVERS", metricServers)
	closing, oldest := map[socket]float64{}, map[socket]time.Time{}
	for line := range e.tables["SERVERS"].each() {
		of := socket{database: line.text("database"), user: line.text("user")}
		if needed := line.number("close_needed"); !math.IsNaN(needed) {
			closing[of] += needed
		}
		made, ok := moment(line.text("connect_time"))
		if before, known := oldest[of]; ok && (!known || made.Before(before)) {
			oldest[of] = made
		}
	}
	for of, n := range closing {
		e.set(of, metricCloseNeeded, n)
	}
	for of, made := range oldest {
		e.set(of, metricOldestServer, float64(made.Unix()))
	}
}

func (e *emission) count(what string, m *collectors.Metric) {
	counts := map[socket]int{}
	for line := range e.tables[what].each() {
		counts[socket{line.text("database"), line.text("user"), line.text("state")}]++
	}
	for of, n := range counts {
		e.set(of, m, float64(n), of.state)
	}
	if _, asked := e.tables[what]; !asked && e.errs[what] == nil {
		e.Notef("%s not listed: there are more than %d", strings.ToLower(what), mostSockets)
	}
}

func (e *emission) set(of socket, m *collectors.Metric, value float64, more ...string) {
	if e.owners.admit(of.database) {
		e.SetFor(e.owners.of(of.database), m, value, append([]string{of.database, of.user}, more...)...)
	}
}

// moment reads a time as SHOW writes it, in the zone of the server, of which an abbreviation alone
// tells nothing unless it is UTC.
func moment(text string) (time.Time, bool) {
	at, err := time.Parse("2006-01-02 15:04:05 MST", text)
	return at, err == nil && (strings.HasSuffix(text, " UTC") || strings.HasSuffix(text, " GMT"))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// share is how much of a limit is taken; false where there is no limit.
func share(used, limit float64) (float64, bool) {
	return used / limit, limit > 0 && !math.IsNaN(used)
}
