package backup

import "github.com/wardround/wardround/collectors"

const read = "what the place's tool or listing says"

// gauge declares a gauge of this package.
func gauge(name, unit, help, source string, labels ...string) *collectors.Metric {
	return &collectors.Metric{Name: name, Unit: unit, Help: help, Source: source, Labels: labels}
}

// Of a place and, but for the first ones, of a tenant in it.
var (
	metricUp         = gauge("backup_up", "", "Whether the place could be read", read)
	metricRunning    = gauge("backup_running", "", "Whether a backup is being made now", read)
	metricCut        = gauge("backup_listing_cut", "", "Whether the place holds more files than one visit may list, so that some were not seen", read)
	metricUnchecked  = gauge("backup_unchecked", "", "Tenants whose newest backup no visit has had time to look into yet", read)
	metricVersioning = gauge("backup_bucket_versioning_enabled", "", "Whether what is deleted from the bucket can be had back", "bucket settings")
	metricLockable   = gauge("backup_bucket_object_lock_enabled", "", "Whether objects of the bucket can be locked against deletion", "bucket settings")
	metricSaidAt     = gauge("backup_said_timestamp_seconds", "seconds", "When the tool said what is shown, where a file is read", "the file's time")

	metricLast     = gauge("backup_last_success_timestamp_seconds", "seconds", "When the newest good backup of the type was complete", read, "type")
	metricSize     = gauge("backup_last_success_size_bytes", "bytes", "Bytes that the newest good backup of the type takes in the place", read, "type")
	metricDuration = gauge("backup_last_success_duration_seconds", "seconds", "How long the newest good backup of the type took", read, "type")
	metricKept     = gauge("backup_kept", "", "Good backups of the type that the place holds", read, "type")
	metricKeepAsk  = gauge("backup_kept_wanted", "", "Good backups that the place should hold", "configuration")

	metricAttempt    = gauge("backup_last_attempt_timestamp_seconds", "seconds", "When the last attempt ended, good or not", read)
	metricAttemptOK  = gauge("backup_last_attempt_success", "", "Whether the last attempt made a good backup", read)
	metricAttemptWhy = gauge("backup_last_attempt_failure", "", "1 for the reason for which the last attempt made no good backup", read, "reason")

	metricOldest    = gauge("backup_oldest_restorable_timestamp_seconds", "seconds", "Oldest point to which the tenant can be restored", read)
	metricArchived  = gauge("backup_wal_last_archived_timestamp_seconds", "seconds", "When the newest WAL in the place was archived", read)
	metricPoint     = gauge("backup_recovery_point_timestamp_seconds", "seconds", "Up to when nothing would be lost if the place were all that is left", read)
	metricRatio     = gauge("backup_size_ratio", "ratio", "Size of the newest good backup to the median of those of its type before; absent where it holds only what changed", read)
	metricEncrypted = gauge("backup_encrypted", "", "Whether the backup is encrypted where it is kept", read)
	metricLocked    = gauge("backup_locked_until_timestamp_seconds", "seconds", "Until when nobody can delete the newest good backup", "object retention")
	metricIncluded  = gauge("backup_tenant_included", "", "Whether the tenant's database is in the newest backup of its cluster", "pgbackrest info --set")

	metricCopyThere  = gauge("backup_copy_present", "", "Whether the second copy holds a good backup of the tenant", "both places", "of")
	metricCopyBehind = gauge("backup_copy_behind_seconds", "seconds", "How much older the second copy's recovery point is than that of the place it copies", "both places", "of")
)

// Of a tenant, whatever the place.
var (
	metricPlaces    = gauge("backup_tenant_places", "", "Places that hold a good backup of the tenant", "all places")
	metricBest      = gauge("backup_tenant_recovery_point_timestamp_seconds", "seconds", "Up to when nothing would be lost now, by the best of all places", "all places")
	metricDue       = gauge("backup_tenant_recovery_point_due_timestamp_seconds", "seconds", "When more work would be lost than the tier allows, unless a newer backup is made", "all places and the tier")
	metricObjective = gauge("backup_tenant_recovery_point_objective_seconds", "seconds", "How much work may be lost, by the tier", "configuration")

	metricRehearsed       = gauge("backup_rehearsal_last_timestamp_seconds", "seconds", "When a restore was last rehearsed, with success or not", "rehearsals")
	metricRehearsalOK     = gauge("backup_rehearsal_last_success", "", "Whether the last rehearsal succeeded", "rehearsals")
	metricRehearsalGood   = gauge("backup_rehearsal_last_success_timestamp_seconds", "seconds", "When a restore was last rehearsed with success", "rehearsals")
	metricRehearsalTook   = gauge("backup_rehearsal_recovery_duration_seconds", "seconds", "How long recovering took in the last good rehearsal", "rehearsals")
	metricRehearsalLost   = gauge("backup_rehearsal_lost_seconds", "seconds", "How much work the last good rehearsal would have lost", "rehearsals")
	metricRehearsalDue    = gauge("backup_rehearsal_due_timestamp_seconds", "seconds", "When a restore must have been rehearsed again with success, by the tier", "rehearsals and the tier")
	metricTimeObjective   = gauge("backup_tenant_recovery_time_objective_seconds", "seconds", "How long a recovery may take, by the tier", "configuration")
	metricWithinObjective = gauge("backup_rehearsal_within_objectives", "", "Whether the last rehearsal succeeded, within the recovery time and recovery point of the tier", "rehearsals and the tier")
)

// metricBarmanUp is what Barman exporters call it.
var metricBarmanUp = gauge("barman_up", "", "Whether a check of Barman's passes", "barman check", "server", "check")

// Metrics is the catalogue of all that this package can emit.
func Metrics() collectors.Catalogue {
	all := collectors.Catalogue{
		metricUp, metricRunning, metricCut, metricUnchecked, metricVersioning, metricLockable, metricSaidAt,
		metricLast, metricSize, metricDuration, metricKept, metricKeepAsk,
		metricAttempt, metricAttemptOK, metricAttemptWhy,
		metricOldest, metricArchived, metricPoint, metricRatio, metricEncrypted, metricLocked, metricIncluded,
		metricCopyThere, metricCopyBehind,
		metricPlaces, metricBest, metricDue, metricObjective,
		metricRehearsed, metricRehearsalOK, metricRehearsalGood, metricRehearsalTook, metricRehearsalLost,
		metricRehearsalDue, metricTimeObjective, metricWithinObjective,
		metricBarmanUp,
	}
	return append(all, pgBackRestMetrics()...)
}
