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
// FromDaemon alerts on the slo_* series that the daemon exports. Nothing is computed twice, so this is the cheapest, and
// the only way for composites. What those series do not say, rules do not know: see below.
//
// FromSeries needs the raw series alone, whoever brings them: the daemon's own or those of an indicator's source. Counters
// and histograms count what they grew by; each minute is a round of a threshold or a probe, and a slice is an event in
// its last minute. One group, evaluated each minute, keeps the events of the last five minutes
// and sums them over the fast windows; a second one, each five minutes, keeps every fifth of those, which are buckets
// that do not overlap, and sums them over the slow windows. Ratios are taken of sums, never averaged. The price of
// Prometheus' own arithmetic remains: increase() extrapolates, the buckets of the fast group overlap (which delays a
// page by about two minutes), a calendar window is taken as a rolling one of its nominal length, missing minutes do not
// freeze an alert, and exclusions are unknown. Prometheus must keep series as long as the objective's window to know its
// budget.
//
// Alerts carry the labels of those that the daemon pushes, so Alertmanager routes, inhibits and silences both alike. The
// daemon alone projects when a budget will end (ErrorBudgetProjected), waits for enough failures before it calls a budget
// spent (rules over raw series do too), tells excluded minutes from missing ones, and folds alerts of a cluster's tenants
// into one: the exported series do not hold what that takes.
// Exactly one of push and rules should page for an objective.
package rules
