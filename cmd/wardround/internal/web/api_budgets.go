package web

import (
	"net/http"
	"time"

	"github.com/wardround/wardround/slo"
)

// BudgetsJSON is the answer of /api/v1/budgets.
type BudgetsJSON struct {
	Page
	Budgets []InstanceBudgetJSON `json:"budgets"`
}

// InstanceBudgetJSON is the error budget of one instance.
type InstanceBudgetJSON struct {
	StandingJSON
	Window         WindowJSON  `json:"window"`
	SoFar          BudgetJSON  `json:"budget"`
	Prorated       *BudgetJSON `json:"budget_prorated"` // to a whole calendar period; null where the window rolls
	Exhausted      bool        `json:"exhausted"`
	Projected      bool        `json:"exhaustion_projected"` // before the period ends
	ExhaustedAfter *float64    `json:"exhausted_after_seconds"`
	ExhaustedAt    *time.Time  `json:"exhausted_at"` // null where that is past or will not come
}

// BudgetJSON is how much may fail and how much of that did.
type BudgetJSON struct {
	Total     *float64 `json:"total_events"`
	Consumed  *float64 `json:"consumed_ratio"`
	Remaining *float64 `json:"remaining_ratio"`
}

func (s *server) budgets(_ *http.Request, p *parameters) (any, error) {
	kept, page, objectives, err := s.evaluations(p)
	answer := BudgetsJSON{Page: page, Budgets: make([]InstanceBudgetJSON, len(kept))}
	for i, e := range kept {
		answer.Budgets[i] = instanceBudgetJSON(e, objectives[e.Instance.Objective])
	}
	return answer, err
}

func instanceBudgetJSON(e *slo.Evaluation, o *slo.Objective) InstanceBudgetJSON {
	answer := InstanceBudgetJSON{
		StandingJSON: standingJSON(e), SoFar: budgetJSON(e.Budget),
		Exhausted: e.Status == slo.Exhausted, Projected: e.Projected, ExhaustedAfter: exhaustedAfter(e),
	}
	if o != nil {
		answer.Window = windowJSON(o.Window)
	}
	if answer.Window.Calendar != nil {
		whole := budgetJSON(e.Prorated)
		answer.Prorated = &whole
	}
	if e.ExhaustedIn > 0 {
		answer.ExhaustedAt = instant(e.At.Add(e.ExhaustedIn).Truncate(time.Second))
	}
	return answer
}

func budgetJSON(b slo.Budget) BudgetJSON {
	return BudgetJSON{known(b.Total), known(b.Consumed), known(b.Remaining)}
}
