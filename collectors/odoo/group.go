package odoo

import (
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
)

// group is one subject asked of a tenant's database: what it needs there, the statements, and
// how their answers are read. Groups are data; batch.go sends them, database.go chooses them.
type group struct {
	name   string   // the indicator's name where it is unavailable
	needs  []string // table.column without which it cannot be asked
	wants  []string // table.column that it uses where they are there
	param  bool     // it calls wardround.param
	addon  bool     // its tables belong to an addon: where they are missing there is nothing to say
	part   string   // the column that a further addon brings: where it is missing there is nothing to say either
	unless []string // columns of a later series: where one is there, there is nothing to say either
	compat bool     // asked only in clusters whose target wants postgres_exporter's names
	with   string   // the group before it without whose answers its own say nothing
	facts  bool     // it says what the tenant is, not how its work goes: asked of staging copies too

	// every is how often it is asked at most, even where its tables are written to all the time.
	every time.Duration
	cost  int                 // of asking a large tenant once, in tenths of a millisecond of the server's processor time
	due   func(*reading) bool // says that it is to be asked on this visit all the same; nil for never

	// statements are built for the schema that was learnt and what is remembered. Each does
	// bounded work whatever the size of the tables, and is filled with nothing but constants and
	// numbers.
	statements func(*reading) []string
	// read takes the statements' answers, rows of columns in text format. It counts what happened
	// since the last visit only where the answers are fresh.
	read func(*reading, [][][][]byte) error
}

// groups are all groups in the order in which they are asked. What a tenant is comes first.
func groups() []*group {
	return append([]*group{
		identityGroup, modulesGroup, cronNamesGroup, triggersGroup, cronsGroup, jobsGroup, mailGroup, mailInGroup, mailServersGroup, noticesGroup,
		invoicesSince14, invoicesOf13, invoicesOf12, entriesGroup, sendingSince18, sendingUntil17, ordersGroup, ediGroup, exchangesGroup, purchasesGroup, reviewsGroup, bookingsGroup, appointmentsGroup,
		deliveriesGroup, partnersGroup, busGroup, busPresenceGroup, mailPresenceGroup, loginsGroup, usersGroup, attachmentsGroup,
		strangersGroup,
	}, insideGroups...)
}

// table is a table with the columns of it that we read.
type table struct {
	Name    string
	Columns []string
}

// readable is every table and column that any group reads: what a monitoring role is granted.
func readable() []table {
	var tables []table
	for _, g := range groups() {
		for _, name := range slices.Concat(g.needs, g.wants) {
			tab, col, _ := strings.Cut(name, ".")
			i := slices.IndexFunc(tables, func(t table) bool { return t.Name == tab })
			if i < 0 {
				i = len(tables)
				tables = append(tables, table{Name: tab})
			}
			if !slices.Contains(tables[i].Columns, col) {
				tables[i].Columns = append(tables[i].Columns, col)
			}
		}
	}
	return tables
}

// reading is one visit to one database under way: what the groups read into.
type reading struct {
	*collectors.Builder
	config   *Config
	tenant   collectors.Tenant
	schema   *schema
	memory   *memory         // what is remembered from visit to visit
	now      time.Time       // by the server's clock
	fresh    bool            // what is being read was asked on this visit
	writes   postgres.Writes // to the database before the visit; none where that is unknown
	marks    marks           // of the tables, before anything was asked of them
	runners  int             // job runners that the cluster saw on this database
	looked   bool            // the cluster looked for them
	identity Identity
	called   map[int64]time.Time // since when scheduled tasks are due by a trigger that has passed
	restless bool                // a promise is broken, and kept again as soon as something is written
	again    time.Time           // when time alone changes something of what was read; zero means never
}

// at notes that time alone changes something of what was read at t. Moments that have passed
// change nothing any more.
func (r *reading) at(t time.Time) {
	if t.After(r.now) {
		r.again = earlier(r.again, t)
	}
}

// soon notes that what was read may change without a write and without a known moment: the
// tenant is to be asked again in the next round.
func (r *reading) soon() { r.again = r.now }

// since is how long ago t was, by the server's clock.
func (r *reading) since(t time.Time) time.Duration { return r.now.Sub(t) }

// fill puts parts into the {holes} of a statement.
func fill(sql string, parts ...string) string { return strings.NewReplacer(parts...).Replace(sql) }
