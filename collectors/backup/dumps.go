package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/files"
	"github.com/wardround/wardround/collectors/backup/naming"
)

// dumps reads a folder or bucket with files of which each holds one tenant's database. Of each
// tenant the newest is looked into, and older ones only until a good one is found.
type dumps struct {
	config  Dumps
	store   files.Store
	pattern *naming.Pattern
	zone    *time.Location
	settle  time.Duration
	tenants func() (*collectors.Tenants, func(collectors.Tenant) bool)
	known   map[files.File]verdict
}

// verdict is what looking into a file found.
type verdict struct {
	contents archive.Contents
	fault    archive.Reason
	locked   time.Time
	asked    time.Time // when locked was
}

const (
	lookers = 4 // files looked into at once
	// tries is how many of a tenant's files one visit looks into that none has looked into before.
	tries = 10
	// lockAge is how long what is known of an object's lock is believed: locks are prolonged.
	lockAge = time.Hour
)

func newDumps(c Dumps, tenants func() (*collectors.Tenants, func(collectors.Tenant) bool)) (*dumps, error) {
	p, err := naming.New(c.Path, c.Regexp)
	if err != nil {
		return nil, collectors.Invalid("dumps.path", "%v", err)
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, collectors.Invalid("dumps.zone", "%v", err)
	}
	store, err := c.In.open()
	if err != nil {
		return nil, err
	}
	d := &dumps{config: c, store: store, pattern: p, zone: zone, tenants: tenants, known: map[files.File]verdict{}}
	if d.settle = time.Duration(c.Settle); d.settle == 0 && c.In.Bucket == nil {
		d.settle = defaultSettle
	}
	return d, nil
}

func (d *dumps) close() { d.store.Close() }

// found is one file with what its name says.
type found struct {
	file  files.File
	begun time.Time // by its name; zero where that does not say
}

func (d *dumps) read(ctx context.Context, now time.Time) (Reading, error) {
	tenants, mine := d.tenants()
	if err := d.pattern.Prepare(tenants, mine); err != nil {
		return Reading{}, err
	}
	byTenant, more, err := d.list(ctx)
	if err != nil {
		return Reading{}, err
	}
	reading := Reading{Tenants: make(map[string]Set, len(byTenant)), Cut: more, AsOf: now}
	if err := d.lookInto(ctx, now, tenants, byTenant, &reading); err != nil {
		return Reading{}, err
	}
	reading.guard(ctx, d.store)
	return reading, nil
}

// list finds each tenant's files, oldest first.
func (d *dumps) list(ctx context.Context) (byTenant map[string][]found, more bool, err error) {
	byTenant = map[string][]found{}
	more, err = d.store.List(ctx, files.Query{Prefix: d.pattern.Prefix(), Most: d.config.In.most()}, func(f files.File) bool {
		if tenant, text := d.pattern.Whose(f.Name); tenant != "" {
			begun, _ := naming.Date(text, d.zone)
			byTenant[tenant] = append(byTenant[tenant], found{f, begun})
		}
		return true
	})
	for _, list := range byTenant {
		slices.SortFunc(list, func(x, y found) int { return x.file.Modified.Compare(y.file.Modified) })
	}
	return byTenant, more, err
}

// readOne reads what is there for one tenant, whatever it takes to know.
func (d *dumps) readOne(ctx context.Context, now time.Time, tenant collectors.Tenant) (Reading, error) {
	if err := d.pattern.Prepare(d.tenants()); err != nil {
		return Reading{}, err
	}
	byTenant, _, err := d.list(ctx)
	if err != nil {
		return Reading{}, err
	}
	list, never := byTenant[tenant.Name], now.Add(24*time.Hour)
	for {
		verdicts, complete, err := d.judgeNewest(ctx, now, never, tenant, list)
		if err != nil {
			return Reading{}, err
		}
		maps.Copy(d.known, verdicts)
		if complete {
			return Reading{Tenants: map[string]Set{tenant.Name: d.set(now, tenant, list, verdicts)}, AsOf: now}, nil
		}
	}
}

// lookInto judges each tenant's newest files. When half of the visit's time is over it leaves the
// rest to the next visit: a tenant whose newest file nobody has looked into has no reading yet.
func (d *dumps) lookInto(
	ctx context.Context, now time.Time, tenants *collectors.Tenants, byTenant map[string][]found, reading *Reading,
) error {
	until := now.Add(24 * time.Hour)
	if deadline, ok := ctx.Deadline(); ok {
		until = now.Add(deadline.Sub(now) / 2)
	}
	var mu sync.Mutex
	kept := make(map[files.File]verdict, len(d.known))
	workers := pool.New().WithMaxGoroutines(lookers).WithErrors().WithContext(ctx).WithCancelOnError().WithFirstError()
	for name, list := range byTenant {
		tenant, _ := tenants.ByName(name)
		workers.Go(func(ctx context.Context) error {
			verdicts, complete, err := d.judgeNewest(ctx, now, until, tenant, list)
			if err != nil {
				return err
			}
			set := d.set(now, tenant, list, verdicts)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(kept, verdicts)
			if !complete {
				reading.Unchecked++
				return nil
			}
			reading.Tenants[name] = set
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		return err
	}
	d.known = kept
	return nil
}

// judgeNewest looks into files, newest first, until one is good: what lies behind a row of bad ones
// is not taken for good unseen. Not complete means that time, or the tries of one visit, were over
// first.
func (d *dumps) judgeNewest(
	ctx context.Context, now, until time.Time, tenant collectors.Tenant, list []found,
) (verdicts map[files.File]verdict, complete bool, err error) {
	verdicts = map[files.File]verdict{}
	tried := 0
	for _, f := range slices.Backward(list) {
		v, ok := d.known[f.file]
		if !ok {
			if tried == tries || time.Now().After(until) {
				return verdicts, false, nil
			}
			tried++
			if v, err = d.inspect(ctx, f.file); err != nil {
				return nil, false, err
			}
		}
		good := d.fault(v, tenant) == ""
		if good && now.Sub(v.asked) > lockAge {
			v.asked = now
			if v.locked, err = d.store.LockedUntil(ctx, f.file); err != nil {
				v.locked = time.Time{} // the guard's own question says why
			}
		}
		verdicts[f.file] = v
		if good {
			break
		}
	}
	return verdicts, true, nil
}

// inspect looks into one file. That it is no good backup is a verdict; that it cannot be read is
// one as well where only we may not, so that one file does not hide all others.
func (d *dumps) inspect(ctx context.Context, file files.File) (verdict, error) {
	opened, err := d.store.Open(ctx, file)
	if err == nil {
		defer opened.Close()
		var contents archive.Contents
		contents, err = archive.Inspect(opened, file.Size)
		var f *archive.Fault
		if err == nil {
			return verdict{contents: contents}, nil
		}
		if errors.As(err, &f) {
			return verdict{contents: contents, fault: f.Reason}, nil
		}
	}
	switch reason := collectors.ReasonOf(err); {
	case context.Cause(ctx) != nil:
		return verdict{}, fmt.Errorf("look into a backup: %w", context.Cause(ctx))
	case reason == collectors.ReasonPermission, reason == collectors.ReasonMissing:
		return verdict{fault: unread}, nil
	}
	return verdict{}, err
}

// unread is the fault of a file that we may not read: nobody knows whether it is a good backup.
const unread archive.Reason = "unreadable"

// fault is what is wrong with a file as a tenant's backup.
func (d *dumps) fault(v verdict, tenant collectors.Tenant) archive.Reason {
	switch c := v.contents; {
	case v.fault != "":
		return v.fault
	case c.Database != "" && c.Database != tenant.Database:
		return archive.OtherDatabase
	case c.Format == archive.OdooZip && c.Files == 0 && !d.config.WithoutFilestore:
		return archive.Incomplete
	}
	return ""
}

// unsettled says whether a file may still be being written.
func (d *dumps) unsettled(now time.Time, file files.File) bool {
	return now.Sub(file.Modified) < d.settle && !file.Modified.After(now)
}

// set makes a tenant's backups of its files. Those that nobody looked into are older than a good
// one; they count as good unless they are empty.
func (d *dumps) set(now time.Time, tenant collectors.Tenant, list []found, verdicts map[files.File]verdict) Set {
	var set Set
	for _, f := range list {
		backup := Backup{Label: f.file.Name, Type: Dump, Stop: f.file.Modified, Size: f.file.Size}
		if gap := f.file.Modified.Sub(f.begun); gap >= 0 && gap < 24*time.Hour {
			backup.Start = f.begun
		}
		v, looked := verdicts[f.file]
		if looked {
			backup.Fault, backup.LockedUntil = d.fault(v, tenant), v.locked
			encrypted := v.contents.Encrypted
			set.Encrypted = &encrypted
		} else if f.file.Size == 0 {
			backup.Fault = archive.Empty
		}
		if v.contents.Format == archive.OdooZip {
			backup.Type = Zip
		}
		if backup.Fault != "" && d.unsettled(now, f.file) {
			continue
		}
		set.Backups = append(set.Backups, backup)
	}
	return set.uniform()
}

// uniform gives the files that nobody looked into the type of the newest good one.
func (s Set) uniform() Set {
	for _, b := range slices.Backward(s.Backups) {
		if b.Fault != "" {
			continue
		}
		for i := range s.Backups {
			s.Backups[i].Type = b.Type
		}
		break
	}
	return s
}

// guard asks how a bucket protects what is in it, once a visit. All that is in one that encrypts is
// encrypted, by whoever wrote it.
func (r *Reading) guard(ctx context.Context, store files.Store) {
	guard, err := store.Guard(ctx)
	switch {
	case err == nil:
		r.Guard = &guard
		if guard.Encrypted {
			r.encrypted()
		}
	case !errors.Is(err, files.ErrUnguarded):
		r.Missing = append(r.Missing, Unavailable{"bucket_settings", err})
	}
}

func (r *Reading) encrypted() {
	yes := true
	if r.Cluster != nil {
		r.Cluster.Encrypted = &yes
	}
	for name, set := range r.Tenants {
		set.Encrypted = &yes
		r.Tenants[name] = set
	}
}
