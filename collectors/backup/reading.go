package backup

import (
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/files"
)

// Type is what kind of backup one is: a metric label.
type Type string

// The types. A differential or incremental one needs others to be restored.
const (
	Full      Type = "full"
	Diff      Type = "diff"
	Incr      Type = "incr"
	Volumes   Type = "volumes"   // the volumes that the database is on, as they were at once
	Dump      Type = "dump"      // one database, by pg_dump
	Zip       Type = "odoo_zip"  // one database and its filestore, by Odoo
	Filestore Type = "filestore" // the attachments alone
)

// Reasons for which an attempt failed, beside those of package archive.
const (
	failed        archive.Reason = "failed"         // the tool says so
	pageChecksums archive.Reason = "page_checksums" // pages of the backed up cluster were damaged
	futureDate    archive.Reason = "future_date"    // dated after now: its age proves nothing
)

// Backup is one backup, or one attempt at it.
type Backup struct {
	Label       string // of the tool or the file: what was judged, never shown as a metric
	Type        Type
	Start       time.Time // when it began; zero where that is not known
	Stop        time.Time // when it was complete
	Size        int64     // bytes that it takes in the place; 0 where that is not known
	Fault       archive.Reason
	LockedUntil time.Time // nobody can delete it before; zero where anybody can
}

// Set is what a place holds for one tenant, or for one cluster with all its tenants.
type Set struct {
	Backups   []Backup  // oldest first
	Newest    bool      // only the newest are known: there are others, nobody knows how many
	Oldest    time.Time // restorable point, where the tool says it; zero where it follows from Backups
	Archived  time.Time // up to when WAL was archived; zero where none is, or that is not known
	Latest    time.Time // where it is not known: not later than this; zero otherwise
	Encrypted *bool     // nil where it is not known
}

// Unavailable is a part of a reading that could not be had.
type Unavailable struct {
	Indicator string
	Err       error
}

// Reading is what one visit to a place found.
type Reading struct {
	Tenants   map[string]Set // by tenant, where each has files of its own
	Cluster   *Set           // of a whole cluster; nil where each tenant has files of its own
	Databases []string       // in the newest backup of the cluster; nil where that is not known
	Running   *bool          // whether a backup is being made now
	Guard     *files.Guard   // of a bucket
	Cut       bool           // there was more than may be listed
	Unchecked int            // newest backups that no visit has had time to look into yet
	AsOf      time.Time      // when the tool said so, where it was not now
	Missing   []Unavailable
	emit      func(*collectors.Builder) // the tool's own series
}

// of is what the reading says about a tenant.
func (r *Reading) of(tenant collectors.Tenant) (Set, bool) {
	if r.Cluster != nil {
		return *r.Cluster, true
	}
	set, ok := r.Tenants[tenant.Name]
	return set, ok
}

// included says whether a tenant's database is in the newest backup of its cluster.
func (r *Reading) included(tenant collectors.Tenant) (in, known bool) {
	return slices.Contains(r.Databases, tenant.Database), r.Databases != nil
}

// State is what a set is worth at a moment.
type State struct {
	Last     map[Type]Backup // newest good one of each type
	Newest   Backup          // newest good one; its Stop is zero where there is none
	Attempt  Backup          // last attempt, good or not
	Oldest   time.Time       // restorable point; zero where there is none
	Point    time.Time       // up to when nothing is lost; zero where all is
	Kept     map[Type]int    // good ones; nil where nobody knows how many there are
	Ratio    float64         // size of the newest to the median of those of its type before; 0 where there are too few, or where it holds only what changed
	Archived time.Time
	Latest   time.Time // the point may be as late as this, because nobody knows when WAL was archived; zero where it is known
}

const (
	// clockSkew is how far the clock of whoever keeps the backups may be ahead of ours.
	clockSkew = 5 * time.Minute
	// sizes are compared with so many earlier backups, at least and at most.
	fewestSizes, mostSizes = 3, 10
)

// judge says what a set is worth now.
func judge(s Set, now time.Time) State {
	state := State{Last: map[Type]Backup{}, Kept: map[Type]int{}}
	for _, b := range s.Backups {
		if b.Stop.After(now.Add(clockSkew)) && b.Fault == "" {
			b.Fault = futureDate
		}
		if b.Stop.After(now) {
			b.Stop = now
		}
		if b.Stop.Before(state.Attempt.Stop) {
			continue // readers bring them in order; a clock that was set back changes nothing
		}
		state.Attempt = b
		if b.Fault != "" {
			continue
		}
		state.Kept[b.Type]++
		state.Newest, state.Last[b.Type] = b, b
		if state.Oldest.IsZero() && alone(b.Type) {
			state.Oldest = b.Stop
		}
		if point := b.point(); point.After(state.Point) {
			state.Point = point
		}
	}
	if archived := s.Archived; !archived.IsZero() && !archived.After(now.Add(clockSkew)) {
		state.Archived = archived
		if !state.Point.IsZero() && archived.After(state.Point) {
			state.Point = archived
		}
	}
	if s.Newest {
		state.Kept, state.Oldest = nil, time.Time{}
	}
	if !s.Oldest.IsZero() && !s.Oldest.After(now) && !state.Newest.Stop.IsZero() {
		state.Oldest = s.Oldest
	}
	if s.Latest.After(state.Point) && !state.Point.IsZero() {
		state.Latest = s.Latest
	}
	state.Ratio = ratio(s.Backups, state.Newest)
	return state
}

// alone says whether a backup can be restored without others.
func alone(t Type) bool { return t != Diff && t != Incr }

// point is the moment whose state the backup restores: a dump shows the database as it was when
// the dump began, a physical backup as it was when it ended.
func (b Backup) point() time.Time {
	physical := b.Type == Full || b.Type == Diff || b.Type == Incr
	if physical || b.Start.IsZero() {
		return b.Stop
	}
	return b.Start
}

// ratio compares the size of a backup with the median of the good ones of its type before it. That of
// one that holds only what changed says how much did, and nothing about the backup.
func ratio(all []Backup, newest Backup) float64 {
	var sizes []int64
	for _, b := range all {
		if b.Type == newest.Type && b.Fault == "" && b.Size > 0 && b.Label != newest.Label && !b.Stop.After(newest.Stop) {
			sizes = append(sizes, b.Size)
		}
	}
	if len(sizes) < fewestSizes || newest.Stop.IsZero() || !alone(newest.Type) {
		return 0
	}
	sizes = sizes[max(0, len(sizes)-mostSizes):]
	slices.Sort(sizes)
	middle := float64(sizes[len(sizes)/2])
	if len(sizes)%2 == 0 {
		middle = (middle + float64(sizes[len(sizes)/2-1])) / 2
	}
	return float64(newest.Size) / middle
}
