package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// TestAlertsNameWhatChangedBefore reports a release to a tenant whose promise is then broken.
func TestAlertsNameWhatChangedBefore(t *testing.T) {
	t.Parallel()
	s := newStage(t, "change", patient{name: "north", series: seeds.Series18}, patient{name: "cedar", series: seeds.Series18})
	s.extra = "changes: {senders: [{name: desk, kind: generic, token: " + token + "}]}"
	d := s.start().ready()
	now := time.Now().UTC()
	status, answer := d.send(http.MethodPost, "/api/v1/changes/generic", fmt.Sprintf(
		`{"id": "release-7", "kind": "release", "tenants": ["change_cedar"], "revision": "18.0.3.2", "system": "desk", "started": %q, "finished": %q, "outcome": "succeeded"}`,
		now.Add(-4*time.Minute).Format(time.RFC3339), now.Add(-3*time.Minute).Format(time.RFC3339)), "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusOK, status, answer)
	status, answer = d.send(http.MethodPost, "/api/v1/changes/generic", "{}")
	require.Equal(t, http.StatusUnauthorized, status, answer)
	status, answer = d.send(http.MethodPost, "/api/v1/changes/subversion", "{}")
	require.Equal(t, http.StatusNotFound, status, answer)

	s.exec("cedar", "UPDATE ir_cron SET nextcall = now() at time zone 'utc' - interval '3 hours' WHERE id = (SELECT min(id) FROM ir_cron WHERE active)")
	s.stir("cedar")
	eventually(t, "the alert says what changed before", func() bool {
		for _, a := range alerts(t) {
			if a.Labels["tenant"] == "change_cedar" && a.Labels["severity"] == "page" {
				return a.Annotations["suspected_change"] != ""
			}
		}
		return false
	})
	for tenant, want := range map[string]int{"change_cedar": 1, "change_north": 0} {
		var answer struct{ Changes []struct{ Revision string } }
		d.json("/api/v1/changes?tenant="+tenant+"&within=5m", &answer)
		answer.Changes = slices.DeleteFunc(answer.Changes, func(c struct{ Revision string }) bool { return c.Revision != "18.0.3.2" })
		require.Len(t, answer.Changes, want, tenant)
	}
	_, page := fetch(t, http.MethodGet, d.url+"/tenants/change_cedar")
	require.Contains(t, page, "release 18.0.3.2 by desk")
	eventually(t, "it is counted", func() bool {
		return d.page().is(1, "change_outcomes_total", "tenant", "change_cedar", "outcome", "succeeded")
	})
}

// TestChangesSeenByOurselves updates a module and sets a server differently, and is told of nobody.
func TestChangesSeenByOurselves(t *testing.T) {
	t.Parallel()
	s := newStage(t, "seen", patient{name: "north", series: seeds.Series18}, patient{name: "cedar", series: seeds.Series18})
	store := platform.RedisForTest(t, platform.RedisOptions{})
	s.redis = store.Addr()
	d := s.start().ready()
	eventually(t, "what is there was learned", func() bool {
		return d.page().is(1, "redis_up", "target", "seen-cache") && d.page().has("odoo_tenant_info", "tenant", "seen_cedar")
	})
	require.False(t, d.page().has("change_observed_total", "tenant", "seen_cedar"), "there is nothing to compare it with")
	cli := redis.NewClient(&redis.Options{Addr: store.Addr()})
	t.Cleanup(func() { require.NoError(t, cli.Close()) })
	require.NoError(t, cli.ConfigSet(t.Context(), "maxmemory", "50mb").Err())
	s.exec("cedar", "UPDATE ir_module_module SET latest_version = '18.0.9.9' WHERE name = 'account'")
	s.stir("cedar")
	eventually(t, "both are on record", func() bool {
		p := d.page()
		return p.is(1, "change_observed_total", "tenant", "seen_cedar", "kind", "modules") &&
			p.is(1, "change_observed_total", "kind", "settings")
	})
	require.False(t, d.page().has("change_observed_total", "tenant", "seen_north", "kind", "modules"))
	var answer struct {
		Changes []struct{ Kind, System, Target string }
	}
	d.json("/api/v1/changes", &answer)
	require.Contains(t, answer.Changes, struct{ Kind, System, Target string }{"settings", "redis", "seen-cache"})
}
