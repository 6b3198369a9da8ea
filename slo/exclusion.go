package slo

import (
	"slices"
	"time"
)

// Exclusion takes stretches of time out of promises: a maintenance window, or
// the correction of a record that was wrong. It lies over the raw minutes, so it
// can be made and revoked at any time.
type Exclusion struct {
	// ID is unique among all that were ever made.
	ID string `json:"id"`
	// Scope says what it applies to.
	Scope Scope `json:"scope"`
	// From and To bound the stretch, or the first one of Rule; all of them last as
	// many minutes as the first. Whole minutes.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Rule is an RFC 5545 recurrence such as FREQ=WEEKLY;BYDAY=SU, hourly at the
	// finest, or "".
	Rule string `json:"rule,omitempty"`
	// Zone is the IANA zone in whose civil time Rule recurs; "" is UTC.
	Zone     string        `json:"zone,omitempty"`
	Mode     ExclusionMode `json:"mode"`
	Category Category      `json:"category"`
	Approver string        `json:"approver"`
	Reason   string        `json:"reason"`
	// Announced is when those concerned were told; required where the category
	// is a planned one.
	Announced time.Time `json:"announced,omitzero"`
}

// Scope chooses instances: those that fit each list that is not empty.
type Scope struct {
	Objectives []string `json:"objectives,omitempty"`
	Tenants    []string `json:"tenants,omitempty"`
	Tiers      []string `json:"tiers,omitempty"`
}

// ExclusionMode says how an excluded minute counts.
type ExclusionMode string

// The modes.
const (
	// Remove takes the minute out of both sides, as if it had not been.
	Remove ExclusionMode = "remove"
	// AsGood keeps the minute's events and counts all of them as good.
	AsGood ExclusionMode = "as_good"
)

// Category is why time is excluded.
type Category string

// The categories.
const (
	// Maintenance is planned.
	Maintenance Category = "maintenance"
	// Correction mends a record that was wrong: a broken probe, a wrong clock.
	Correction Category = "correction"
	// ThirdParty is a fault that was agreed not to count, such as a provider's.
	ThirdParty Category = "third_party"
	// Exercise is a rehearsed failure, planned.
	Exercise Category = "exercise"
)

// Planned says that stretches of the category count only if they were announced
// before they began.
func (c Category) Planned() bool { return c == Maintenance || c == Exercise }

// Span is a stretch of time, To excluded.
type Span struct {
	From, To time.Time
}

// Spans are the stretches within [from, to) that the exclusion takes out, cut to
// it, in order, with gaps between them. A planned one that began before it was
// announced is not among them. The exclusion must be valid.
func (x *Exclusion) Spans(from, to time.Time) []Span {
	var all []Span
	length := x.To.Sub(x.From)
	for _, begin := range x.begins(from.Add(-length), to) {
		end := begin.Add(length)
		if x.Category.Planned() && begin.Before(x.Announced) || !end.After(from) || !begin.Before(to) {
			continue
		}
		s := Span{latest(begin, from), earliest(end, to)}
		if last := len(all) - 1; last >= 0 && !s.From.After(all[last].To) {
			all[last].To = latest(all[last].To, s.To)
			continue
		}
		all = append(all, s)
	}
	return all
}

// begins are when the stretches begin that may reach from since to to, in order.
func (x *Exclusion) begins(since, to time.Time) []time.Time {
	if x.Rule == "" {
		return []time.Time{x.From}
	}
	zone, err := x.zone()
	if err != nil {
		return nil
	}
	r, err := readRecurrence(x.Rule, x.From.In(zone))
	if err != nil {
		return nil
	}
	return r.between(since, to)
}

func (x *Exclusion) zone() (*time.Location, error) {
	if x.Zone == "" {
		return time.UTC, nil
	}
	return zone(x.Zone)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Applies says whether the scope holds an instance whose tenant is of a tier.
func (s Scope) Applies(i Instance, tier string) bool {
	fits := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return fits(s.Objectives, i.Objective) && fits(s.Tenants, i.Tenant()) && fits(s.Tiers, tier)
}
