package dashboards_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/dashboards"
	"github.com/wardround/wardround/dashboards/boardtest"
)

var update = flag.Bool("update", false, "write the boards' JSON anew")

// exported are the series that the boards stand on.
var exported = []string{
	"slo_objective_info", "slo_target_ratio", "slo_good_total", "slo_bad_total", "slo_burn_rate",
	"slo_error_budget_remaining_ratio", "slo_coverage_ratio", "slo_status",
	"wardround_collector_up", "wardround_collector_last_success_timestamp_seconds", "wardround_finding",
	"odoo_tenant_info", "odoo_crons", "odoo_jobs", "odoo_mails", "odoo_login_checks_total", "odoo_login_duration_seconds",
	"pg_connections_used_ratio", "pg_stat_replication_replay_lag_seconds", "redis_memory_used_bytes",
}

func TestBoards(t *testing.T) {
	uids := map[string]bool{}
	for _, board := range dashboards.All() {
		require.NoError(t, boardtest.Check(board, exported))
		require.False(t, uids[board.UID], "two boards have the UID %s", board.UID)
		uids[board.UID] = true
	}
}

func TestJSONBesideTheBoards(t *testing.T) {
	if *update {
		_, err := dashboards.Write(".")
		require.NoError(t, err)
	}
	var expected []string
	for _, board := range dashboards.All() {
		expected = append(expected, board.File())
		data, err := board.JSON()
		require.NoError(t, err)
		again, err := board.JSON()
		require.NoError(t, err)
		require.Equal(t, data, again)
		kept, err := os.ReadFile(board.File())
		require.NoError(t, err)
		require.Equal(t, string(kept), string(data), "run go test ./dashboards -update")
		requireKnownFields(t, data)
	}
	kept, err := filepath.Glob("*.json")
	require.NoError(t, err)
	require.ElementsMatch(t, expected, kept, "a file that no board stands behind")
}

// requireKnownFields reads the JSON back into the types that wrote it, except for what an interface hides.
func requireKnownFields(t *testing.T, data []byte) {
	t.Helper()
	var head struct {
		UID    string `json:"uid"`
		Panels []struct {
			ID      int            `json:"id"`
			Type    string         `json:"type"`
			Options map[string]any `json:"options"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(data, &head))
	require.NotEmpty(t, head.UID)
	for _, p := range head.Panels {
		require.Positive(t, p.ID)
		require.Equal(t, p.Type == "row", p.Options == nil, "panel %d", p.ID)
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	files, err := dashboards.Write(dir)
	require.NoError(t, err)
	require.Len(t, files, len(dashboards.All()))
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "Grafana runs as another user")
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, len(files), "no temporary file stays")

	_, err = dashboards.Write(files[0])
	require.ErrorContains(t, err, "create folder for boards")
}

func TestExpressionsFillVariables(t *testing.T) {
	board := dashboards.All()[0]
	expressions, err := dashboards.Expressions(board, map[string]string{"tenant": "north|south", "__rate_interval": "2m"})
	require.NoError(t, err)
	var all []string
	for _, e := range expressions {
		require.NotContains(t, e.Expr, "$")
		all = append(all, e.Expr)
	}
	text := strings.Join(all, "\n")
	for _, part := range []string{`tenant=~"north|south"`, `tier=~".*"`, `window="1h"`, "[2m]", "odoo_tenant_info\n"} {
		require.Contains(t, text, part)
	}
}

func TestExpressionsRefuseWhatTheyCannotRead(t *testing.T) {
	board := dashboards.Dashboard{UID: "a", Panels: []dashboards.Panel{{Title: "Load", Targets: []dashboards.Target{{Expr: "up > $limit"}}}}}
	_, err := dashboards.Expressions(board, nil)
	require.EqualError(t, err, "board a, Load: $limit is not a variable of the board")
	filled, err := dashboards.Expressions(board, map[string]string{"limit": "1"})
	require.NoError(t, err)
	require.Equal(t, "up > 1", filled[0].Expr)

	board = dashboards.Dashboard{UID: "a", Templating: dashboards.Templating{List: []dashboards.Variable{{Name: "x", Type: "query", Query: "metrics(up)"}}}}
	_, err = dashboards.Expressions(board, nil)
	require.ErrorContains(t, err, "not label_values")
}
