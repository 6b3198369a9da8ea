package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/changes"
)

// ChangesJSON is the answer of /api/v1/changes.
type ChangesJSON struct {
	From    time.Time    `json:"from"`
	Before  time.Time    `json:"before"`
	Cut     bool         `json:"cut"` // there were more
	Changes []ChangeJSON `json:"changes"`
}

// ChangeJSON is one change as it is known now.
type ChangeJSON struct {
	ID           string          `json:"id"`
	Kind         string          `json:"kind"`
	System       string          `json:"system"`
	Subject      *string         `json:"subject"`
	Revision     *string         `json:"revision"`
	FromRevision *string         `json:"from_revision"`
	Outcome      changes.Outcome `json:"outcome"`
	Rollback     bool            `json:"rollback"`
	StartedAt    *time.Time      `json:"started_at"`
	FinishedAt   *time.Time      `json:"finished_at"`
	Platform     bool            `json:"platform"` // it concerns everybody
	Target       *string         `json:"target"`
	Tenants      []string        `json:"tenants"`
	ReportedBy   string          `json:"reported_by"`
	Link         *string         `json:"link"`
}

const (
	lately       = 7 * 24 * time.Hour // what a tenant's page shows of changes
	longestQuery = 400 * 24 * time.Hour
)

// changed answers what changed for a tenant, or for the platform, before a moment.
func (s *server) changed(_ *http.Request, p *parameters) (any, error) {
	tenant, before, within, limit := p.text("tenant"), p.time("before"), p.span("within", 24*time.Hour), p.limit()
	state := s.State()
	if tenant != "" && !slices.ContainsFunc(state.Tenants, func(t collectors.Tenant) bool { return t.Name == tenant }) {
		p.refuse("tenant", fmt.Sprintf("there is no tenant %q", tenant), "GET /api/v1/tenants lists them")
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	if before.IsZero() {
		before = state.At.UTC().Truncate(time.Second)
	}
	found := s.Record.Changes(tenant, before, within)
	answer := ChangesJSON{From: before.Add(-within), Before: before, Cut: len(found) > limit, Changes: []ChangeJSON{}}
	for _, c := range found[:min(limit, len(found))] {
		answer.Changes = append(answer.Changes, changeJSON(&c))
	}
	return answer, nil
}

func changeJSON(c *changes.Change) ChangeJSON {
	there := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	return ChangeJSON{
		ID: c.Key, Kind: c.Kind, System: c.System, Subject: there(c.Subject), Revision: there(c.Revision), FromRevision: there(c.From),
		Outcome: c.Outcome, Rollback: c.Rollback, StartedAt: instant(c.Started), FinishedAt: instant(c.Finished),
		Platform: c.Scope.All, Target: there(c.Scope.Target), Tenants: append([]string{}, c.Scope.Tenants...), ReportedBy: c.Sender, Link: there(c.Link),
	}
}

// span is a stretch of time, such as 2h.
func (p *parameters) span(name string, otherwise time.Duration) time.Duration {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	d, err := model.ParseDuration(text)
	if err != nil || d <= 0 || time.Duration(d) > longestQuery {
		p.refuse(name, fmt.Sprintf("%q is not a stretch of time", text), "write such as 2h or 7d, 400d at most")
	}
	return time.Duration(d)
}
