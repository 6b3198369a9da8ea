package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Options are what a Cluster needs from the daemon.
type Options struct {
	Tenants  *collectors.Registry // whose databases are whose; required
	Logger   *slog.Logger         // default: none
	Interval time.Duration        // between two rounds; default a minute

	// PoolWaiting is how many clients of a tenant wait in a pooler in front of the server for a
	// connection; nil where nobody knows.
	PoolWaiting func(tenant string) int

	// StateDir is an existing folder where sizes are kept over a restart, so that growth over a week
	// can be told; "" for nowhere.
	StateDir string

	// Previous is the Cluster that this one takes the place of, nil for none. With a budget of the
	// same size they share it: visitors of both are bound by it while the last of the old one end.
	// With the same DSN what was counted and measured goes on.
	Previous *Cluster
}

func (o Options) withDefaults() (Options, error) {
	if o.Tenants == nil {
		return o, errors.New("postgres: Options.Tenants is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Interval <= 0 {
		o.Interval = time.Minute
	}
	return o, nil
}

// Cluster watches one PostgreSQL server. Its methods may be called at the same time.
type Cluster struct {
	config  Config
	options Options
	dialer  *dialer
	gate    *gate
	groups  []group
	use     *use
	walk    *walk

	asking   sync.Mutex // held during a round and by Close
	session  *session   // nil while there is no control connection
	clock    lsnClock
	inactive map[string]float64   // replication slots: since when they are known to be
	spaces   map[string]spaceSize // tablespaces, by name
	closed   bool

	mu       sync.RWMutex
	snapshot snapshot
}

// snapshot is what the last round found out about the databases.
type snapshot struct {
	databases []Database
	writes    map[string]Writes // nil where it is not known
	runners   map[string]int    // nil where it is not known
	settings  map[string]string // nil where they are not known
}

// Writes are the rows that were written in a database since its statistics began. Any change of them,
// also downwards, means that something was written.
type Writes struct{ Inserted, Updated, Deleted uint64 }

// Database is one database of a cluster.
type Database struct {
	Name       string
	OID        uint32
	Owner      string
	Template   bool
	AllowConn  bool // it accepts connections at all
	CanConnect bool // it accepts ours
	ConnLimit  int  // -1 for none, -2 for a database whose dropping was cut short
}

// New returns the Cluster that c describes, without connecting. The caller closes it.
func New(c Config, o Options) (*Cluster, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("postgres %q: %w", c.Name, err)
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	d, err := newDialer(c)
	if err != nil {
		return nil, fmt.Errorf("postgres %q: %w", c.Name, err)
	}
	gate := gateFor(c, o)
	previous := o.Previous
	o.Previous = nil // or each would keep all that were before it
	cluster := &Cluster{config: c, options: o, dialer: d, gate: gate}
	cluster.use, cluster.walk = newUse(cluster, previous), newWalk(cluster, previous)
	for _, g := range groups() {
		if (c.StandbyOf == "" || g.standbys) && (c.Compat || !g.compat) {
			cluster.groups = append(cluster.groups, g)
		}
	}
	return cluster, nil
}

// Name is the target's name.
func (c *Cluster) Name() string { return c.config.Name }

// Compat says whether the target wants postgres_exporter's names too.
func (c *Cluster) Compat() bool { return c.config.Compat }

// Visits are the round that Collect makes and, to a primary, those that tell who uses what of it
// and how large the databases are.
func (c *Cluster) Visits() []collectors.Visit {
	visits := []collectors.Visit{{Key: collectors.Key{Collector: "postgres", Target: c.Name()}, Collector: c, Eager: true}}
	if c.config.StandbyOf == "" {
		visits = append(visits, collectors.Visit{Key: collectors.Key{Collector: "postgres_use", Target: c.Name()}, Collector: c.use}, c.walk.visit())
	}
	return visits
}

// Budget is what bounds the visits to the cluster's databases, beside the control connection.
func (c *Cluster) Budget() *collectors.Budget { return c.gate.budget }

// Databases lists the cluster's databases as of the last round that could see them, sorted by
// name: nothing before the first, and nothing on a standby. The caller must not change the slice.
func (c *Cluster) Databases() []Database {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.snapshot.databases
}

// Writes are the rows that were written in a database, as of the last round; the server may count up
// to a minute late. False when the last round did not learn it, and on a standby.
func (c *Cluster) Writes(database string) (Writes, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n, ok := c.snapshot.writes[database]
	return n, ok
}

// JobRunners is how many job runners of Odoo were connected to a database as of the last round: they
// keep a connection to each database that they serve and say something on it every minute. It
// takes no more than the look at all sessions that a round takes anyhow. False when the last
// round did not learn it.
func (c *Cluster) JobRunners(database string) (int, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.snapshot.runners[database], c.snapshot.runners != nil
}

// Close closes the control connection, after a round under way.
func (c *Cluster) Close() {
	c.asking.Lock()
	defer c.asking.Unlock()
	c.closed = true
	c.hangUp()
}

// Collect makes one round on the control connection: it implements collectors.Collector.
func (c *Cluster) Collect(ctx context.Context, b *collectors.Builder) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.closed {
		return errors.New("the cluster is no longer watched")
	}
	r := &round{Builder: b, cluster: c, tenants: c.options.Tenants.Current()}
	err := c.ask(ctx, r)
	if err != nil {
		c.hangUp()
		c.forget()
		r.setUp(false)
		return err
	}
	r.setUp(true)
	c.remember(r.snapshot)
	return nil
}

// ask asks all groups, and then those that their answers call for.
func (c *Cluster) ask(ctx context.Context, r *round) error {
	answers, err := c.exchange(ctx, func(s *session) []question { return s.questions })
	if err != nil {
		if reason := collectors.ReasonOf(err); reason == collectors.ReasonUnreachable || reason == collectors.ReasonTimeout {
			r.notReady()
		}
		return err
	}
	r.read(c.session.questions, answers)
	more := c.session.suiting(r.more)
	if len(more) == 0 {
		return nil
	}
	answers, err = c.session.ask(ctx, more)
	if err != nil {
		return Classify(fmt.Errorf("ask the cluster: %w", err))
	}
	r.read(more, answers)
	return nil
}

// exchange asks questions on the control connection. Where the kept one turns out to be dead, as
// after a restart of the server, it asks again on a new one. The caller holds asking.
func (c *Cluster) exchange(ctx context.Context, of func(*session) []question) ([]answer, error) {
	kept := c.session != nil
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	answers, err := c.session.ask(ctx, of(c.session))
	if err != nil && kept && ctx.Err() == nil {
		c.hangUp()
		if err := c.connect(ctx); err != nil {
			return nil, err
		}
		answers, err = c.session.ask(ctx, of(c.session))
	}
	if err != nil {
		return nil, Classify(fmt.Errorf("ask the cluster: %w", err))
	}
	return answers, nil
}

// read takes the answers in; what could not be had is unavailable, the rest is not touched by it.
func (r *round) read(questions []question, answers []answer) {
	for i, q := range questions {
		if err := Classify(answers[i].err); err != nil {
			r.Unavailable(q.name, collectors.ReasonOf(err), err)
			continue
		}
		q.read(r, answers[i].table)
	}
}

func (c *Cluster) connect(ctx context.Context) error {
	if c.session != nil {
		return nil
	}
	asked := time.Now()
	s, err := openSession(ctx, c.dialer, c.groups)
	if err != nil {
		c.refused(err)
		return err
	}
	c.session = s
	c.gate.admit(asked)
	return nil
}

func (c *Cluster) hangUp() {
	if c.session != nil {
		c.session.close()
		c.session = nil
	}
}

// remember keeps what a round found for Databases and Writes. A round that could not see the
// databases leaves the list as it was, but not the counters, which would look like rest.
func (c *Cluster) remember(s snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.databases == nil {
		s.databases = c.snapshot.databases
	}
	c.snapshot = s
}

func (c *Cluster) forget() { c.remember(snapshot{}) }
