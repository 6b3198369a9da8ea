package changes

import (
	"fmt"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Moves are the kinds of change that are a tenant's coming and going with its database. Nobody
// reports them: they are found by looking which databases there are.
const (
	arrival   = "arrival"
	departure = "departure"
)

// moves says whether the change is a tenant that came or went.
func (c *Change) moves() bool { return c.Kind == arrival || c.Kind == departure }

// Came puts on record that a tenant was found with its database, which was not there before.
func (s *Changes) Came(t collectors.Tenant, at time.Time) error { return s.moved(arrival, t, at) }

// Went puts on record that a tenant is watched no more, because its database is gone. It is a
// finding for a day, over restarts too, unless a tenant of its name comes back.
func (s *Changes) Went(t collectors.Tenant, at time.Time) error { return s.moved(departure, t, at) }

func (s *Changes) moved(kind string, t collectors.Tenant, at time.Time) error {
	_, _, err := s.record(&Change{
		Key:    digest(ourselves, kind, t.Postgres, t.Name, at.UTC().Format(time.RFC3339Nano)),
		Sender: ourselves, System: "postgresql", Kind: kind, Subject: t.Name, Database: t.Database,
		Scope: Scope{Target: t.Postgres}, Started: at, Finished: at, Outcome: Observed,
	})
	return err
}

// missedFor is how long it is a finding that a tenant went: whoever comes to work the next morning
// reads it.
const missedFor = 24 * time.Hour

// findGone finds tenants that went with their databases and did not come back. A database that was
// renamed or dropped by mistake makes no noise otherwise: nothing of it is watched any more.
func (s *Changes) findGone(b *collectors.Builder) {
	s.mu.RLock()
	recent := slices.Clone(s.journal.changes.wide.began(b.At().Add(-missedFor), b.At()))
	s.mu.RUnlock()
	said := map[string]bool{}
	for _, c := range slices.Backward(recent) {
		_, back := s.tenants.Current().ByName(c.Subject)
		if c.Kind != departure || back || said[c.Subject] || len(said) == maxFindings {
			continue
		}
		said[c.Subject] = true
		b.Find(collectors.Finding{
			Name: "tenant_gone", Question: collectors.Contained, Severity: collectors.Warning,
			Text: fmt.Sprintf("The database %s on %s is gone since %s: tenant %s is not watched any more", c.Database, c.Scope.Target, ago(b.At().Sub(c.At())), c.Subject),
		})
	}
}
