package odoo

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed grants.sql.tmpl
var grantsText string

// Grants is the SQL that lets role read, in the tenant database where it is run, exactly what
// this package reads there: single columns of tables that exist, and a few parameters through a
// function, since the table of parameters also holds secrets. Running it again does no harm. Run
// it as the owner of the database; a template database passes it on to its copies.
func Grants(role string) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	script := template.Must(template.New("grants").Funcs(template.FuncMap{
		"literal": quote,
		"ident":   func(s string) string { return pgx.Identifier{s}.Sanitize() },
		"list":    func(columns []string) string { return strings.Join(columns, ",") },
	}).Parse(grantsText))
	var out strings.Builder
	if err := script.Execute(&out, struct {
		Role   string
		Tables []table
	}{role, readable()}); err != nil {
		panic(fmt.Sprintf("odoo: the template of grants does not fit its data: %v", err))
	}
	return out.String()
}

// Missing says what the role of conn lacks in the tenant database that it is connected to: the
// columns that are there but not granted, the function for parameters, the membership in
// pg_monitor. All but the last are what the script of Grants gives. Nothing missing is nil.
func Missing(ctx context.Context, conn *pgconn.PgConn) ([]string, error) {
	s, err := learn(ctx, conn, time.Time{})
	if err != nil {
		return nil, err
	}
	var lacks []string
	if s.isOdoo() {
		lacks = slices.Clone(s.denied)
		if !s.param {
			lacks = append(lacks, "function wardround.param(text)")
		}
	}
	if !s.activity {
		lacks = append(lacks, "membership in pg_monitor")
	}
	return lacks, nil
}
