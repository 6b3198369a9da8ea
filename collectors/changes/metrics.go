package changes

import "github.com/wardround/wardround/collectors"

// Of the record.
var (
	metricOutcomes = &collectors.Metric{
		Name: "change_outcomes_total", Type: collectors.Counter, Labels: []string{"outcome"},
		Help: "Reported changes that concerned the tenant, those of the whole platform included, by how they ended", Source: "events of senders",
	}
	metricFinished = &collectors.Metric{
		Name: "change_finished_total", Type: collectors.Counter, Labels: []string{"kind", "outcome"},
		Help: "Reported changes by kind and how they ended; without tenant those of the whole platform", Source: "events of senders",
	}
	metricObserved = &collectors.Metric{
		Name: "change_observed_total", Type: collectors.Counter, Labels: []string{"kind"},
		Help: "Changes that nobody reported and visits found", Source: "visits",
	}
	metricRollbacks = &collectors.Metric{
		Name: "change_rollbacks_total", Type: collectors.Counter, Labels: []string{"kind"},
		Help: "Changes that were rolled back or brought back a revision that had been left", Source: "events of senders, visits",
	}
	metricLast = &collectors.Metric{
		Name: "change_last_timestamp_seconds", Unit: "seconds", Labels: []string{"kind"},
		Help: "When something of a kind last changed", Source: "events of senders, visits",
	}
	metricRunning = &collectors.Metric{
		Name: "change_running",
		Help: "Changes under way", Source: "events of senders",
	}
	metricRunningSince = &collectors.Metric{
		Name: "change_running_oldest_timestamp_seconds", Unit: "seconds",
		Help: "When the oldest change under way began; absent where there is none", Source: "events of senders",
	}
	metricFailing = &collectors.Metric{
		Name: "change_failing_oldest_timestamp_seconds", Unit: "seconds",
		Help: "When the oldest change failed that none has succeeded after; absent where there is none", Source: "events of senders",
	}
	metricRestore = &collectors.Metric{
		Name: "change_last_restore_duration_seconds", Unit: "seconds",
		Help: "How long it took, last time, from a failed change to one that succeeded or was rolled back", Source: "events of senders",
	}
	metricRecords = &collectors.Metric{
		Name: "change_records",
		Help: "Changes that are remembered", Source: "the record of changes",
	}
	metricEvents = &collectors.Metric{
		Name: "change_events_total", Type: collectors.Counter, Labels: []string{"sender", "result"},
		Help: "Events that came, by what became of them; without sender those of nobody who is known", Source: "requests",
	}
	metricAhead = &collectors.Metric{
		Name: "change_sender_clock_ahead_seconds", Unit: "seconds", Labels: []string{"sender"},
		Help: "How far in the future the last event of a sender was", Source: "events of senders",
	}
)

var labelsOfApplication = []string{"kind", "namespace", "application"}

// Of applications of Argo CD and objects of Flux.
var (
	metricApplication = &collectors.Metric{
		Name: "change_application_info", Labels: append(labelsOfApplication[:3:3], "sync", "health", "revision"),
		Help: "State of an application; the value is always 1", Source: sourceOfApplications,
	}
	metricSynced = &collectors.Metric{
		Name: "change_application_synced", Labels: labelsOfApplication,
		Help: "Whether what runs is what was asked for", Source: sourceOfApplications,
	}
	metricHealthy = &collectors.Metric{
		Name: "change_application_healthy", Labels: labelsOfApplication,
		Help: "Whether the application is healthy as its deployer sees it", Source: sourceOfApplications,
	}
	metricAutomated = &collectors.Metric{
		Name: "change_application_automated", Labels: labelsOfApplication,
		Help: "Whether what was asked for is applied by itself: neither automatic synchronization is off nor the object suspended", Source: sourceOfApplications,
	}
	metricDrifting = &collectors.Metric{
		Name: "change_application_drift_timestamp_seconds", Unit: "seconds", Labels: labelsOfApplication,
		Help: "Since when what runs differs from what was asked for; absent where it does not", Source: sourceOfApplications,
	}
	metricFailedSyncs = &collectors.Metric{
		Name: "change_application_failed_syncs_total", Type: collectors.Counter, Labels: labelsOfApplication,
		Help: "Synchronizations that failed", Source: "argocd_app_sync_total",
	}
	metricDrift = &collectors.Metric{
		Name: "change_drift_oldest_timestamp_seconds", Unit: "seconds",
		Help: "Since when the tenant's longest drifting application differs from what was asked for; 0 where none does", Source: sourceOfApplications,
	}
)

const sourceOfApplications = "argocd_app_info, gotk_resource_info"

// Metrics is the catalogue of all that this package can emit.
func Metrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricOutcomes, metricFinished, metricObserved, metricRollbacks, metricLast, metricRunning, metricRunningSince,
		metricFailing, metricRestore, metricRecords, metricEvents, metricAhead,
		metricApplication, metricSynced, metricHealthy, metricAutomated, metricDrifting, metricFailedSyncs, metricDrift,
	}
}
