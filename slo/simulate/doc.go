// Package simulate rehearses a promise: it replays recorded history through
// changed targets, windows and policies and shows which pages would have come
// and when budgets would have ended, so that a target is chosen by evidence.
//
//	Source (a ledger, a CSV, a Prometheus) ─Load─> History, packed, a column of minutes per instance
//	History + Options.Variants ─Run─> each instance's minutes as running sums
//	    ─slo.Judge─> Evaluation per minute ─alert.Conditions, alert.Book─> alerts ─> Result ─> text, JSON, CSV
//
// What judges and what pages here is what judges and pages in the daemon, so a
// replay of the objective as it was gives the alerts that there were. Each
// instance is replayed by itself: alerts are counted before Alertmanager groups
// them, and before alerts of many tenants are folded into one.
//
// Minutes that the source hands out were watched. In others nobody looked:
// nothing is judged there, and what was expected of them is missing, as it is
// after a daemon's downtime. The replay begins with no alert standing; history
// before it fills the windows.
//
// A History takes one to three bytes per instance and minute, next to nothing
// where neighbouring minutes are alike: 90 days of 2,000 instances fit in 600 MB
// at worst. While it runs, each processor takes 24 bytes per minute more.
package simulate
