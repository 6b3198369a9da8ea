package dashboards

// everything is what a variable with no choice made stands for.
const everything = ".*"

// variables are the choices at the head of a board. Choosing tiers narrows the tenants to choose from.
func variables() []Variable {
	return []Variable{
		{
			Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus",
			Current: VariableOption{Text: "default", Value: "default"}, Refresh: 1,
		},
		choice("tier", "Tier", "label_values(odoo_tenant_info, tier)"),
		choice("tenant", "Tenant", `label_values(odoo_tenant_info{tier=~"$tier"}, tenant)`),
		choice("objective", "Objective", "label_values(slo_objective_info, objective)"),
		{
			Name: "window", Label: "Burn window", Type: "query", Query: "label_values(slo_burn_rate, window)",
			Datasource: prometheus(), Current: VariableOption{Text: "1h", Value: "1h"}, Refresh: 2, Sort: 1,
		},
	}
}

// choice is a variable of which any number of values can be chosen; all of them at first.
func choice(name, label, query string) Variable {
	return Variable{
		Name: name, Label: label, Type: "query", Query: query, Datasource: prometheus(), Multi: true, IncludeAll: true,
		AllValue: everything, Current: VariableOption{Text: "All", Value: "$__all"}, Refresh: 2, Sort: 1,
	}
}
