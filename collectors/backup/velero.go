package backup

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/naming"
	"github.com/wardround/wardround/collectors/backup/pages"
)

// velero reads what Velero shows of its schedules. It keeps when each last succeeded, also when that
// backup and all others of the schedule were deleted since, until it is started again; of failures it
// only counts. velero_backup_last_status is not read: each minute, and when Velero starts, it is set
// to success; nor is velero_backup_tarball_size_bytes, which is the size of the Kubernetes objects
// without the volumes.
type velero struct {
	config    Velero
	schedules schedules
	reader    *pages.Reader
	tenants   func() (*collectors.Tenants, func(collectors.Tenant) bool)

	visited  time.Time // the visit before; zero before the first
	counted  map[string]*counted
	attempts map[string]*attempts
}

// counted is a counter as it was when last seen.
type counted struct {
	value float64
	seen  time.Time
}

// attempts is what is known of a schedule beyond what the page shows.
type attempts struct {
	good  time.Time      // end of the newest good backup
	began time.Time      // its begin; zero where nobody knows
	bad   time.Time      // a moment before the newest failed attempt and after all before it
	fault archive.Reason // of that
	miss  time.Time      // since when the newest good backup is not shown any more; zero while it is

	// Since the newest good one was seen: how many succeeded; how many were timed, which most that failed
	// are too; and for how long.
	done, timed, took float64
}

func newVelero(c Velero, visit time.Duration, tenants func() (*collectors.Tenants, func(collectors.Tenant) bool)) (*velero, error) {
	which, err := newSchedules(c)
	if err != nil {
		return nil, collectors.Invalid("velero.schedule", "%v", err)
	}
	reader, err := pages.New(c.Page, visit)
	if err != nil {
		return nil, err
	}
	return &velero{
		config: c, schedules: which, reader: reader, tenants: tenants,
		counted: map[string]*counted{}, attempts: map[string]*attempts{},
	}, nil
}

func (p *velero) close() { p.reader.Close() }

// schedules says whose a schedule is, by its name.
type schedules struct {
	pattern *naming.Pattern // nil where one schedule holds all tenants
	all     string          // name of that, with wildcards
}

func newSchedules(c Velero) (schedules, error) {
	if c.Regexp != "" || strings.Contains(c.Schedule, naming.TenantMark) || strings.Contains(c.Schedule, naming.DatabaseMark) {
		p, err := naming.New(c.Schedule, c.Regexp)
		return schedules{pattern: p}, err
	}
	if _, err := path.Match(c.Schedule, ""); err != nil {
		return schedules{}, errors.New("is no pattern of names; * stands for anything")
	}
	return schedules{all: c.Schedule}, nil
}

// Names on the page. All but the last have the label schedule, which is empty for backups that were
// asked for by hand.
const (
	veleroGood     = "velero_backup_last_successful_timestamp"
	veleroDone     = "velero_backup_success_total"
	veleroFailed   = "velero_backup_failure_total"
	veleroPartly   = "velero_backup_partial_failure_total"
	veleroInvalid  = "velero_backup_validation_failure_total"
	veleroTook     = "velero_backup_duration_seconds_sum"
	veleroTimed    = "velero_backup_duration_seconds_count"
	veleroBackups  = "velero_backup_total"
	veleroSchedule = "schedule"

	processStart = "process_start_time_seconds"
)

// settles is how long Velero takes at most until it has listed the backups: it begins with that after
// a few seconds, and does it again each minute.
const settles = 2 * time.Minute

var veleroNames = []string{
	veleroGood, veleroDone, veleroFailed, veleroPartly, veleroInvalid, veleroTook, veleroTimed, veleroBackups, processStart,
}

func (p *velero) read(ctx context.Context, now time.Time) (Reading, error) {
	samples, silent, err := p.reader.Read(ctx, now, veleroNames)
	if err != nil {
		return Reading{}, err
	}
	shown := p.shown(samples, now)
	if len(shown) == 0 && !slices.ContainsFunc(samples, func(s pages.Sample) bool { return s.Name == veleroBackups }) {
		return Reading{}, collectors.Because(collectors.ReasonMissing, errors.New("the page is not Velero's, or shows nothing that fits"))
	}
	begun := slices.ContainsFunc(samples, func(s pages.Sample) bool {
		return s.Name == processStart && now.Sub(pages.Moment(s.Value)) < settles
	})
	all := !begun && len(silent) == 0
	p.learn(shown, all, now)
	p.visited = now
	reading := Reading{AsOf: now}
	for _, err := range silent {
		reading.Missing = append(reading.Missing, Unavailable{"page", err})
	}
	return reading, p.attribute(&reading, all)
}

// shown is what the page shows of each schedule: moments as they are, counters by what they grew since
// the visit before.
func (p *velero) shown(samples []pages.Sample, now time.Time) map[string]map[string]float64 {
	all := map[string]map[string]float64{}
	for _, s := range samples {
		name := s.Labels.Get(veleroSchedule)
		if name == "" {
			continue
		}
		if all[name] == nil {
			all[name] = map[string]float64{}
		}
		if s.Name == veleroGood {
			all[name][s.Name] = max(all[name][s.Name], s.Value)
		} else {
			all[name][s.Name] += p.grown(s, now)
		}
	}
	for key, c := range p.counted {
		if now.Sub(c.seen) > forgotten {
			delete(p.counted, key)
		}
	}
	return all
}

// forgotten is when a counter that is no longer shown is one of a Velero that is gone.
const forgotten = 24 * time.Hour

// grown is by how much a counter grew since the visit before. One that fell began anew, and so did one
// that is new; before the first visit nobody knows.
func (p *velero) grown(s pages.Sample, now time.Time) float64 {
	key := s.Name + " " + s.Key()
	before, known := p.counted[key]
	p.counted[key] = &counted{s.Value, now}
	switch {
	case !known && p.visited.IsZero():
		return 0
	case !known || s.Value < before.value:
		return s.Value
	}
	return s.Value - before.value
}

// learn takes in what the page shows. That it shows no backup means that there is none where it shows
// all: a Velero that has just begun does not yet.
func (p *velero) learn(shown map[string]map[string]float64, all bool, now time.Time) {
	for name, known := range p.attempts {
		if shown[name] == nil && all && known.gone(now) {
			delete(p.attempts, name)
		}
	}
	for name, s := range shown {
		known := p.attempts[name]
		if known == nil {
			known = &attempts{}
			p.attempts[name] = known
		}
		known.succeeded(s, all, now)
		// It failed after the visit before: so much is sure, and no more. If another succeeded since then,
		// nobody knows which was the last, and the good one counts.
		if s[veleroPartly] > 0 {
			known.bad, known.fault = p.visited, archive.Incomplete
		}
		if s[veleroFailed]+s[veleroInvalid] > 0 {
			known.bad, known.fault = p.visited, failed
		}
	}
}

// gone says whether a good backup that is not shown any more is none. With a schedule that is deleted
// all that is shown of it goes, and what it left behind is shown again when Velero next lists the
// backups, within a minute.
func (a *attempts) gone(now time.Time) bool {
	if a.miss.IsZero() {
		a.miss = now
	}
	return now.Sub(a.miss) >= settles
}

// succeeded takes in the newest good backup. How long it took is known where it is the only one that
// was timed since the one before it.
func (a *attempts) succeeded(s map[string]float64, all bool, now time.Time) {
	a.done, a.timed, a.took = a.done+s[veleroDone], a.timed+s[veleroTimed], a.took+s[veleroTook]
	good := pages.Moment(s[veleroGood])
	if good.IsZero() && !(all && a.gone(now)) {
		return
	}
	if a.miss = (time.Time{}); good.Equal(a.good) {
		return
	}
	a.good, a.began = good, time.Time{}
	if a.done == 1 && a.timed == 1 {
		a.began = good.Add(-time.Duration(a.took * float64(time.Second)))
	}
	a.done, a.timed, a.took = 0, 0, 0
}

// attribute says whose the schedules are. Where not all is shown, nothing is said of tenants of whom
// nothing is known.
func (p *velero) attribute(r *Reading, all bool) error {
	tenants, mine := p.tenants()
	if p.schedules.pattern == nil {
		set := Set{Newest: true}
		for name, known := range p.attempts {
			if fits, err := path.Match(p.schedules.all, name); fits && err == nil {
				set.add(p.backups(known))
			}
		}
		if r.Cluster = &set; !all && len(set.Backups) == 0 {
			r.Cluster, r.Unchecked = nil, 1
		}
		return nil
	}
	if err := p.schedules.pattern.Prepare(tenants, mine); err != nil {
		return err
	}
	r.Tenants = map[string]Set{}
	for name, known := range p.attempts {
		if tenant, _ := p.schedules.pattern.Whose(name); tenant != "" && (all || !known.good.IsZero()) {
			set := r.Tenants[tenant]
			set.Newest = true
			set.add(p.backups(known))
			r.Tenants[tenant] = set
		}
	}
	for _, tenant := range tenants.All() {
		if _, said := r.Tenants[tenant.Name]; !all && !said && mine(tenant) {
			r.Unchecked++
		}
	}
	return nil
}

// add puts backups of one more schedule in, in the order of time.
func (s *Set) add(backups []Backup) {
	s.Backups = append(s.Backups, backups...)
	slices.SortStableFunc(s.Backups, func(x, y Backup) int { return x.Stop.Compare(y.Stop) })
}

func (p *velero) backups(known *attempts) []Backup {
	kind := Filestore
	if p.config.Databases {
		kind = Volumes
	}
	all := latest(kind, known.good, known.bad)
	for i := range all {
		if all[i].Fault == "" {
			all[i].Start = known.began
		} else {
			all[i].Fault = known.fault
		}
	}
	return all
}
