package backup

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Memory is what all places last said. It lets one place be compared with another, and tells what
// a tenant would lose whichever places are left. What a place said stays true while it cannot be
// read: backups do not get newer by not being looked at.
type Memory struct {
	mu     sync.Mutex
	places map[string]*remembered
}

type remembered struct {
	owners  []*Place // made under the name and not closed, oldest first; while settings change there are two
	reading *Reading // nil until the place was read for the first time
}

// NewMemory returns a memory that knows no place.
func NewMemory() *Memory { return &Memory{places: map[string]*remembered{}} }

// register adds a place. One that is replaced keeps what it last said.
func (m *Memory) register(p *Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.places[p.config.Name]
	if !ok {
		known = &remembered{}
		m.places[p.config.Name] = known
	}
	known.owners = append(known.owners, p)
}

// forget drops a place, unless another of its name is there: the one that replaces it, or the one
// that it was to replace in a configuration that was refused.
func (m *Memory) forget(p *Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.places[p.config.Name]
	if !ok {
		return
	}
	known.owners = slices.DeleteFunc(known.owners, func(o *Place) bool { return o == p })
	if len(known.owners) == 0 {
		delete(m.places, p.config.Name)
	}
}

// remember keeps what a place that is not closed just said.
func (m *Memory) remember(p *Place, r Reading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.places[p.config.Name].reading = &r
}

// keeps says whether a tenant's backups belong in the place, by its newest settings.
func (k *remembered) keeps(tenant collectors.Tenant) bool { return k.newest().keeps(tenant) }

func (k *remembered) newest() *Place { return k.owners[len(k.owners)-1] }

// state is what a place is known to hold for a tenant.
func (m *Memory) state(place string, tenant collectors.Tenant, now time.Time) (State, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.places[place]
	if !ok || known.reading == nil {
		return State{}, false
	}
	return known.state(tenant, now), true
}

func (k *remembered) state(tenant collectors.Tenant, now time.Time) State {
	set, ok := k.reading.of(tenant)
	if in, known := k.reading.included(tenant); !ok || known && !in {
		return State{}
	}
	return judge(set, now)
}

// whole is what is known of a tenant over all places.
type whole struct {
	point  time.Time // best recovery point of a place with databases; zero where there is none
	latest time.Time // not later than this, where nobody knows up to when a place has WAL
	places int       // with a good backup of the database
	known  bool      // all places where its backups belong were read at least once
}

// told is the recovery point that can be told of; zero where all would be lost. What is not known
// can only be better: ok is false where it could make a difference to what the tier allows.
func (w whole) told(terms Terms, now time.Time) (point time.Time, ok bool) {
	late := func(point time.Time) bool { return terms.RPO == 0 || now.Sub(point) > terms.RPO }
	switch {
	case !w.point.IsZero() && !late(w.point):
		return w.point, true
	case !w.known:
		return time.Time{}, false
	case !w.latest.After(w.point):
		return w.point, true
	}
	return w.latest, terms.RPO > 0 && late(w.latest)
}

// whole looks at all places where a tenant's database belongs. Copies of its filestore do not
// count: a database is not restored from them.
func (m *Memory) whole(tenant collectors.Tenant, now time.Time) whole {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := whole{known: true}
	for _, known := range m.places {
		if !known.keeps(tenant) || !known.newest().config.databases() {
			continue
		}
		if known.reading == nil {
			w.known = false
			continue
		}
		state := known.state(tenant, now)
		if !state.Point.IsZero() {
			w.places++
		}
		if state.Point.After(w.point) {
			w.point = state.Point
		}
		if state.Latest.After(w.latest) {
			w.latest = state.Latest
		}
		if known.reading.Unchecked > 0 && state.Point.IsZero() {
			w.known = false
		}
	}
	return w
}

// Places are the names of all places, sorted.
func (m *Memory) Places() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.places))
	for name := range m.places {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
