package rehearse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Tables that make a database one of Odoo's.
var odooTables = []string{"ir_module_module", "res_users", "ir_config_parameter", "ir_attachment"}

// Tables whose rows are counted where they are there, and in which staff and patients' bookings
// leave their traces: the newest of these is how new the content is.
var keyTables = []string{
	"res_users", "res_company", "res_partner", "calendar_event", "sale_order", "purchase_order", "stock_picking",
	"account_move", "mail_message", "ir_attachment",
}

// KeyTables are the tables whose rows are counted.
func KeyTables() []string { return slices.Clone(keyTables) }

// check looks whether what came back is the tenant's Odoo. What it finds stays in the result, also
// when one check fails.
func (r *rehearsal) check(ctx context.Context) error {
	conn, err := r.server.connect(ctx, r.Tenant.Database)
	if err != nil {
		return because(ReasonNotOdoo, err)
	}
	err = r.examine(ctx, conn)
	if err == nil {
		err = r.checkAttachments(ctx, conn)
	}
	return errors.Join(err, conn.Close(ctx))
}

func (r *rehearsal) examine(ctx context.Context, conn *pgx.Conn) error {
	var err error
	if r.result.Postgres, err = r.server.version(ctx, conn); err != nil {
		return fmt.Errorf("ask for the version: %w", coded(err))
	}
	err = conn.QueryRow(ctx, `SELECT count(*), pg_database_size(current_database()) FROM pg_tables WHERE schemaname = 'public'`).
		Scan(&r.result.Tables, &r.result.DatabaseBytes)
	if err != nil {
		return fmt.Errorf("count tables: %w", coded(err))
	}
	if err := r.recovered(ctx, conn); err != nil {
		return err
	}
	if err := r.isOdoo(ctx, conn); err != nil {
		return err
	}
	if err := r.isTheirs(ctx, conn); err != nil {
		return err
	}
	if err := r.count(ctx, conn); err != nil {
		return err
	}
	return r.judge()
}

// isTheirs looks whether it is the tenant's database, by the identifier that Odoo gave it: a plain
// dump names no database, so that one of another under the tenant's name is seen by nothing before.
func (r *rehearsal) isTheirs(ctx context.Context, conn *pgx.Conn) error {
	if r.LiveID == "" {
		return nil
	}
	var id string
	err := conn.QueryRow(ctx, "SELECT coalesce(max(value), '') FROM ir_config_parameter WHERE key = 'database.uuid'").Scan(&id)
	if err != nil {
		return fmt.Errorf("ask which database it is: %w", coded(err))
	}
	if id != "" && id != r.LiveID {
		return because(ReasonStranger, errors.New("what was restored is another database than the tenant's: their identifiers differ"))
	}
	return nil
}

// recovered finds the point to which the restore came: a dump's own, or that of the last commit
// that was replayed.
func (r *rehearsal) recovered(ctx context.Context, conn *pgx.Conn) error {
	point := r.Artifact.Point
	var replayed *time.Time
	if err := conn.QueryRow(ctx, "SELECT pg_last_xact_replay_timestamp()").Scan(&replayed); err != nil {
		return fmt.Errorf("ask for the last replayed commit: %w", coded(err))
	}
	if r.Artifact.Command != nil && replayed != nil {
		point = *replayed
	}
	r.result.RecoveryPoint = point.UTC()
	r.result.LostSeconds = max(0, r.result.Started.Sub(point).Seconds())
	return nil
}

// coded leaves of a server's error its code alone: its words may quote what was restored.
func coded(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return fmt.Errorf("the scratch server answered SQLSTATE %s", server.Code)
	}
	return err
}

var versionText = regexp.MustCompile(`^[0-9A-Za-z.~+]{1,40}$`)

// isOdoo looks for Odoo's tables and for the version of its module base, without which it does not
// start.
func (r *rehearsal) isOdoo(ctx context.Context, conn *pgx.Conn) error {
	there, err := present(ctx, conn, odooTables)
	if err != nil {
		return err
	}
	for _, table := range odooTables {
		if !slices.Contains(there, table) {
			return because(ReasonNotOdoo, fmt.Errorf("the restored database has no table %s", table))
		}
	}
	var state, version string
	err = conn.QueryRow(ctx, "SELECT coalesce(state, ''), coalesce(latest_version, '') FROM ir_module_module WHERE name = 'base'").Scan(&state, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		return because(ReasonNotReady, errors.New("the restored database has no module base"))
	}
	if err != nil {
		return fmt.Errorf("ask for the version of module base: %w", coded(err))
	}
	if versionText.MatchString(version) {
		r.result.Odoo = version
	}
	if state != "installed" || r.result.Odoo == "" {
		return because(ReasonNotReady, errors.New("module base of the restored database is not installed: Odoo would not serve it"))
	}
	return nil
}

// present says which of some tables are there.
func present(ctx context.Context, conn *pgx.Conn, tables []string) ([]string, error) {
	rows, err := conn.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY($1)", tables)
	if err != nil {
		return nil, fmt.Errorf("look for tables: %w", coded(err))
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for tables: %w", coded(err))
	}
	return found, nil
}

// dates says which columns of key tables tell when a row was made and last written.
func dates(ctx context.Context, conn *pgx.Conn) (map[string][]string, error) {
	rows, err := conn.Query(ctx, "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "+
		"WHERE relnamespace = 'public'::regnamespace AND attname IN ('create_date', 'write_date') AND atttypid = 'timestamp'::regtype "+
		"AND relname = ANY($1)", keyTables)
	if err != nil {
		return nil, fmt.Errorf("look for dates: %w", coded(err))
	}
	columns := map[string][]string{}
	var table, column string
	if _, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		columns[table] = append(columns[table], column)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look for dates: %w", coded(err))
	}
	return columns, nil
}

// count counts the rows of the key tables, and of those that were counted in the live database,
// and finds the newest write to any.
func (r *rehearsal) count(ctx context.Context, conn *pgx.Conn) error {
	wanted := slices.Clone(keyTables)
	for table := range r.Live {
		wanted = append(wanted, table)
	}
	tables, err := present(ctx, conn, wanted)
	if err != nil {
		return err
	}
	dated, err := dates(ctx, conn)
	if err != nil {
		return err
	}
	r.result.Rows = make(map[string]int64, len(tables))
	for _, table := range tables {
		name := pgx.Identifier{"public", table}.Sanitize()
		written := "NULL::timestamp"
		if columns := dated[table]; columns != nil {
			written = "greatest(max(" + strings.Join(columns, "), max(") + "))"
		}
		var n int64
		var newest *time.Time
		if err := conn.QueryRow(ctx, "SELECT count(*), "+written+" FROM "+name).Scan(&n, &newest); err != nil {
			return fmt.Errorf("count rows: %w", coded(err))
		}
		r.result.Rows[table] = n
		if newest != nil && newest.After(r.result.NewestWrite) {
			r.result.NewestWrite = newest.UTC()
		}
	}
	return nil
}

// oldContent is how much newer the live database's last row before the backup may be: a dump is
// dated by its end, and shows how things were when it began.
const oldContent = 12 * time.Hour

// fewRows is by how many rows any table may differ from the live one.
const fewRows = 10

// judge compares what was counted with the live database and with the backup's time.
func (r *rehearsal) judge() error {
	for table, live := range r.Live {
		allowed := max(fewRows, int64(r.Tolerance*float64(live)))
		if n := r.result.Rows[table]; n < live-allowed || n > live+allowed {
			r.result.OutOfBounds = append(r.result.OutOfBounds, table)
		}
	}
	slices.Sort(r.result.OutOfBounds)
	if len(r.result.OutOfBounds) > 0 {
		return because(ReasonRows, fmt.Errorf("the restored rows are far from the live ones in %s", strings.Join(r.result.OutOfBounds, ", ")))
	}
	if gap := r.LiveWrite.Sub(r.result.NewestWrite); !r.LiveWrite.IsZero() && gap > oldContent {
		return because(ReasonOldContent, errors.New("the live database has rows that were made before the backup and long after all that was restored: "+
			"it may be the backup of an old copy"))
	}
	return nil
}
