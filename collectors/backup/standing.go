package backup

import (
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Standing is how a tenant would be recovered now, for people to read.
type Standing struct {
	Terms  Terms
	Point  time.Time // up to when nothing would be lost; zero where no place holds a good backup
	Known  bool      // whether that can be told yet
	Places []Held    // where the tenant's backups belong, by name
	Last   Rehearsal // its Tenant is empty where there was none
	Good   Rehearsal // the last with success; the same
	Due    time.Time // when the next rehearsal must have succeeded; zero where none must
}

// Held is what one place holds for a tenant.
type Held struct {
	Place string
	Read  bool // whether the place was read at all; where not, nothing is known
	State
}

// Standing sums up what places and rehearsals said of a tenant.
func (p *Protection) Standing(tenant collectors.Tenant, now time.Time) Standing {
	w := p.memory.whole(tenant, now)
	s := Standing{Terms: p.terms(tenant), Places: p.memory.held(tenant, now)}
	s.Point, s.Known = w.told(s.Terms, now)
	if p.rehearsals == nil {
		return s
	}
	s.Last, s.Good = p.rehearsals.Last(tenant.Name)
	if due, must := p.rehearsals.Due(tenant.Name, s.Terms.Rehearsal); must {
		s.Due = due
	}
	return s
}

// held is what each place holds in which a tenant's backups belong.
func (m *Memory) held(tenant collectors.Tenant, now time.Time) []Held {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Held
	for name, known := range m.places {
		if !known.keeps(tenant) {
			continue
		}
		h := Held{Place: name, Read: known.reading != nil}
		if h.Read {
			h.State = known.state(tenant, now)
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b Held) int { return strings.Compare(a.Place, b.Place) })
	return all
}
