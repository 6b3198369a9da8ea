package postgres

import "github.com/wardround/wardround/collectors"

// Metrics is the catalogue of everything that a Cluster emits, group by group.
func Metrics() collectors.Catalogue {
	return collectors.Merge(roundMetrics(), useMetrics(), sizeMetrics())
}

// roundMetrics are those of the round on the control connection.
func roundMetrics() collectors.Catalogue {
	all := append(compatMetrics(), metricUp)
	for _, g := range groups() {
		all = append(all, g.metrics...)
	}
	return all
}

var metricUp = &collectors.Metric{
	Name: "pg_up", Type: collectors.Gauge,
	Help: "Whether the server answered the last round that brought values", Source: "control connection",
}

// gauge and counter declare the metrics of a view; the unit is empty for plain counts and states.
func gauge(name, unit, source, help string, labels ...string) *collectors.Metric {
	return &collectors.Metric{Name: name, Type: collectors.Gauge, Unit: unit, Labels: labels, Help: help, Source: source}
}

func counter(name, unit, source, help string, labels ...string) *collectors.Metric {
	return &collectors.Metric{Name: name, Type: collectors.Counter, Unit: unit, Labels: labels, Help: help, Source: source}
}
