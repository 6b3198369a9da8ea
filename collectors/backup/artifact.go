package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/files"
)

// Artifact is the newest good backup of a tenant in a place, as a restore needs it.
type Artifact struct {
	Place    string
	Type     Type
	Label    string
	Point    time.Time        // up to when nothing is lost by restoring it, as far as its place knows
	Size     int64            // bytes to be read
	Database int64            // bytes of the restored cluster; 0 where that is not known
	Contents archive.Contents // of a file

	File  files.File  // where the backup is one file
	Store files.Store // that holds File; the place keeps it open

	Command []string // of pgBackRest, with its options; nil where the backup is a file
	Stanza  string
	Repo    int
}

// Newest finds the backup that a restore of a tenant would begin with. It is an error where the
// place holds no good one, is of a kind that cannot be rehearsed here, or does not answer within the
// time of a visit.
func (p *Place) Newest(ctx context.Context, tenant collectors.Tenant) (Artifact, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	if p.closed {
		return Artifact{}, errors.New("the place is no longer watched")
	}
	if !p.keeps(tenant) {
		return Artifact{}, fmt.Errorf("backups of tenant %q do not belong in %s", tenant.Name, p.config.Name)
	}
	source, ok := p.reader.(restorable)
	if !ok {
		return Artifact{}, fmt.Errorf("restores from %s cannot be rehearsed here: only those of pgBackRest and of dumps can", p.config.Name)
	}
	now := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(p.config.Timeout), collectors.Because(collectors.ReasonTimeout, errSlow))
	defer cancel()
	reading, err := source.readOne(ctx, now, tenant)
	if err != nil {
		return Artifact{}, err
	}
	set, _ := reading.of(tenant)
	state := judge(set, now)
	if in, known := reading.included(tenant); known && !in {
		return Artifact{}, fmt.Errorf("the newest backup in %s does not hold the database of tenant %q", p.config.Name, tenant.Name)
	}
	switch attempt := state.Attempt; {
	case !state.Newest.Stop.IsZero():
	case attempt.Fault != "":
		return Artifact{}, fmt.Errorf("there is no good backup of tenant %q in %s: the newest, from %s ago, %s", tenant.Name, p.config.Name,
			span(now.Sub(attempt.Stop)), words(attempt.Fault))
	default:
		return Artifact{}, fmt.Errorf("there is no good backup of tenant %q in %s", tenant.Name, p.config.Name)
	}
	a := Artifact{Place: p.config.Name, Type: state.Newest.Type, Label: state.Newest.Label, Point: state.Newest.point(), Size: state.Newest.Size}
	if !source.locate(&a) {
		return a, errors.New("the newest backup is gone")
	}
	return a, nil
}

var errSlow = errors.New("the place did not answer in time")

// restorable is a reader whose backups can be restored here.
type restorable interface {
	// readOne reads what is there for one tenant, as read does for all.
	readOne(ctx context.Context, now time.Time, tenant collectors.Tenant) (Reading, error)
	// locate fills in where the backup with the artifact's label is, if it still is. It follows
	// readOne.
	locate(a *Artifact) bool
}

func (d *dumps) locate(a *Artifact) bool {
	for file, v := range d.known {
		if file.Name == a.Label {
			a.File, a.Store, a.Contents = file, d.store, v.contents
			return true
		}
	}
	return false
}

func (p *pgBackRest) readOne(ctx context.Context, now time.Time, _ collectors.Tenant) (Reading, error) {
	return p.read(ctx, now)
}

func (p *pgBackRest) locate(a *Artifact) bool {
	a.Command, a.Stanza, a.Repo, a.Database = slices.Clone(p.config.Command), p.config.Stanza, p.config.Repo, p.clusterSize
	return true
}
