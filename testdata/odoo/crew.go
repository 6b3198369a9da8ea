package odoo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc"
)

// CrewTenant says what happens in one database while the crew is at work.
type CrewTenant struct {
	Database string
	Series   Series
	// MailPiles lets users write mails that nobody sends.
	MailPiles bool
	// InvoicesPile lets users write invoice jobs that nobody does; meant for
	// tenants with StuckJob.
	InvoicesPile bool
	// NoRunner leaves the database without a job runner, as happens to one that
	// was made while Odoo was running.
	NoRunner bool
}

// CrewOptions describes a crew.
type CrewOptions struct {
	Tenants []CrewTenant
	// DSN returns a connection URL of the Owner for a database.
	DSN func(database string) string
	// Every is the pause between two walks over all databases. Odoo's cron worker
	// takes a minute; the demo is faster.
	Every time.Duration
	// KeepAlive is how often a job runner says something; Odoo's does within 60 s.
	KeepAlive time.Duration
	Log       *slog.Logger
}

// Crew does in the databases what Odoo's workers and users do: one walker runs
// due crons and jobs, and a job runner per tenant holds its connection. What was
// overdue when the crew came stays so, as do crons of databases that Odoo would
// skip.
type Crew struct {
	CrewOptions
	neglected map[string][]int32 // crons left alone, by database; the walker's own
}

// NewCrew makes a crew; nothing happens until Run.
func NewCrew(o CrewOptions) *Crew { return &Crew{CrewOptions: o, neglected: map[string][]int32{}} }

// Run works until ctx ends. A database that cannot be reached is logged and
// tried again later.
func (c *Crew) Run(ctx context.Context) {
	var workers conc.WaitGroup
	workers.Go(func() { c.hold(ctx, "postgres", "LISTEN cron_trigger") })
	for _, t := range c.Tenants {
		if !t.NoRunner {
			workers.Go(func() { c.hold(ctx, t.Database, "LISTEN queue_job") })
		}
	}
	workers.Go(func() { c.walk(ctx) })
	workers.Wait()
}

// hold keeps a connection as Odoo's workers do: it listens, and says SELECT 1
// every now and then.
func (c *Crew) hold(ctx context.Context, database, listen string) {
	for ctx.Err() == nil {
		err := c.with(ctx, database, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, listen)
			for err == nil && pause(ctx, c.KeepAlive) {
				_, err = conn.Exec(ctx, "SELECT 1")
			}
			return err
		})
		if err != nil && ctx.Err() == nil {
			c.Log.Warn("worker lost its database", "database", database, "err", err)
			pause(ctx, c.Every)
		}
	}
}

func (c *Crew) walk(ctx context.Context) {
	for step := 0; ; step++ {
		for _, t := range c.Tenants {
			err := c.with(ctx, t.Database, func(conn *pgx.Conn) error { return c.work(ctx, conn, t, step) })
			if err != nil && ctx.Err() == nil {
				c.Log.Warn("database skipped", "database", t.Database, "err", err)
			}
		}
		if !pause(ctx, c.Every) {
			return
		}
	}
}

// work does what is due in one database.
func (c *Crew) work(ctx context.Context, conn *pgx.Conn, t CrewTenant, step int) error {
	if err := c.runCrons(ctx, conn, t); err != nil {
		return fmt.Errorf("run crons: %w", err)
	}
	statements := []struct {
		when bool
		sql  string
	}{
		{t.MailPiles, writeMail},
		{t.InvoicesPile, writeInvoiceJob},
		{!t.NoRunner && step%4 == 0, doLabJob},
	}
	for _, s := range statements {
		if !s.when {
			continue
		}
		if _, err := conn.Exec(ctx, s.sql); err != nil {
			return fmt.Errorf("do users' work: %w", err)
		}
	}
	return nil
}

// runCrons runs what is due, unless Odoo would skip the database. In series 18 a
// failing cron fails again.
func (c *Crew) runCrons(ctx context.Context, conn *pgx.Conn, t CrewTenant) error {
	neglected, seen := c.neglected[t.Database]
	if !seen {
		rows, err := conn.Query(ctx, "SELECT id FROM ir_cron WHERE nextcall < now() AT TIME ZONE 'UTC' - interval '1 minute'")
		if err != nil {
			return err
		}
		if neglected, err = pgx.CollectRows(rows, pgx.RowTo[int32]); err != nil {
			return err
		}
		c.neglected[t.Database] = neglected
	}
	var skipped bool
	if err := conn.QueryRow(ctx, skips, string(t.Series)+".0.1.3").Scan(&skipped); err != nil || skipped {
		return err
	}
	sql := runDue
	if t.Series == Series18 {
		sql = runDue18
	}
	_, err := conn.Exec(ctx, sql, neglected)
	return err
}

// What Odoo and its users say to PostgreSQL.
const (
	skips = `SELECT count(*) > 0 FROM ir_module_module
		WHERE state IN ('to install', 'to upgrade', 'to remove') OR name = 'base' AND latest_version <> $1`

	runDue = `UPDATE ir_cron SET lastcall = date_trunc('second', now() AT TIME ZONE 'UTC'),
		nextcall = nextcall + (interval_number || ' ' || interval_type)::interval
		WHERE active AND nextcall <= now() AT TIME ZONE 'UTC' AND id <> ALL (coalesce($1::int[], '{}'))`

	runDue18 = `UPDATE ir_cron SET lastcall = date_trunc('second', now() AT TIME ZONE 'UTC'),
		nextcall = nextcall + (interval_number || ' ' || interval_type)::interval,
		failure_count = CASE WHEN failure_count > 0 THEN failure_count + 1 ELSE 0 END
		WHERE active AND nextcall <= now() AT TIME ZONE 'UTC' AND id <> ALL (coalesce($1::int[], '{}'))`

	writeMail = `WITH message AS (
		INSERT INTO mail_message (message_type, subject, body, date, create_date)
		VALUES ('email', 'Subject', 'Body', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC') RETURNING id)
		INSERT INTO mail_mail (mail_message_id, state, email_to, create_date)
		SELECT id, 'outgoing', 'somebody@example.test', now() AT TIME ZONE 'UTC' FROM message`

	writeInvoiceJob = `INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, priority, date_created)
		VALUES (gen_random_uuid()::text, 'pending', 'root.invoice', 'account.move', 'send_invoice', 'Job', 10,
			now() AT TIME ZONE 'UTC')`

	doLabJob = `INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, priority, retry,
		date_created, date_enqueued, date_started, date_done, exec_time)
		SELECT gen_random_uuid()::text, 'done', 'root.lab', 'clinic.result', 'import_result', 'Job', 10, 1,
			now - interval '2 seconds', now - interval '1 second', now - interval '0.5 seconds', now, 0.5
		FROM (SELECT now() AT TIME ZONE 'UTC' AS now) n`
)

// with runs do on a connection of its own, named as Odoo names its own.
func (c *Crew) with(ctx context.Context, database string, do func(*pgx.Conn) error) (err error) {
	config, err := pgx.ParseConfig(c.DSN(database))
	if err != nil {
		return fmt.Errorf("read DSN of %s: %w", database, err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams["application_name"] = fmt.Sprintf("odoo-%d", os.Getpid())
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return do(conn)
}

// pause waits and returns false when ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	wait(ctx, d)
	return ctx.Err() == nil
}
