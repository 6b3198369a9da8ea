package alert

import (
	"slices"

	"github.com/wardround/wardround/slo"
)

// The labels of an alert. Those of its instance (tenant, target) come with the objective's grouping.
const (
	NameLabel       = "alertname"
	ObjectiveLabel  = "objective"
	QuestionLabel   = "question"
	SeverityLabel   = "severity"
	OwnerLabel      = "owner"
	TierLabel       = "tier"
	LongWindowLabel = "long_window" // of a burn-rate pair, such as 1h
	TenantLabel     = "tenant"
	ClusterLabel    = "cluster" // the cause that the alert's tenant shares with others, see Options.Cause
	ScopeLabel      = "scope"   // only folded alerts have one: ClusterScope
)

// The alert names, as people know them from other tools of this field.
const (
	BurnName      = "ErrorBudgetBurn"      // both windows of a pair burn faster than its threshold
	ExhaustedName = "ErrorBudgetExhausted" // nothing is left of the period's budget
	ProjectedName = "ErrorBudgetProjected" // at the present pace nothing will be left before the period ends
	NoDataName    = "ObjectiveNoData"      // too little was measured to judge the objective
	WatchdogName  = "Watchdog"             // always fires: where it stops, the daemon or the way to Alertmanager is broken
)

// ClusterScope is the scope of an alert that speaks for many tenants of one cluster.
const ClusterScope = "cluster"

// WatchdogSeverity is the severity of the Watchdog: it wakes nobody by being there.
const WatchdogSeverity = "none"

// severityRank puts the gravest first and what it does not know last.
func severityRank(severity string) int {
	order := slo.Severities()
	if at := slices.Index(order, slo.Severity(severity)); at >= 0 {
		return at
	}
	return len(order)
}

func watchdog() Condition {
	return Condition{
		Labels: map[string]string{NameLabel: WatchdogName, SeverityLabel: WatchdogSeverity},
		Annotations: map[string]string{
			"summary": "Wardround is awake and can reach this Alertmanager.",
			"description": "This alert always fires. Route it to a dead man's switch: when it stops arriving, " +
				"objectives are no longer evaluated, or alerts no longer get through.",
		},
		Holds: true,
	}
}
