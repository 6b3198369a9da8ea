package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Sizes says how the databases are measured, and what there is room for.
type Sizes struct {
	// Pace is how much time the walk has for each database: the server looks at every file of it,
	// which are thousands of an Odoo database.
	Pace model.Duration `yaml:"pace"`
	// Again is how old a measure becomes before the database is measured again, at the soonest.
	Again model.Duration `yaml:"again"`
	// CapacityBytes is how much there is room for, by tablespace, where the server is not on this
	// machine; pg_default is where all is that was not put elsewhere.
	CapacityBytes map[string]int64 `yaml:"capacity_bytes,omitempty"`
	// QuotaBytes is how large a tenant's database is to become; zero for as large as it may.
	// QuotasBytes says so of single tenants, by name.
	QuotaBytes  int64            `yaml:"quota_bytes,omitempty"`
	QuotasBytes map[string]int64 `yaml:"quotas_bytes,omitempty"`
}

// DefaultSizes measures a database a second, each at most four times an hour.
func DefaultSizes() Sizes {
	return Sizes{Pace: model.Duration(time.Second), Again: model.Duration(15 * time.Minute)}
}

func (s Sizes) validate() []error {
	var errs []error
	fail := func(path, problem string) { errs = append(errs, collectors.Invalid("sizes."+path, "%s", problem)) }
	if s.Pace <= 0 {
		fail("pace", "must be positive")
	}
	if s.Again <= 0 {
		fail("again", "must be positive")
	}
	if s.QuotaBytes < 0 {
		fail("quota_bytes", "must not be negative")
	}
	for name, bytes := range s.CapacityBytes {
		if bytes <= 0 {
			fail("capacity_bytes."+name, "must be positive")
		}
	}
	for name, bytes := range s.QuotasBytes {
		if bytes <= 0 {
			fail("quotas_bytes."+name, "must be positive")
		}
	}
	return errs
}

// quota is how large a tenant's database is to become; 0 for as large as it may.
func (s Sizes) quota(tenant string) int64 {
	if own, ok := s.QuotasBytes[tenant]; ok {
		return own
	}
	return s.QuotaBytes
}

const (
	atATime = 10 // databases that one visit measures at most
	pausing = 4  // a visit measures no longer than this part of the time until the next
)

// walk goes from database to database and measures each, the one first whose measure is the oldest.
// It has a connection of its own, for as long as it measures a few of them: the rounds do not wait
// for it, nor it for them.
type walk struct {
	cluster *Cluster
	*measures
}

// measures are what the walk knows, also over a change of the settings.
type measures struct {
	mu        sync.Mutex
	databases map[uint32]*measured
	loaded    bool
	saved     time.Time
}

// measured is a database with its sizes.
type measured struct {
	Name   string            `json:"name"`
	Bytes  int64             `json:"bytes"`
	At     time.Time         `json:"at"` // zero while it was never measured
	Trails [len(spans)]trail `json:"trails"`
	asked  time.Time         // last tried
	space  string            // its tablespace
}

func newWalk(c *Cluster, previous *Cluster) *walk {
	if previous != nil && previous.walk != nil && previous.config.DSN == c.config.DSN {
		return &walk{c, previous.walk.measures}
	}
	return &walk{c, &measures{databases: map[uint32]*measured{}}}
}

// visit is the walk's place in the rounds: often, and for a moment each time.
func (w *walk) visit() collectors.Visit {
	return collectors.Visit{
		Key: collectors.Key{Collector: "postgres_sizes", Target: w.cluster.Name()}, Collector: w,
		Interval: w.interval(), Budget: w.cluster.Budget(),
	}
}

func (w *walk) interval() time.Duration { return atATime * time.Duration(w.cluster.config.Sizes.Pace) }

// Unchanged says whether no database is to be measured yet: it implements collectors.Watcher.
func (w *walk) Unchanged(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, db := range w.cluster.Databases() {
		if db.Template || !db.AllowConn || db.ConnLimit == invalidDatabase {
			continue
		}
		if m := w.databases[db.OID]; m == nil || w.due(m, now) {
			return false
		}
	}
	return len(w.databases) > 0
}

func (w *walk) due(m *measured, now time.Time) bool {
	return now.Sub(m.asked) >= time.Duration(w.cluster.config.Sizes.Again)
}

const listSQL = `SELECT d.oid, d.datname, t.spcname, pg_tablespace_location(t.oid) AS location,
  (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS directory
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit <> -2`

// Collect measures a few databases, and tells what is known of all: it implements
// collectors.Collector.
func (w *walk) Collect(ctx context.Context, b *collectors.Builder) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.loaded {
		w.load(b)
		w.loaded = true
	}
	var listed table
	var failed error
	err := w.cluster.Visit(ctx, controlDatabase, func(ctx context.Context, conn *pgconn.PgConn) error {
		var err error
		if listed, err = w.list(ctx, conn); err != nil {
			return err
		}
		failed, err = w.measure(ctx, conn, b)
		return err
	})
	if err != nil {
		return fmt.Errorf("measure databases: %w", err)
	}
	if failed != nil {
		b.Unavailable("database_size", collectors.ReasonOf(failed), failed)
	}
	w.tell(&round{Builder: b, cluster: w.cluster, tenants: w.cluster.options.Tenants.Current()}, listed)
	w.save(b)
	return nil
}

// list learns what databases there are, and forgets those that are no more. A database that has
// another name is the same.
func (w *walk) list(ctx context.Context, conn *pgconn.PgConn) (table, error) {
	result := conn.ExecParams(ctx, listSQL, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return table{}, result.Err
	}
	listed := newTable(result)
	there := map[uint32]bool{}
	for line := range listed.each {
		id, _ := line.count("oid")
		oid := uint32(id)
		there[oid] = true
		m := w.databases[oid]
		if m == nil {
			m = &measured{}
			w.databases[oid] = m
		}
		m.Name, m.space = line.text("datname"), line.text("spcname")
	}
	for oid := range w.databases {
		if !there[oid] {
			delete(w.databases, oid)
		}
	}
	return listed, nil
}

// measure measures those that are due, the longest not tried first, until a few are done or the
// visit's share of the time is used up. The first error is of the connection; what befell a single
// database keeps it from being tried again for as long as if it had been measured.
func (w *walk) measure(ctx context.Context, conn *pgconn.PgConn, b *collectors.Builder) (failed error, err error) {
	began := time.Now()
	done := 0
	for _, oid := range w.next(b.At()) {
		if done == atATime || done > 0 && time.Since(began) > w.interval()/pausing {
			break
		}
		done++
		m := w.databases[oid]
		m.asked = b.At()
		bytes, err := sizeOf(ctx, conn, oid)
		var server *pgconn.PgError
		switch {
		case errors.As(err, &server) && !conn.IsClosed():
			failed = errors.Join(failed, Classify(fmt.Errorf("measure database %s: %w", m.Name, err)))
			continue
		case err != nil:
			return failed, err
		case bytes > 0:
			m.take(point{b.At(), bytes})
		}
	}
	return failed, nil
}

func (w *walk) next(now time.Time) []uint32 {
	var due []uint32
	for oid, m := range w.databases {
		if w.due(m, now) {
			due = append(due, oid)
		}
	}
	slices.SortFunc(due, func(a, b uint32) int {
		return cmp.Or(w.databases[a].asked.Compare(w.databases[b].asked), cmp.Compare(a, b))
	})
	return due
}

// sizeOf is a database's size; 0 for one that was dropped meanwhile.
func sizeOf(ctx context.Context, conn *pgconn.PgConn, oid uint32) (int64, error) {
	result := conn.ExecParams(ctx, "SELECT pg_database_size($1::oid) AS bytes", [][]byte{[]byte(strconv.FormatUint(uint64(oid), 10))}, nil, nil, nil).Read()
	var server *pgconn.PgError
	if errors.As(result.Err, &server) && server.Code == "3D000" {
		return 0, nil
	}
	if result.Err != nil {
		return 0, result.Err
	}
	answer := newTable(result)
	bytes, _ := answer.first().count("bytes")
	return bytes, nil
}

func (m *measured) take(p point) {
	m.Bytes, m.At = p.bytes, p.at
	for i, over := range spans {
		m.Trails[i] = m.Trails[i].add(p, over)
	}
}

// growing is how fast the database grows.
func (m *measured) growing() (r rates) {
	for i, over := range spans {
		r[i].rate, r[i].known = m.Trails[i].growth(over)
	}
	return r
}
