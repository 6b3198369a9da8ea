package alert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// DefaultFoldAtLeast is how many tenants' alerts must fire together before they are told as one.
const DefaultFoldAtLeast = 5

// worstShown is how many tenants a folded alert names.
const worstShown = 5

// Folding tells a fault that tenants have in common once, and not once for each of them.
//
// Alerts that carry a tenant and a cluster and differ in their tenant and tier alone belong together. When AtLeast of
// them, and at least half of the cluster's tenants, fire, one alert of the cluster fires in addition; those of tenants
// that fire from then on are withheld from Alertmanager. It stands until fewer than a quarter of the tenants fire; what
// still fires then is told after all. What Alertmanager had been told of before goes on being told as ever.
type Folding struct {
	// Population is how many tenants of a cluster an objective is judged for at present. It is asked within Book.Step,
	// only while a fold stands or enough fire for one. Nil folds nothing.
	Population func(objective, cluster string) int
	// AtLeast is how many must fire to begin; zero is DefaultFoldAtLeast.
	AtLeast int
}

// folded are the alerts that may be told as one.
type folded struct {
	labels  map[string]string   // of the one alert
	told    []model.Fingerprint // the one alert, and those of earlier labels, as far as they stand
	members []model.Fingerprint // those that fire, frozen ones among them
	sure    int                 // those that fire and are not frozen
	by      model.Fingerprint   // the alert by which it is labelled
	weight  int                 // of that one
}

// labelledBy lets the alert that weighs most give the labels: one of a tenant that is reported now, else the one that
// stands. Among equals it is always the same one.
func (f *folded) labelledBy(id model.Fingerprint, weight int) {
	if weight > f.weight || weight == f.weight && (f.by == 0 || id < f.by) {
		f.by, f.weight = id, weight
	}
}

// foldOf are the labels of the alert that may speak for one with these labels too, or nil.
func foldOf(labels map[string]string) map[string]string {
	if labels[TenantLabel] == "" || labels[ClusterLabel] == "" {
		return nil
	}
	shared := maps.Clone(labels)
	delete(shared, TenantLabel)
	delete(shared, TierLabel)
	shared[ScopeLabel] = ClusterScope
	return shared
}

// isFold says that an alert speaks for many tenants.
func (a Alert) isFold() bool {
	return a.Labels[ScopeLabel] == ClusterScope && a.Labels[TenantLabel] == ""
}

// foldable is the alert that knows what may speak for it.
func (a Alert) foldable() Alert {
	a.fold = 0
	if shared := foldOf(a.Labels); shared != nil {
		a.fold = lasting(shared)
	}
	return a
}

// stepFolds brings the folded alerts to now, after those of tenants. begun are those that began to fire in this step.
func (b *Book) stepFolds(now time.Time, begun map[model.Fingerprint]bool) []Transition {
	var transitions []Transition
	folds := b.folds()
	for _, key := range slices.Sorted(maps.Keys(folds)) {
		f := folds[key]
		id := fingerprint(f.labels)
		condition := b.foldCondition(f, len(f.told) > 0)
		if len(f.told) > 0 || condition.Holds {
			earlier := slices.DeleteFunc(f.told, func(told model.Fingerprint) bool { return told == id })
			heir, ended := b.bequeath(id, now, condition, earlier)
			transitions = append(append(transitions, ended...), b.stepOne(id, now, condition, heir)...)
		}
		b.withhold(id, f, begun)
	}
	return transitions
}

// folds gathers what fires by what lasts of the alert that may speak for it, and the folded alerts that have nothing
// left below them.
func (b *Book) folds() map[model.Fingerprint]*folded {
	folds := make(map[model.Fingerprint]*folded)
	of := func(id model.Fingerprint) *folded {
		if folds[id] == nil {
			folds[id] = &folded{}
		}
		return folds[id]
	}
	for id, a := range b.alerts {
		switch {
		case a.isFold() && a.State == Firing:
			f := of(lasting(a.Labels))
			f.told = append(f.told, id)
			f.labelledBy(id, 1)
		case a.State == Firing && a.fold != 0:
			f := of(a.fold)
			f.members = append(f.members, id)
			weight := 0
			if !a.Frozen {
				f.sure++
				weight = 2
			}
			f.labelledBy(id, weight)
		}
	}
	for _, f := range folds {
		a := b.alerts[f.by]
		if f.labels = a.Labels; !a.isFold() {
			f.labels = foldOf(a.Labels)
		}
	}
	return folds
}

// foldCondition judges a fold. What is frozen can keep one that stands from being resolved, but begins none.
func (b *Book) foldCondition(f *folded, stands bool) Condition {
	c := Condition{Labels: f.labels}
	atLeast := cmp.Or(b.Folding.AtLeast, DefaultFoldAtLeast)
	if b.Folding.Population == nil || len(f.members) == 0 || !stands && f.sure < atLeast {
		return c
	}
	tenants := b.Folding.Population(f.labels[ObjectiveLabel], f.labels[ClusterLabel])
	switch {
	case stands:
		c.Holds = f.sure > 0 && 4*f.sure >= tenants
		c.Unknown = !c.Holds && 4*len(f.members) >= tenants
	default:
		c.Holds = 2*f.sure >= tenants
	}
	if c.Holds {
		c.Annotations = b.foldWords(f, tenants)
	}
	return c
}

// withhold marks the alerts for which a fold speaks, and lets them go when it stands no more.
func (b *Book) withhold(id model.Fingerprint, f *folded, begun map[model.Fingerprint]bool) {
	stands := b.alerts[id].State == Firing
	for _, member := range f.members {
		a := b.alerts[member]
		switch {
		case !stands:
			a.FoldedInto, a.Withheld = "", false
		case begun[member]:
			a.FoldedInto, a.Withheld = id.String(), true
		default:
			a.FoldedInto = id.String()
		}
		b.alerts[member] = a
	}
}

// foldWords are the annotations of a fold that holds: how many, the worst of them, and the links of its objective.
func (b *Book) foldWords(f *folded, tenants int) map[string]string {
	worst := make([]Alert, 0, len(f.members))
	for _, id := range f.members {
		worst = append(worst, b.alerts[id])
	}
	slices.SortFunc(worst, func(x, y Alert) int {
		return cmp.Or(cmp.Compare(y.gravity, x.gravity), strings.Compare(x.Labels[TenantLabel], y.Labels[TenantLabel]))
	})
	first, names := worst[0], make([]string, 0, worstShown)
	for _, a := range worst[:min(len(worst), worstShown)] {
		names = append(names, a.Labels[TenantLabel]+figure(a))
	}
	affected := fmt.Sprintf("%d of %d", len(worst), max(tenants, len(worst)))
	return map[string]string{
		SummaryAnnotation: fmt.Sprintf("%s: %s: %s for %s tenants",
			f.labels[ClusterLabel], cmp.Or(first.title, f.labels[ObjectiveLabel]), trouble(f.labels[NameLabel]), affected),
		DescriptionAnnotation: fmt.Sprintf("Look first at what they share. The worst are %s. While this alert stands, "+
			"the alerts of single tenants are kept by the daemon and not told.", strings.Join(names, ", ")),
		AffectedAnnotation:  affected,
		WorstAnnotation:     strings.Join(names, ", "),
		RunbookAnnotation:   first.Annotations[RunbookAnnotation],
		DashboardAnnotation: first.Annotations[DashboardAnnotation],
	}
}

// trouble says in a few words what an alert of this name means.
func trouble(name string) string {
	switch name {
	case BurnName:
		return "the error budget burns too fast"
	case ExhaustedName:
		return "the error budget is used up"
	case ProjectedName:
		return "the error budget will be used up too early"
	case NoDataName:
		return "too little is measured to judge it"
	}
	return name
}

// figure shows how bad one tenant's alert is, beside its name.
func figure(a Alert) string {
	switch a.Labels[NameLabel] {
	case BurnName, ProjectedName:
		return fmt.Sprintf(" (%s times too fast)", times(a.gravity))
	case ExhaustedName:
		return fmt.Sprintf(" (%s spent)", percent(a.gravity))
	}
	return ""
}
