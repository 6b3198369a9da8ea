package web

import (
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// filter chooses instances: those that fit each parameter that is given.
type filter struct {
	objectives []string
	questions  []slo.Question
	tenants    []string
	targets    []string
	tiers      []string
	statuses   []slo.Status
}

// filter reads what all lists about instances can be narrowed by.
func (p *parameters) filter() filter {
	return filter{
		objectives: p.texts("objective"), questions: choices(p, "question", slo.Questions()),
		tenants: p.texts("tenant"), targets: p.texts("target"), tiers: p.texts("tier"),
		statuses: choices(p, "status", slo.Statuses()),
	}
}

// one says whether a value is among those wanted; nothing wanted is anything.
func one[T comparable](wanted []T, value T) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}

// everything says that nothing was asked for in particular.
func (f *filter) everything() bool {
	return len(f.objectives)+len(f.questions)+len(f.tenants)+len(f.targets)+len(f.tiers)+len(f.statuses) == 0
}

// promises says whether an objective, nil where it is promised no more, is one of those wanted.
func (f *filter) promises(name string, o *slo.Objective) bool {
	return one(f.objectives, name) && (len(f.questions) == 0 || o != nil && slices.Contains(f.questions, o.Question))
}

// evaluations is the filter made ready for many, nil where all fit. What is cheap to ask is asked
// first: an instance's labels must be parsed.
func (f *filter) evaluations(objectives map[string]*slo.Objective) func(*slo.Evaluation) bool {
	if f.everything() {
		return nil
	}
	return func(e *slo.Evaluation) bool {
		return f.promises(e.Instance.Objective, objectives[e.Instance.Objective]) && one(f.statuses, e.Status) && one(f.tiers, e.Tier) &&
			(len(f.tenants) == 0 || slices.Contains(f.tenants, e.Instance.Tenant())) &&
			(len(f.targets) == 0 || slices.Contains(f.targets, e.Instance.Get("target")))
	}
}

// byName finds objectives.
func byName(all []slo.Objective) map[string]*slo.Objective {
	found := make(map[string]*slo.Objective, len(all))
	for i := range all {
		found[all[i].Name] = &all[i]
	}
	return found
}

// evaluated is the minute that all evaluations are as of, zero before the first.
func evaluated(s *State) time.Time {
	if len(s.Evaluations) == 0 {
		return time.Time{}
	}
	return s.Evaluations[0].At
}
