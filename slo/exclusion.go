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
	// From and To bound the stretch, or the first one of Rule. Whole minutes.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Rule is an RFC 5545 recurrence such as FREQ=WEEKLY;BYDAY=SU, or "".
	Rule string `json:"rule,omitempty"`
	// Zone is the IANA zone in whose civil time Rule recurs; "" is UTC.
	Zone     string        `json:"zone,omitempty"`
	Mode     ExclusionMode `json:"mode"`
	Category Category      `json:"category"`
	Approver string        `json:"approver"`
	Reason   string        `json:"reason"`
	// Announced is when those concerned were told.
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
	// Maintenance was planned. It counts only from stretches on that begin after
	// it was announced.
	Maintenance Category = "maintenance"
	// Correction mends a record that was wrong: a broken probe, a wrong clock.
	Correction Category = "correction"
	// ThirdParty is a fault that was agreed not to count, such as a provider's.
	ThirdParty Category = "third_party"
	// Exercise is a rehearsed failure.
	Exercise Category = "exercise"
)

// Span is a stretch of time, To excluded.
type Span struct {
	From, To time.Time
}

// Applies says whether the scope holds an instance whose tenant is of a tier.
func (s Scope) Applies(i Instance, tier string) bool {
	fits := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return fits(s.Objectives, i.Objective) && fits(s.Tenants, i.Tenant()) && fits(s.Tiers, tier)
}
