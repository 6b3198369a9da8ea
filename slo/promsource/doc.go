// Package promsource reads indicators from any Prometheus-compatible API:
// Prometheus, Thanos, Mimir, VictoriaMetrics. Objectives whose indicator names a
// source get their counts here.
//
// Following the present, catching up after a failure and filling in history are
// one mechanism:
//
//	objectives ─plan─> selector[5m] at t ─HTTP─> raw samples ─in time order─> indicator.Engine
//	                                                   minute by minute ─> Record(minute, []slo.Delta)
//
// A range selector in an instant query answers the samples as they were scraped,
// each with its time. So counts are differenced per raw series, exact and
// reset-aware, and nothing is extrapolated; a minute gets what its own samples
// say, whenever they are read. A minute of which nothing is known is not recorded.
//
// Source.Read hands out a stretch of minutes in order. It reads the stretch in
// chunks that stay below Config.MaxSamples, and goes on where it stopped as if it
// had never ended: the same minutes come out of any way to cut a stretch. To
// start anywhere else it first reads what lies before (Config.Gap), so that
// counters have a value to be differenced from, and throws those minutes away;
// nothing has to be stored for a restart.
//
// Source.Backfill reads a long stretch and retries what may pass. A Follower
// reads each minute once it is due (Config.Delay after its end), and what is owed
// from before in pieces between.
//
// Each minute is recorded once. A minute that is read with samples missing that
// come later than Config.Delay stays as it was read.
package promsource
