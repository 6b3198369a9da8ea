package sql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Cluster is a PostgreSQL cluster whose databases are asked.
type Cluster interface {
	// Name is the target label of what is read there.
	Name() string
	// Visit opens one connection to a database, with everything set that keeps the monitored side
	// safe, and closes it when fn returns.
	Visit(ctx context.Context, database string, fn func(ctx context.Context, conn *pgconn.PgConn) error) error
	// Budget is the connections that visits may use at once.
	Budget() *collectors.Budget
}

// Options are what Indicators are given besides their Configs.
type Options struct {
	Tenants *collectors.Registry // required
	Taken   collectors.Catalogue // what the daemon itself brings: no indicator may have such a name

	// Series tells a tenant's series of Odoo, such as 18.0; false while it is not known. Nil means
	// that it never is: indicators that are for some series only are not asked then.
	Series func(tenant string) (string, bool)

	Previous *Indicators // the indicators before their settings were changed: counters go on
}

// Indicators are all indicators of a configuration.
type Indicators struct {
	all     []*indicator
	options Options

	mu     sync.Mutex
	visits map[place]*visitor
	counts map[place]*counts
}

// place is one visit: which group of indicators is asked where.
type place struct {
	target, tenant string
	interval       model.Duration
}

// New makes the indicators ready. Each Config must be valid on its own; what is wrong between
// them, or between them and the daemon's own metrics, is an error whose path begins with the
// number of the indicator, as in [2].metrics[0].name.
func New(configs []Config, o Options) (*Indicators, error) {
	if o.Tenants == nil {
		return nil, errors.New("sql: Tenants is required")
	}
	s := &Indicators{options: o, visits: map[place]*visitor{}, counts: map[place]*counts{}}
	s.options.Previous = nil
	if err := collisions(configs, o.Taken); err != nil {
		return nil, err
	}
	for i, c := range configs {
		made, err := newIndicator(c)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		s.all = append(s.all, made)
	}
	if p := o.Previous; p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		maps.Copy(s.counts, p.counts)
	}
	return s, nil
}

func collisions(configs []Config, taken collectors.Catalogue) error {
	var errs []error
	names, metrics := map[string]bool{}, map[string]bool{}
	for i, c := range configs {
		if names[c.Name] {
			errs = append(errs, collectors.Invalid(fmt.Sprintf("[%d].name", i), "%q is there twice", c.Name))
		}
		names[c.Name] = true
		for j, m := range c.Metrics {
			at := fmt.Sprintf("[%d].metrics[%d].name", i, j)
			if slices.ContainsFunc(taken, func(t *collectors.Metric) bool { return t.Name == m.Name }) {
				errs = append(errs, collectors.Invalid(at, "%q is a metric that this daemon has already", m.Name))
			}
			if metrics[m.Name] {
				errs = append(errs, collectors.Invalid(at, "%q is another indicator's metric", m.Name))
			}
			metrics[m.Name] = true
		}
	}
	return errors.Join(errs...)
}

// Metrics is the catalogue of the indicators' own metrics.
func (s *Indicators) Metrics() collectors.Catalogue {
	var all collectors.Catalogue
	for _, i := range s.all {
		for _, m := range i.metrics {
			all = append(all, m.Metric)
		}
	}
	return collectors.Merge(all)
}

// Close has nothing to end: connections belong to the clusters. It is there because every source
// has one.
func (s *Indicators) Close() {}

// Visits plans who is asked what: the indicators with the same interval share a connection, and a
// key whose collector names the interval, such as sql_5m. What is asked again stays the same
// collector. Clusters must not be standbys.
func (s *Indicators) Visits(clusters []Cluster) []collectors.Visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, counted := s.visits, s.counts
	s.visits, s.counts = map[place]*visitor{}, map[place]*counts{}
	var visits []collectors.Visit
	for _, v := range s.plan(clusters) {
		if before := held[v.place]; before != nil && before.cluster == v.cluster && slices.Equal(before.asked, v.asked) {
			v = before
		} else if before := counted[v.place]; before != nil {
			v.counts = before
		}
		s.visits[v.place], s.counts[v.place] = v, v.counts
		visits = append(visits, v.visit())
	}
	return visits
}

// plan says who is asked what.
func (s *Indicators) plan(clusters []Cluster) []*visitor {
	var all []*visitor
	made := map[place]*visitor{}
	add := func(cluster Cluster, tenant string, i *indicator) {
		at := place{cluster.Name(), tenant, i.Interval}
		if made[at] == nil {
			made[at] = &visitor{
				cluster: cluster, place: at, options: &s.options,
				counts: &counts{errors: map[tally]uint64{}, skipped: map[tally]uint64{}},
			}
			all = append(all, made[at])
		}
		made[at].asked = append(made[at].asked, i)
	}
	for _, cluster := range clusters {
		for _, i := range s.all {
			if i.Where == WhereCluster && i.of(cluster.Name()) {
				add(cluster, "", i)
			}
		}
		for _, tenant := range s.options.Tenants.Current().All() {
			for _, i := range s.all {
				if tenant.Postgres == cluster.Name() && i.asks(tenant) {
					add(cluster, tenant.Name, i)
				}
			}
		}
	}
	return all
}

// visitor asks one group of indicators in one place. It is immutable but for its counts.
type visitor struct {
	cluster Cluster
	place   place
	options *Options
	asked   []*indicator
	counts  *counts
}

// counts are what was counted in one place. It belongs to the one visit that is made there.
type counts struct {
	mu      sync.Mutex
	errors  map[tally]uint64
	skipped map[tally]uint64
}

type tally struct{ indicator, reason string }

func (v *visitor) visit() collectors.Visit {
	timeout := 2 * time.Second // to connect
	for _, i := range v.asked {
		timeout += time.Duration(i.Timeout) + time.Second
	}
	return collectors.Visit{
		Key:       collectors.Key{Collector: "sql_" + v.place.interval.String(), Target: v.place.target, Tenant: v.place.tenant},
		Collector: v, Interval: time.Duration(v.place.interval), Timeout: timeout, Budget: v.cluster.Budget(),
	}
}

// Collect asks each indicator that applies. One whose query fails is unavailable; the visit fails
// where the connection does.
func (v *visitor) Collect(ctx context.Context, b *collectors.Builder) error {
	v.counts.mu.Lock()
	defer v.counts.mu.Unlock()
	byDatabase := map[string][]*indicator{}
	for _, i := range v.asked {
		if database, ok := v.applies(b, i); ok {
			byDatabase[database] = append(byDatabase[database], i)
		}
	}
	for database, indicators := range byDatabase {
		err := v.cluster.Visit(ctx, database, func(ctx context.Context, conn *pgconn.PgConn) error {
			for _, i := range indicators {
				if err := v.ask(ctx, b, i, conn); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("ask the operator's indicators: %w", err)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("ask the operator's indicators: %w", err)
	}
	for at, n := range v.counts.errors {
		b.Set(metricErrors, float64(n), at.indicator, at.reason)
	}
	for at, n := range v.counts.skipped {
		b.Set(metricSkipped, float64(n), at.indicator, at.reason)
	}
	return nil
}

// applies says in which database an indicator is asked, and whether it is at all.
func (v *visitor) applies(b *collectors.Builder, i *indicator) (database string, ok bool) {
	if i.Where == WhereCluster {
		return i.Database, true
	}
	tenant, there := v.options.Tenants.Current().ByName(v.place.tenant)
	if !there {
		return "", false
	}
	if len(i.Series) == 0 {
		return tenant.Database, true
	}
	series, known := "", false
	if v.options.Series != nil {
		series, known = v.options.Series(tenant.Name)
	}
	if !known {
		b.Unavailable(i.Name, collectors.ReasonMissing, errors.New("the tenant's series of Odoo is not known yet"))
	}
	return tenant.Database, known && i.suits(series)
}

func (v *visitor) ask(ctx context.Context, b *collectors.Builder, i *indicator, conn *pgconn.PgConn) error {
	began := time.Now()
	rows, failed, err := i.rows(ctx, conn)
	if err != nil {
		return err
	}
	b.Set(metricDuration, time.Since(began).Seconds(), i.Name)
	if failed != nil {
		reason := collectors.ReasonOf(failed)
		v.counts.errors[tally{i.Name, string(reason)}]++
		b.Unavailable(i.Name, reason, failed)
		return nil
	}
	b.Set(metricRows, float64(len(rows)), i.Name)
	owner := func(database string) string {
		tenant, _ := v.options.Tenants.Current().ByDatabase(v.place.target, database)
		return tenant.Name
	}
	for why, n := range i.emit(b, rows, owner) {
		v.counts.skipped[tally{i.Name, why}] += uint64(n)
		b.Notef("%s: %d values were not served: %s", i.Name, n, why)
	}
	return nil
}
