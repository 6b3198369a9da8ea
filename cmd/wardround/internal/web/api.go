package web

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/wardround/wardround/slo"
)

// json answers with what content makes of the state; numbers carry their unit in their name, and
// what is not known is null.
func (s *server) json(content func(State) any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.MarshalIndent(content(s.State()), "", "  ")
		if err != nil {
			s.Logger.Error("answer could not be made", "error", err)
			http.Error(w, `{"error": "this answer could not be made; the log says why"}`, http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(append(body, '\n'))
	}
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

func tenantsJSON(s State) any {
	o := NewOverview(s)
	all := make([]TenantJSON, 0, len(s.Tenants))
	for _, r := range append(o.Tenants, o.Staging...) {
		t := TenantJSON{
			Name: r.Name, Tier: r.Tier, Region: r.Region, Postgres: r.Postgres, Database: r.Database, Hosts: r.Hosts,
			Labels: r.Labels, Series: r.Series, Staging: r.Staging, Verdict: r.Worst(), Answers: r.Answers, Findings: []FindingJSON{},
		}
		for _, f := range r.Findings {
			t.Findings = append(t.Findings, FindingJSON{f.Name, string(f.Question), string(f.Severity), f.Target, f.Text})
		}
		all = append(all, t)
	}
	return map[string]any{"at": s.At.UTC(), "tenants": all}
}

// ObjectiveJSON is a promise in /api/v1/objectives.
type ObjectiveJSON struct {
	Name      string         `json:"name"`
	Title     string         `json:"title"`
	Question  slo.Question   `json:"question"`
	Owner     string         `json:"owner,omitempty"`
	Window    string         `json:"window"`
	Instances []InstanceJSON `json:"instances"`
}

// InstanceJSON is how a promise stands for one tenant or target.
type InstanceJSON struct {
	Tenant                string              `json:"tenant,omitempty"`
	Target                string              `json:"target,omitempty"`
	Status                slo.Status          `json:"status"`
	TargetRatio           float64             `json:"target_ratio"`
	Good                  uint64              `json:"good_events"`
	Bad                   uint64              `json:"bad_events"`
	ErrorRatio            *float64            `json:"error_ratio"`
	BudgetRemainingRatio  *float64            `json:"error_budget_remaining_ratio"`
	CoverageRatio         float64             `json:"coverage_ratio"`
	ExhaustedAfterSeconds *float64            `json:"budget_exhausted_after_seconds"`
	BurnRates             map[string]*float64 `json:"burn_rates"`
	PeriodFrom            time.Time           `json:"period_from"`
}

func objectivesJSON(s State) any {
	all := make([]ObjectiveJSON, 0, len(s.Objectives))
	for _, p := range promises(s) {
		o := ObjectiveJSON{p.Name, p.Title, p.Question, p.Owner, p.Window.String(), []InstanceJSON{}}
		for _, e := range p.Instances {
			o.Instances = append(o.Instances, instanceJSON(e))
		}
		all = append(all, o)
	}
	return map[string]any{"at": s.At.UTC(), "objectives": all}
}

func instanceJSON(e slo.Evaluation) InstanceJSON {
	i := InstanceJSON{
		Tenant: e.Instance.Tenant(), Target: e.Instance.Get("target"), Status: e.Status, TargetRatio: e.Target.Float(),
		Good: e.Period.Good, Bad: e.Period.Bad, ErrorRatio: known(e.ErrorRatio),
		BudgetRemainingRatio: known(e.Budget.Remaining), CoverageRatio: e.Coverage.Float(),
		BurnRates: map[string]*float64{}, PeriodFrom: e.From.UTC(),
	}
	if e.ExhaustedIn >= 0 {
		i.ExhaustedAfterSeconds = known(e.ExhaustedIn.Seconds())
	}
	for _, b := range e.Burn {
		i.BurnRates[slo.FormatDuration(b.Window)] = known(b.Rate)
	}
	return i
}

func known(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}
