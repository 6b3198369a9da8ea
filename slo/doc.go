// Package slo is the arithmetic of promises: objectives, windows, error
// budgets, burn rates, when they become alerts, and which time does not count. It
// is pure: it has no clock, does no I/O and knows no Prometheus types. Every
// number that any metric, rule, page or report shows about a promise is computed
// here, once.
//
// The way of the data:
//
//	catalogue/*.yaml, own files ─ParseObjectives (extends)─> Objectives ─Link─> composites know their members
//	policies/*.yaml, own files ─ParsePolicies, With─> Policies, named by objectives
//	samples ─slo/indicator─> Delta per Instance and minute ─slo/ledger─> the raw minutes
//	exclusion files, API ─ParseExclusions or Validate─> Exclusion ─Spans─> laid over the minutes by slo/ledger
//	minutes less exclusions ─slo/ledger─> Tally per window
//	Objective + Tallies ─Judge─> Evaluation ─> alerts, slo_* series, pages, reports
//	Objective ─Explain─> what it promises, before anything is measured
//
// Counts are whole numbers, targets are parts per billion, and limits are
// compared as integers, so nothing is ever rounded into or out of an alert. A
// Judge is made once per objective and allocates nothing per instance, so that a
// fleet can be judged every minute.
package slo
