package alert

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// Book holds every alert that is not inactive and steps their state machines. It has no clock and does no I/O: the same
// conditions at the same times give the same alerts, which is what tests and replays of history rely on.
// The zero Book is empty and ready. It is not safe for concurrent use.
type Book struct {
	// Forget is how long the alert of a condition that is no longer reported stays frozen before it is resolved.
	Forget time.Duration
	// Folding says when tenants' alerts are told as one. Its zero value never does.
	Folding Folding
	// Suspect says what changed shortly before an alert's condition began to hold; see Options.Suspect. It may be nil.
	Suspect func(labels map[string]string, since time.Time) string

	alerts  map[model.Fingerprint]Alert
	stepped time.Time // the last step; zero if there was none
}

// longestPause is how long nobody may look before every wait begins anew: what held before and after a night's sleep of
// this machine need not have held in between.
const longestPause = 5 * time.Minute

// Step brings every alert to now and returns what changed, in the order of conditions. Labels that are reported twice
// hold if one of the two reports holds.
func (b *Book) Step(now time.Time, conditions []Condition) []Transition {
	if b.alerts == nil {
		b.alerts = make(map[model.Fingerprint]Alert)
	}
	b.resume(now)
	var transitions []Transition
	merged, ids := merge(conditions)
	reported := make(map[model.Fingerprint]bool, len(ids))
	for _, id := range ids {
		reported[id] = true
	}
	strays := b.strays(reported)
	begun := make(map[model.Fingerprint]bool)
	for i, c := range merged {
		id := ids[i]
		fired := b.alerts[id].State == Firing
		var heir *Alert
		if len(strays) > 0 { // seldom: spare the second fingerprint
			key := lasting(c.Labels)
			var ended []Transition
			heir, ended = b.bequeath(id, now, c, strays[key])
			delete(strays, key)
			transitions = append(transitions, ended...)
			fired = fired || heir != nil && heir.State == Firing
		}
		transitions = append(transitions, b.stepOne(id, now, c, heir)...)
		begun[id] = !fired && b.alerts[id].State == Firing
	}
	for _, id := range slices.Sorted(maps.Keys(b.alerts)) {
		if a := b.alerts[id]; !reported[id] && (!a.isFold() || a.State == Resolved) {
			transitions = append(transitions, b.stepAbsent(id, now)...)
		}
	}
	transitions = append(transitions, b.stepFolds(now, begun)...)
	b.marked(transitions)
	b.prune(now)
	return transitions
}

// resume begins every wait anew after a pause. What fires stands on: that it ended must be seen first.
func (b *Book) resume(now time.Time) {
	paused := !b.stepped.IsZero() && now.Sub(b.stepped) > longestPause
	b.stepped = now
	if !paused {
		return
	}
	for id, a := range b.alerts {
		a.absentSince = time.Time{}
		if a.State == Pending {
			a.ActiveSince = now
		}
		b.alerts[id] = a
	}
}

// waiting says that some alert waits, for its For or to be forgotten, so that it matters when the last step was.
func (b *Book) waiting() bool {
	for _, a := range b.alerts {
		if a.State == Pending || !a.absentSince.IsZero() {
			return true
		}
	}
	return false
}

// marked lets transitions show what folding made of their alerts.
func (b *Book) marked(transitions []Transition) {
	if b.Folding.Population == nil {
		return
	}
	for i := range transitions {
		if a, kept := b.alerts[fingerprint(transitions[i].Alert.Labels)]; kept {
			transitions[i].Alert = a
		}
	}
}

// Alerts returns all alerts that stand or were resolved lately: the gravest first, then the oldest.
func (b *Book) Alerts() []Alert {
	type ranked struct {
		Alert
		id   model.Fingerprint
		rank int
	}
	order := make([]ranked, 0, len(b.alerts)) // ranked once: comparisons are many
	for id, a := range b.alerts {
		order = append(order, ranked{a, id, rank(a)})
	}
	slices.SortFunc(order, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), x.ActiveSince.Compare(y.ActiveSince), cmp.Compare(x.id, y.id))
	})
	all := make([]Alert, len(order))
	for i := range order {
		all[i] = order[i].Alert
	}
	return all
}

// rank sorts firing before pending before resolved, and within each the gravest severity first.
func rank(a Alert) int {
	states := []State{Firing, Pending, Resolved}
	return slices.Index(states, a.State)*10 + severityRank(a.Severity())
}

// stepOne steps the alert of a condition; an heir, if there is one, takes its place first.
func (b *Book) stepOne(id model.Fingerprint, now time.Time, c Condition, heir *Alert) []Transition {
	before, known := b.alerts[id]
	after, reason := before.rewound(now), ""
	switch {
	case heir != nil:
		after, reason = *heir, labelsChanged
	case known:
		after.absentSince = time.Time{}
	default:
		after = Alert{Labels: withoutEmpty(c.Labels), State: Inactive}.foldable()
	}
	switch {
	case c.Unknown:
		after.Frozen = after.State == Pending || after.State == Firing
	case c.Holds:
		after = after.held(now, c)
		b.suspect(after)
	default:
		after = after.ceased(now)
	}
	return b.put(id, now, before, after, reason)
}

// stepAbsent freezes an alert whose condition nobody reports (its tenant may not have been discovered yet after a
// restart), and resolves it when that has lasted for Forget.
func (b *Book) stepAbsent(id model.Fingerprint, now time.Time) []Transition {
	before := b.alerts[id]
	after := before.rewound(now)
	if after.State == Resolved {
		b.alerts[id] = after
		return nil
	}
	if after.absentSince.IsZero() {
		after.absentSince = now
	}
	if now.Sub(after.absentSince) < b.Forget {
		after.Frozen = true
		return b.put(id, now, before, after, "no longer reported")
	}
	return b.put(id, now, before, after.ceased(now), "what it spoke of is gone")
}

// suspect adds what may have caused an alert to its annotations, which are its own.
func (b *Book) suspect(a Alert) {
	if b.Suspect == nil {
		return
	}
	if change := b.Suspect(a.Labels, a.ActiveSince); change != "" {
		a.Annotations[SuspectAnnotation] = change
	}
}

func (b *Book) put(id model.Fingerprint, now time.Time, before, after Alert, reason string) []Transition {
	if after.State == Inactive {
		delete(b.alerts, id)
	} else {
		b.alerts[id] = after
	}
	from := cmp.Or(before.Shown(), Inactive)
	if from == after.Shown() {
		return nil
	}
	return []Transition{{At: now, Alert: after, From: from, To: after.Shown(), Reason: reason}}
}

func (b *Book) prune(now time.Time) {
	for id, a := range b.alerts {
		if a.EndsAt.IsZero() || now.Sub(a.EndsAt) < ResolvedRetention {
			continue
		}
		if a.State == Resolved {
			delete(b.alerts, id)
			continue
		}
		a.StartsAt, a.EndsAt = time.Time{}, time.Time{} // pending again: its earlier life has been told long enough
		b.alerts[id] = a
	}
}

// held is the alert after its condition held at now. A frozen pending alert begins to wait anew: nobody can say that
// its condition held in between.
func (a Alert) held(now time.Time, c Condition) Alert {
	if a.State == Inactive || a.State == Resolved || (a.State == Pending && a.Frozen) {
		a.State, a.ActiveSince = Pending, now
	}
	if a.State == Pending && now.Sub(a.ActiveSince) >= c.For {
		a.State, a.StartsAt, a.EndsAt = Firing, now, time.Time{}
	}
	a.Frozen = false
	a.Annotations = withoutEmpty(c.Annotations)
	a.title, a.gravity = c.Title, c.Gravity
	return a
}

// ceased is the alert after its condition did not hold at now. A pending alert that fired lately returns to being
// resolved, so that its resolution is still told.
func (a Alert) ceased(now time.Time) Alert {
	switch {
	case a.State == Firing:
		a.State, a.EndsAt = Resolved, now
	case a.State == Pending && !a.EndsAt.IsZero():
		a.State = Resolved
	case a.State == Pending:
		a.State = Inactive
	}
	a.Frozen = false
	return a
}

// rewound corrects times that lie in the future because the wall clock was turned back: Alertmanager refuses an alert
// that ends before it starts, and waiting for a wrong clock would never end.
func (a Alert) rewound(now time.Time) Alert {
	for _, t := range []*time.Time{&a.ActiveSince, &a.StartsAt, &a.EndsAt, &a.absentSince} {
		if t.After(now) {
			*t = now
		}
	}
	return a
}

// merge folds conditions of equal labels into one, keeping the order of first sight, and fingerprints them: holding wins
// over unknown, and unknown over not holding.
func merge(conditions []Condition) ([]Condition, []model.Fingerprint) {
	weight := func(c Condition) int {
		switch {
		case c.Unknown:
			return 1
		case c.Holds:
			return 2
		default:
			return 0
		}
	}
	merged, ids := make([]Condition, 0, len(conditions)), make([]model.Fingerprint, 0, len(conditions))
	seen := make(map[model.Fingerprint]int, len(conditions))
	for _, c := range conditions {
		id := fingerprint(c.Labels)
		at, again := seen[id]
		switch {
		case !again:
			seen[id] = len(merged)
			merged, ids = append(merged, c), append(ids, id)
		case weight(c) > weight(merged[at]):
			merged[at] = c
		}
	}
	return merged, ids
}
