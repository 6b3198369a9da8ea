package web

import (
	"maps"
	"net/http"
	"time"

	"github.com/wardround/wardround/slo"
)

// IdentityJSON says which instance something is about.
type IdentityJSON struct {
	Instance  string            `json:"instance"`
	Objective string            `json:"objective"`
	Labels    map[string]string `json:"labels"`
	Tenant    *string           `json:"tenant"`
	Target    *string           `json:"target"`
}

func identityJSON(i slo.Instance) IdentityJSON {
	labels := maps.Collect(i.Labels())
	return IdentityJSON{i.String(), i.Objective, labels, named(labels["tenant"]), named(labels["target"])}
}

// StandingJSON is how an instance stands in its period.
type StandingJSON struct {
	IdentityJSON
	Tier        *string    `json:"tier"`
	Status      slo.Status `json:"status"`
	TargetRatio float64    `json:"target_ratio"`
	PeriodFrom  time.Time  `json:"period_from"`
	PeriodTo    time.Time  `json:"period_to"`
	TallyJSON
	CoverageRatio *float64 `json:"coverage_ratio"`
}

func standingJSON(e *slo.Evaluation) StandingJSON {
	answer := StandingJSON{
		IdentityJSON: identityJSON(e.Instance), Tier: named(e.Tier), Status: e.Status, TargetRatio: e.Target.Float(),
		PeriodFrom: e.From.UTC(), PeriodTo: e.To.UTC(), TallyJSON: tallyJSON(e.Period),
	}
	if covered, due := e.Period.Coverage(); due {
		answer.CoverageRatio = known(covered.Float())
	}
	return answer
}

// TallyJSON is what a stretch of time holds. Events are null where no minute was measured.
type TallyJSON struct {
	Good       *uint64  `json:"good_events"`
	Bad        *uint64  `json:"bad_events"`
	ErrorRatio *float64 `json:"error_ratio"`
	Measured   int64    `json:"measured_minutes"`
	Expected   int64    `json:"expected_minutes"`
	Excluded   int64    `json:"excluded_minutes"`
	Missing    int64    `json:"missing_minutes"`
}

func tallyJSON(t slo.Tally) TallyJSON {
	answer := TallyJSON{Measured: t.Measured, Expected: t.Expected, Excluded: t.Excluded, Missing: t.Missing()}
	if t.Measured > 0 || t.Total() > 0 {
		answer.Good, answer.Bad = &t.Good, &t.Bad
	}
	if t.Total() > 0 {
		answer.ErrorRatio = known(float64(t.Bad) / float64(t.Total()))
	}
	return answer
}

// InstancesJSON is the answer of /api/v1/instances.
type InstancesJSON struct {
	Page
	Instances []InstanceJSON `json:"instances"`
}

// InstanceJSON is everything that is known of a promise for one tenant or target.
type InstanceJSON struct {
	StandingJSON
	Question       slo.Question    `json:"question"`
	BudgetLeft     *float64        `json:"budget_remaining_ratio"`
	ExhaustedAfter *float64        `json:"budget_exhausted_after_seconds"`
	BurnRates      []BurnJSON      `json:"burn_rates"`
	Conditions     []ConditionJSON `json:"conditions"`
}

// BurnJSON is how fast one window burns the budget.
type BurnJSON struct {
	Window   string   `json:"window"`
	Seconds  float64  `json:"window_seconds"`
	BurnRate *float64 `json:"burn_rate"`
	Covered  bool     `json:"covered"`
	TallyJSON
}

// ConditionJSON is one pair of the policy, judged.
type ConditionJSON struct {
	PairJSON
	LongBurnRate  *float64 `json:"long_burn_rate"`
	ShortBurnRate *float64 `json:"short_burn_rate"`
	Firing        bool     `json:"firing"`
	Frozen        bool     `json:"frozen"`
}

func (s *server) instances(_ *http.Request, p *parameters) (any, error) {
	kept, page, objectives, err := s.evaluations(p)
	answer := InstancesJSON{Page: page, Instances: make([]InstanceJSON, len(kept))}
	for i, e := range kept {
		answer.Instances[i] = instanceJSON(e, objectives[e.Instance.Objective])
	}
	return answer, err
}

// evaluations is the page of evaluations that a request asks for, with the objectives by name.
func (s *server) evaluations(p *parameters) ([]*slo.Evaluation, Page, map[string]*slo.Objective, error) {
	f, want := p.filter(), p.paging()
	if err := p.finish(); err != nil {
		return nil, Page{}, nil, err
	}
	state := s.State()
	objectives := byName(state.Objectives)
	all := byInstance("instances", func(e *slo.Evaluation) slo.Instance { return e.Instance })
	kept, page, err := all.cut(state.Evaluations, want, f.evaluations(objectives))
	page.EvaluatedAt = instant(evaluated(&state))
	return kept, page, objectives, err
}

func instanceJSON(e *slo.Evaluation, o *slo.Objective) InstanceJSON {
	answer := InstanceJSON{
		StandingJSON: standingJSON(e), BudgetLeft: known(e.Budget.Remaining), ExhaustedAfter: exhaustedAfter(e),
		BurnRates: make([]BurnJSON, len(e.Burn)), Conditions: make([]ConditionJSON, len(e.Conditions)),
	}
	if o != nil {
		answer.Question = o.Question
	}
	for i := range e.Burn {
		b := &e.Burn[i]
		answer.BurnRates[i] = BurnJSON{slo.FormatDuration(b.Window), b.Window.Seconds(), known(b.Rate), b.Covered, tallyJSON(b.Tally)}
	}
	for i := range e.Conditions {
		c := &e.Conditions[i]
		answer.Conditions[i] = ConditionJSON{pairJSON(c.Pair, c.Limit), known(c.Long.Rate), known(c.Short.Rate), c.Firing, c.Frozen}
	}
	return answer
}

// exhaustedAfter is null where the budget will not end, and 0 where it has.
func exhaustedAfter(e *slo.Evaluation) *float64 {
	if e.ExhaustedIn < 0 {
		return nil
	}
	return known(e.ExhaustedIn.Seconds())
}
