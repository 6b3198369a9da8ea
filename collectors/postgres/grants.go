package postgres

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// grantsSQL is written for a role of this name, so that it can be read, and run, as it stands.
//
//go:embed grants.sql
var grantsSQL string

const grantedRole = `"wardround"`

// grantedConnections is the limit that the SQL gives the role.
const grantedConnections = 5

// Grants is the SQL that prepares a cluster for Wardround, once and for all its databases: a role
// that may log in on few connections and read statistics, nothing else. What the tables of a
// tenant's database need is granted apart. The error says what keeps role from being a role's name.
func Grants(role string) (string, error) {
	switch {
	case role == "" || len(role) > longestName || strings.ContainsAny(role, "\x00\n$"):
		return "", fmt.Errorf("role %q: give a name of 1 to %d characters on one line, without $", role, longestName)
	case strings.HasPrefix(role, "pg_"):
		return "", fmt.Errorf("role %q: names that begin with pg_ are reserved by PostgreSQL", role)
	}
	return strings.ReplaceAll(grantsSQL, grantedRole, pgx.Identifier{role}.Sanitize()), nil
}

// longestName is what PostgreSQL does not cut off of a name, in bytes.
const longestName = 63
