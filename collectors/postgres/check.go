package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Problem is something that keeps a target from being watched wholly.
type Problem struct {
	Text string // what is wrong and what it means
	SQL  string // what an administrator runs to mend it; "" where no SQL does
}

const checkSQL = `SELECT r.rolname, r.rolsuper, r.rolconnlimit,
  pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitor,
  pg_is_in_recovery() AS in_recovery, current_setting('track_counts') = 'on' AS counts,
  current_setting('track_activities') = 'on' AS activities
FROM pg_roles r WHERE r.rolname = current_user`

const unreachableSQL = `SELECT datname FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 AND NOT has_database_privilege(oid, 'CONNECT') ORDER BY 1`

// checkStatementsSQL finds out whether the extension is there and whether the server has loaded it,
// which shows in its settings.
const checkStatementsSQL = `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS created,
  current_setting('pg_stat_statements.max', true) IS NOT NULL AS loaded`

// Check connects to the server once, on a connection of its own, and says what keeps it from
// being watched wholly, with the SQL that mends it. The error is of the connection: nothing could
// be checked.
func (c *Cluster) Check(ctx context.Context) ([]Problem, error) {
	s, err := openSession(ctx, c.dialer, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	answers, err := s.ask(ctx, []question{{text: checkSQL}, {text: unreachableSQL}, {text: checkStatementsSQL}})
	if err != nil {
		return nil, Classify(err)
	}
	for _, a := range answers {
		if a.err != nil {
			return nil, Classify(fmt.Errorf("read our rights: %w", a.err))
		}
	}
	about := answers[0].table.first()
	problems := append(c.checkRole(about), c.checkServer(about)...)
	if c.config.StandbyOf == "" {
		problems = append(problems, c.checkDatabases(about.text("rolname"), answers[1].table)...)
		problems = append(problems, checkStatements(answers[2].table.first())...)
	}
	return problems, nil
}

func (c *Cluster) checkRole(about row) []Problem {
	var problems []Problem
	name := about.text("rolname")
	role := pgx.Identifier{name}.Sanitize()
	if about.truth("rolsuper") {
		problems = append(problems, Problem{
			Text: fmt.Sprintf("role %s is a superuser: a monitor needs no such rights; `wardround grants` makes a role that has enough", name),
		})
	}
	if !about.truth("monitor") {
		problems = append(problems, Problem{
			Text: fmt.Sprintf("role %s does not see the sessions of others nor replication", name),
			SQL:  fmt.Sprintf("GRANT pg_monitor TO %s;", role),
		})
	}
	if limit, ok := about.count("rolconnlimit"); ok && limit >= 0 && int(limit) < c.config.Budget {
		problems = append(problems, Problem{
			Text: fmt.Sprintf("role %s may have %d connections, and the budget is %d", name, limit, c.config.Budget),
			SQL:  fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d;", role, max(c.config.Budget, grantedConnections)),
		})
	}
	return problems
}

func (c *Cluster) checkServer(about row) []Problem {
	var problems []Problem
	standby := c.config.StandbyOf != ""
	if recovering := about.truth("in_recovery"); recovering != standby {
		text := "it is a standby: say so with standby_of"
		if standby {
			text = "it is a primary, and configured as standby of " + c.config.StandbyOf
		}
		problems = append(problems, Problem{Text: text})
	}
	for _, s := range []struct{ column, name, means string }{
		{"counts", "track_counts", "nothing tells which databases were written to"},
		{"activities", "track_activities", "nothing tells who waits or how long transactions are open"},
	} {
		if !about.truth(s.column) {
			problems = append(problems, Problem{
				Text: fmt.Sprintf("%s is off: %s", s.name, s.means),
				SQL:  fmt.Sprintf("ALTER SYSTEM SET %s = on; SELECT pg_reload_conf();", s.name),
			})
		}
	}
	return problems
}

func checkStatements(about row) []Problem {
	const means = "nothing tells which tenant's statements take how long, nor whether others' take longer than usual"
	var problems []Problem
	if !about.truth("loaded") {
		problems = append(problems, Problem{
			Text: "pg_stat_statements is not loaded: " + means + "; name it in shared_preload_libraries and restart the server",
		})
	}
	if !about.truth("created") {
		problems = append(problems, Problem{
			Text: "pg_stat_statements is not there in database " + controlDatabase + ": " + means,
			SQL:  "CREATE EXTENSION pg_stat_statements;",
		})
	}
	return problems
}

// checkDatabases looks at the databases of tenants only; others are not visited.
func (c *Cluster) checkDatabases(role string, closed table) []Problem {
	var problems []Problem
	tenants := c.options.Tenants.Current()
	for line := range closed.each {
		database := line.text("datname")
		tenant, ok := tenants.ByDatabase(c.config.Name, database)
		if !ok {
			continue
		}
		problems = append(problems, Problem{
			Text: fmt.Sprintf("tenant %s: role %s may not connect to database %s", tenant.Name, role, database),
			SQL:  grantConnect(database, role),
		})
	}
	return problems
}

// grantConnect is the SQL that lets a role into a database.
func grantConnect(database, role string) string {
	return fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s;", pgx.Identifier{database}.Sanitize(), pgx.Identifier{role}.Sanitize())
}
