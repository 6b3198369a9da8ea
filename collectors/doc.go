// Package collectors holds what all collectors share: what a collector is, what it is sent to,
// what it brings back, when it is sent, and how what it brought is served.
//
// The way of the data:
//
//	Tenants + targets -> Visit -> Rounds (when, within which Budget) -> Collector.Collect
//	Collector.Collect -> Builder -> Batch (immutable) -> Store -> exposition (/metrics)
//	                                               \-> Options.Observe (indicators, status)
//
// Each source has a package of its own below this one (postgres, odoo, redis, …) with its own
// configuration and its own Catalogue of metrics. None of them knows about objectives: the
// daemon hands each Batch to whoever asked for it.
package collectors
