package pgbouncer

import (
	"net"
	"regexp"

	"github.com/wardround/wardround/collectors"
)

// mostStrangers is how many databases that belong to no tenant get series: where any name leads
// somewhere, whoever connects makes up names.
const mostStrangers = 100

// strangerForm is what the name of a stranger must look like to be shown: a name and no words.
var strangerForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,63}$`)

// owners knows whose the databases are, by the names under which clients ask for them.
type owners struct {
	tenants   *collectors.Tenants
	postgres  string // the target that a name leads to which is not listed
	databases map[string]place
	strangers map[string]bool // those that were admitted
}

// place is where a name leads: the real database, and the PostgreSQL target that has it.
type place struct{ postgres, database string }

// owners reads SHOW DATABASES: an alias has the name of one database and leads to another.
func (r *reading) owners(c Config, tenants *collectors.Tenants) *owners {
	o := &owners{tenants: tenants, postgres: c.Postgres, databases: map[string]place{}, strangers: map[string]bool{}}
	for line := range r.tables[databases.show].each() {
		at := place{c.Postgres, line.text("database")}
		if other, ok := c.Servers[net.JoinHostPort(line.text("host"), line.text("port"))]; ok {
			at.postgres = other
		}
		if at.database == "" {
			at.database = line.text("name")
		}
		o.databases[line.text("name")] = at
	}
	return o
}

// of is the tenant whose database a name leads to, "" for none.
func (o *owners) of(name string) string {
	at, listed := o.databases[name]
	if !listed {
		at = place{o.postgres, name}
	}
	tenant, _ := o.tenants.ByDatabase(at.postgres, at.database)
	return tenant.Name
}

// admit says whether a database gets series: not the console, and of strangers only so many, with
// names that can be shown.
func (o *owners) admit(name string) bool {
	switch {
	case name == consoleDatabase:
		return false
	case o.of(name) != "" || o.strangers[name]:
		return true
	case len(o.strangers) == mostStrangers || !strangerForm.MatchString(name):
		return false
	}
	o.strangers[name] = true
	return true
}

// unattributed is how many databases lead to no tenant's.
func (o *owners) unattributed() int {
	n := 0
	for name := range o.databases {
		if name != consoleDatabase && o.of(name) == "" {
			n++
		}
	}
	return n
}
