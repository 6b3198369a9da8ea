// Package indicator turns samples into counts: what each instance of each
// objective did in a minute.
//
// Once a minute everything that /metrics serves is shown to Engine.Observe,
// which asks for nothing but a sample's name, labels and value; Engine.Drain
// then hands over the minute as slo.Deltas, which slo/ledger writes down:
//
//	sample ─selectors─> series ─delta or verdict─> instance ─Drain─> slo.Delta
//
// Selectors are PromQL's, read by Prometheus' own parser, and are matched once
// per series, not once per sample. Counters are differenced per raw series
// before they are summed, so one of many that restarts loses nothing: a fall
// means a restart, and the new value is what happened since. A series counts
// from its first sight, which gives no delta.
//
// Counters are read as whole numbers: a fractional one is rounded down at each
// sight, so that its deltas still add up to its growth. Values that are
// negative, not finite or above 2^53, where whole numbers end being exact, are
// refused and counted in Stats.Refused.
package indicator
