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
	cnpgStatus   = "cnpg_collector_pg_wal_archive_status" // counts, of which that with the label value
	cnpgReady    = "ready"                                // is of segments that are not archived yet
	cnpgRecovery = "cnpg_pg_replication_in_recovery"
	cnpgArchived = "cnpg_pg_stat_archiver_last_archived_time"

	processStart = "process_start_time_seconds"
)

var cnpgNames = []string{
	cnpgOwn + cnpgAvailable, cnpgOwn + cnpgFailed, cnpgOwn + cnpgFirst,
	cnpgPlugin + cnpgAvailable, cnpgPlugin + cnpgFailed, cnpgPlugin + cnpgFirst,
	cnpgUp, cnpgError, cnpgStatus, cnpgRecovery, cnpgArchived, processStart,
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
	family := one.family()
	good := one.available()
	if good.IsZero() {
		if err := one.never(family, primary, now); err != nil {
			return Reading{}, err
		}
	}
	set := Set{Newest: true, Oldest: one.moment(family + cnpgFirst), Backups: latest(Full, good, one.moment(family+cnpgFailed))}
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

// cnpgInstances takes apart who shows what, of those that show backups.
func cnpgInstances(samples []pages.Sample) ([]*cnpgInstance, error) {
	var all []*cnpgInstance
	for _, s := range samples {
		if s.Name == cnpgStatus && s.Labels.Get("value") != cnpgReady {
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

// family is whose series of backups count: those of the newest good backup. CloudNativePG's own are
// not kept up where the plugin makes the backups, and stay there as they were.
func (i *cnpgInstance) family() string {
	if i.shows(cnpgPlugin+cnpgAvailable) && i.values[cnpgPlugin+cnpgAvailable] >= i.values[cnpgOwn+cnpgAvailable] {
		return cnpgPlugin
	}
	return cnpgOwn
}

// settles is how long after its begin a program may not yet show what it knows of before.
const settles = 2 * time.Minute

// never says why a zero does not mean that there never was a good backup; nil where it does.
func (i *cnpgInstance) never(family string, primary bool, now time.Time) error {
	switch {
	case now.Sub(i.moment(processStart)) < settles:
		return collectors.Because(collectors.ReasonMissing, errors.New("the instance has just begun, and shows no backups yet"))
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
	if at := i.moment(cnpgArchived); !at.IsZero() && i.values[cnpgStatus] <= 1 {
		p.archived = at
	}
	switch {
	case !p.archived.IsZero():
		return p.archived, nil
	case !i.shows(cnpgArchived):
		return time.Time{}, collectors.Because(collectors.ReasonMissing, errors.New("no instance shows when WAL was archived"))
	case i.values[cnpgStatus] > 1:
		return time.Time{}, collectors.Because(collectors.ReasonOther, errors.New("WAL waits to be archived, so nobody knows up to when it was"))
	}
	return time.Time{}, nil
}
