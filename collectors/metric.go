package collectors

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Type is the Prometheus type of a metric family.
type Type uint8

// The types that a metric family can have.
const (
	Gauge Type = iota
	Counter
	Histogram
)

// String is the type as the exposition formats write it.
func (t Type) String() string {
	return [...]string{"gauge", "counter", "histogram"}[t]
}

// Metric describes one metric family. It is declared once, in its package's Catalogue, and never
// changes: documentation, dashboards, rules and tests are checked against it.
type Metric struct {
	Name   string   // full name as it is served, with its unit and _total
	Type   Type     //
	Unit   string   // base unit ("seconds", "bytes", "ratio") or "" for a plain count or state
	Labels []string // label names besides target and tenant, in the order in which samples give their values
	Help   string   // one sentence without a full stop
	Source string   // where the fact is read: a view, a table, a page
}

// Catalogue lists every metric that a package can emit.
type Catalogue []*Metric

var metricName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate says everything that is wrong with the catalogue, as one error.
func (c Catalogue) Validate() error {
	var errs []error
	seen := make(map[string]bool, len(c))
	for _, m := range c {
		if seen[m.Name] {
			errs = append(errs, fmt.Errorf("metric %s: declared twice", m.Name))
		}
		seen[m.Name] = true
		errs = append(errs, m.validate()...)
	}
	return errors.Join(errs...)
}

func (m *Metric) validate() []error {
	var errs []error
	fail := func(what string) { errs = append(errs, fmt.Errorf("metric %s: %s", m.Name, what)) }
	if !metricName.MatchString(m.Name) {
		fail("name must be lower case letters, digits and underscores")
	}
	if (m.Type == Counter) != strings.HasSuffix(m.Name, "_total") {
		fail("counters, and only they, end in _total")
	}
	if m.Unit != "" && !strings.HasSuffix(strings.TrimSuffix(m.Name, "_total"), "_"+m.Unit) {
		fail("name must end in its unit " + m.Unit)
	}
	if m.Help == "" || strings.HasSuffix(m.Help, ".") {
		fail("help must be a sentence without a full stop")
	}
	if m.Source == "" {
		fail("source must say where the fact is read")
	}
	for _, reserved := range []string{"target", "tenant", "le"} {
		if slices.Contains(m.Labels, reserved) {
			fail("label " + reserved + " is added by the builder")
		}
	}
	return errs
}

// Merge joins catalogues into one, sorted by name.
func Merge(catalogues ...Catalogue) Catalogue {
	all := slices.Concat(catalogues...)
	slices.SortFunc(all, func(a, b *Metric) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
