package sql

import "github.com/wardround/wardround/collectors"

// How asking went, per indicator.
var (
	metricDuration = &collectors.Metric{
		Name: "wardround_sql_duration_seconds", Unit: "seconds", Labels: []string{"indicator"},
		Help: "How long the indicator's query took", Source: "the query",
	}
	metricRows = &collectors.Metric{
		Name: "wardround_sql_rows", Labels: []string{"indicator"},
		Help: "Rows that the indicator's query returned", Source: "the query",
	}
	metricSkipped = &collectors.Metric{
		Name: "wardround_sql_skipped_values_total", Type: collectors.Counter, Labels: []string{"indicator", "reason"},
		Help: "Values that were not served, at each visit, by reason", Source: "the query",
	}
	metricErrors = &collectors.Metric{
		Name: "wardround_sql_errors_total", Type: collectors.Counter, Labels: []string{"indicator", "reason"},
		Help: "Queries that failed, by reason", Source: "the query",
	}
)

// Why a value is not served.
const (
	skipNumber    = "number"    // it is no number, or a counter below zero
	skipLabel     = "label"     // a label has a value that is not allowed
	skipDistinct  = "distinct"  // a label has more values than it may
	skipDuplicate = "duplicate" // another row has the same labels
)

// Metrics is the catalogue of what every indicator brings. What the indicators are for is in
// Indicators.Metrics.
func Metrics() collectors.Catalogue {
	return collectors.Catalogue{metricDuration, metricRows, metricSkipped, metricErrors}
}
