package web

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/changes"
)

func TestWhatChangedBefore(t *testing.T) {
	c := newClient(t)
	c.memory.changes = []changes.Change{
		{Key: "1", Sender: "wardround", System: "postgresql", Kind: "settings", Scope: changes.Scope{Target: "main"}, Started: now.Add(-time.Minute), Finished: now.Add(-time.Minute), Outcome: changes.Observed},
		{Key: "2", Sender: "argo", System: "argo-cd", Kind: "release", Subject: "odoo", Revision: "18.0.3.2", Scope: changes.Scope{All: true}, Started: now.Add(-time.Hour), Outcome: changes.Started, Rollback: true, Link: "https://x.test/2"},
	}
	ask := func(query string) (answer ChangesJSON) {
		require.NoError(t, json.Unmarshal(c.get("/api/v1/changes"+query).Body.Bytes(), &answer))
		return answer
	}
	answer := ask("")
	require.Equal(t, asked{"", answer.Before, 24 * time.Hour}, c.memory.asked)
	require.Len(t, answer.Changes, 2)
	require.Equal(t, "main", *answer.Changes[0].Target)
	require.Nil(t, answer.Changes[0].Subject)
	require.Equal(t, "odoo", *answer.Changes[1].Subject)
	require.Nil(t, answer.Changes[1].FinishedAt, "it is under way")
	require.True(t, answer.Changes[1].Platform)
	require.Equal(t, c.state.At.UTC().Truncate(time.Second), answer.Before, "now, if nothing is said")
	require.Equal(t, "wardround", answer.Changes[0].ReportedBy)
	require.Nil(t, answer.Changes[0].Link)
	require.Equal(t, "https://x.test/2", *answer.Changes[1].Link)
	require.Equal(t, []bool{false, true}, []bool{answer.Changes[0].Rollback, answer.Changes[1].Rollback})
	tenant, then := c.state.Tenants[0].Name, time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	answer = ask("?tenant=" + tenant + "&before=2026-11-01T02:00:00Z&within=2h&limit=1")
	require.Equal(t, asked{tenant, then, 2 * time.Hour}, c.memory.asked)
	require.Equal(t, then.Add(-2*time.Hour), answer.From)
	require.Len(t, answer.Changes, 1)
	require.True(t, answer.Cut)
	for _, query := range []string{"tenant=nobody", "within=a+week", "within=0s", "within=500d", "before=noon", "who=me"} {
		require.Equal(t, http.StatusBadRequest, c.get("/api/v1/changes?"+query).Code, query)
	}

	page := askPage(c, "/tenants/"+tenant)
	require.Equal(t, asked{tenant, c.state.At, lately}, c.memory.asked)
	require.Contains(t, page, "release odoo 18.0.3.2 by argo-cd")
	c.memory.changes = nil
	require.Contains(t, askPage(c, "/tenants/"+tenant), "Nothing that is known of.")
}

func askPage(c *client, path string) string {
	return ask(c.handler, http.MethodGet, path).Body.String()
}
