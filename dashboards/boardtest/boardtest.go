// Package boardtest checks Grafana boards as tests of other packages need it: whoever knows all metrics of the program
// can prove that the boards ask for nothing else.
//
//	Dashboard, metric names -> Check -> everything that is wrong, as one error
package boardtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/dashboards"
)

// Check says everything that is wrong with a board: expressions that Prometheus' parser refuses, metrics that are not
// among known, ids that stand twice, panels that overlap or leave the grid, and panels that nobody can understand.
func Check(d dashboards.Dashboard, known []string) error {
	expressions, err := dashboards.Expressions(d, nil)
	errs := []error{err}
	for _, e := range expressions {
		errs = append(errs, metrics(e, known))
	}
	for i, p := range d.Panels {
		errs = append(errs, panel(p))
		for _, other := range d.Panels[:i] {
			errs = append(errs, pair(p, other))
		}
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("board %s: %w", d.UID, err)
		}
	}
	return errors.Join(errs...)
}

// Metrics are the names of the metrics that an expression asks for, sorted.
func Metrics(expr string) ([]string, error) {
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", expr, err)
	}
	var names []string
	var unnamed error
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			if v.Name == "" {
				unnamed = fmt.Errorf("selector %s names no metric", v)
			}
			names = append(names, v.Name)
		}
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names), unnamed
}

func metrics(e dashboards.Expression, known []string) error {
	names, err := Metrics(e.Expr)
	if err != nil {
		return fmt.Errorf("panel %q, query %s: %w", e.Panel, e.Ref, err)
	}
	var errs []error
	for _, name := range names {
		if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("panel %q, query %s: there is no metric %s", e.Panel, e.Ref, name))
		}
	}
	return errors.Join(errs...)
}

func panel(p dashboards.Panel) error {
	at := p.GridPos
	switch {
	case at.X < 0 || at.Y < 0 || at.W < 1 || at.H < 1 || at.X+at.W > 24:
		return fmt.Errorf("panel %q: %+v is not on the grid", p.Title, at)
	case p.Title == "":
		return fmt.Errorf("panel %d has no title", p.ID)
	case p.Type != "row" && (p.Description == "" || len(p.Targets) == 0):
		return fmt.Errorf("panel %q needs a description and a query", p.Title)
	}
	return nil
}

func pair(p, q dashboards.Panel) error {
	a, b := p.GridPos, q.GridPos
	switch {
	case p.ID == q.ID:
		return fmt.Errorf("panels %q and %q both have id %d", p.Title, q.Title, p.ID)
	case a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H:
		return fmt.Errorf("panels %q and %q overlap", p.Title, q.Title)
	}
	return nil
}
