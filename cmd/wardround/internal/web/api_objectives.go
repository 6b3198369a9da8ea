package web

import (
	"net/http"

	"github.com/wardround/wardround/slo"
)

// ObjectivesJSON is the answer of /api/v1/objectives.
type ObjectivesJSON struct {
	Page
	Objectives []ObjectiveJSON `json:"objectives"`
}

// ObjectiveJSON is a promise and how many of its instances stand how.
type ObjectiveJSON struct {
	Name                string             `json:"name"`
	Question            slo.Question       `json:"question"`
	Title               string             `json:"title"`
	Description         string             `json:"description"`
	Owner               *string            `json:"owner"`
	Indicator           IndicatorJSON      `json:"indicator"`
	By                  []string           `json:"by"`
	TargetRatio         float64            `json:"target_ratio"`
	TargetRatioByTier   map[string]float64 `json:"target_ratio_by_tier"`
	TargetRatioByTenant map[string]float64 `json:"target_ratio_by_tenant"` // goes before the tier's
	Window              WindowJSON         `json:"window"`
	Policy              PolicyJSON         `json:"policy"`
	NoData              slo.NoData         `json:"no_data"`
	MinCoverageRatio    float64            `json:"min_coverage_ratio"`
	MinBadEvents        uint64             `json:"low_traffic_min_bad_events"`
	BudgetSpent         bool               `json:"low_traffic_budget_spent"`
	Runbook             *string            `json:"runbook_url"`
	Dashboard           *string            `json:"dashboard_url"`
	Instances           int                `json:"instances"`
	ByStatus            map[slo.Status]int `json:"instances_by_status"`
}

// IndicatorJSON is what is measured.
type IndicatorJSON struct {
	Kind     string  `json:"kind"`
	Source   *string `json:"source"` // null: Wardround's own rounds
	Measures string  `json:"measures"`
}

// WindowJSON is the period of a promise.
type WindowJSON struct {
	Text     string        `json:"text"`
	Calendar *slo.Calendar `json:"calendar"`        // null: it rolls
	Nominal  float64       `json:"nominal_seconds"` // its length in thresholds
}

// PolicyJSON says when burning becomes an alert.
type PolicyJSON struct {
	Name  string     `json:"name"`
	Pairs []PairJSON `json:"pairs"`
}

// PairJSON is two windows that must both burn.
type PairJSON struct {
	Name     string       `json:"name"`
	Severity slo.Severity `json:"severity"`
	Share    float64      `json:"budget_share_ratio"`
	Long     float64      `json:"long_window_seconds"`
	Short    float64      `json:"short_window_seconds"`
	Limit    float64      `json:"limit_burn_rate"`
}

func (s *server) objectives(_ *http.Request, p *parameters) (any, error) {
	f := filter{objectives: p.texts("objective"), questions: choices(p, "question", slo.Questions())}
	want := p.paging()
	if err := p.finish(); err != nil {
		return nil, err
	}
	state := s.State()
	all := byKey("objectives", func(o *slo.Objective) string { return o.Name })
	kept, page, err := all.cut(state.Objectives, want, func(o *slo.Objective) bool { return f.promises(o.Name, o) })
	if err != nil {
		return nil, err
	}
	page.EvaluatedAt = instant(evaluated(&state))
	counts := byStatus(state.Evaluations)
	answer := ObjectivesJSON{Page: page, Objectives: make([]ObjectiveJSON, len(kept))}
	for i, o := range kept {
		answer.Objectives[i] = objectiveJSON(o, counts[o.Name])
	}
	return answer, nil
}

// byStatus counts the instances of each objective.
func byStatus(all []slo.Evaluation) map[string]map[slo.Status]int {
	counts := map[string]map[slo.Status]int{}
	for i := range all {
		e := &all[i]
		if counts[e.Instance.Objective] == nil {
			counts[e.Instance.Objective] = map[slo.Status]int{}
		}
		counts[e.Instance.Objective][e.Status]++
	}
	return counts
}

func objectiveJSON(o *slo.Objective, counts map[slo.Status]int) ObjectiveJSON {
	answer := ObjectiveJSON{
		Name: o.Name, Question: o.Question, Title: o.Title, Description: o.Description, Owner: named(o.Owner),
		Indicator: IndicatorJSON{o.Indicator.Kind(), named(o.Indicator.Source), o.Indicator.String()},
		By:        append([]string{}, o.By...), TargetRatio: o.Targets.Default.Float(),
		TargetRatioByTier: ratios(o.Targets.ByTier), TargetRatioByTenant: ratios(o.Targets.ByTenant),
		Window: windowJSON(o.Window), Policy: policyJSON(o), NoData: o.NoData, MinCoverageRatio: o.MinCoverage.Float(),
		MinBadEvents: o.LowTraffic.MinBad, BudgetSpent: o.LowTraffic.BudgetSpent,
		Runbook: named(o.Links.Runbook), Dashboard: named(o.Links.Dashboard), ByStatus: map[slo.Status]int{},
	}
	for _, status := range slo.Statuses() {
		answer.ByStatus[status] = counts[status]
		answer.Instances += counts[status]
	}
	return answer
}

func ratios(targets map[string]slo.Ratio) map[string]float64 {
	all := make(map[string]float64, len(targets))
	for name, target := range targets {
		all[name] = target.Float()
	}
	return all
}

func windowJSON(w slo.Window) WindowJSON {
	answer := WindowJSON{Text: w.String(), Nominal: w.Nominal().Seconds()}
	if w.Calendar != "" {
		answer.Calendar = &w.Calendar
	}
	return answer
}

func policyJSON(o *slo.Objective) PolicyJSON {
	answer := PolicyJSON{o.Policy.Name, make([]PairJSON, len(o.Policy.Pairs))}
	for i, p := range o.Policy.Pairs {
		answer.Pairs[i] = pairJSON(p, p.Limit(o.Window.Nominal()))
	}
	return answer
}

func pairJSON(p slo.Pair, limit slo.Limit) PairJSON {
	return PairJSON{p.Name(), p.Severity, p.Share.Float(), p.Long.Seconds(), p.Short.Seconds(), limit.Float()}
}
