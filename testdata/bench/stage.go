package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// role is whom all exporters log in as.
const role = "wardround"

// stage is a PostgreSQL with tenants' databases, and a folder for what is started on it.
type stage struct {
	plan
	dir     string
	primary *platform.Postgres
}

// newStage starts the cluster and seeds it. Its own housekeeping is off, so that what it spends is
// spent for those who ask it.
func newStage(ctx context.Context, p plan) (_ *stage, err error) {
	s := &stage{plan: p}
	if s.dir, err = os.MkdirTemp("", "wardround-bench-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	s.primary, err = platform.StartPostgres(ctx, platform.PostgresOptions{
		MaxConnections: 2*p.databases + 50, Settings: map[string]string{"autovacuum": "off"},
	})
	if err != nil {
		return nil, err
	}
	if err := s.makeRole(ctx); err != nil {
		return nil, err
	}
	for n := range p.databases {
		if err := s.seed(ctx, n); err != nil {
			return nil, err
		}
	}
	// What seeding left to be written is not to be written while others are measured.
	return s, s.primary.Exec(ctx, "", "CHECKPOINT")
}

func (s *stage) remove() error {
	err := os.RemoveAll(s.dir)
	if s.primary != nil {
		err = errors.Join(err, s.primary.Remove())
	}
	return err
}

// makeRole makes the role with what Wardround says that it needs. It is enough for the others too.
func (s *stage) makeRole(ctx context.Context) error {
	sql, err := postgres.Grants(role)
	if err != nil {
		return err
	}
	if err := s.primary.Exec(ctx, "", sql); err != nil {
		return err
	}
	if err := os.WriteFile(s.path("password"), []byte(s.primary.Password), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	// The grants limit the role to a handful of connections, with which the others could not work.
	return s.primary.Exec(ctx, "", fmt.Sprintf("ALTER ROLE %s LOGIN PASSWORD '%s' CONNECTION LIMIT %d", role, s.primary.Password, noLimit))
}

// seed makes one tenant, the two series in turn, whose scheduled tasks are not due for hours: an
// idle Odoo, where nothing is written and nothing is late.
func (s *stage) seed(ctx context.Context, n int) error {
	series := seeds.Series17
	if n%2 == 1 {
		series = seeds.Series18
	}
	if err := seeds.Seed(ctx, s.primary, tenant(n), series); err != nil {
		return err
	}
	return s.primary.Exec(ctx, tenant(n), odoo.Grants(role)+
		";\nUPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + interval '1 day'")
}

// tenant names a tenant, and its database.
func tenant(n int) string { return fmt.Sprintf("tenant_%04d", n) }

// isTenant is a pattern that all their names match, for PostgreSQL's LIKE.
const isTenant = `tenant\_%`

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// limit says how many connections the role may open; below zero there is no limit.
func (s *stage) limit(ctx context.Context, n int) error {
	return s.primary.Exec(ctx, "", "ALTER ROLE "+role+" CONNECTION LIMIT "+strconv.Itoa(n))
}

// lock takes a tenant's scheduled tasks away from everybody until release is called.
func (s *stage) lock(ctx context.Context, n int) (release func() error, err error) {
	conn, err := s.primary.Connect(ctx, "", tenant(n))
	if err != nil {
		return nil, err
	}
	release = func() error { return conn.Close(context.WithoutCancel(ctx)) }
	if _, err := conn.Exec(ctx, "BEGIN; LOCK TABLE ir_cron IN ACCESS EXCLUSIVE MODE"); err != nil {
		return nil, errors.Join(fmt.Errorf("lock ir_cron: %w", err), release())
	}
	return release, nil
}

// What Odoo writes in a minute in which somebody has a page open, and in one in which a scheduled task
// ran and a job was done too. It is counted at once, not some seconds later.
const (
	presence = `UPDATE bus_presence SET last_poll = now() AT TIME ZONE 'utc';
SELECT pg_stat_force_next_flush();`
	work = presence + `UPDATE ir_cron SET lastcall = now() AT TIME ZONE 'utc' WHERE id = (SELECT min(id) FROM ir_cron);
INSERT INTO queue_job (uuid, state, channel, date_created, date_started, date_done, exec_time)
  SELECT gen_random_uuid(), 'done', 'root', u, u, u, 0.1 FROM (SELECT now() AT TIME ZONE 'utc' AS u) c`
)

// stir writes into a tenant's database.
func (s *stage) stir(ctx context.Context, n int, sql string) error {
	return s.primary.Exec(ctx, tenant(n), sql)
}
