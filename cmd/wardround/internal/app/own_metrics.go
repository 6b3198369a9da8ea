package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wardround/wardround/slo/indicator"
)

// ownMetrics are the daemon's own, beside those that each part registers itself.
type ownMetrics struct {
	reloadOK   prometheus.Gauge
	reloadTime prometheus.Gauge
	reloads    *prometheus.CounterVec
}

func newOwnMetrics(r *prometheus.Registry, a *App) *ownMetrics {
	book, indicators, tenants := a.objectives.ledger, a.objectives.indicators, a.tenants
	m := &ownMetrics{
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wardround_config_last_reload_successful", Help: "Whether the configuration file was good when it was last read",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wardround_config_last_reload_success_timestamp_seconds", Help: "When the configuration in use was read",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wardround_config_reloads_total", Help: "Times that the configuration was read, by outcome",
		}, []string{"outcome"}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	r.MustRegister(m.reloadOK, m.reloadTime, m.reloads,
		gauge("wardround_tenants", "Tenants that are listed or were discovered",
			func() float64 { return float64(tenants.Current().Len()) }),
		gauge("wardround_ledger_size_bytes", "Size of the ledger on disk",
			func() float64 { return float64(book.Stats().Bytes) }),
		gauge("wardround_ledger_waiting_rows", "Rows, of one minute each, kept in memory because the ledger could not be written",
			func() float64 { return float64(book.Stats().Waiting) }),
		counter("wardround_ledger_failed_writes_total", "Times that the ledger could not be written",
			func() float64 { return float64(book.Stats().FailedWrites) }),
		gauge("wardround_ledger_damaged_rows", "Rows, of one minute each, that were found damaged since the start; they count as missing",
			func() float64 { return float64(book.Stats().Damaged) }),
		gauge("wardround_ledger_skipped_seconds", "By how much the ledger's time may be ahead of the true one, because it went ahead at once lately; calendar periods close later by as much",
			func() float64 { return book.Stats().Skipped.Seconds() }),
		gauge("wardround_evidence_waiting_bytes", "Bytes of evidence kept in memory because it could not be written",
			func() float64 { return float64(a.witness.log.Waiting()) }),
		gauge("wardround_evidence_broken_lines", "Places at which the chain of the evidence was found broken at the start",
			func() float64 { return float64(a.witness.log.Found().Broken) }),
		gauge("wardround_objective_instances", "Promises that are being measured, each tenant or target counted by itself",
			func() float64 { return float64(indicators.Stats().Instances + a.read().Instances) }),
		gauge("wardround_indicator_problems", "Objectives that are not measured as they should be; the log says why",
			func() float64 { return float64(len(indicators.Problems()) + len(a.unread())) }),
		counter("wardround_indicator_refused_samples_total", "Samples that an indicator wanted and could not count",
			func() float64 {
				own, read := indicators.Stats(), a.read()
				return float64(own.Refused + own.Unattributed + own.OverLimit + read.Refused + read.Unattributed + read.OverLimit)
			}),
	)
	r.MustRegister(sourceMetrics{a})
	return m
}

// read is what all sources hold and could not use.
func (a *App) read() indicator.Stats {
	var all indicator.Stats
	for _, f := range a.following.Load().all {
		s := f.Stats()
		all.Instances += s.Instances
		all.Refused, all.Unattributed, all.OverLimit = all.Refused+s.Refused, all.Unattributed+s.Unattributed, all.OverLimit+s.OverLimit
	}
	return all
}

// sourceMetrics are about the Prometheus-compatible APIs that indicators are read from.
type sourceMetrics struct{ app *App }

var (
	sourceUp = prometheus.NewDesc("wardround_source_up",
		"Whether the last attempt to read indicators from this Prometheus-compatible API went well", []string{"source"}, nil)
	sourceLag = prometheus.NewDesc("wardround_source_lag_seconds",
		"How far the minutes recorded from this source are behind; its delay and up to a minute of it are by design", []string{"source"}, nil)
	sourceOwed = prometheus.NewDesc("wardround_source_owed_seconds",
		"How much missed time is still to be caught up from this source", []string{"source"}, nil)
	sourceSamples = prometheus.NewDesc("wardround_source_samples_total",
		"Samples that were read from this source", []string{"source"}, nil)
)

// Describe implements prometheus.Collector.
func (sourceMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sourceUp, sourceLag, sourceOwed, sourceSamples} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m sourceMetrics) Collect(to chan<- prometheus.Metric) {
	sources := m.app.following.Load()
	if sources == nil {
		return
	}
	for _, f := range sources.all {
		s := f.Status()
		up := 0.0
		if s.Error == nil && !s.LastSuccess.IsZero() {
			up = 1
		}
		gauge := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, f.Source.Name())
		}
		gauge(sourceUp, up)
		gauge(sourceLag, s.Lag.Seconds())
		gauge(sourceOwed, s.Owed.Seconds())
		to <- prometheus.MustNewConstMetric(sourceSamples, prometheus.CounterValue, float64(s.Samples), f.Source.Name())
	}
}

// loaded notes how reading the configuration went.
func (m *ownMetrics) loaded(at time.Time, err error) {
	if err != nil {
		m.reloadOK.Set(0)
		m.reloads.WithLabelValues("failure").Inc()
		return
	}
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(at.Unix()))
	m.reloads.WithLabelValues("success").Inc()
}
