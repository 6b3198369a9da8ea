package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// Names and labels of alerts are those that the daemon pushes.
const (
	burnAlert      = "ErrorBudgetBurn"
	exhaustedAlert = "ErrorBudgetExhausted"
	noDataAlert    = "ObjectiveNoData"

	objectiveLabel  = "objective"
	tenantLabel     = "tenant"
	tierLabel       = "tier"
	windowLabel     = "window"
	longWindowLabel = "long_window"

	// Only what the daemon pushes has these: rules know no clusters and fold nothing.
	clusterLabel = "cluster"
	scopeLabel   = "scope"
	clusterScope = "cluster"
)

// tenantInfo is the series that says each tenant's tier.
const tenantInfo = "odoo_tenant_info"

// noDataFor is how long data must be missing before anybody is told.
const noDataFor = "15m"

// alert makes the rules of one objective alike.
type alert struct {
	objective *slo.Objective
	options   Options
}

func (a alert) rule(name string, severity slo.Severity, expr parser.Expr) rule {
	labels := maps.Clone(a.options.Labels)
	if labels == nil {
		labels = make(map[string]string)
	}
	maps.Copy(labels, map[string]string{
		objectiveLabel: a.objective.Name,
		"question":     string(a.objective.Question),
		"severity":     string(severity),
	})
	if a.objective.Owner != "" {
		labels["owner"] = a.objective.Owner
	}
	return rule{Alert: name, Expr: expression{expr}, Labels: labels, Annotations: a.links()}
}

func (a alert) links() map[string]string {
	annotations := make(map[string]string)
	for name, url := range map[string]string{
		"runbook_url": a.objective.Links.Runbook, "dashboard_url": a.objective.Links.Dashboard,
	} {
		if url != "" {
			annotations[name] = literal(url)
		}
	}
	return annotations
}

func (a alert) burning(pair slo.Pair, expr parser.Expr) rule {
	long, short := slo.FormatDuration(pair.Long), slo.FormatDuration(pair.Short)
	r := a.rule(burnAlert, pair.Severity, expr)
	r.Labels[longWindowLabel] = long
	r.Annotations["summary"] = a.who() + literal(a.objective.Title) +
		": the error budget burns {{ $value | humanize }} times too fast"
	r.Annotations["description"] = "Over the last " + long + " the error budget burned {{ $value | humanize }} times as fast " +
		"as it may; this and the burn over the last " + short + " are above " + a.limit(pair).String() + "."
	return r
}

func (a alert) exhausted(expr parser.Expr) rule {
	r := a.rule(exhaustedAlert, a.quiet(), expr)
	r.Annotations["summary"] = a.who() + literal(a.objective.Title) + ": the error budget is used up"
	r.Annotations["description"] = "More has failed than the window of " + a.objective.Window.String() +
		" may hold. Put off what risks more failures until it has recovered."
	return r
}

func (a alert) noData(expr parser.Expr) rule {
	r := a.rule(noDataAlert, a.quiet(), expr)
	r.For = noDataFor
	r.Annotations["summary"] = a.who() + literal(a.objective.Title) + ": too little is measured to judge it"
	r.Annotations["description"] = "Until measurements return, an outage goes unnoticed here."
	return r
}

func (a alert) limit(pair slo.Pair) parser.Expr {
	return number(pair.Limit(a.objective.Window.Nominal()).Float())
}

// quiet is the severity of alerts that need no one at once.
func (a alert) quiet() slo.Severity {
	if slices.ContainsFunc(a.objective.Policy.Pairs, func(p slo.Pair) bool { return p.Severity != slo.Info }) {
		return slo.Ticket
	}
	return slo.Info
}

// who begins a summary with the instance, as a template over the alert's labels.
func (a alert) who() string {
	var names []string
	for _, name := range a.objective.By {
		value := "{{ $labels." + name + " }}"
		if name != tenantLabel {
			value = name + " " + value
		}
		names = append(names, value)
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ", ") + ": "
}

// literal keeps what people wrote from being read as a template.
func literal(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

func byTenant(o *slo.Objective) bool { return slices.Contains(o.By, tenantLabel) }
