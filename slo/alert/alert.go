package alert

import (
	"maps"
	"time"

	"github.com/prometheus/common/model"
)

// State is where an alert stands in its life.
type State string

// The states of an alert.
const (
	Inactive State = "inactive" // the condition does not hold; such alerts are not kept
	Pending  State = "pending"  // the condition holds, but not yet for its For
	Firing   State = "firing"   // the condition held for its For
	Resolved State = "resolved" // it fired and no longer holds; kept for ResolvedRetention
	Frozen   State = "frozen"   // pending or firing, but at present it cannot be known whether the condition holds
)

// ResolvedRetention is how long a resolved alert is kept and told again, so that every Alertmanager hears of it.
const ResolvedRetention = 15 * time.Minute

// Condition is what one evaluation says about one possible alert.
type Condition struct {
	Labels      map[string]string // identity; never numbers, never anything about persons; empty values count as absent
	Annotations map[string]string // words for the person on call; may change with each evaluation
	For         time.Duration     // how long the condition must hold before the alert fires; zero is at once
	Holds       bool              // the threshold is exceeded
	Unknown     bool              // too little was measured to say; Holds is then ignored

	Title   string  // of the objective, for the words of a folded alert
	Gravity float64 // how bad it is beside others of its name: a burn rate, or the share of the budget that is spent
}

// Alert is one alert as it stands. It is a value: whoever receives one may keep it, and must not change its maps.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       State             `json:"state"`              // Pending, Firing or Resolved
	Frozen      bool              `json:"frozen,omitempty"`   // neither fires nor resolves, for want of data
	ActiveSince time.Time         `json:"active_since"`       // since when the condition holds, as far as it is known
	StartsAt    time.Time         `json:"starts_at,omitzero"` // first firing; zero if it has not fired yet
	EndsAt      time.Time         `json:"ends_at,omitzero"`   // when it was last resolved; zero if it has not been

	// FoldedInto is the fingerprint of the folded alert that speaks for this one too, or did when it was resolved.
	FoldedInto string `json:"folded_into,omitempty"`
	// Withheld says that Alertmanager is not told of it: the folded alert stood when it fired.
	Withheld bool `json:"withheld,omitempty"`

	absentSince time.Time         // since when nobody reports its condition
	fold        model.Fingerprint // what lasts of the folded alert that may speak for it; zero if none may
	title       string            // as its condition says
	gravity     float64           // the same
}

// Fingerprint identifies the alert by its labels. It is the one that Alertmanager computes and shows.
func (a Alert) Fingerprint() string { return fingerprint(a.Labels).String() }

// Severity is the severity label: page, ticket, info, or none for the Watchdog.
func (a Alert) Severity() string { return a.Labels[SeverityLabel] }

// Shown is the state to show to people: Frozen for a frozen alert, otherwise State.
func (a Alert) Shown() State {
	if a.Frozen {
		return Frozen
	}
	return a.State
}

// Transition is one step in the life of an alert, for the evidence. From and To are states as shown.
type Transition struct {
	At     time.Time
	Alert  Alert // as it stands after the step
	From   State
	To     State
	Reason string // why, in a few words; empty where From and To say it
}

func fingerprint(labels map[string]string) model.Fingerprint {
	return fingerprintOf(labels, func(string) bool { return true })
}

// fingerprintOf goes by some of the labels.
func fingerprintOf(labels map[string]string, counts func(name string) bool) model.Fingerprint {
	set := make(model.LabelSet, len(labels))
	for name, value := range labels {
		if value != "" && counts(name) {
			set[model.LabelName(name)] = model.LabelValue(value)
		}
	}
	return set.Fingerprint()
}

func withoutEmpty(labels map[string]string) map[string]string {
	kept := make(map[string]string, len(labels))
	maps.Copy(kept, labels)
	maps.DeleteFunc(kept, func(_, value string) bool { return value == "" })
	return kept
}
