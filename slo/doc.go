// Package slo is the arithmetic of promises: objectives, windows, error
// budgets, burn rates and when they become alerts. It is pure: it has no clock,
// does no I/O and knows no Prometheus types. Every number that any metric, rule,
// page or report shows about a promise is computed here, once.
//
// The way of the data:
//
//	catalogue/*.yaml, policies/*.yaml ─ParseObjectives─> Objective
//	samples ─slo/indicator─> Delta per Instance and minute ─slo/ledger─> Tally per window
//	Objective + Tallies ─Evaluate─> Evaluation ─> alerts, slo_* series, pages, reports
//
// Counts are whole numbers, targets are parts per billion, and limits are
// compared as integers, so nothing is ever rounded into or out of an alert.
package slo
