package boardtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/dashboards"
	"github.com/wardround/wardround/dashboards/boardtest"
)

func board(panels ...dashboards.Panel) dashboards.Dashboard {
	return dashboards.Dashboard{UID: "a", Panels: panels}
}

func panel(id int, at dashboards.GridPos, expr string) dashboards.Panel {
	return dashboards.Panel{
		ID: id, Type: "stat", Title: "Panel", Description: "What it shows.", GridPos: at,
		Targets: []dashboards.Target{{RefID: "A", Expr: expr}},
	}
}

func TestCheck(t *testing.T) {
	left, right := dashboards.GridPos{W: 12, H: 4}, dashboards.GridPos{W: 12, H: 4, X: 12}
	untitled := panel(1, left, "up")
	untitled.Title = ""
	silent := panel(1, left, "up")
	silent.Description = ""
	for name, tc := range map[string]struct {
		board dashboards.Dashboard
		wrong string
	}{
		"nothing wrong":      {board(panel(1, left, "up"), panel(2, right, "sum(rate(hits_total[5m]))")), ""},
		"not PromQL":         {board(panel(1, left, "sum(up")), "unclosed left parenthesis"},
		"unknown metric":     {board(panel(1, left, "up + down")), "there is no metric down"},
		"no metric named":    {board(panel(1, left, `{job="a"}`)), "names no metric"},
		"unknown variable":   {board(panel(1, left, `up{job="$job"}`)), "$job is not a variable"},
		"id twice":           {board(panel(1, left, "up"), panel(1, right, "up")), "both have id 1"},
		"overlap":            {board(panel(1, left, "up"), panel(2, left, "up")), "overlap"},
		"beyond the grid":    {board(panel(1, dashboards.GridPos{W: 13, H: 4, X: 12}, "up")), "not on the grid"},
		"without a title":    {board(untitled), "has no title"},
		"without a sentence": {board(silent), "needs a description"},
	} {
		t.Run(name, func(t *testing.T) {
			err := boardtest.Check(tc.board, []string{"up", "hits_total"})
			if tc.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.wrong)
		})
	}
}

func TestMetrics(t *testing.T) {
	names, err := boardtest.Metrics(`sum(b_total{x="1"}) / on () group_left () max(a) or b_total`)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b_total"}, names)
}
