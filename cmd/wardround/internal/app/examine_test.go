package app_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/collectors/odoo"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// disown takes from the role all that it may do in tenants' databases, and with the database postgres.
func (s *stage) disown(names ...string) {
	s.t.Helper()
	granting.Lock()
	defer granting.Unlock()
	for _, name := range names {
		s.exec(name, "DROP OWNED BY "+pgx.Identifier{s.role}.Sanitize())
	}
}

// TestExamine asks what a role lacks, runs the SQL that it was told, and asks again.
func TestExamine(t *testing.T) {
	t.Parallel()
	s := newStage(t, "examine",
		patient{name: "north", series: seeds.Series18, listed: true},
		patient{name: "south", series: seeds.Series17},
		patient{name: "elm", series: seeds.Series18},
	)
	s.unhurried()
	s.disown("south", "elm")
	file, logger := s.configure(), slog.New(slog.DiscardHandler)
	found, err := app.Examine(t.Context(), file, logger)
	require.NoError(t, err)
	require.True(t, found.Failed())
	require.NotEmpty(t, found.Problems)
	var where []string
	for _, p := range found.Problems {
		require.Equal(t, odoo.Grants(s.role), p.SQL)
		require.Contains(t, strings.Join(p.What, " "), "ir_cron")
		where = append(where, p.Where)
	}
	require.NotContains(t, strings.Join(where, " "), "examine_north")
	require.Contains(t, strings.Join(where, " "), "examine_south")
	require.Contains(t, strings.Join(where, " "), "examine_elm")

	for _, name := range []string{"south", "elm"} {
		s.exec(name, found.Problems[0].SQL)
	}
	found, err = app.Examine(t.Context(), file, logger)
	require.NoError(t, err)
	require.Empty(t, found.Problems)
	require.False(t, found.Failed(), "%v", found.Visits)

	granting.Lock()
	err = primary.Exec(t.Context(), "", "REVOKE pg_monitor FROM "+pgx.Identifier{s.role}.Sanitize())
	granting.Unlock()
	require.NoError(t, err)
	s.extra = "objectives: {files: [elsewhere.yaml]}\nsources: [{name: elsewhere, url: 'http://" + s.alertmanager + "'}]"
	s.write("elsewhere.yaml", `
name: seen-elsewhere
question: healthy
title: Partners are answered
indicator:
  source: elsewhere
  events: {bad: 'partner_requests_total{code="500"}', total: partner_requests_total}
targets: 99%
`)
	found, err = app.Examine(t.Context(), s.configure(), logger)
	require.NoError(t, err)
	where = nil
	for _, p := range found.Problems {
		where = append(where, p.Where)
	}
	require.Contains(t, where, "examine-main", "what the role lacks in the cluster")
	require.Contains(t, where, "objective seen-elsewhere, source elsewhere")
}

// TestLook makes one round of everything: well, then with a server that is down.
func TestLook(t *testing.T) {
	t.Parallel()
	s := newStage(t, "look",
		patient{name: "north", series: seeds.Series18, listed: true},
		patient{name: "south", series: seeds.Series17, troubles: []seeds.Trouble{seeds.Canaries}},
	)
	s.unhurried()
	cache := s.wire(&s.redis)
	survey, err := app.Look(t.Context(), s.configure(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	var keys []string
	for _, v := range survey.Visits {
		require.NoError(t, v.Err)
		if v.Key.Collector != "odoo_fleet" { // it has nothing to say where no database is another's copy
			require.Positive(t, v.Samples, v.Key)
		}
		keys = append(keys, v.Key.String())
	}
	require.ElementsMatch(t, []string{
		"postgres/look-main", "postgres_use/look-main", "postgres_sizes/look-main", "postgres/look-standby", "redis/look-cache", "odoo_login/look-web", "odoo_fleet/look-main",
		"odoo/look-main/look_north", "odoo/look-main/look_south", "odoo_login/look-web/look_north", "odoo_login/look-web/look_south",
	}, keys)
	var text strings.Builder
	require.NoError(t, survey.WriteText(&text))
	require.Contains(t, text.String(), `odoo_tenant_info{target="look-main",tenant="look_south"`)
	require.NotContains(t, text.String(), seeds.Canary)

	cache.Cut()
	survey, err = app.Look(t.Context(), s.configure(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	for _, v := range survey.Visits {
		require.Equal(t, v.Key.Collector == "redis", v.Err != nil, "%s: %v", v.Key, v.Err)
	}
}
