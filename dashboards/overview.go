package dashboards

import (
	"strconv"

	"github.com/wardround/wardround/slo"
)

// OverviewUID is the first board's UID: /d/wardround-overview in Grafana.
const OverviewUID = "wardround-overview"

// Selections that all queries of the board share. Tenants of other tiers are taken away rather than those of the
// chosen tiers kept, so that promises about something else than a tenant stay in view.
const (
	ofTenant    = `tenant=~"$tenant"`
	ofObjective = `objective=~"$objective",tenant=~"$tenant"`
	otherTiers  = ` unless on (tenant) odoo_tenant_info{tier!~"$tier"}`
)

// overview is the board that answers the five questions and leads to whom it concerns.
func overview() Dashboard {
	return Dashboard{
		UID: OverviewUID, Title: "Ward round",
		Description: "The five questions, the error budgets behind them, and what is wrong with whom.",
		Tags:        []string{boardTag}, GraphTooltip: 1, SchemaVersion: schemaVersion, Version: 1,
		Refresh: "1m", Time: TimeRange{From: "now-24h", To: "now"}, Timezone: "browser",
		Templating: Templating{List: variables()}, Annotations: Annotations{List: []struct{}{}},
		Links: []Link{{
			Title: "Other boards", Type: "dashboards", Tags: []string{boardTag}, Icon: "external link",
			AsDropdown: true, IncludeVars: true, KeepTime: true,
		}},
		Panels: lay([]section{
			{"The five questions", questions()},
			{"Error budgets", budgets()},
			{"What is wrong with whom", findings()},
			{"Odoo's work, by tenant", work()},
			{"Logging in", logins()},
			{"What the tenants stand on", platform()},
			{"The rounds themselves", rounds()},
		}),
	}
}

// questions are five answers. A question that no promise speaks of has no data; it is never answered with yes.
func questions() []Panel {
	var all []Panel
	left := gridColumns
	for i, q := range slo.Questions() {
		width := left / (len(slo.Questions()) - i)
		left -= width
		all = append(all, stat(size(width, 4), q.Text(),
			"How many promises about this are broken or being broken: their error budget is exhausted or burns too fast.",
			unkept(q), Field{
				NoValue: "No data", Thresholds: steps(calm, from(1, grave)),
				Mappings: []Mapping{{Type: "value", Options: Words{"0": {Text: "Yes", Color: calm}}}},
				Unit:     "suffix: not kept",
			}))
	}
	return all
}

// unkept counts the promises about a question that are not kept; 0 needs at least one that is.
func unkept(q slo.Question) string {
	about := ` * on (objective) group_left () max by (objective) (slo_objective_info{question="` + string(q) + `"})`
	count := func(statuses string) string {
		return `sum((slo_status{status=~"` + statuses + `",` + ofObjective + `}` + otherTiers + `)` + about + `)`
	}
	broken := count(string(slo.Exhausted) + "|" + string(slo.Burning))
	return "(" + broken + " > 0) or 0 * (" + count(string(slo.OK)) + " > 0)"
}

func budgets() []Panel {
	return []Panel{
		lines(size(12, 8), "Burn rate by objective", "The fastest tenant of each objective over the chosen window. "+
			"At 1 the budget lasts exactly for the period.",
			Field{
				Unit: "short", Min: number(0), Thresholds: steps(calm, from(1, warning), from(14.4, grave)),
				Custom: Custom{ThresholdsStyle: &ThresholdStyle{Mode: "line"}},
			},
			series("{{objective}}", `max by (objective) (slo_burn_rate{window="$window",`+ofObjective+`}`+otherTiers+`)`)),
		states(size(12, 8), "Worst status by objective", "The worst status that any tenant has.",
			Field{Thresholds: statusSteps(), Mappings: []Mapping{{Type: "value", Options: statusWords()}}},
			series("{{objective}}", worstStatus())),
		table(size(24, 9), "Error budget left, worst first", "Below 0 the promise is broken. Coverage is how much of the time was measured.",
			SortBy{DisplayName: "Budget left"},
			latest("A", byInstance("slo_error_budget_remaining_ratio")),
			latest("B", byInstance("slo_target_ratio")),
			latest("C", byInstance("slo_coverage_ratio")),
			latest("D", byInstance(`slo_burn_rate`, `window="$window"`)),
			latest("E", instancesOf(rankedStatus()))).
			columns([]string{"Time"},
				column{field: "tenant", title: "Tenant"},
				column{field: "target", title: "Target"},
				column{field: "objective", title: "Objective"},
				column{field: "by", title: "Part"},
				column{field: "Value #A", title: "Budget left", look: share(steps(grave, from(0, warning), from(0.25, calm)))},
				column{field: "Value #E", title: "Status", look: worded(statusWords(), statusSteps())},
				column{field: "Value #B", title: "Promised", look: share(nil)},
				column{field: "Value #D", title: "Burn rate", look: []Property{{ID: "decimals", Value: 1}}},
				column{field: "Value #C", title: "Coverage", look: share(nil)}),
	}
}

// byInstance is a series of slo_* with only the labels that name the instance.
func byInstance(metric string, extra ...string) string {
	selection := ofObjective
	for _, e := range extra {
		selection = e + "," + selection
	}
	return instancesOf(metric + "{" + selection + "}")
}

func instancesOf(expr string) string {
	return "max by (objective, tenant, target, by) ((" + expr + ")" + otherTiers + ")"
}

// rankedStatus is the rank of each instance's present status, worst highest.
func rankedStatus() string {
	var expr string
	for rank, status := range ranks() {
		if expr != "" {
			expr += " or "
		}
		expr += strconv.Itoa(rank) + ` * (max by (objective, tenant, target, by) (slo_status{status="` + string(status) + `",` + ofObjective + `}) == 1)`
	}
	return expr
}

func worstStatus() string {
	return "max by (objective) ((" + rankedStatus() + ")" + otherTiers + ")"
}

// ranks yields statuses with their ranks, best first.
func ranks() []slo.Status {
	all := slo.Statuses()
	ranked := make([]slo.Status, len(all))
	for i, s := range all {
		ranked[len(all)-1-i] = s
	}
	return ranked
}

// statusLook is how a status reads and how grave it is.
func statusLook(s slo.Status) (text, color string) {
	switch s {
	case slo.Exhausted:
		return "Exhausted", grave
	case slo.Burning:
		return "Burning", warning
	case slo.InsufficientData:
		return "Too little data", unsure
	case slo.NoDataYet:
		return "No data", neutral
	case slo.OK:
		return "Kept", calm
	}
	return string(s), neutral
}

func statusWords() Words {
	words := Words{}
	for rank, status := range ranks() {
		text, color := statusLook(status)
		words[strconv.Itoa(rank)] = Result{Text: text, Color: color, Index: rank}
	}
	return words
}

func statusSteps() *Thresholds {
	var all []Step
	for rank, status := range ranks() {
		_, color := statusLook(status)
		all = append(all, from(float64(rank), color))
	}
	all[0].Value = nil
	return &Thresholds{Mode: "absolute", Steps: all}
}

// worded is the look of a column whose values stand for words.
func worded(words Words, thresholds *Thresholds) []Property {
	return []Property{
		{ID: "mappings", Value: []Mapping{{Type: "value", Options: words}}},
		{ID: "thresholds", Value: thresholds},
		{ID: "custom.cellOptions", Value: CellOptions{Type: "color-text"}},
	}
}
