// Package rules writes objectives as Prometheus rule files, for people who evaluate and alert in Prometheus.
//
// The data passes through it in one direction:
//
//	[]slo.Objective + Options ─Generate─> []File: <objective>.rules.yaml and <objective>.test.yaml
//	[]slo.Policy ─InhibitRules─> the inhibit rules that an Alertmanager needs for them
//
// Expressions are built as PromQL syntax trees and parsed once more before they are written; files are encoded from
// structs. Each rule file comes with a test for promtool whose series can be computed by hand.
//
// Two sources, one meaning (Options.Source):
//
// FromDaemon alerts on the slo_* series that the daemon exports. Nothing is computed twice, so this is the cheapest.
//
// FromSeries needs the raw series alone. One group, evaluated each minute, keeps the events of the last five minutes
// and sums them over the fast windows; a second one, each five minutes, keeps every fifth of those, which are buckets
// that do not overlap, and sums them over the slow windows. Ratios are taken of sums, never averaged. The price of
// Prometheus' own arithmetic remains: increase() extrapolates, the buckets of the fast group overlap (which delays a
// page by about two minutes), a calendar window is taken as a rolling one of its nominal length, and missing minutes
// do not freeze an alert. Prometheus must keep series as long as the objective's window to know its budget.
//
// Alerts carry the labels of those that the daemon pushes, so Alertmanager routes, inhibits and silences both alike. The
// daemon alone projects when a budget will end, and folds alerts of a cluster's tenants into one.
// Exactly one of push and rules should page for an objective.
package rules
