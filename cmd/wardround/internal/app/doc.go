// Package app puts the daemon together: it is the only place that knows everybody.
//
// The way of the data:
//
//	config -> targets (targets.go) -> visits (visits.go) -> collectors.Rounds
//	clusters' databases -> tenants (tenants.go) -> visits again, whenever they change
//	every Batch -> objectives.observe (objectives.go) -> minute ledger -> evaluations
//	evaluations -> alerts -> Alertmanager; -> slo_* series (slo_series.go); -> pages (state.go)
//
// App owns everything that it starts and ends it in the opposite order.
package app
