package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/backup/rehearse"
	"github.com/wardround/wardround/collectors/postgres"
)

// RehearseOptions say which restore is rehearsed.
type RehearseOptions struct {
	ConfigFile string
	Storage    string // where the daemon finds what came of it; "" for nowhere
	Tenant     string
	Place      string // "" for the one with the newest backup that can be restored here
	Dir        string // "" for the one of the configuration
	Progress   func(rehearse.Progress)
}

// Rehearse restores a tenant's newest backup beside everything that runs, checks what came back and
// removes it. The result of a failed rehearsal is evidence too; what could not even begin has none.
func Rehearse(ctx context.Context, o RehearseOptions, logger *slog.Logger) (result rehearse.Result, err error) {
	c, err := config.Load(o.ConfigFile)
	if err != nil {
		return result, err
	}
	if o.Dir != "" {
		c.Rehearsals.Dir = o.Dir
	}
	a, err := newVisitor(ctx, c)
	if err != nil {
		return result, err
	}
	defer a.leave(logger)
	if _, err := a.lookAt(ctx, true); err != nil { // only clusters know who was discovered
		return result, err
	}
	tenant, known := a.meet().ByName(o.Tenant)
	if !known {
		return result, fmt.Errorf("there is no tenant %q; name one that is listed, or that its cluster can be asked for", o.Tenant)
	}
	result, err = a.rehearse(ctx, tenant, o.Place, o.Progress)
	if o.Storage == "" || result.Started.IsZero() {
		return result, err
	}
	return result, errors.Join(err, handIn(o.Storage, result))
}

// rehearse makes one rehearsal as the configuration says.
func (a *App) rehearse(ctx context.Context, tenant collectors.Tenant, place string, progress func(rehearse.Progress)) (rehearse.Result, error) {
	c := a.config.Load()
	if err := os.MkdirAll(c.Rehearsals.Dir, 0o711); err != nil { // PostgreSQL runs as a user of its own
		return rehearse.Result{}, fmt.Errorf("make the folder of rehearsals: %w", err)
	}
	artifact, err := a.artifact(ctx, tenant, place)
	if err != nil {
		return rehearse.Result{}, err
	}
	alive := a.live(ctx, tenant, artifact.Point)
	return rehearse.Rehearse(ctx, rehearse.Options{
		Tenant: tenant, Artifact: artifact, Dir: c.Rehearsals.Dir, BinDir: c.Rehearsals.BinDir, User: c.Rehearsals.User,
		Limit: int64(c.Rehearsals.Limit), Reserve: int64(c.Rehearsals.Reserve), Tolerance: c.Rehearsals.Tolerance,
		Live: alive.rows, LiveWrite: alive.written, LiveID: alive.id, Filestore: a.attachments(ctx, tenant), Progress: progress,
	})
}

// artifact is the newest backup of a tenant in a place, or in all that can be restored from here.
func (a *App) artifact(ctx context.Context, tenant collectors.Tenant, place string) (newest backup.Artifact, err error) {
	var errs []error
	for c, p := range each[backup.Config, *backup.Place](a.targets.Load()) {
		if place != "" && c.Name != place {
			continue
		}
		found, err := p.Newest(ctx, tenant)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
		} else if newest.Place == "" || found.Point.After(newest.Point) {
			newest = found
		}
	}
	switch {
	case newest.Place != "":
		return newest, nil
	case len(errs) > 0:
		return newest, errors.Join(errs...)
	case place != "":
		return newest, fmt.Errorf("there is no place %q under targets.backups", place)
	}
	return newest, errors.New("no place of backups is configured; add one under targets.backups")
}

// alive is what a restored database is compared with. What nobody can say is not compared.
type alive struct {
	rows    map[string]int64 // that the planner thinks tables have
	written time.Time        // when the newest row was made that is older than the backup
	id      string           // database.uuid; "" where the grants are those of an earlier release
}

// live asks a tenant's live database.
func (a *App) live(ctx context.Context, tenant collectors.Tenant, before time.Time) alive {
	clusters := a.targets.Load().clusters()
	i := slices.IndexFunc(clusters, func(c *postgres.Cluster) bool { return c.Name() == tenant.Postgres })
	if i < 0 {
		return alive{}
	}
	ctx, cancel := context.WithTimeout(ctx, a.config.Load().Rounds.Timeout)
	defer cancel()
	cluster := clusters[i]
	release, err := cluster.Budget().Acquire(ctx)
	if err != nil {
		return alive{}
	}
	defer release()
	said := alive{rows: map[string]int64{}}
	err = cluster.Visit(ctx, tenant.Database, func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := count(ctx, conn, said.rows); err != nil {
			return err
		}
		if answer := conn.ExecParams(ctx, "SELECT wardround.param('database.uuid')", nil, nil, nil, nil).Read(); answer.Err == nil && len(answer.Rows) == 1 {
			said.id = string(answer.Rows[0][0])
		}
		var err error
		said.written, err = lastMade(ctx, conn, before)
		return err
	})
	if err != nil {
		return alive{}
	}
	return said
}

// count fills in the rows of tables, as planned says.
func count(ctx context.Context, conn *pgconn.PgConn, rows map[string]int64) error {
	answer := conn.ExecParams(ctx, planned, [][]byte{keyTables()}, nil, nil, nil).Read()
	for _, row := range answer.Rows {
		n, err := strconv.ParseInt(string(row[1]), 10, 64)
		if err != nil {
			return fmt.Errorf("read the rows of a table: %w", err)
		}
		rows[string(row[0])] = n
	}
	return answer.Err
}

// lastMade is when the newest row was made before a moment, among the last of the tables that may be
// read; the zero time where none was.
func lastMade(ctx context.Context, conn *pgconn.PgConn, before time.Time) (last time.Time, err error) {
	tables := conn.ExecParams(ctx, dated, [][]byte{keyTables()}, nil, nil, nil).Read()
	if tables.Err != nil {
		return last, tables.Err
	}
	for _, row := range tables.Rows {
		question := fmt.Sprintf(made, pgx.Identifier{"public", string(row[0])}.Sanitize())
		answer := conn.ExecParams(ctx, question, [][]byte{[]byte(before.UTC().Format("2006-01-02 15:04:05"))}, nil, nil, nil).Read()
		if answer.Err != nil || len(answer.Rows) != 1 || answer.Rows[0][0] == nil {
			continue // of this table nobody can say
		}
		at, err := strconv.ParseInt(string(answer.Rows[0][0]), 10, 64)
		if err != nil {
			return last, fmt.Errorf("read when a row was made: %w", err)
		}
		if newest := time.Unix(at, 0); newest.After(last) {
			last = newest
		}
	}
	return last, nil
}

func keyTables() []byte { return []byte("{" + strings.Join(rehearse.KeyTables(), ",") + "}") }

// planned asks for tables whose statistics are as good as new: fewer than a tenth of their rows
// changed since they were made.
const planned = `SELECT c.relname, c.reltuples::int8 FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname = ANY ($1::text[])
  AND c.reltuples > 100 AND s.n_mod_since_analyze < c.reltuples / 10`

// dated asks for tables whose last rows may be looked at, and made for the newest of these before a
// moment; it reads the end of the primary key's index.
const (
	dated = `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname = ANY ($1::text[])
  AND a.attname = 'create_date' AND a.atttypid = 'timestamp'::regtype
  AND has_column_privilege(c.oid, a.attnum, 'SELECT') AND has_column_privilege(c.oid, 'id', 'SELECT')`
	made = `SELECT floor(extract(epoch FROM max(create_date)))::int8 FROM (SELECT create_date FROM %s ORDER BY id DESC LIMIT 1000) AS s
WHERE create_date < $1::timestamp`
)

// attachments shows a copy of a tenant's filestore; nil where no place keeps one.
func (a *App) attachments(ctx context.Context, tenant collectors.Tenant) fs.FS {
	for _, p := range each[backup.Config, *backup.Place](a.targets.Load()) {
		if kept, ok := p.Attachments(ctx, tenant); ok {
			return kept
		}
	}
	return nil
}
