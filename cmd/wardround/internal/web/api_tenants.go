package web

import (
	"net/http"
	"time"
)

// TenantsJSON is the answer of /api/v1/tenants.
type TenantsJSON struct {
	EvaluatedAt *time.Time   `json:"evaluated_at"`
	Tenants     []TenantJSON `json:"tenants"`
}

// TenantJSON is a tenant in /api/v1/tenants.
type TenantJSON struct {
	Name     string            `json:"name"`
	Tier     string            `json:"tier"`
	Region   string            `json:"region,omitempty"`
	Postgres string            `json:"postgres"`
	Database string            `json:"database"`
	Hosts    []string          `json:"hosts"`
	Labels   map[string]string `json:"labels,omitempty"`
	Series   string            `json:"odoo_series,omitempty"`
	Staging  bool              `json:"staging"`
	Verdict  Verdict           `json:"verdict"`
	Answers  []Answer          `json:"answers"`
	Findings []FindingJSON     `json:"findings"`
}

// FindingJSON is something wrong with a tenant.
type FindingJSON struct {
	Name     string `json:"name"`
	Question string `json:"question"`
	Severity string `json:"severity"`
	Target   string `json:"target"`
	Text     string `json:"text"`
}

// tenants are all, worst first: there is no page to turn, because what is worst changes.
func (s *server) tenants(_ *http.Request, p *parameters) (any, error) {
	names, tiers := p.texts("tenant"), p.texts("tier")
	if err := p.finish(); err != nil {
		return nil, err
	}
	state := s.State()
	o := NewOverview(state)
	answer := TenantsJSON{EvaluatedAt: instant(evaluated(&state)), Tenants: make([]TenantJSON, 0, len(state.Tenants))}
	for _, rows := range [][]Row{o.Tenants, o.Staging} {
		for i := range rows {
			if r := &rows[i]; one(names, r.Name) && one(tiers, r.Tier) {
				answer.Tenants = append(answer.Tenants, tenantJSON(r))
			}
		}
	}
	return answer, nil
}

func tenantJSON(r *Row) TenantJSON {
	t := TenantJSON{
		Name: r.Name, Tier: r.Tier, Region: r.Region, Postgres: r.Postgres, Database: r.Database, Hosts: append([]string{}, r.Hosts...),
		Labels: r.Labels, Series: r.Series, Staging: r.Staging, Verdict: r.Worst(), Answers: r.Answers, Findings: []FindingJSON{},
	}
	for _, f := range r.Findings {
		t.Findings = append(t.Findings, FindingJSON{f.Name, string(f.Question), string(f.Severity), f.Target, f.Text})
	}
	return t
}
