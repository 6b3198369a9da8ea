package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestReloadOfWhatIsNotVisited changes what no visit asks for: a sender's token, where alerts go, and
// what is promised of rehearsals.
func TestReloadOfWhatIsNotVisited(t *testing.T) {
	t.Parallel()
	s := newStage(t, "turned", patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}})
	s.extra = "changes: {senders: [{name: desk, kind: generic, token: " + token + "}]}"
	d := s.start().ready()
	report := func(with string) int {
		status, _ := d.send(http.MethodPost, "/api/v1/changes/generic", fmt.Sprintf(
			`{"id": "release", "kind": "release", "tenants": ["turned_cedar"], "started": %q, "outcome": "started"}`, time.Now().UTC().Format(time.RFC3339)),
			"Authorization", "Bearer "+with)
		return status
	}
	require.Equal(t, http.StatusOK, report(token))
	due := func() bool { return d.page().has("backup_rehearsal_due_timestamp_seconds", "tenant", "turned_cedar") }
	eventually(t, "rehearsals are promised, although there are no backups", due)
	require.Equal(t, 1, s.entries("config_reloaded", `"accepted":true`))

	var told atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if text, err := io.ReadAll(r.Body); err == nil && r.URL.Path == "/api/v2/alerts" && strings.Contains(string(text), "turned_cedar") {
			told.Store(true)
		}
	}))
	t.Cleanup(elsewhere.Close)
	s.replace("http://"+s.alertmanager, elsewhere.URL)
	s.replace(", restore_rehearsal: 90d", "")
	s.replace(", restore_rehearsal: 30d", "")
	s.extra = strings.Replace(s.extra, token, "another-"+token, 1)
	s.configure()
	require.NoError(t, d.Reload())
	require.Equal(t, 2, s.entries("config_reloaded", `"accepted":true`))
	require.Equal(t, http.StatusUnauthorized, report(token))
	require.Equal(t, http.StatusOK, report("another-"+token))
	eventually(t, "alerts go there", told.Load)
	eventually(t, "nothing is promised any more", func() bool { return !due() })
}

// TestACopyThatIsIncluded is watched as any tenant, because the configuration says so.
func TestACopyThatIsIncluded(t *testing.T) {
	t.Parallel()
	s := newStage(t, "included", patient{name: "stage", series: seeds.Series18, troubles: []seeds.Trouble{seeds.Neutralized}})
	s.replace("      expected_base_version", "      staging: include\n      expected_base_version")
	d := s.start().ready()
	eventually(t, "promises are judged", func() bool { return d.page().has("slo_status", "tenant", "included_stage") })
}
