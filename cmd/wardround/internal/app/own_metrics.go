package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo/indicator"
	"github.com/wardround/wardround/slo/ledger"
)

// ownMetrics are the daemon's own, beside those that each part registers itself.
type ownMetrics struct {
	reloadOK   prometheus.Gauge
	reloadTime prometheus.Gauge
	reloads    *prometheus.CounterVec
}

func newOwnMetrics(r *prometheus.Registry, book *ledger.Ledger, indicators *indicator.Engine, tenants *collectors.Registry) *ownMetrics {
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
		gauge("wardround_objective_instances", "Promises that are being measured, each tenant or target counted by itself",
			func() float64 { return float64(indicators.Stats().Instances) }),
		counter("wardround_indicator_refused_samples_total", "Samples that an indicator wanted and could not count",
			func() float64 { s := indicators.Stats(); return float64(s.Refused + s.Unattributed + s.OverLimit) }),
	)
	return m
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
