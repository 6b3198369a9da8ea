package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/collectors/sql"
	"github.com/wardround/wardround/slo"
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
	for c, cluster := range each[postgres.Config, *postgres.Cluster](a.targets.Load()) {
		e.Problems = append(e.Problems, a.examineServer(ctx, cluster)...)
		if c.StandbyOf == "" {
			e.Problems = append(e.Problems, a.examineDatabases(ctx, c, cluster)...)
		}
	}
	for _, indicators := range each[[]sql.Config, *sql.Indicators](a.targets.Load()) {
		problems, err := a.examineIndicators(ctx, indicators)
		if err != nil {
			return e, err
		}
		e.Problems = append(e.Problems, problems...)
	}
	e.Problems = append(e.Problems, a.examineSources(ctx)...)
	return e, nil
}

// examineSources says which objectives are asked of a source that does not know their metrics.
func (a *App) examineSources(ctx context.Context) []Problem {
	c := a.config.Load()
	var problems []Problem
	for i := range c.Objectives {
		o := &c.Objectives[i]
		if o.Indicator.Source == "" {
			continue
		}
		problem := Problem{Where: fmt.Sprintf("objective %s, source %s", o.Name, o.Indicator.Source)}
		source, err := newSource(c, o.Indicator.Source, []slo.Objective{*o}, a.options.Logger)
		if err == nil {
			var absent []string
			absent, err = source.Absent(ctx, o, time.Now())
			for _, selector := range absent {
				problem.What = append(problem.What, fmt.Sprintf("it has no series %s, so nothing is measured", selector))
			}
			source.Close()
		}
		if err != nil {
			problem.What = append(problem.What, err.Error())
		}
		if len(problem.What) > 0 {
			problems = append(problems, problem)
		}
	}
	return problems
}

// examineIndicators says what keeps the operator's own indicators from being had: places in which
// the same is wrong are told together.
func (a *App) examineIndicators(ctx context.Context, indicators *sql.Indicators) ([]Problem, error) {
	found, err := indicators.Check(ctx, as(a.targets.Load().clusters(), func(c *postgres.Cluster) sql.Cluster { return c }))
	places := map[[2]string][]string{}
	var kinds [][2]string
	for _, f := range found {
		kind := [2]string{f.Indicator, f.Text}
		if places[kind] == nil {
			kinds = append(kinds, kind)
		}
		places[kind] = append(places[kind], cmp.Or(f.Tenant, f.Target))
	}
	var problems []Problem
	for _, kind := range kinds {
		problems = append(problems, Problem{
			Where: fmt.Sprintf("sql indicator %s, %s", kind[0], strings.Join(places[kind], ", ")), What: []string{kind[1]},
		})
	}
	return problems, err
}

// examineServer says what the role lacks in the cluster. A server that cannot be reached has said
// so in its visit.
func (a *App) examineServer(ctx context.Context, cluster *postgres.Cluster) []Problem {
	ctx, cancel := context.WithTimeout(ctx, a.config.Load().Rounds.Timeout)
	defer cancel()
	found, err := cluster.Check(ctx)
	if err != nil {
		return nil
	}
	var problems []Problem
	for _, f := range found {
		problems = append(problems, Problem{Where: cluster.Name(), What: []string{f.Text}, SQL: f.SQL})
	}
	return problems
}

// examineDatabases says what the role lacks in tenants' databases: databases that lack the same
// are told together, because one script mends them all.
func (a *App) examineDatabases(ctx context.Context, c postgres.Config, cluster *postgres.Cluster) []Problem {
	databases := map[string][]string{}
	for _, t := range a.tenants.Current().All() {
		if t.Postgres != c.Name {
			continue
		}
		missing, err := a.missing(ctx, cluster, t)
		if err == nil && len(missing) > 0 {
			lacks := strings.Join(missing, "\n")
			databases[lacks] = append(databases[lacks], t.Database)
		}
	}
	role := roleOf(c)
	var problems []Problem
	for lacks, names := range databases {
		slices.Sort(names)
		problems = append(problems, Problem{
			Where: fmt.Sprintf("%s, databases %s", c.Name, strings.Join(names, ", ")),
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
