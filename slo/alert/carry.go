package alert

import (
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// labelsChanged is the reason of what happens because an alert goes on under other labels.
const labelsChanged = "its labels changed"

// lasting identifies an alert by those of its labels that no edit of a catalogue and no move of a tenant changes. The
// tier or cluster of an alert without a tenant is what it speaks of, and lasts.
func lasting(labels map[string]string) model.Fingerprint {
	return fingerprintOf(labels, func(name string) bool {
		switch name {
		case OwnerLabel, QuestionLabel:
			return false
		case TierLabel, ClusterLabel:
			return labels[TenantLabel] == ""
		}
		return true
	})
}

// strays are the alerts that stand while nobody reports their labels, by what lasts of these. Those of clusters are not
// among them: nobody ever reports them.
func (b *Book) strays(reported map[model.Fingerprint]bool) map[model.Fingerprint][]model.Fingerprint {
	strays := make(map[model.Fingerprint][]model.Fingerprint)
	for id, a := range b.alerts {
		if !reported[id] && stage(a) > 0 && !a.isFold() {
			key := lasting(a.Labels)
			strays[key] = append(strays[key], id)
		}
	}
	return strays
}

// stage is how far an alert that stands has come; zero if it does not stand.
func stage(a Alert) int { return slices.Index([]State{Pending, Firing}, a.State) + 1 }

// bequeath ends the strays of a condition, and returns the alert that goes on under the condition's labels in the place
// of the one that has come furthest. It is nil where the condition ceased, or its own alert has come as far.
func (b *Book) bequeath(id model.Fingerprint, now time.Time, c Condition, strays []model.Fingerprint) (*Alert, []Transition) {
	var heir *Alert
	var transitions []Transition
	own, reason := b.alerts[id], ""
	furthest := stage(own)
	if c.Holds || c.Unknown {
		reason = labelsChanged
	}
	slices.Sort(strays)
	for _, stray := range strays {
		before := b.alerts[stray]
		a := before.rewound(now)
		if reason != "" && stage(a) > furthest {
			carried := a.inPlaceOf(own, c.Labels)
			heir, furthest = &carried, stage(a)
		}
		transitions = append(transitions, b.put(stray, now, before, a.ceased(now), reason)...)
	}
	return heir, transitions
}

// inPlaceOf is the alert that goes on under other labels, in the place of the one that these had. What either told of an
// earlier life is told to its end under its own labels.
func (a Alert) inPlaceOf(own Alert, labels map[string]string) Alert {
	a.Labels, a.absentSince = withoutEmpty(labels), time.Time{}
	a = a.foldable()
	switch {
	case a.State == Pending:
		a.StartsAt, a.EndsAt, a.FoldedInto, a.Withheld = own.StartsAt, own.EndsAt, own.FoldedInto, own.Withheld
	case a.fold == 0:
		a.FoldedInto, a.Withheld = "", false
	}
	return a
}
