package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

const (
	poolSize = 2               // of a crowded tenant
	workers  = 8               // who want a connection out of it
	absent   = 4 * time.Second // that each lets its transaction wait
)

// pooler starts PgBouncer in front of the primary, with a small pool for each crowded tenant.
// Wardround logs in to its console with a password of its own.
func (s *stage) pooler(ctx context.Context) error {
	watcher, err := s.secret(role)
	if err != nil {
		return err
	}
	place := s.place("pgbouncer", poolerPort)
	users := fmt.Sprintf("%q %q\n%q %q\n", odoo.Owner, s.primary.Password, role, watcher)
	if err := os.MkdirAll(place.Dir, 0o755); err != nil {
		return fmt.Errorf("make folder of the pooler: %w", err)
	}
	if err := os.WriteFile(s.path("pgbouncer", "users"), []byte(users), 0o600); err != nil {
		return fmt.Errorf("write users of the pooler: %w", err)
	}
	databases := map[string]string{}
	for _, p := range ward() {
		if p.crowded {
			databases[p.database] = fmt.Sprintf("host=127.0.0.1 port=%d pool_size=%d", s.primary.Port(), poolSize)
		}
	}
	_, err = platform.StartPgBouncer(ctx, platform.PgBouncerOptions{
		Place: place, Upstream: s.primary, Databases: databases,
		Settings: map[string]string{"auth_file": s.path("pgbouncer", "users"), "stats_users": role},
	})
	return err
}

// crowd plays the workers of a crowded tenant, until ctx ends: each calls somebody else's web
// service in the middle of a transaction, and keeps its connection meanwhile.
func crowd(ctx context.Context, dsn string, log *slog.Logger) {
	var all conc.WaitGroup
	defer all.Wait()
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := dawdle(ctx, dsn); err != nil && ctx.Err() == nil {
					log.Warn("worker lost the pooler", "err", err)
					pause(ctx, absent)
				}
			}
		})
	}
}

// dawdle makes one transaction after another. PgBouncer wants the simple protocol.
func dawdle(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for err == nil && ctx.Err() == nil {
		if _, err = conn.PgConn().Exec(ctx, "BEGIN; SELECT count(*) FROM queue_job").ReadAll(); err == nil {
			pause(ctx, absent)
			_, err = conn.PgConn().Exec(ctx, "COMMIT").ReadAll()
		}
	}
	return err
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
