package sql

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Config describes one indicator: one query and the metrics that its rows become.
type Config struct {
	Name     string         `yaml:"name"`     // of the indicator, in lower case
	Query    string         `yaml:"query"`    // one SELECT without parameters
	Where    string         `yaml:"where"`    // cluster or tenants
	Targets  []string       `yaml:"targets"`  // PostgreSQL targets that are asked; empty means all
	Tenants  string         `yaml:"tenants"`  // pattern of the whole names of the tenants that are asked; empty means all
	Series   []string       `yaml:"series"`   // of Odoo to which the query applies, such as 18.0; empty means all
	Database string         `yaml:"database"` // that is asked of a cluster
	Owner    string         `yaml:"owner"`    // column with the database by which a cluster's row is a tenant's; empty means none
	Interval model.Duration `yaml:"interval"` //
	Timeout  model.Duration `yaml:"timeout"`  // of the query
	Metrics  []Metric       `yaml:"metrics"`
}

// Metric is what one column becomes.
type Metric struct {
	Name   string  `yaml:"name"`  // full name, with its unit and _total
	Type   string  `yaml:"type"`  // gauge or counter
	Unit   string  `yaml:"unit"`  // base unit, or empty
	Help   string  `yaml:"help"`  // one sentence without a full stop
	Value  string  `yaml:"value"` // the column
	Labels []Label `yaml:"labels"`
}

// Label is a label whose value is read from a column. A row with another value than is allowed is
// left out and counted.
type Label struct {
	Name    string   `yaml:"name"`
	Column  string   `yaml:"column"`  // the label's name where left out
	Values  []string `yaml:"values"`  // that are allowed
	Pattern string   `yaml:"pattern"` // of whole values that are allowed, instead
	Max     int      `yaml:"max"`     // different values at most; 0 means 20
}

// Where an indicator is asked.
const (
	WhereCluster = "cluster"
	WhereTenants = "tenants"
)

const (
	maxRows    = 1000
	maxLabel   = 100 // bytes of a label's value
	maxNumber  = 64  // bytes of a number
	defaultMax = 20
	longest    = time.Minute // that a query may take
)

// DefaultConfig asks each tenant's database every five minutes.
func DefaultConfig() Config {
	return Config{
		Where: WhereTenants, Database: "postgres",
		Interval: model.Duration(5 * time.Minute), Timeout: model.Duration(3 * time.Second),
	}
}

// Format prints which indicator it is, whatever the verb asks for: a query's text is the operator's.
func (c Config) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "sql indicator %s", c.Name) }

var (
	indicatorName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)
	labelName     = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	odooSeries    = regexp.MustCompile(`^(saas~)?\d+\.\d+$`)
)

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(path, format, args...))
		}
	}
	wrong(!indicatorName.MatchString(c.Name), "name", "is %q; write lower case letters, digits and underscores", c.Name)
	wrong(strings.TrimSpace(c.Query) == "", "query", "is missing; write one SELECT")
	wrong(!selects(c.Query), "query", "must begin with SELECT, WITH, VALUES or TABLE")
	wrong(c.Where != WhereCluster && c.Where != WhereTenants, "where", "is %q; write cluster or tenants", c.Where)
	_, err := regexp.Compile(c.Tenants)
	wrong(err != nil, "tenants", "is not a regular expression: %v", err)
	wrong(c.Where == WhereCluster && c.Tenants != "", "tenants", "is for indicators that are asked of tenants")
	wrong(c.Where == WhereCluster && len(c.Series) > 0, "series", "is for indicators that are asked of tenants")
	wrong(c.Where == WhereTenants && c.Owner != "", "owner", "is for indicators that are asked of a cluster")
	wrong(c.Where == WhereCluster && c.Database == "", "database", "is missing; postgres is there on every cluster")
	for i, series := range c.Series {
		wrong(!odooSeries.MatchString(series), fmt.Sprintf("series[%d]", i), "is %q; write such as 18.0", series)
	}
	wrong(c.Interval < model.Duration(10*time.Second), "interval", "is %s; write at least 10s", c.Interval)
	wrong(c.Timeout <= 0 || time.Duration(c.Timeout) > longest, "timeout", "is %s; write up to %s", c.Timeout, longest)
	wrong(len(c.Metrics) == 0, "metrics", "is empty; write at least one")
	for i, m := range c.Metrics {
		errs = append(errs, m.validate(fmt.Sprintf("metrics[%d]", i), c.Metrics[:i]))
	}
	return errors.Join(errs...)
}

// selects says whether a query is one that reads, by its first word. What it does is held in
// check by the server.
func selects(query string) bool {
	for line := range strings.Lines(query) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		word, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(line, "(")), " ")
		return slices.Contains([]string{"select", "with", "values", "table"}, strings.TrimSpace(word))
	}
	return true // and missing, which is said already
}

func (m Metric) validate(at string, before []Metric) error {
	var errs []error
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(at+path, format, args...))
		}
	}
	kind, known := kinds[m.Type]
	wrong(!known, ".type", "is %q; write gauge or counter", m.Type)
	wrong(m.Value == "", ".value", "is missing; write the column that has the number")
	if known {
		err := collectors.Catalogue{m.declared(kind)}.Validate()
		wrong(err != nil, "", "%v", err)
	}
	wrong(strings.HasPrefix(m.Name, "wardround_") || strings.HasPrefix(m.Name, "slo_"), ".name", "%q: wardround_ and slo_ are this daemon's own names", m.Name)
	wrong(slices.ContainsFunc(before, func(o Metric) bool { return o.Name == m.Name }), ".name", "%q is there twice", m.Name)
	for i, l := range m.Labels {
		place := fmt.Sprintf(".labels[%d]", i)
		wrong(!labelName.MatchString(l.Name), place+".name", "is %q; write lower case letters, digits and underscores", l.Name)
		wrong(slices.ContainsFunc(m.Labels[:i], func(o Label) bool { return o.Name == l.Name }), place+".name", "%q is there twice", l.Name)
		wrong((len(l.Values) == 0) == (l.Pattern == ""), place, "needs values, or a pattern of values, that are allowed: a column may hold anything")
		_, err := regexp.Compile(l.Pattern)
		wrong(err != nil, place+".pattern", "is not a regular expression: %v", err)
		wrong(l.Max < 0 || l.Max > maxRows, place+".max", "is %d; write up to %d", l.Max, maxRows)
	}
	return errors.Join(errs...)
}

var kinds = map[string]collectors.Type{"gauge": collectors.Gauge, "counter": collectors.Counter}

func (m Metric) declared(kind collectors.Type) *collectors.Metric {
	d := &collectors.Metric{Name: m.Name, Type: kind, Unit: m.Unit, Help: m.Help, Source: "an indicator of the operator's own"}
	for _, l := range m.Labels {
		d.Labels = append(d.Labels, l.Name)
	}
	return d
}

func (l Label) column() string {
	if l.Column == "" {
		return l.Name
	}
	return l.Column
}
