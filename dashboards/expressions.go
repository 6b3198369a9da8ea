package dashboards

import (
	"fmt"
	"maps"
	"regexp"
)

// Expression is one query of a board with its variables filled in: PromQL that any Prometheus can evaluate.
type Expression struct {
	Panel string // title of the panel, or "variable $name" for the query behind a variable
	Ref   string // which of the panel's queries
	Expr  string
}

var (
	reference   = regexp.MustCompile(`\$(\w+)|\$\{(\w+)(?::\w+)?\}`)
	labelValues = regexp.MustCompile(`^label_values\((.+), *\w+\)$`)
)

// Expressions are all queries of the board, those behind its variables too. vars gives values of variables; for others
// the value that the board opens with is taken. It fails on a variable that the board does not have.
func Expressions(d Dashboard, vars map[string]string) ([]Expression, error) {
	values := d.defaults()
	maps.Copy(values, vars)
	var all []Expression
	add := func(panel, ref, expr string) error {
		filled, err := fill(expr, values)
		if err != nil {
			return fmt.Errorf("board %s, %s: %w", d.UID, panel, err)
		}
		all = append(all, Expression{Panel: panel, Ref: ref, Expr: filled})
		return nil
	}
	for _, v := range d.Templating.List {
		query := labelValues.FindStringSubmatch(v.Query)
		if v.Type != "query" {
			continue
		}
		if query == nil {
			return nil, fmt.Errorf("board %s: variable $%s asks %q, which is not label_values(series, label)", d.UID, v.Name, v.Query)
		}
		if err := add("variable $"+v.Name, "", query[1]); err != nil {
			return nil, err
		}
	}
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			if err := add(p.Title, t.RefID, t.Expr); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// defaults are the values that the board opens with, and Grafana's own variables as at a resolution of a minute.
func (d Dashboard) defaults() map[string]string {
	values := map[string]string{"__rate_interval": "5m", "__interval": "1m", "__range": "1d"}
	for _, v := range d.Templating.List {
		values[v.Name] = v.Current.Value
		if v.IncludeAll {
			values[v.Name] = v.AllValue
		}
	}
	return values
}

// fill puts values in the place of $name and ${name}.
func fill(expr string, values map[string]string) (string, error) {
	var err error
	filled := reference.ReplaceAllStringFunc(expr, func(match string) string {
		names := reference.FindStringSubmatch(match)
		value, known := values[names[1]+names[2]]
		if !known {
			err = fmt.Errorf("%s is not a variable of the board", match)
		}
		return value
	})
	return filled, err
}
