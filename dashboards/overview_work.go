package dashboards

import "strconv"

// severities of findings, mildest first: their place is their rank.
var severities = [...]struct{ name, text, color string }{
	{"info", "Worth knowing", unsure},
	{"warning", "Warning", warning},
	{"critical", "Critical", grave},
}

func findings() []Panel {
	var expr string
	words, thresholds := Words{}, &Thresholds{Mode: "absolute"}
	for i, s := range severities {
		rank := i + 1
		if expr != "" {
			expr += " or "
		}
		expr += strconv.Itoa(rank) + ` * max by (tenant, target, question, finding) (wardround_finding{severity="` + s.name + `",` + ofTenant + `}` + otherTiers + `)`
		words[strconv.Itoa(rank)] = Result{Text: s.text, Color: s.color, Index: i}
		thresholds.Steps = append(thresholds.Steps, from(float64(rank), s.color))
	}
	thresholds.Steps[0].Value = nil
	return []Panel{
		table(size(24, 9), "Findings, worst first", "What the last visits found wrong, with the question that it bears on.",
			SortBy{DisplayName: "Severity", Desc: true}, latest("A", expr)).
			columns([]string{"Time"},
				column{field: "Value", title: "Severity", look: worded(words, thresholds)},
				column{field: "tenant", title: "Tenant"},
				column{field: "finding", title: "Finding"},
				column{field: "question", title: "Question"},
				column{field: "target", title: "Target"}),
	}
}

// work shows how much of each kind of work is in which state, a tenant a line.
func work() []Panel {
	byState := func(title, description, metric string) Panel {
		return table(size(8, 9), title, description, SortBy{DisplayName: `tenant\state`},
			latest("A", "sum by (tenant, state) ("+metric+"{"+ofTenant+"}"+otherTiers+")")).matrix("state")
	}
	return []Panel{
		byState("Scheduled tasks", "Odoo's crons by state.", "odoo_crons"),
		byState("Background jobs", "Queued jobs of all channels by state.", "odoo_jobs"),
		byState("Outgoing mail", "Mails by state.", "odoo_mails"),
	}
}

func logins() []Panel {
	return []Panel{
		lines(size(12, 8), "Login checks by outcome", "How often the login page was asked for, and what came back.",
			Field{Unit: "cps", Min: number(0), Custom: Custom{FillOpacity: 10}},
			series("{{outcome}}",
				"sum by (outcome) (rate(odoo_login_checks_total{"+ofTenant+"}[$__rate_interval])"+otherTiers+")")),
		lines(size(12, 8), "Slowest login pages", "How long the login page took at the last check: the ten slowest tenants.",
			Field{Unit: "s", Min: number(0)},
			series("{{tenant}}", "topk(10, max by (tenant) (odoo_login_duration_seconds{"+ofTenant+"}"+otherTiers+"))")),
	}
}

func platform() []Panel {
	full := Field{
		Unit: "percentunit", Min: number(0), Max: number(1), Thresholds: steps(calm, from(0.8, warning), from(0.95, grave)),
		Custom: Custom{ThresholdsStyle: &ThresholdStyle{Mode: "line"}},
	}
	return []Panel{
		lines(size(8, 8), "Connections in use", "Share of the connections that a PostgreSQL server allows.", full,
			series("{{target}}", "max by (target) (pg_connections_used_ratio)")),
		lines(size(8, 8), "Replay lag of replicas", "How far behind its primary a replica has replayed.",
			Field{Unit: "s", Min: number(0)},
			series("{{target}}", "max by (target) (pg_stat_replication_replay_lag_seconds)")),
		lines(size(8, 8), "Memory of Redis", "Memory that Redis has allocated.", Field{Unit: "bytes", Min: number(0)},
			series("{{target}}", "max by (target) (redis_memory_used_bytes)")),
	}
}

func rounds() []Panel {
	return []Panel{
		states(size(12, 8), "Collectors", "Whether the last visit of each collector to each target succeeded; of several tenants, the worst.",
			Field{
				Thresholds: steps(grave, from(1, calm)),
				Mappings:   []Mapping{{Type: "value", Options: Words{"0": {Text: "Down", Color: grave}, "1": {Text: "Up", Color: calm, Index: 1}}}},
			},
			series("{{collector}} {{target}}", "min by (collector, target) (wardround_collector_up{"+ofTenant+"}"+otherTiers+")")),
		lines(size(12, 8), "Time since the last success", "Age of what is known, by collector and target: the oldest tenant.",
			Field{Unit: "s", Min: number(0), Decimals: decimals(0)},
			series("{{collector}} {{target}}",
				"time() - min by (collector, target) (wardround_collector_last_success_timestamp_seconds{"+ofTenant+"}"+otherTiers+")")),
	}
}
