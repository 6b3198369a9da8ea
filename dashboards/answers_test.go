package dashboards_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/dashboards"
)

// platform is a small one: north breaks its promise, south keeps it, a promise about a server is kept too, and what is
// known of backups is not enough to say anything.
var platform = map[string]string{
	`slo_objective_info{objective="login",question="healthy",instance="a"}`:                                       "1",
	`slo_objective_info{objective="login",question="healthy",instance="b"}`:                                       "1",
	`slo_objective_info{objective="lag",question="protected"}`:                                                    "1",
	`slo_objective_info{objective="backup",question="recoverable"}`:                                               "1",
	`slo_status{objective="login",tenant="north",target="web",status="burning"}`:                                  "1",
	`slo_status{objective="login",tenant="north",target="web",status="ok"}`:                                       "0",
	`slo_status{objective="login",tenant="south",target="web",status="ok"}`:                                       "1",
	`slo_status{objective="lag",target="main",status="ok"}`:                                                       "1",
	`slo_status{objective="backup",tenant="north",status="insufficient_data"}`:                                    "1",
	`slo_error_budget_remaining_ratio{objective="login",tenant="north",target="web"}`:                             "-0.5",
	`slo_error_budget_remaining_ratio{objective="login",tenant="north",target="web",by="zone=b"}`:                 "0.5",
	`odoo_tenant_info{tenant="north",tier="shared"}`:                                                              "1",
	`odoo_tenant_info{tenant="south",tier="dedicated"}`:                                                           "1",
	`wardround_finding{tenant="north",target="main",finding="cron_overdue",severity="info"}`:                      "1",
	`wardround_finding{tenant="south",target="main",finding="jobs_stuck",severity="critical",question="healthy"}`: "1",
}

type sample struct {
	Labels string  `json:"labels"`
	Value  float64 `json:"value"`
}

// TestAnswers lets Prometheus evaluate the queries behind the words on the board.
func TestAnswers(t *testing.T) {
	healthy, protected, recoverable := "Is the platform healthy?", "Is data protected?", "Can we recover in time?"
	for name, tc := range map[string]struct {
		panel    string
		vars     map[string]string
		expected []sample
	}{
		"one promise is not kept":            {healthy, nil, []sample{{"{}", 1}}},
		"all of another tier are kept":       {healthy, map[string]string{"tier": "dedicated"}, []sample{{"{}", 0}}},
		"all of another tenant are kept":     {healthy, map[string]string{"tenant": "south"}, []sample{{"{}", 0}}},
		"a promise about a server":           {protected, map[string]string{"tier": "dedicated"}, []sample{{"{}", 0}}},
		"too little data is not a yes":       {recoverable, nil, nil},
		"no promise is not a yes":            {"Are risks contained?", nil, nil},
		"the worst tenant's status is shown": {"Worst status by objective", nil, []sample{{`{objective="login"}`, 3}, {`{objective="lag"}`, 0}, {`{objective="backup"}`, 2}}},
		"findings are ranked": {"Findings, worst first", nil, []sample{
			{`{tenant="north",target="main",finding="cron_overdue"}`, 1},
			{`{tenant="south",target="main",finding="jobs_stuck",question="healthy"}`, 3},
		}},
		"what is left of budgets": {"Error budget left, worst first", map[string]string{"tier": "shared"}, []sample{
			{`{objective="login",tenant="north",target="web"}`, -0.5},
			{`{objective="login",tenant="north",target="web",by="zone=b"}`, 0.5},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			requireAnswer(t, query(t, tc.panel, tc.vars), tc.expected)
		})
	}
}

// query is the first query of a panel of the overview.
func query(t *testing.T, panel string, vars map[string]string) string {
	t.Helper()
	all, err := dashboards.Expressions(dashboards.All()[0], vars)
	require.NoError(t, err)
	for _, e := range all {
		if e.Panel == panel {
			return e.Expr
		}
	}
	require.FailNow(t, "no such panel", panel)
	return ""
}

// requireAnswer has promtool evaluate an expression on the platform. Its test files are YAML, of which JSON is a part.
func requireAnswer(t *testing.T, expr string, expected []sample) {
	t.Helper()
	type series struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	var input []series
	for name, value := range platform {
		input = append(input, series{name, value})
	}
	file := filepath.Join(t.TempDir(), "answers.yaml")
	data, err := json.Marshal(map[string]any{"tests": []any{map[string]any{
		"interval": "1m", "input_series": input,
		"promql_expr_test": []any{map[string]any{"expr": expr, "eval_time": "0m", "exp_samples": expected}},
	}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o600))
	out, err := exec.CommandContext(t.Context(), "promtool", "test", "rules", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
