package sql

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wardround/wardround/collectors"
)

// indicator is a Config made ready. It is immutable.
type indicator struct {
	Config
	tenants   *regexp.Regexp
	columns   []string // that are read, in the order of the statement
	statement string
	metrics   []metric
}

// metric is one of an indicator's metrics, with the places of its columns.
type metric struct {
	*collectors.Metric
	value  int
	labels []label
}

type label struct {
	column  int
	values  []string
	pattern *regexp.Regexp // nil: values
	max     int
}

func newIndicator(c Config) (*indicator, error) {
	tenants, err := regexp.Compile(`^(?:` + c.Tenants + `)$`)
	if err != nil {
		return nil, collectors.Invalid("tenants", "is not a regular expression: %v", err)
	}
	if c.Tenants == "" {
		tenants = nil
	}
	i := &indicator{Config: c, tenants: tenants}
	if c.Owner != "" {
		i.column(c.Owner)
	}
	for n, m := range c.Metrics {
		made := metric{Metric: m.declared(kinds[m.Type]), value: i.column(m.Value)}
		for _, l := range m.Labels {
			pattern, err := regexp.Compile(`^(?:` + l.Pattern + `)$`)
			if err != nil {
				return nil, collectors.Invalid(fmt.Sprintf("metrics[%d].labels", n), "%v", err)
			}
			if l.Pattern == "" {
				pattern = nil
			}
			limit := l.Max
			if limit == 0 {
				limit = max(defaultMax, len(l.Values))
			}
			made.labels = append(made.labels, label{i.column(l.column()), l.Values, pattern, limit})
		}
		i.metrics = append(i.metrics, made)
	}
	i.statement = i.bounded()
	return i, nil
}

// column is the place of a column in the statement.
func (i *indicator) column(name string) int {
	if at := slices.Index(i.columns, name); at >= 0 {
		return at
	}
	i.columns = append(i.columns, name)
	return len(i.columns) - 1
}

// bounded is the statement that is sent. The query stands within it, so that it can do nothing
// but return rows, and the server sends no more rows, columns and bytes than are wanted: one more
// than that, to tell.
func (i *indicator) bounded() string {
	var columns []string
	for _, name := range i.columns {
		columns = append(columns, fmt.Sprintf("left(q.%s::text, %d)", pgx.Identifier{name}.Sanitize(), max(maxLabel, maxNumber)+1))
	}
	return fmt.Sprintf("SELECT %s FROM (\n%s\n) AS q LIMIT %d", strings.Join(columns, ", "), i.query(), maxRows+1)
}

func (i *indicator) query() string { return strings.TrimRight(i.Query, "; \t\r\n") }

// asks says whether the indicator is asked of a tenant's database.
func (i *indicator) asks(tenant collectors.Tenant) bool {
	return i.Where == WhereTenants && i.of(tenant.Postgres) && !tenant.Staging && (i.tenants == nil || i.tenants.MatchString(tenant.Name))
}

func (i *indicator) of(target string) bool {
	return len(i.Targets) == 0 || slices.Contains(i.Targets, target)
}

// suits says whether the query applies to a series of Odoo.
func (i *indicator) suits(series string) bool {
	return len(i.Series) == 0 || slices.Contains(i.Series, series)
}

// emit writes what the rows say, and returns how many values were left out by reason. owner tells
// the tenant of a database, where the rows are of several.
func (i *indicator) emit(b *collectors.Builder, rows [][][]byte, owner func(database string) string) map[string]int {
	skipped := map[string]int{}
	for _, m := range i.metrics {
		seen := map[string]bool{}
		distinct := make([]map[string]bool, len(m.labels))
		for _, row := range rows {
			tenant := b.Key().Tenant
			if i.Owner != "" {
				tenant = owner(string(row[0]))
			}
			value, there, why := m.number(row[m.value])
			if !there && why == "" { // NULL: not known
				continue
			}
			labels, unlike := m.read(row, distinct)
			key := tenant + "\x00" + strings.Join(labels, "\x00")
			switch {
			case why != "":
			case unlike != "":
				why = unlike
			case seen[key]:
				why = skipDuplicate
			default:
				seen[key] = true
				b.SetFor(tenant, m.Metric, value, labels...)
				continue
			}
			skipped[why]++
		}
	}
	return skipped
}

// number reads a value: a number, or a truth value.
func (m metric) number(text []byte) (value float64, there bool, why string) {
	switch string(text) {
	case "":
		if text == nil {
			return 0, false, ""
		}
	case "true":
		return 1, true, ""
	case "false":
		return 0, true, ""
	}
	value, err := strconv.ParseFloat(string(text), 64)
	if err != nil || len(text) > maxNumber || math.IsNaN(value) || math.IsInf(value, 0) || (m.Type == collectors.Counter && value < 0) {
		return 0, false, skipNumber
	}
	return value, true, ""
}

// read reads a row's labels; why they cannot be served otherwise.
func (m metric) read(row [][]byte, distinct []map[string]bool) (labels []string, why string) {
	labels = make([]string, len(m.labels))
	for i, l := range m.labels {
		value := string(row[l.column])
		switch {
		case !l.allows(value):
			return nil, skipLabel
		case !distinct[i][value] && len(distinct[i]) >= l.max:
			return nil, skipDistinct
		}
		labels[i] = value
	}
	for i, value := range labels {
		if distinct[i] == nil {
			distinct[i] = map[string]bool{}
		}
		distinct[i][value] = true
	}
	return labels, ""
}

func (l label) allows(value string) bool {
	if len(value) > maxLabel {
		return false
	}
	if l.pattern == nil {
		return slices.Contains(l.values, value)
	}
	return l.pattern.MatchString(value)
}
