package pgbouncer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// What is wrong enough to be told to people. Objectives have limits of their own: these only fill
// the list of findings.
const (
	nearlyExhausted = 0.9             // share of a limit
	waiting         = time.Second     // the longest wait for a connection
	waitingLong     = 5 * time.Second //
)

// busy are the columns of SHOW POOLS that count server connections which nobody else can have now.
var busy = []string{"sv_active", "sv_active_cancel", "sv_being_canceled", "sv_tested", "sv_login"}

// pool is one pool, with the size that its database gives it.
type pool struct {
	database, user string
	used, size     float64 // size NaN where it is not known
	waiting        float64
	longest        time.Duration
}

// saturation writes how much of what there may be is taken, and finds where clients pay for it.
func (e *emission) saturation() {
	sizes := e.limits()
	for _, f := range e.fold(pools) {
		p := newPool(f, sizes)
		tenant := e.owners.of(p.database)
		e.SetFor(tenant, metricPoolUsed, p.used, p.database, p.user)
		if ratio, limited := share(p.used, p.size); limited {
			e.SetFor(tenant, metricPoolRatio, ratio, p.database, p.user)
		}
		e.findWaiting(tenant, p)
	}
	for line := range e.tables[users.show].each() {
		if ratio, limited := share(line.number("current_connections"), line.number("max_user_connections")); limited {
			e.Set(metricUserRatio, ratio, line.text("name"))
		}
	}
	_, most := e.setting("max_client_conn")
	others := e.list("used_clients") - 1 // without ourselves
	if ratio, limited := share(others, most); limited {
		e.Set(metricClientsRatio, ratio)
		e.findClients(others, most)
	}
	if _, known := e.tables[databases.show]; known {
		e.Set(metricStrangers, float64(e.owners.unattributed()))
	}
}

func newPool(f *folded, sizes map[string]float64) pool {
	value := func(name string) float64 {
		i := slices.IndexFunc(pools.columns, func(c column) bool { return c.names[0] == name })
		if n := f.values[i]; !math.IsNaN(n) {
			return n
		}
		return 0
	}
	p := pool{database: f.labels[0], user: f.labels[1], size: math.NaN(), waiting: value("cl_waiting")}
	p.longest = time.Duration(value("maxwait") * float64(time.Second))
	for _, name := range busy {
		p.used += value(name)
	}
	if size, known := sizes[p.database]; known {
		p.size = size
	}
	return p
}

// limits writes what each database has of what it may have, and returns the sizes of its pools.
func (e *emission) limits() map[string]float64 {
	sizes := map[string]float64{}
	for line := range e.tables[databases.show].each() {
		name := line.text("name")
		if !e.owners.admit(name) {
			continue
		}
		sizes[name] = line.number("pool_size")
		tenant := e.owners.of(name)
		if ratio, limited := share(line.number("current_connections"), line.number("max_connections")); limited {
			e.SetFor(tenant, metricDatabaseRatio, ratio, name)
		}
		if ratio, limited := share(line.number("current_client_connections"), line.number("max_client_connections")); limited {
			e.SetFor(tenant, metricDatabaseClientsRatio, ratio, name)
		}
		e.findStopped(tenant, line)
		e.findExhausted(tenant, line, "connections to PostgreSQL", "current_connections", "max_connections")
		e.findExhausted(tenant, line, "clients", "current_client_connections", "max_client_connections")
	}
	return sizes
}

func (e *emission) findWaiting(tenant string, p pool) {
	if p.waiting == 0 || p.longest < waiting {
		return
	}
	severity := collectors.Warning
	if p.longest >= waitingLong {
		severity = collectors.Critical
	}
	whose := cmp.Or(tenant, p.database)
	wait := "clients wait"
	if p.waiting == 1 {
		wait = "client waits"
	}
	text := fmt.Sprintf("%s: %.0f %s for a connection, the longest for %.1f s; ", whose, p.waiting, wait, p.longest.Seconds())
	if math.IsNaN(p.size) {
		text += fmt.Sprintf("%.0f used", p.used)
	} else {
		text += fmt.Sprintf("pool %.0f of %.0f used", p.used, p.size)
	}
	if tenant != "" {
		text = "tenant " + text
	} else {
		text = "database " + text
	}
	e.Find(collectors.Finding{Tenant: tenant, Name: "pgbouncer_clients_waiting", Question: collectors.Contained, Severity: severity, Text: text})
}

func (e *emission) findStopped(tenant string, line row) {
	name := line.text("name")
	if line.number("paused") == 1 {
		e.Find(collectors.Finding{
			Tenant: tenant, Name: "pgbouncer_database_paused", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("database %s is paused in PgBouncer: its clients wait until it is resumed", name),
		})
	}
	if line.number("disabled") == 1 {
		e.Find(collectors.Finding{
			Tenant: tenant, Name: "pgbouncer_database_disabled", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("database %s is disabled in PgBouncer: new clients are refused", name),
		})
	}
}

func (e *emission) findExhausted(tenant string, line row, what, used, limit string) {
	n, most := line.number(used), line.number(limit)
	if ratio, limited := share(n, most); !limited || ratio < nearlyExhausted {
		return
	}
	e.Find(collectors.Finding{
		Tenant: tenant, Name: "pgbouncer_limit_nearly_reached", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("database %s has %.0f of the %.0f %s that PgBouncer allows it", line.text("name"), n, most, what),
	})
}

func (e *emission) findClients(used, most float64) {
	if used < nearlyExhausted*most {
		return
	}
	e.Find(collectors.Finding{
		Name: "pgbouncer_clients_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Critical,
		Text: fmt.Sprintf("%.0f of the %.0f clients that PgBouncer takes are there: more are refused, whoever they are", used, most),
	})
}

func (e *emission) findPaused() {
	e.Find(collectors.Finding{
		Name: "pgbouncer_paused", Question: collectors.Healthy, Severity: collectors.Critical,
		Text: "PgBouncer is paused: the clients of all databases wait until it is resumed",
	})
}
