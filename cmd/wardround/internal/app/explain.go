package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/pgbouncer"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/collectors/probe"
	"github.com/wardround/wardround/collectors/redis"
	"github.com/wardround/wardround/collectors/scrape"
	"github.com/wardround/wardround/collectors/sql"
	"github.com/wardround/wardround/collectors/tls"
	"github.com/wardround/wardround/collectors/traefik"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/indicator"
)

// Catalogue is every metric that visits can bring under names of ours.
func Catalogue() collectors.Catalogue {
	return collectors.Merge(
		collectors.Metrics(), postgres.Metrics(), pgbouncer.Metrics(), redis.Metrics(), traefik.Metrics(), odoo.Metrics(), tls.Metrics(), probe.Metrics(),
		backup.Metrics(), changes.Metrics(), scrape.Metrics(), sql.Metrics(),
	)
}

// brings says whether visits of a configuration may bring a metric under a name that others gave it.
func brings(c *config.Config, name string) bool {
	for _, s := range c.Scrape {
		if s.Takes(name) {
			return true
		}
	}
	return slices.ContainsFunc(c.SQL, func(s sql.Config) bool {
		return slices.ContainsFunc(s.Metrics, func(m sql.Metric) bool { return m.Name == name })
	})
}

// Explain says what the objectives of a configuration mean, or those of them that are named, and
// what is hardly meant, before anything is measured. eventsPerMinute is how many events an
// instance has, where that is not known by the kind of indicator; 0 for not known.
func Explain(c *config.Config, names []string, eventsPerMinute float64) ([]slo.Explanation, error) {
	if err := indicator.CheckAll(c.Objectives); err != nil {
		return nil, err
	}
	late := lags(c)
	var all []slo.Explanation
	for i := range c.Objectives {
		o := &c.Objectives[i]
		if len(names) > 0 && !slices.Contains(names, o.Name) {
			continue
		}
		x := slo.Explain(o, slo.Surroundings{Interval: c.Rounds.Interval, EventsPerMinute: eventsPerMinute, Lag: late[o.Name], Tenants: everyTenant(c, o)})
		x.Warnings = append(x.Warnings, unknownMetrics(c, o)...)
		all = append(all, x)
	}
	for _, name := range names {
		if !slices.ContainsFunc(c.Objectives, func(o slo.Objective) bool { return o.Name == name }) {
			return nil, fmt.Errorf("there is no objective %q; there are: %s", name, strings.Join(objectiveNames(c), ", "))
		}
	}
	return all, nil
}

// everyTenant are all that an objective can be about, nil where that is not certain: patterns may
// discover more, and a source knows its own.
func everyTenant(c *config.Config, o *slo.Objective) []string {
	measured := o.Indicator
	if whole := o.Indicator.Composite; whole != nil { // all members have the same source
		i := slices.IndexFunc(c.Objectives, func(o slo.Objective) bool { return o.Name == whole.Of[0].Objective })
		measured = c.Objectives[i].Indicator
	}
	if len(c.Discovery) > 0 || measured.Source != "" {
		return nil
	}
	all := make([]string, len(c.Listed))
	for i, t := range c.Listed {
		all[i] = t.Name
	}
	return all
}

func objectiveNames(c *config.Config) []string {
	all := make([]string, len(c.Objectives))
	for i, o := range c.Objectives {
		all[i] = o.Name
	}
	return all
}

// unknownMetrics warns of selectors whose metric no visit can bring. What a Prometheus-compatible
// source holds is known to that source alone.
func unknownMetrics(c *config.Config, o *slo.Objective) []slo.Warning {
	if o.Indicator.Source != "" {
		return nil
	}
	var all []slo.Warning
	for _, s := range o.Indicator.Selectors() {
		if name := metricOf(s); name != "" && !known(name) && !brings(c, name) {
			all = append(all, slo.Warning{Position: s.Position, Text: fmt.Sprintf(
				"no visit brings a metric %q, so nothing will be measured; `wardround once` prints those that there are, and source: names a Prometheus that has others", name)})
		}
	}
	return all
}

func metricOf(s slo.Selector) string {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s.Text)
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(matchers, func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual })
	if i < 0 {
		return ""
	}
	return matchers[i].Value
}

func known(name string) bool {
	return slices.ContainsFunc(Catalogue(), func(m *collectors.Metric) bool {
		if m.Type == collectors.Histogram {
			return slices.Contains([]string{"", "_bucket", "_count", "_sum"}, strings.TrimPrefix(name, m.Name)) && strings.HasPrefix(name, m.Name)
		}
		return m.Name == name
	})
}
