// Package indicator turns samples into counts: what each instance of each
// objective did in a minute.
//
// All samples of a source are shown to Engine.Observe, which asks for nothing but
// a sample's name, labels and value; Engine.Drain then hands over the minute as
// slo.Deltas, which slo/ledger writes down:
//
//	sample ─selectors─> series ─growth or verdict─> instance ─Drain─> slo.Delta
//
// An Engine counts the objectives of one source: Wardround's own rounds, or one
// Prometheus-compatible API. It has no clock, so the past can be replayed minute
// after minute. Each kind of indicator has its file:
//
//   - counters.go: events and histograms. Counters are differenced per raw series
//     before they are summed, so one of many that restarts loses nothing: a fall,
//     or a later created timestamp, means a restart, and the new value is what
//     happened since. A series counts from its first sight, which gives no growth
//     unless its created timestamp says that it began while it was watched. A
//     histogram of which any series has no bucket at the bound is not measured,
//     and Problems says so.
//   - rounds.go: thresholds and probes. What a source shows at one time is one
//     event, good if all of its series are; with slices, all rounds of a stretch
//     of the clock are. A check that succeeded and has no duration in its round,
//     where one is asked for, is no event; one that failed needs none.
//   - composite.go: composites, made of their members' minutes in Drain. A member
//     that is there and silent is delayed, one that was measured without events
//     has no say, and one that the group never had is no part of it.
//
// A minute is measured if it holds a sample that counts (of events the total, of
// a histogram both parts), or if a sample before it covers it: because its source
// Rests until its next round, or by Options.Lookback.
//
// Selectors are PromQL's, read by Prometheus' own parser, and are matched once
// per series, not once per sample. Counters are read as whole numbers: a
// fractional one is rounded down at each sight, so that its deltas still add up
// to its growth. Values that are negative, not finite or above 2^53, where whole
// numbers end being exact, are refused and counted in Stats.Refused. Instances and
// series beyond the limits of Options are refused too, and take no memory.
package indicator
