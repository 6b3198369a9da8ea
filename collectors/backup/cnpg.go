package backup

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/pages"
)

// cnpg reads what the instances of one cluster of CloudNativePG show.
type cnpg struct {
	reader   *pages.Reader
	plugin   bool      // that the Barman Cloud plugin makes the backups
	archived time.Time // up to when WAL was archived when it last was without delay
}

func newCNPG(c CNPG, visit time.Duration) (*cnpg, error) {
	reader, err := pages.New(c.Page, visit)
	if err != nil {
		return nil, err
	}
	return &cnpg{reader: reader}, nil
}

func (p *cnpg) close() { p.reader.Close() }

// Names on the pages.
const (
	cnpgOwn    = "cnpg_collector_"                 // backups that CloudNativePG makes, then
	cnpgPlugin = "barman_cloud_cloudnative_pg_io_" // those that the Barman Cloud plugin makes, then one of

	cnpgAvailable = "last_available_backup_timestamp"
	cnpgFailed    = "last_failed_backup_timestamp"
	cnpgFirst     = "first_recoverability_point"

	cnpgUp       = "cnpg_collector_up"
	cnpgError    = "cnpg_collector_last_collection_error"
	cnpgErrors   = "cnpg_collector_collection_errors_total" // counts, of which that with the label collector
	cnpgPlugins  = "Collect.PluginMetrics"                  // is of plugins that did not answer
	cnpgStatus   = "cnpg_collector_pg_wal_archive_status"   // counts, of which that with the label value
	cnpgReady    = "ready"                                  // is of segments that are not archived yet
	cnpgRecovery = "cnpg_pg_replication_in_recovery"
	cnpgArchived = "cnpg_pg_stat_archiver_last_archived_time"
)

var cnpgNames = []string{
	cnpgOwn + cnpgAvailable, cnpgOwn + cnpgFailed, cnpgOwn + cnpgFirst,
	cnpgPlugin + cnpgAvailable, cnpgPlugin + cnpgFailed, cnpgPlugin + cnpgFirst,
	cnpgUp, cnpgError, cnpgErrors, cnpgStatus, cnpgRecovery, cnpgArchived,
}

func (p *cnpg) read(ctx context.Context, now time.Time) (Reading, error) {
	samples, silent, err := p.reader.Read(ctx, now, cnpgNames)
	if err != nil {
		return Reading{}, err
	}
	instances, err := cnpgInstances(samples)
	if err != nil {
		return Reading{}, err
	}
	one, primary := cnpgSpeaker(instances)
	if err := p.plugged(one, instances); err != nil {
		return Reading{}, err
	}
	family, good := one.family(), one.available()
	if good.IsZero() {
		if err := one.never(family, primary); err != nil {
			return Reading{}, err
		}
	}
	set := Set{Newest: true, Oldest: one.moment(family + cnpgFirst), Backups: latest(Full, good, one.failed())}
	reading := Reading{Cluster: &set, AsOf: now}
	for _, err := range silent {
		reading.Missing = append(reading.Missing, Unavailable{"instance", err})
	}
	if set.Archived, err = p.archivedBy(one); err != nil {
		reading.Missing = append(reading.Missing, Unavailable{"wal_archived", err})
	}
	return reading, nil
}

// latest are the last good backup and the last failed attempt, of which either may be zero, in
// their order.
func latest(kind Type, good, bad time.Time) []Backup {
	all := []Backup{{Label: "good", Type: kind, Stop: good}, {Label: "bad", Type: kind, Stop: bad, Fault: failed}}
	all = slices.DeleteFunc(all, func(b Backup) bool { return b.Stop.IsZero() })
	slices.SortStableFunc(all, func(x, y Backup) int { return x.Stop.Compare(y.Stop) })
	return all
}

// cnpgInstance is what one instance shows.
type cnpgInstance struct {
	page          int // instances have pages of their own, or, where a page gathers several, labels
	pod, instance string
	namespace     string
	cluster       string
	values        map[string]float64
}

func (i *cnpgInstance) moment(name string) time.Time { return pages.Moment(i.values[name]) }

func (i *cnpgInstance) available() time.Time { return i.moment(i.family() + cnpgAvailable) }

// failed is when the last backup failed. CloudNativePG notes it whoever makes the backups, the plugin
// only where it had begun.
func (i *cnpgInstance) failed() time.Time {
	return pages.Moment(max(i.values[cnpgOwn+cnpgFailed], i.values[cnpgPlugin+cnpgFailed]))
}

// cnpgInstances takes apart who shows what, of those that show backups.
func cnpgInstances(samples []pages.Sample) ([]*cnpgInstance, error) {
	var all []*cnpgInstance
	for _, s := range samples {
		if s.Name == cnpgStatus && s.Labels.Get("value") != cnpgReady ||
			s.Name == cnpgErrors && s.Labels.Get("collector") != cnpgPlugins {
			continue
		}
		pod, instance, namespace := s.Labels.Get("pod"), s.Labels.Get("instance"), s.Labels.Get("namespace")
		k := slices.IndexFunc(all, func(i *cnpgInstance) bool {
			return i.page == s.Page && i.pod == pod && i.instance == instance && i.namespace == namespace
		})
		if k < 0 {
			k = len(all)
			all = append(all, &cnpgInstance{page: s.Page, pod: pod, instance: instance, namespace: namespace, values: map[string]float64{}})
		}
		all[k].values[s.Name] = s.Value
		if s.Name == cnpgUp {
			all[k].cluster = s.Labels.Get("cluster")
		}
	}
	all = slices.DeleteFunc(all, func(i *cnpgInstance) bool {
		return !i.shows(cnpgOwn+cnpgAvailable) && !i.shows(cnpgPlugin+cnpgAvailable)
	})
	if len(all) == 0 {
		return nil, collectors.Because(collectors.ReasonMissing, errors.New("the page shows no backups of CloudNativePG, or none that fit"))
	}
	for _, i := range all {
		if i.namespace != all[0].namespace || i.cluster != "" && all[0].cluster != "" && i.cluster != all[0].cluster {
			return nil, collectors.Because(collectors.ReasonProtocol, errors.New("the page shows several clusters: say with where which one is meant"))
		}
	}
	return all, nil
}

func (i *cnpgInstance) shows(name string) bool {
	_, is := i.values[name]
	return is
}

// cnpgSpeaker is the instance that counts: the primary, where exactly one says that it is, otherwise
// the one that knows of the newest backup. What CloudNativePG itself knows of backups a standby
// shows as zeros, or as it was when it was the primary; what the plugin knows all show alike.
func cnpgSpeaker(all []*cnpgInstance) (one *cnpgInstance, primary bool) {
	var primaries []*cnpgInstance
	for _, i := range all {
		if i.shows(cnpgRecovery) && i.values[cnpgRecovery] == 0 {
			primaries = append(primaries, i)
		}
	}
	if len(primaries) == 1 {
		return primaries[0], true
	}
	return slices.MaxFunc(all, func(x, y *cnpgInstance) int { return x.available().Compare(y.available()) }), false
}

// plugged says what is wrong where the plugin makes the backups and does not answer the instance that
// counts: then none of its series are there, and that there was an error is counted only behind them.
// What it shows another instance is as good.
func (p *cnpg) plugged(one *cnpgInstance, all []*cnpgInstance) error {
	k := slices.IndexFunc(all, func(i *cnpgInstance) bool { return i.shows(cnpgPlugin + cnpgAvailable) })
	switch {
	case k >= 0 && !one.shows(cnpgPlugin+cnpgAvailable):
		for _, name := range []string{cnpgAvailable, cnpgFailed, cnpgFirst} {
			one.values[cnpgPlugin+name] = all[k].values[cnpgPlugin+name]
		}
	case k < 0 && (p.plugin || one.values[cnpgErrors] > 0):
		return collectors.Because(collectors.ReasonUnreachable, errors.New("the plugin that makes the backups does not answer the instance"))
	}
	p.plugin = k >= 0
	return nil
}

// family is whose series of backups count: those of the newest good backup. Of good ones that the
// plugin made, CloudNativePG's own series know nothing, and stay as they were.
func (i *cnpgInstance) family() string {
	if i.shows(cnpgPlugin+cnpgAvailable) && i.values[cnpgPlugin+cnpgAvailable] >= i.values[cnpgOwn+cnpgAvailable] {
		return cnpgPlugin
	}
	return cnpgOwn
}

// never says why a zero does not mean that there never was a good backup; nil where it does. An
// instance that has just begun, and does not know its cluster yet, shows that as an error.
func (i *cnpgInstance) never(family string, primary bool) error {
	switch {
	case family == cnpgPlugin:
		return nil
	case !primary:
		return collectors.Because(collectors.ReasonMissing, errors.New("no instance shows a backup, and none says that it is the primary"))
	case i.shows(cnpgUp) && i.values[cnpgUp] == 0, i.values[cnpgError] != 0:
		return collectors.Because(collectors.ReasonUnreachable, errors.New("the primary cannot be asked about its backups"))
	}
	return nil
}

// archivedBy is up to when WAL was archived. While more waits than the segment that was just closed,
// the one that was archived last is older than its time says: what was known before stays.
func (p *cnpg) archivedBy(i *cnpgInstance) (time.Time, error) {
	waiting, counted := i.values[cnpgStatus]
	if at := i.moment(cnpgArchived); !at.IsZero() && counted && waiting <= 1 {
		p.archived = at
	}
	switch {
	case !p.archived.IsZero():
		return p.archived, nil
	case !counted, !i.shows(cnpgArchived):
		return time.Time{}, collectors.Because(collectors.ReasonMissing, errors.New("no instance shows when WAL was archived and how much waits"))
	case waiting > 1:
		return time.Time{}, collectors.Because(collectors.ReasonOther, errors.New("WAL waits to be archived, so nobody knows up to when it was"))
	}
	return time.Time{}, nil
}
