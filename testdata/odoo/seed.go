package odoo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wardround/wardround/testdata/platform"
)

// Owner is the PostgreSQL role that owns every tenant database, as Odoo's own
// role does.
const Owner = "odoo"

// Canary is what Canaries plants into every text that must never be shown.
const Canary = "CANARY-7f3a"

// Series is an Odoo major version, "17" or "18".
type Series string

// The series whose schemas were recorded.
const (
	Series17 Series = "17"
	Series18 Series = "18"
)

// Trouble is something wrong with a tenant; its SQL is troubles/NAME.sql.
type Trouble string

// Everything that can be wrong.
const (
	OverdueCron      Trouble = "overdue-cron"
	FailingCron      Trouble = "failing-cron"     // leaves a trace in series 18 only
	DeactivatedCron  Trouble = "deactivated-cron" // series 18 only
	StuckJob         Trouble = "stuck-job"
	MailBacklog      Trouble = "mail-backlog"
	ToUpgrade        Trouble = "to-upgrade"
	WrongBaseVersion Trouble = "wrong-base-version"
	BusinessBacklog  Trouble = "business-backlog"
	Neutralized      Trouble = "neutralized" // a staging copy, which is no trouble
	Canaries         Trouble = "canaries"    // see Canary
)

//go:embed *.sql troubles/*.sql
var files embed.FS

// GrantsSQL returns the once-per-cluster and the per-database SQL that let role
// read what a monitor needs and nothing more. The first makes the role with the
// given password.
func GrantsSQL(role, password string) (cluster, database string, err error) {
	name := pgx.Identifier{role}.Sanitize()
	fill := strings.NewReplacer(":role:", name, ":password:", strings.ReplaceAll(password, "'", "''"))
	parts, err := read("grants-cluster.sql", "grants.sql")
	if err != nil {
		return "", "", err
	}
	return fill.Replace(parts[0]), fill.Replace(parts[1]), nil
}

// Seed makes a tenant database: a copy of the series' template, as of now, with
// the troubles given. The first call on a cluster takes about a second, further
// ones some 50 ms each.
func Seed(ctx context.Context, pg *platform.Postgres, database string, series Series, troubles ...Trouble) error {
	if err := possible(series, troubles); err != nil {
		return fmt.Errorf("seed %s: %w", database, err)
	}
	template, err := makeTemplate(ctx, pg, series)
	if err != nil {
		return fmt.Errorf("make template of series %s: %w", series, err)
	}
	// Copying files beats writing them through the log while nobody needs durability.
	err = pg.Exec(ctx, "", fmt.Sprintf("CREATE DATABASE %s OWNER %s STRATEGY file_copy TEMPLATE %s",
		pgx.Identifier{database}.Sanitize(), Owner, template))
	if err != nil {
		return err
	}
	parts, err := read("clock.sql")
	if err != nil {
		return fmt.Errorf("seed %s: %w", database, err)
	}
	if err := pg.Exec(ctx, database, "SET ROLE odoo;\n"+parts[0]); err != nil {
		return err
	}
	return Afflict(ctx, pg, database, troubles...)
}

// Afflict puts troubles on a tenant that Seed made. What it writes is counted by the server when it returns.
func Afflict(ctx context.Context, pg *platform.Postgres, database string, troubles ...Trouble) error {
	var names []string
	for _, t := range troubles {
		names = append(names, "troubles/"+string(t)+".sql")
	}
	parts, err := read(names...)
	if err != nil {
		return fmt.Errorf("afflict %s: %w", database, err)
	}
	return pg.Exec(ctx, database, "SET ROLE odoo;\n"+strings.Join(parts, "\n")+"\nSELECT pg_stat_force_next_flush()")
}

func possible(series Series, troubles []Trouble) error {
	for _, t := range troubles {
		if series == Series17 && (t == FailingCron || t == DeactivatedCron) {
			return fmt.Errorf("series 17 leaves no trace of %s", t)
		}
	}
	return nil
}

// makeTemplate returns the name of the series' template database and makes it if
// it is missing. A lock lets parallel tests share the work.
func makeTemplate(ctx context.Context, pg *platform.Postgres, series Series) (name string, err error) {
	name = "odoo_template_" + string(series)
	control, err := pg.Connect(ctx, "", "")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, control.Close(context.WithoutCancel(ctx))) }()
	if _, err := control.Exec(ctx, "SELECT pg_advisory_lock(hashtext('odoo_template'))"); err != nil {
		return "", fmt.Errorf("wait for others: %w", err)
	}
	var ready bool
	if err := control.QueryRow(ctx, "SELECT count(*) = 1 FROM pg_database WHERE datname = $1", name).Scan(&ready); err != nil {
		return "", fmt.Errorf("look for it: %w", err)
	}
	if ready {
		return name, nil
	}
	return name, buildTemplate(ctx, pg, name, series)
}

// buildTemplate fills the template under another name first, so that a database
// with the template's name is always whole.
func buildTemplate(ctx context.Context, pg *platform.Postgres, name string, series Series) error {
	number := string(series)
	parts, err := read("schema-"+number+".sql", "addons.sql", "healthy.sql", "healthy-"+number+".sql")
	if err != nil {
		return err
	}
	role, err := pg.Value(ctx, "", "SELECT count(*) FROM pg_roles WHERE rolname = 'odoo'")
	if err != nil {
		return err
	}
	if role == "0" {
		if err := pg.CreateRole(ctx, Owner, "CREATEDB"); err != nil {
			return err
		}
	}
	draft := name + "_draft"
	fill := fmt.Sprintf("SET ROLE odoo;\nCREATE TEMPORARY VIEW series AS SELECT '%s.0' AS number;\n", number)
	for _, step := range []struct{ database, sql string }{
		{"", "DROP DATABASE IF EXISTS " + draft},
		{"", fmt.Sprintf("CREATE DATABASE %s OWNER %s", draft, Owner)},
		{draft, fill + strings.Join(parts, "\n")},
		{"", fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", draft, name)},
		{"", fmt.Sprintf("ALTER DATABASE %s IS_TEMPLATE true", name)},
	} {
		if err := pg.Exec(ctx, step.database, step.sql); err != nil {
			return err
		}
	}
	return nil
}

func read(names ...string) ([]string, error) {
	texts := make([]string, len(names))
	for i, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read seed: %w", err)
		}
		texts[i] = string(text)
	}
	return texts, nil
}
