package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// PeriodsJSON is the answer of /api/v1/periods.
type PeriodsJSON struct {
	Page
	Periods []PeriodJSON `json:"periods"`
}

// PeriodJSON is a closed calendar period of one instance.
type PeriodJSON struct {
	StandingJSON
	Window   string     `json:"window"`
	ClosedAt *time.Time `json:"closed_at"`
	Budget   BudgetJSON `json:"budget"`
}

func (s *server) periods(r *http.Request, p *parameters) (any, error) {
	f, want, from, to := p.filter(), p.paging(), p.time("from"), p.time("to")
	if err := p.finish(); err != nil {
		return nil, err
	}
	all, err := s.Record.Periods(r.Context(), from, to)
	if err != nil {
		return nil, err
	}
	state := s.State()
	var fits func(*Period) bool
	if fit := f.evaluations(byName(state.Objectives)); fit != nil {
		fits = func(p *Period) bool { return fit(&p.Evaluation) }
	}
	kept, page, err := byPeriod().cut(all, want, fits)
	page.EvaluatedAt = instant(evaluated(&state))
	answer := PeriodsJSON{Page: page, Periods: make([]PeriodJSON, len(kept))}
	for i, p := range kept {
		answer.Periods[i] = PeriodJSON{standingJSON(&p.Evaluation), p.Window, instant(p.Closed), budgetJSON(p.Budget)}
	}
	return answer, err
}

// byPeriod is the order of instances, and of one instance that of time.
func byPeriod() list[Period] {
	key := func(p *Period) string { return p.From.UTC().Format(time.RFC3339) + "\n" + p.Instance.String() }
	return list[Period]{"periods", key, func(last string) (func(*Period) bool, error) {
		text, name, _ := strings.Cut(last, "\n")
		from, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, err
		}
		i, err := slo.ParseInstance(name)
		return func(p *Period) bool {
			c := p.Instance.Compare(i)
			return c > 0 || c == 0 && p.From.After(from)
		}, err
	}}
}
