package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors/backup"
)

// RehearsalsJSON is the answer of /api/v1/rehearsals.
type RehearsalsJSON struct {
	Rehearsals []RehearsedJSON `json:"rehearsals"`
}

// RehearsedJSON is what is known of a tenant's rehearsed restores.
type RehearsedJSON struct {
	Tenant      string            `json:"tenant"`
	Last        *backup.Rehearsal `json:"last"`
	LastSuccess *backup.Rehearsal `json:"last_success"`
	DueAt       *time.Time        `json:"due_at"` // when the next must have succeeded
}

// rehearsals lists the last rehearsals by tenant.
func (s *server) rehearsals(_ *http.Request, p *parameters) (any, error) {
	tenants := p.texts("tenant")
	if err := p.finish(); err != nil {
		return nil, err
	}
	answer := RehearsalsJSON{Rehearsals: []RehearsedJSON{}}
	for _, r := range s.Record.Rehearsals() {
		if len(tenants) == 0 || slices.Contains(tenants, r.Tenant) {
			answer.Rehearsals = append(answer.Rehearsals, RehearsedJSON{
				Tenant: r.Tenant, Last: made(r.Last), LastSuccess: made(r.Good), DueAt: instant(r.Due),
			})
		}
	}
	return answer, nil
}

func made(r backup.Rehearsal) *backup.Rehearsal {
	if r.Tenant == "" {
		return nil
	}
	return &r
}

// rehearsed puts a rehearsal on record that was made elsewhere.
func (s *server) rehearsed(r *http.Request, sender string) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	var x backup.Rehearsal
	if _, err := readJSON(r, &x); err != nil {
		return 0, nil, err
	}
	if err := s.Record.Rehearsed(r.Context(), sender, x); err != nil {
		return 0, nil, err
	}
	x.Reporter = sender
	return http.StatusCreated, x, nil
}
