package postgres

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/jackc/pgx/v5"
)

//go:embed grants.sql.tmpl
var grantsSQL string

// grantedConnections is the role's own limit: the default budget, and some to look around with.
const grantedConnections = 5

type setting struct{ Name, Value string }

// Grants is the SQL that prepares a cluster for Wardround, once and for all its databases: a role
// that may log in on few connections and read statistics, nothing else. What the tables of a
// tenant's database need is granted apart.
func Grants(role string) (string, error) {
	t, err := template.New("grants").Parse(grantsSQL)
	if err != nil {
		return "", fmt.Errorf("read the grants: %w", err)
	}
	var sql strings.Builder
	err = t.Execute(&sql, struct {
		Role, Database string
		Limit          int
		Settings       []setting
	}{
		Role: pgx.Identifier{role}.Sanitize(), Database: pgx.Identifier{controlDatabase}.Sanitize(), Limit: grantedConnections,
		Settings: []setting{{"statement_timeout", "'3s'"}, {"lock_timeout", "'200ms'"}, {"idle_in_transaction_session_timeout", "'10s'"}},
	})
	if err != nil {
		return "", fmt.Errorf("write the grants: %w", err)
	}
	return sql.String(), nil
}
