package collectors

// The metrics that every collector has in common: how its rounds go, what it could not get, what
// it found wrong. Each round's own series stand in a Batch beside the one it brought back, so
// that they stay when that one has gone stale.
var (
	metricUp = &Metric{
		Name: "wardround_collector_up", Type: Gauge, Labels: []string{"collector"},
		Help: "Whether the last visit of this collector succeeded", Source: "rounds",
	}
	metricDuration = &Metric{
		Name: "wardround_collector_duration_seconds", Type: Gauge, Unit: "seconds", Labels: []string{"collector"},
		Help: "How long the last visit took, without waiting for its turn", Source: "rounds",
	}
	metricLastSuccess = &Metric{
		Name: "wardround_collector_last_success_timestamp_seconds", Type: Gauge, Unit: "seconds", Labels: []string{"collector"},
		Help: "When the values of this collector were last known to be right", Source: "rounds",
	}
	metricVisits = &Metric{
		Name: "wardround_collector_visits_total", Type: Counter, Labels: []string{"collector", "outcome"},
		Help: "Visits by outcome: success, failure, or unchanged where nothing was written since the last", Source: "rounds",
	}
	metricErrors = &Metric{
		Name: "wardround_collector_errors_total", Type: Counter, Labels: []string{"collector", "reason"},
		Help: "Failed visits by reason", Source: "rounds",
	}
	metricUnavailable = &Metric{
		Name: "wardround_indicator_unavailable", Type: Gauge, Labels: []string{"collector", "indicator", "reason"},
		Help: "An indicator that the last visit could not get while the rest of it went well", Source: "rounds",
	}
	metricFinding = &Metric{
		Name: "wardround_finding", Type: Gauge, Labels: []string{"collector", "finding", "question", "severity"},
		Help: "Something that the last visit found wrong; the status page says it in words", Source: "rounds",
	}
)

// Metrics is the catalogue of what every collector has in common.
func Metrics() Catalogue {
	return Catalogue{
		metricUp, metricDuration, metricLastSuccess, metricVisits, metricErrors,
		metricUnavailable, metricFinding,
	}
}

// roundsPrefix marks the key under which a visit's own series stand in the Store.
const roundsPrefix = "rounds:"

func (v *visit) ownBatch(l Log) *Batch {
	key := v.Key
	key.Collector = roundsPrefix + key.Collector
	b := NewBuilder(key, l.Start)
	name := v.Key.Collector
	b.Set(metricUp, boolValue(l.Outcome != Failure), name)
	b.Set(metricDuration, l.Duration.Seconds(), name)
	if !v.lastSuccess.IsZero() {
		b.Set(metricLastSuccess, float64(v.lastSuccess.UnixMilli())/1000, name)
	}
	for _, outcome := range outcomes {
		b.Set(metricVisits, float64(v.visits[outcome]), name, string(outcome))
	}
	for reason, n := range v.errors {
		b.Set(metricErrors, float64(n), name, string(reason))
	}
	return b.Batch()
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
