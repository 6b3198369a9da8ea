package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/testdata/platform"
)

// look is how often connections are counted.
const look = 500 * time.Millisecond

// held is what was seen of an exporter's connections.
type held struct {
	most    int           // at any look
	tenants int           // of them to tenants' databases
	oldest  time.Duration // age of the oldest one to a tenant's database
}

// cost is what an exporter took in one stretch of time.
type cost struct {
	lasted        time.Duration
	postgres, own time.Duration // processor time of PostgreSQL and of the exporter
	held          held
	rss           int64
}

// perMinute is how much of a time fell on each minute.
func (c cost) perMinute(d time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(time.Minute) / float64(c.lasted))
}

// watcher measures on one stage. Its own session is not counted.
type watcher struct {
	stage *stage
	conn  *pgx.Conn
}

func newWatcher(ctx context.Context, s *stage) (*watcher, error) {
	conn, err := s.primary.Connect(ctx, "", "")
	if err != nil {
		return nil, err
	}
	return &watcher{stage: s, conn: conn}, nil
}

func (w *watcher) close(ctx context.Context) error { return w.conn.Close(context.WithoutCancel(ctx)) }

// during measures what the exporter takes while do goes on.
func (w *watcher) during(ctx context.Context, exporter *platform.Server, do func(context.Context) error) (cost, error) {
	began := time.Now()
	before, own, err := w.spent(exporter)
	if err != nil {
		return cost{}, err
	}
	looking, stop := context.WithCancel(ctx)
	defer stop()
	var c cost
	var done, seen error
	var looks conc.WaitGroup
	looks.Go(func() { c.held, seen = w.count(looking) })
	done = do(ctx)
	stop()
	looks.Wait()
	if err := errors.Join(done, seen); err != nil {
		return cost{}, err
	}
	after, ownAfter, err := w.spent(exporter)
	if err != nil {
		return cost{}, err
	}
	c.lasted, c.postgres, c.own = time.Since(began), after-before, ownAfter-own
	c.rss, err = memoryOf(exporter.PID())
	return c, err
}

func (w *watcher) spent(exporter *platform.Server) (cluster, own time.Duration, err error) {
	cluster, err = clusterTime(w.stage.primary.PID(), int(w.conn.PgConn().PID()))
	if err != nil {
		return 0, 0, err
	}
	t, err := timesOf(exporter.PID())
	return cluster, t.self, err
}

const countSQL = `SELECT count(*), count(*) FILTER (WHERE datname LIKE $2),
	coalesce(extract(epoch FROM max(clock_timestamp() - backend_start) FILTER (WHERE datname LIKE $2)), 0)::float8
	FROM pg_stat_activity WHERE usename = $1`

// count looks at the role's connections until ctx ends.
func (w *watcher) count(ctx context.Context) (held, error) {
	var h held
	ticks := time.NewTicker(look)
	defer ticks.Stop()
	for {
		var all, tenants int
		var age float64
		// The look under way is not cut off: that would cost the connection.
		err := w.conn.QueryRow(context.WithoutCancel(ctx), countSQL, role, isTenant).Scan(&all, &tenants, &age)
		if err != nil {
			return h, fmt.Errorf("count connections: %w", err)
		}
		h.most, h.tenants = max(h.most, all), max(h.tenants, tenants)
		h.oldest = max(h.oldest, time.Duration(age*float64(time.Second)))
		select {
		case <-ctx.Done():
			return h, nil
		case <-ticks.C:
		}
	}
}
