package odoo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
)

// Cluster is the PostgreSQL cluster that holds tenants' databases.
type Cluster interface {
	// Name is the target label of what is read there.
	Name() string
	// Visit opens one connection to a database, with everything set that keeps the monitored side
	// safe, and closes it when fn returns.
	Visit(ctx context.Context, database string, fn func(ctx context.Context, conn *pgconn.PgConn) error) error
	// Writes changes when anything is written to a database; false while unknown.
	Writes(database string) (postgres.Writes, bool)
	// JobRunners is how many job runners are connected to a database; false while unknown.
	JobRunners(database string) (int, bool)
	// Compat says whether postgres_exporter's names are wanted of it too.
	Compat() bool
	// Budget is the connections that visits may use at once.
	Budget() *collectors.Budget
}

// Database visits one tenant's database. It is a collectors.Watcher: while nothing was written
// there and no moment has come at which time alone changes something, there is nothing to ask. A
// tenant that is written to all the time is visited every other round, or every fifth where rows are
// only updated; in each round with a stuck job or a release half done.
// What is neither (a job runner that goes away, a scheduled task that begins to run in series
// before 18) is looked at in each round only while a task is due or a job is waiting; else it may be
// an hour old.
type Database struct {
	cluster Cluster
	tenant  string
	tenants *collectors.Registry
	config  *Config

	// The rest belongs to Collect and Unchanged, which are never called at the same time.
	schema *schema
	memory memory
	late   map[string]bool  // groups that failed at the last visit: they are asked last
	kept   map[string]*kept // the last answers of groups
	last   visited

	mu       sync.Mutex
	identity Identity
}

// visited is what has to be the same for a visit to be left out.
type visited struct {
	at       time.Time // by our clock
	settled  bool      // the visit went well in all its parts
	writes   postgres.Writes
	counted  bool      // writes is known
	rested   int       // rounds that were left out since
	again    time.Time // by our clock; zero means never
	restless bool      // no round is left out after a write
	shown    string    // what the configuration says about the tenant
}

const (
	relearnAfter   = 6 * time.Hour   // how old the knowledge of a schema may be while no module is installed or changed
	relearnLacking = 5 * time.Minute // the same, while something is missing that may be put right
)

// Collect asks what was written, and in a second round trip for all that this may have changed; the
// first time, after a release or a surprise, and every six hours it learns the schema before, in
// another. Only a tenant that cannot be visited at all is an error: a group that fails is
// unavailable, and the rest is still brought.
func (d *Database) Collect(ctx context.Context, b *collectors.Builder) error {
	d.last = visited{}
	tenant, known := d.tenants.Current().ByName(d.tenant)
	if !known {
		return collectors.Because(collectors.ReasonGone, errors.New("there is no such tenant any more"))
	}
	now := visited{at: b.At(), shown: shown(tenant)}
	now.writes, now.counted = d.cluster.Writes(tenant.Database)
	r := &reading{Builder: b, config: d.config, tenant: tenant, memory: &d.memory, now: b.At()}
	r.identity = d.Identity()
	r.runners, r.looked = d.cluster.JobRunners(tenant.Database)
	r.writes = now.writes
	r.CountedSince(d.memory.since(b.At()))
	err := d.cluster.Visit(ctx, tenant.Database, func(ctx context.Context, conn *pgconn.PgConn) error {
		return d.visit(ctx, conn, r)
	})
	if err != nil {
		return fmt.Errorf("visit the tenant's database: %w", err)
	}
	now.settled = len(d.late) == 0 && d.schema != nil
	if !r.again.IsZero() {
		now.again = b.At().Add(r.again.Sub(r.now))
	}
	now.again, now.restless = earlier(now.again, d.overtaken(r)), r.restless
	d.last = now
	return nil
}

// Unchanged says whether a visit would bring what the last one brought, or what has changed may wait
// for a later round. It counts the rounds that are left out.
func (d *Database) Unchanged(now time.Time) bool {
	tenant, known := d.tenants.Current().ByName(d.tenant)
	if !known || !d.last.settled || !d.last.counted || shown(tenant) != d.last.shown {
		return false
	}
	if !d.last.again.IsZero() && !now.Before(d.last.again) {
		return false
	}
	writes, counted := d.cluster.Writes(tenant.Database)
	if !counted || (writes != d.last.writes && d.last.restedFor(writes, now)) {
		return false
	}
	d.last.rested++
	return true
}

// shown is what odoo_tenant_info takes from the configuration.
func shown(t collectors.Tenant) string {
	return fmt.Sprintf("%q %q %q %t", t.Tier, t.Region, t.Database, t.Staging)
}

// Identity is what the database was at the last visit; the zero Identity before the first.
func (d *Database) Identity() Identity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identity
}

func (d *Database) visit(ctx context.Context, conn *pgconn.PgConn, r *reading) error {
	if d.unlearnt(r.At()) {
		s, err := learn(ctx, conn, r.At())
		if err != nil {
			return err
		}
		if !d.schema.same(s) {
			d.distrust()
		}
		d.schema = s
	}
	r.schema = d.schema
	if !r.schema.isOdoo() {
		r.Unavailable("odoo", collectors.ReasonMissing, errors.New("this is not an Odoo database: there is no table ir_module_module"))
		r.identity = Identity{}
	} else {
		if err := d.inquire(ctx, conn, r); err != nil {
			return err
		}
	}
	r.introduce()
	d.remember(r.identity)
	return nil
}

// inquire asks what was written since the last visit, and then what that may have changed.
func (d *Database) inquire(ctx context.Context, conn *pgconn.PgConn, r *reading) error {
	var err error
	if r.marks, r.now, err = readMarks(ctx, conn, r.schema); err != nil {
		return err
	}
	copied := r.staging()
	replies, err := ask(ctx, conn, d.choose(r))
	if err != nil {
		return err
	}
	released := d.released(r)
	d.take(r, replies)
	if released {
		d.schema = nil
	}
	if copied && !r.staging() {
		r.soon() // it was asked too little
	}
	return nil
}

// released says whether modules were written to since their last answer was made: what they brought is
// to be learnt.
func (d *Database) released(r *reading) bool {
	k, asked := d.kept[modulesGroup.name]
	return asked && k.mark != "" && !k.unwritten(r) && r.counted(modulesGroup)
}

// unlearnt says whether the schema is to be learnt, again or for the first time.
func (d *Database) unlearnt(now time.Time) bool {
	if d.schema == nil {
		return true
	}
	age := now.Sub(d.schema.learnt)
	return age >= relearnAfter || (age >= relearnLacking && d.lacking())
}

func (d *Database) lacking() bool {
	return !d.schema.isOdoo() || !d.schema.activity || !d.schema.param || len(d.schema.denied) > 0
}

// choose lists what can be asked, with what failed the last time at the end, and says of the rest
// why it cannot. Of a staging copy it asks what it is and nothing else.
func (d *Database) choose(r *reading) []question {
	var first, last []question
	d.standing(r)
	for _, g := range groups() {
		installed, err := r.schema.lacks(g)
		switch {
		case !installed || (r.staging() && !g.facts) || (g.compat && !d.cluster.Compat()):
		case err != nil:
			r.Unavailable(g.name, collectors.ReasonOf(err), err)
		case d.stands(g):
		case d.late[g.name]:
			last = append(last, question{group: g, sql: g.statements(r)})
		default:
			first = append(first, question{group: g, sql: g.statements(r)})
		}
	}
	if denied := r.schema.denied; len(denied) > 0 {
		r.Notef("%d columns are not granted, the first is %s: run the script that `wardround grants` prints", len(denied), denied[0])
	}
	return slices.Concat(first, last)
}

// take reads the replies, in the order of groups, so that what a tenant is comes first.
func (d *Database) take(r *reading, replies []reply) {
	d.late = map[string]bool{}
	failed := map[string]error{}
	surprised := false
	r.identity.Odoo = true // what cannot be read this time stays as it was known
	for _, reply := range d.inOrder(replies) {
		if r.staging() && !reply.facts {
			continue
		}
		err := failed[reply.with]
		if err == nil {
			err = d.read(r, reply)
		}
		if err != nil {
			failed[reply.name] = err
			delete(d.kept, reply.name)
			reason := collectors.ReasonOf(err)
			r.Unavailable(reply.name, reason, err)
			d.late[reply.name] = true
			surprised = surprised || reason == collectors.ReasonMissing || reason == collectors.ReasonPermission
		}
	}
	if surprised || (d.Identity().Series != "" && r.identity.Series != d.Identity().Series) {
		d.schema = nil
	}
}

// read reads one reply, and keeps it if it was made on this visit.
func (d *Database) read(r *reading, a reply) error {
	if a.err != nil {
		return a.err
	}
	before := r.again
	r.again = time.Time{}
	if err := a.readBy(r); err != nil {
		return collectors.Because(collectors.ReasonProtocol, err)
	}
	if r.fresh {
		d.keep(r, a, r.again)
	}
	r.again = earlier(before, r.again)
	return nil
}

func (d *Database) remember(i Identity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.identity = i
}
