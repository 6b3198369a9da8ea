package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/files"
)

// walG reads WAL-G's storage. A base backup is complete when its sentinel is there.
type walG struct {
	config WALG
	store  files.Store
	known  map[files.File]Backup // sentinels that were read
	since  map[string]time.Time  // when a base backup without one was first seen, where the storage does not say
}

// Names in WAL-G's storage.
const (
	baseBackups    = "basebackups_005/"
	walFiles       = "wal_005/"
	sentinelSuffix = "_backup_stop_sentinel.json"
	basePrefix     = "base_"
)

func newWALG(c WALG) (*walG, error) {
	store, err := c.In.open()
	if err != nil {
		return nil, err
	}
	if c.Prefix != "" {
		c.Prefix = strings.TrimSuffix(c.Prefix, "/") + "/"
	}
	return &walG{config: c, store: store, known: map[files.File]Backup{}, since: map[string]time.Time{}}, nil
}

func (p *walG) close() { p.store.Close() }

// sentinel is what WAL-G writes when a base backup is complete. Older versions leave the times out.
type sentinel struct {
	Start     time.Time `json:"StartTime"`
	Finish    time.Time `json:"FinishTime"`
	Size      int64     `json:"CompressedSize"`
	DeltaFrom string    `json:"DeltaFrom"`
}

func (p *walG) read(ctx context.Context, now time.Time) (Reading, error) {
	var begun []files.File
	var sentinels []files.File
	more, err := p.store.List(ctx, files.Query{
		Prefix: p.config.Prefix + baseBackups, Flat: true, Most: p.config.In.most(),
	}, func(f files.File) bool {
		name := path.Base(f.Name)
		if label, ok := strings.CutSuffix(name, sentinelSuffix); ok && !f.Folder && strings.HasPrefix(label, basePrefix) {
			sentinels = append(sentinels, f)
		} else if f.Folder && strings.HasPrefix(name, basePrefix) {
			begun = append(begun, f)
		}
		return true
	})
	if err != nil {
		return Reading{}, err
	}
	set, err := p.complete(ctx, sentinels)
	if err != nil {
		return Reading{}, err
	}
	p.lock(ctx, set.Backups, sentinels)
	reading := Reading{Cluster: &set, Cut: more, AsOf: now}
	p.incomplete(&reading, begun, now)
	if archived, err := p.archived(ctx, set.Backups); err != nil {
		reading.Missing = append(reading.Missing, Unavailable{"wal_archived", err})
	} else {
		set.Archived = archived
	}
	reading.guard(ctx, p.store)
	return reading, nil
}

// complete reads the sentinels, each once.
func (p *walG) complete(ctx context.Context, sentinels []files.File) (Set, error) {
	var set Set
	known := make(map[files.File]Backup, len(sentinels))
	for _, file := range sentinels {
		backup, ok := p.known[file]
		if !ok {
			var err error
			if backup, err = p.readSentinel(ctx, file); err != nil {
				return Set{}, err
			}
		}
		known[file] = backup
		set.Backups = append(set.Backups, backup)
	}
	p.known = known
	slices.SortStableFunc(set.Backups, func(x, y Backup) int { return x.Stop.Compare(y.Stop) })
	return set, nil
}

// lock asks until when nobody can delete the newest good backup: as long as its sentinel, without
// which it is none.
func (p *walG) lock(ctx context.Context, backups []Backup, sentinels []files.File) {
	for i := len(backups) - 1; i >= 0; i-- {
		if backups[i].Fault != "" {
			continue
		}
		name := p.config.Prefix + baseBackups + backups[i].Label + sentinelSuffix
		of := slices.IndexFunc(sentinels, func(f files.File) bool { return f.Name == name })
		until, err := p.store.LockedUntil(ctx, sentinels[of])
		if err == nil { // else the question about the bucket says why
			backups[i].LockedUntil = until
		}
		return
	}
}

const mostSentinel = 1 << 20

func (p *walG) readSentinel(ctx context.Context, file files.File) (Backup, error) {
	label := strings.TrimSuffix(path.Base(file.Name), sentinelSuffix)
	backup := Backup{Label: label, Type: Full, Stop: file.Modified}
	if strings.Contains(label, "_D_") {
		backup.Type = Incr
	}
	if file.Size == 0 {
		backup.Fault = archive.Empty
		return backup, nil
	}
	opened, err := p.store.Open(ctx, file)
	if err != nil {
		return backup, err
	}
	defer opened.Close()
	text, err := io.ReadAll(io.NewSectionReader(opened, 0, min(file.Size, mostSentinel)))
	if err != nil {
		return backup, fmt.Errorf("read sentinel: %w", err)
	}
	var said sentinel
	if err := json.Unmarshal(text, &said); err != nil {
		backup.Fault = archive.Broken
		return backup, nil // a damaged backup, not a failed visit
	}
	if said.DeltaFrom != "" {
		backup.Type = Incr
	}
	backup.Start, backup.Size = said.Start, said.Size
	if !said.Finish.IsZero() {
		backup.Stop = said.Finish
	}
	return backup, nil
}

// longestBackup is how long a base backup may take before it counts as one that failed.
const longestBackup = 24 * time.Hour

// incomplete adds the newest base backup that was begun and has no sentinel: while it is young it
// is under way, later it has failed. A bucket does not say when it was begun; it was by when it was
// first seen.
func (p *walG) incomplete(reading *Reading, begun []files.File, now time.Time) {
	running := false
	reading.Running = &running
	before := p.since
	p.since = map[string]time.Time{}
	if len(begun) == 0 {
		return
	}
	newest := slices.MaxFunc(begun, func(x, y files.File) int { return strings.Compare(x.Name, y.Name) })
	label := path.Base(newest.Name)
	if slices.ContainsFunc(reading.Cluster.Backups, func(b Backup) bool { return b.Label >= label }) {
		return
	}
	since := newest.Modified
	if since.IsZero() {
		if since = before[label]; since.IsZero() {
			since = now
		}
		p.since[label] = since
	}
	if running = now.Sub(since) < longestBackup; !running {
		reading.Cluster.Backups = append(reading.Cluster.Backups, Backup{Label: label, Type: Full, Stop: since, Fault: failed})
	}
}

// archived is when the newest segment was written. Only names after the segment with which the
// newest base backup began are listed: segments and backups are named alike, and in order.
func (p *walG) archived(ctx context.Context, backups []Backup) (time.Time, error) {
	i := len(backups) - 1
	for ; i >= 0 && backups[i].Fault != ""; i-- {
	}
	if i < 0 {
		return time.Time{}, nil
	}
	segment, _, _ := strings.Cut(strings.TrimPrefix(backups[i].Label, basePrefix), "_")
	if !segmentName.MatchString(segment) {
		return time.Time{}, collectors.Because(collectors.ReasonProtocol, errors.New("the newest base backup is not named after a segment"))
	}
	var newest time.Time
	more, err := p.store.List(ctx, files.Query{
		Prefix: p.config.Prefix + walFiles, After: p.config.Prefix + walFiles + segment, Most: p.config.In.most(),
	}, func(f files.File) bool {
		name := path.Base(f.Name)
		if len(name) >= 24 && segmentName.MatchString(name[:24]) && (len(name) == 24 || name[24] == '.') && f.Modified.After(newest) {
			newest = f.Modified
		}
		return true
	})
	if err == nil && more {
		err = errors.New("there are more segments since the newest base backup than may be listed")
	}
	return newest, err
}
