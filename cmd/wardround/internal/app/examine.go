package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
)

// Examination is what keeps targets and tenants from being watched wholly.
type Examination struct {
	Survey
	Problems []Problem
}

// Problem is one such thing, with the SQL that mends it where SQL does.
type Problem struct {
	Where string   // the target, or the target and the databases
	What  []string // one line each
	SQL   string
}

// Examine visits every target and tenant once and asks what their roles lack.
func Examine(ctx context.Context, file string, logger *slog.Logger) (Examination, error) {
	c, err := config.Load(file)
	if err != nil {
		return Examination{}, err
	}
	a, err := newVisitor(ctx, c)
	if err != nil {
		return Examination{}, err
	}
	defer a.leave(logger)
	var e Examination
	if e.Survey, err = a.look(ctx); err != nil {
		return e, err
	}
	for _, p := range a.targets.postgres {
		e.Problems = append(e.Problems, a.examineServer(ctx, p)...)
		if p.config.StandbyOf == "" {
			e.Problems = append(e.Problems, a.examineDatabases(ctx, p)...)
		}
	}
	return e, nil
}

type clusterTarget = target[postgres.Config, *postgres.Cluster]

// examineServer says what the role lacks in the cluster. A server that cannot be reached has said
// so in its visit.
func (a *App) examineServer(ctx context.Context, p clusterTarget) []Problem {
	ctx, cancel := context.WithTimeout(ctx, a.config.Load().Rounds.Timeout)
	defer cancel()
	found, err := p.it.Check(ctx)
	if err != nil {
		return nil
	}
	var problems []Problem
	for _, f := range found {
		problems = append(problems, Problem{Where: p.config.Name, What: []string{f.Text}, SQL: f.SQL})
	}
	return problems
}

// examineDatabases says what the role lacks in tenants' databases: databases that lack the same
// are told together, because one script mends them all.
func (a *App) examineDatabases(ctx context.Context, p clusterTarget) []Problem {
	databases := map[string][]string{}
	for _, t := range a.tenants.Current().All() {
		if t.Postgres != p.config.Name {
			continue
		}
		missing, err := a.missing(ctx, p.it, t)
		if err == nil && len(missing) > 0 {
			lacks := strings.Join(missing, "\n")
			databases[lacks] = append(databases[lacks], t.Database)
		}
	}
	role := roleOf(p.config)
	var problems []Problem
	for lacks, names := range databases {
		slices.Sort(names)
		problems = append(problems, Problem{
			Where: fmt.Sprintf("%s, databases %s", p.config.Name, strings.Join(names, ", ")),
			What:  strings.Split(lacks, "\n"), SQL: odoo.Grants(role),
		})
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Where, b.Where) })
	return problems
}

func (a *App) missing(ctx context.Context, c *postgres.Cluster, t collectors.Tenant) (missing []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.config.Load().Rounds.Timeout)
	defer cancel()
	release, err := c.Budget().Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	err = c.Visit(ctx, t.Database, func(ctx context.Context, conn *pgconn.PgConn) (err error) {
		missing, err = odoo.Missing(ctx, conn)
		return err
	})
	return missing, err
}

// roleOf is the role that a target connects as.
func roleOf(c postgres.Config) string {
	parsed, err := pgconn.ParseConfig(string(c.DSN))
	if err != nil { // cannot be: it was validated
		return "wardround"
	}
	return parsed.User
}
