package backup

import (
	"fmt"
	"strconv"
	"time"

	"github.com/wardround/wardround/collectors"
)

const info = "pgbackrest info"

// What pgbackrest_exporter calls it, where that is right. The ages that it computes, which freeze
// when it is not asked any more, and the series of each single backup, whose number grows with the
// retention and which each backup replaces, are written on request only.
var (
	metricStanzaStatus = gauge("pgbackrest_stanza_status", "", "Status code of the stanza; 0 is well", info, "stanza")
	metricStanzaLock   = gauge("pgbackrest_stanza_backup_lock_status", "", "Whether a backup of the stanza is being made", info, "stanza")
	metricStanzaDone   = gauge("pgbackrest_stanza_backup_complete_bytes", "bytes", "Bytes that the backup under way has copied", info, "stanza")
	metricStanzaAll    = gauge("pgbackrest_stanza_backup_total_bytes", "bytes", "Bytes that the backup under way will copy", info, "stanza")
	metricRepoStatus   = gauge("pgbackrest_repo_status", "", "Status code of the repository; 0 is well", info, "cipher", "repo_key", "stanza")
	metricWAL          = gauge("pgbackrest_wal_archive_status", "", "Whether the repository holds WAL of the stanza", info, "database_id", "pg_version", "repo_key", "stanza")

	metricLastDuration  = ofLast("duration_seconds", "seconds", "How long the last backup of the type took")
	metricLastSize      = ofLast("size_bytes", "bytes", "Bytes of the database when the last backup of the type was made")
	metricLastDelta     = ofLast("delta_bytes", "bytes", "Bytes that the last backup of the type had to copy")
	metricLastRepoSize  = ofLast("repo_size_bytes", "bytes", "Bytes of the repository that restoring the last backup of the type needs")
	metricLastRepoDelta = ofLast("repo_delta_bytes", "bytes", "Bytes that the last backup of the type added to the repository")
	metricLastError     = ofLast("error_status", "", "Whether the last backup of the type found damaged pages")
	metricLastRefs      = ofLast("references", "", "Other backups that the last backup of the type needs")
	metricLastBases     = ofLast("databases", "", "Databases in the newest backup")

	metricSince         = gauge("pgbackrest_backup_since_last_completion_seconds", "seconds", "Use backup_last_success_timestamp_seconds", info, "backup_type", "block_incr", "stanza")
	metricEachDuration  = ofEach("duration_seconds", "seconds", "Use backup_last_success_duration_seconds")
	metricEachSize      = ofEach("size_bytes", "bytes", "Bytes of the database when the backup was made")
	metricEachDelta     = ofEach("delta_bytes", "bytes", "Bytes that the backup had to copy")
	metricEachRepoSize  = ofEach("repo_size_bytes", "bytes", "Bytes of the repository that restoring the backup needs")
	metricEachRepoDelta = ofEach("repo_delta_bytes", "bytes", "Bytes that the backup added to the repository")
	metricEachError     = ofEach("error_status", "", "Whether the backup found damaged pages")
)

func ofLast(name, unit, help string) *collectors.Metric {
	return gauge("pgbackrest_backup_last_"+name, unit, help, info, "backup_type", "block_incr", "stanza")
}

func ofEach(name, unit, help string) *collectors.Metric {
	return gauge("pgbackrest_backup_"+name, unit, help, info, "backup_name", "backup_type", "block_incr", "database_id", "repo_key", "stanza")
}

func pgBackRestMetrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricStanzaStatus, metricStanzaLock, metricStanzaDone, metricStanzaAll, metricRepoStatus, metricWAL,
		metricLastDuration, metricLastSize, metricLastDelta, metricLastRepoSize, metricLastRepoDelta,
		metricLastError, metricLastRefs, metricLastBases,
		metricSince, metricEachDuration, metricEachSize, metricEachDelta, metricEachRepoSize, metricEachRepoDelta, metricEachError,
	}
}

// emit writes the stanza's own series, of one repository.
func (s *stanza) emit(b *collectors.Builder, c PgBackRest, databases int) {
	b.Set(metricStanzaStatus, float64(s.Status.Code), s.Name)
	b.Set(metricStanzaLock, truth(s.Status.Lock.Backup.Held), s.Name)
	if done, all := s.Status.Lock.Backup.Complete, s.Status.Lock.Backup.Size; done != nil && all != nil {
		b.Set(metricStanzaDone, float64(*done), s.Name)
		b.Set(metricStanzaAll, float64(*all), s.Name)
	}
	key := strconv.Itoa(c.Repo)
	for _, repo := range s.Repos {
		if repo.Key == c.Repo {
			b.Set(metricRepoStatus, float64(repo.Status.Code), word(repo.Cipher), key, s.Name)
		}
	}
	for _, a := range s.Archive {
		if a.Database.Repo == c.Repo {
			b.Set(metricWAL, truth(a.Max != ""), strconv.Itoa(a.Database.ID), s.version(a.Database), key, s.Name)
		}
	}
	last := map[string]stanzaBackup{}
	for _, backup := range s.Backups {
		if backup.Database.Repo == c.Repo && knownType(backup.Type) {
			last[backup.Type] = backup
			if c.Compat && backupLabel.MatchString(backup.Label) {
				backup.emitEach(b, key, s.Name)
			}
		}
	}
	for kind, backup := range last {
		backup.emitLast(b, kind, s.Name)
		if c.Compat {
			b.Set(metricSince, max(0, b.At().Sub(time.Unix(backup.Time.Stop, 0)).Seconds()), kind, blockIncr, s.Name)
		}
	}
	if newest, ok := s.newest(c.Repo); ok && databases > 0 {
		b.Set(metricLastBases, float64(databases), newest.Type, blockIncr, s.Name)
	}
}

// blockIncr says whether a backup is block-incremental, which info tells of single backups only.
const blockIncr = "n"

func knownType(kind string) bool {
	return kind == string(Full) || kind == string(Diff) || kind == string(Incr)
}

func (s *stanza) newest(repo int) (newest stanzaBackup, ok bool) {
	for _, b := range s.Backups {
		if b.Database.Repo == repo && knownType(b.Type) && b.Time.Stop >= newest.Time.Stop {
			newest, ok = b, true
		}
	}
	return newest, ok
}

func (s *stanza) version(d database) string {
	for _, known := range s.Databases {
		if known.ID == d.ID && known.Repo == d.Repo {
			return word(known.Version)
		}
	}
	return ""
}

// word lets through what can be a technical name and nothing else.
func word(text string) string {
	if toolName.MatchString(text) && len(text) <= 40 {
		return text
	}
	return ""
}

func (v stanzaBackup) emitLast(b *collectors.Builder, kind, name string) {
	for m, value := range map[*collectors.Metric]float64{
		metricLastDuration: float64(v.Time.Stop - v.Time.Start), metricLastSize: float64(v.Info.Size), metricLastDelta: float64(v.Info.Delta),
		metricLastRepoSize: float64(v.Info.Repository.Size), metricLastRepoDelta: float64(v.Info.Repository.Delta),
		metricLastError: truth(v.Error), metricLastRefs: float64(len(v.Refs)),
	} {
		b.Set(m, value, kind, blockIncr, name)
	}
}

func (v stanzaBackup) emitEach(b *collectors.Builder, key, name string) {
	for m, value := range map[*collectors.Metric]float64{
		metricEachDuration: float64(v.Time.Stop - v.Time.Start), metricEachSize: float64(v.Info.Size), metricEachDelta: float64(v.Info.Delta),
		metricEachRepoSize: float64(v.Info.Repository.Size), metricEachRepoDelta: float64(v.Info.Repository.Delta), metricEachError: truth(v.Error),
	} {
		b.Set(m, value, v.Label, v.Type, blockIncr, fmt.Sprint(v.Database.ID), key, name)
	}
}
