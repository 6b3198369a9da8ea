package postgres

import (
	"slices"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// kind is how a column of a statistics view becomes a metric's value.
type kind uint8

const (
	plain     kind = iota // as it is
	millis                // milliseconds, which become seconds
	timestamp             // a point in time, which becomes a Unix time
)

// column is one column of a statistics view and the metric that it becomes.
type column struct {
	name   string
	kind   kind
	metric *collectors.Metric
}

// view is what is read of a statistics view: those of its columns that the server has. A server
// that lacks one gives no series.
type view struct {
	name    string
	columns []column
}

// choose lists the columns that the server has, each under its own name with a prefix, as SQL
// selects them from the view under an alias.
func (v view) choose(f facts, alias, prefix string) string {
	var sql strings.Builder
	for _, c := range v.columns {
		if !f.has(v.name, c.name) {
			continue
		}
		expression := alias + "." + c.name
		if c.kind == timestamp {
			expression = "extract(epoch FROM " + expression + ")"
		}
		sql.WriteString(", " + expression + ` AS "` + prefix + c.name + `"`)
	}
	return sql.String()
}

// metric is what a column that the view is known to have becomes.
func (v view) metric(name string) *collectors.Metric {
	i := slices.IndexFunc(v.columns, func(c column) bool { return c.name == name })
	return v.columns[i].metric
}

func (v view) metrics() []*collectors.Metric {
	var all []*collectors.Metric
	for _, c := range v.columns {
		all = append(all, c.metric)
	}
	return all
}

// setView records what a row has of a view's columns, attributed to a tenant unless that is "".
func (r *round) setView(tenant string, v view, from row, prefix string, labels ...string) {
	for _, c := range v.columns {
		value, ok := from.number(prefix + c.name)
		if !ok {
			continue
		}
		if c.kind == millis {
			value /= 1000
		}
		r.SetFor(tenant, c.metric, value, labels...)
	}
}
