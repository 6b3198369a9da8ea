package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	promconfig "github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/testdata/platform"
)

// What is promised of a visitor with a thousand tenants, and how it is tried.
const (
	sweepLimit  = time.Minute // of a full sweep, on two cores
	shareLimit  = 0.04        // of one core, at a fifth of the tenants written to each minute
	writtenEach = 5           // one tenant of so many is written to in a minute
	minutes     = 30          // of each kind that are tried, none of which is waited for
	hour        = 60          // minutes within which each tenant is visited and asked everything even if nothing is written
)

// sweeper is one visitor of many small tenants. It goes from one to the next; its clock is its own,
// so that minutes need not pass.
type sweeper struct {
	stage   *stage
	cluster *postgres.Cluster
	visits  []collectors.Visit
	at      time.Time
}

// spending is what something took.
type spending struct {
	wall, postgres, own time.Duration
	visits              int
}

// measureSweep makes the databases of as many tenants as the plan says and visits them.
func measureSweep(ctx context.Context, p plan, out io.Writer) (err error) {
	began := time.Now()
	s, err := newSweeper(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	// Somebody works in each tenant's database long before we come, so the server has its files about it.
	if _, err := s.bare(ctx); err != nil {
		return fmt.Errorf("connect to all: %w", err)
	}
	say(out, "%d tenants' databases made in %s\n", p.tenants, time.Since(began).Round(time.Second))
	first, err := s.during(func() (int, error) { return s.sweep(ctx, time.Minute) })
	if err != nil {
		return fmt.Errorf("first sweep: %w", err)
	}
	say(out, "full sweep, getting to know all: %s\n", first)
	again, err := s.during(func() (int, error) { return s.sweep(ctx, time.Minute) })
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	say(out, "full sweep, nothing written:     %s\n", again)
	bare, err := s.during(func() (int, error) { return s.bare(ctx) })
	if err != nil {
		return fmt.Errorf("bare sweep: %w", err)
	}
	say(out, "the same, asking SELECT 1 only:  %s\n", bare)
	return s.live(ctx, out, first, again)
}

// live measures minutes of the tenants' life, and says what came of what is promised; first and again
// are the full sweeps before.
func (s *sweeper) live(ctx context.Context, out io.Writer, first, again spending) error {
	lives := []struct {
		what, sql string
		written   func() []int // tenants, in one minute
		spending
	}{
		{what: "an idle minute", written: func() []int { return nil }},
		{what: "a fifth have a page open", sql: presence, written: s.anyFifth},
		{what: "the same fifth ran a task and a job", sql: work, written: s.firstFifth},
		{what: "another fifth ran a task and a job", sql: work, written: s.anyFifth},
	}
	for i := range lives {
		if _, err := s.sweep(ctx, time.Hour); err != nil { // what the kind before left behind
			return fmt.Errorf("sweep: %w", err)
		}
		var err error
		if lives[i].spending, err = s.minutes(ctx, lives[i].written, lives[i].sql); err != nil {
			return fmt.Errorf("%s: %w", lives[i].what, err)
		}
	}
	hourly, err := s.during(func() (int, error) { return s.sweep(ctx, time.Hour) })
	if err != nil {
		return fmt.Errorf("hourly sweep: %w", err)
	}
	say(out, "full sweep, an hour later:       %s\n", hourly)
	swept := hourly.postgres / hour                    // a minute's part of the visits that are made although nothing was written
	asked := (hourly.postgres - again.postgres) / hour // the same of what is asked then, on visits that are made anyway
	for i, l := range lives {
		rest := asked
		if i == 0 {
			rest = swept
		}
		say(out, "%-36s %s; with its part of the hourly sweep %.2f %%\n", l.what+":", l.spending, share(l.postgres+rest))
	}
	verdict(out, first.wall < sweepLimit, "a full sweep of %d tenants with one visitor within %s: %.1f s", s.stage.tenants, sweepLimit, first.wall.Seconds())
	for _, l := range lives {
		verdict(out, share(l.postgres) < 100*shareLimit, "under %.0f %% of a core of PostgreSQL a minute, %s: %.2f %%", 100*shareLimit, l.what, share(l.postgres))
	}
	return nil
}

// anyFifth are tenants that are written to in one minute, others in the next.
func (s *sweeper) anyFifth() []int { return rand.Perm(s.stage.tenants)[:s.stage.tenants/writtenEach] }

// firstFifth are tenants that are written to all day.
func (s *sweeper) firstFifth() []int {
	all := make([]int, s.stage.tenants/writtenEach)
	for i := range all {
		all[i] = i
	}
	return all
}

// share is how many per cent of a core a minute's processor time is.
func share(perMinute time.Duration) float64 { return 100 * perMinute.Seconds() / 60 }

func (s spending) String() string {
	each := ""
	if s.visits > 0 {
		each = fmt.Sprintf(", %.1f ms each", ms(s.postgres)/float64(s.visits))
	}
	return fmt.Sprintf("%d visits, %.1f s, PostgreSQL CPU %.2f s (%.2f %% of a core if within a minute%s), own CPU %.2f s",
		s.visits, s.wall.Seconds(), s.postgres.Seconds(), share(s.postgres), each, s.own.Seconds())
}

func newSweeper(ctx context.Context, p plan) (_ *sweeper, err error) {
	s := &sweeper{stage: &stage{plan: p}, at: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.stage.dir, err = os.MkdirTemp("", "wardround-sweep-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s.stage.primary, err = platform.StartPostgres(ctx, platform.PostgresOptions{Settings: map[string]string{"autovacuum": "off", "fsync": "off", "shared_buffers": "4GB"}})
	if err != nil {
		return nil, err
	}
	if err := s.stage.makeRole(ctx); err != nil {
		return nil, err
	}
	tenants, err := s.copies(ctx)
	if err != nil {
		return nil, err
	}
	registry := collectors.NewRegistry()
	registry.Replace(tenants)
	c := postgres.DefaultConfig()
	c.Name, c.Password = "main", promconfig.Secret(s.stage.primary.Password)
	c.DSN = promconfig.Secret("postgres://" + role + "@" + s.stage.primary.Addr() + "/postgres?sslmode=disable")
	if s.cluster, err = postgres.New(c, postgres.Options{Tenants: registry}); err != nil {
		return nil, err
	}
	s.visits = odoo.NewDatabases(registry).Visits([]odoo.Cluster{s.cluster}, nil)
	return s, s.stage.primary.Exec(ctx, "", "CHECKPOINT")
}

// copies seeds one tenant and copies its files for the others.
func (s *sweeper) copies(ctx context.Context) (*collectors.Tenants, error) {
	if err := s.stage.seed(ctx, 1); err != nil {
		return nil, err
	}
	var all []collectors.Tenant
	for n := 1; n <= s.stage.tenants; n++ {
		if n > 1 {
			sql := fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", tenant(n), tenant(1))
			if err := s.stage.primary.Exec(ctx, "", sql); err != nil {
				return nil, err
			}
		}
		all = append(all, collectors.Tenant{Name: tenant(n), Postgres: "main", Database: tenant(n)})
	}
	return collectors.NewTenants(all)
}

func (s *sweeper) close() error {
	if s.cluster != nil {
		s.cluster.Close()
	}
	return s.stage.remove()
}

// sweep visits every tenant some time later, changed or not.
func (s *sweeper) sweep(ctx context.Context, later time.Duration) (int, error) {
	s.at = s.at.Add(later)
	return s.round(ctx, func(collectors.Watcher) bool { return true })
}

// bare opens a connection to every tenant's database and asks for nothing: the least that visits can
// cost.
func (s *sweeper) bare(ctx context.Context) (int, error) {
	for _, v := range s.visits {
		err := s.cluster.Visit(ctx, v.Key.Tenant, func(ctx context.Context, conn *pgconn.PgConn) error {
			_, err := conn.Exec(ctx, "SELECT 1").ReadAll()
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return len(s.visits), nil
}

// minutes is what an average minute takes in which some tenants are written to. The writing itself is
// not counted.
func (s *sweeper) minutes(ctx context.Context, written func() []int, sql string) (spending, error) {
	var sum spending
	for range minutes {
		for _, n := range written() {
			if err := s.stage.stir(ctx, n+1, sql); err != nil {
				return sum, err
			}
		}
		s.at = s.at.Add(time.Minute)
		took, err := s.during(func() (int, error) {
			return s.round(ctx, func(w collectors.Watcher) bool { return !w.Unchanged(s.at) })
		})
		if err != nil {
			return sum, err
		}
		sum = spending{sum.wall + took.wall, sum.postgres + took.postgres, sum.own + took.own, sum.visits + took.visits}
	}
	return spending{sum.wall / minutes, sum.postgres / minutes, sum.own / minutes, sum.visits / minutes}, nil
}

// round asks the cluster what it knows, and visits the tenants that are wanted, one after the other.
func (s *sweeper) round(ctx context.Context, wanted func(collectors.Watcher) bool) (visits int, err error) {
	b := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, s.at)
	if err := s.cluster.Collect(ctx, b); err != nil {
		return 0, fmt.Errorf("ask the cluster: %w", err)
	}
	for _, v := range s.visits {
		if w, ok := v.Collector.(collectors.Watcher); ok && !wanted(w) {
			continue
		}
		if err := v.Collector.Collect(ctx, collectors.NewBuilder(v.Key, s.at)); err != nil {
			return visits, fmt.Errorf("visit %s: %w", v.Key.Tenant, err)
		}
		visits++
	}
	return visits, nil
}

func (s *sweeper) during(do func() (int, error)) (spending, error) {
	began := time.Now()
	before, own, err := s.spent()
	if err != nil {
		return spending{}, err
	}
	visits, err := do()
	if err != nil {
		return spending{}, err
	}
	after, ownAfter, err := s.spent()
	return spending{time.Since(began), after - before, ownAfter - own, visits}, err
}

// spent is the processor time of all of PostgreSQL, and of this process, so far.
func (s *sweeper) spent() (cluster, own time.Duration, err error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, 0, fmt.Errorf("read processor time: %w", err)
	}
	cluster, err = clusterTime(s.stage.primary.PID(), 0)
	return cluster, time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}
