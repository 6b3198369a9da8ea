package alert

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the daemon's own series about alerting. One Metrics outlives reloads, so that its counters go on.
type Metrics struct {
	notifications *prometheus.CounterVec
	lastSuccess   *prometheus.GaugeVec
	alerts        *prometheus.GaugeVec
	stateErrors   prometheus.Counter
}

// NewMetrics makes the series. They count whether they are registered or not.
func NewMetrics() *Metrics {
	return &Metrics{
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wardround_alert_notifications_total",
			Help: "Alerts sent to an Alertmanager, repeats included, by outcome: sent, rejected, timeout or unreachable.",
		}, []string{"alertmanager", "outcome"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wardround_alert_notification_last_success_timestamp_seconds",
			Help: "When an Alertmanager last took all that was due to it.",
		}, []string{"alertmanager"}),
		alerts: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wardround_alerts",
			Help: "Alerts that stand, by state: pending, firing, frozen or resolved within the last fifteen minutes.",
		}, []string{"state", "severity"}),
		stateErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wardround_alert_state_write_errors_total",
			Help: "Failed writes of the alert state. While this grows, a restart may tell alerts anew.",
		}),
	}
}

// Register adds the series to reg.
func (m *Metrics) Register(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.notifications, m.lastSuccess, m.alerts, m.stateErrors} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("register alert metrics: %w", err)
		}
	}
	return nil
}

func (m *Metrics) count(alerts []Alert) {
	m.alerts.Reset()
	for _, a := range alerts {
		m.alerts.WithLabelValues(string(a.Shown()), a.Severity()).Inc()
	}
}

// outcomes are all values of the outcome label, so that each series exists before the first failure.
func outcomes() []string {
	return []string{outcomeSent, outcomeRejected, outcomeTimeout, outcomeUnreachable}
}
