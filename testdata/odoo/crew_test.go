package odoo_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/odoo"
)

func TestCrewKeepsTheHealthyHealthyAndTheSickSick(t *testing.T) {
	const soonDue = "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '2 seconds' WHERE cron_name LIKE 'Jobs Garbage%'"
	healthy, old := seed(t, odoo.Series18, odoo.FailingCron), seed(t, odoo.Series17)
	late, blocked := seed(t, odoo.Series18, odoo.OverdueCron), seed(t, odoo.Series18, odoo.ToUpgrade)
	piling := seed(t, odoo.Series18, odoo.StuckJob)
	for _, db := range []string{healthy, old, late, blocked} {
		require.NoError(t, cluster.Exec(t.Context(), db, soonDue))
	}
	require.NoError(t, cluster.Exec(t.Context(), healthy,
		"UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '2 seconds' WHERE failure_count = 4"))

	ctx, leave := context.WithCancel(t.Context())
	crew := odoo.NewCrew(odoo.CrewOptions{
		DSN:   func(db string) string { return cluster.DSN(odoo.Owner, db) },
		Every: 50 * time.Millisecond, KeepAlive: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Tenants: []odoo.CrewTenant{
			{Database: healthy, Series: odoo.Series18},
			{Database: old, Series: odoo.Series17},
			{Database: late, Series: odoo.Series18},
			{Database: blocked, Series: odoo.Series18},
			{Database: piling, Series: odoo.Series18, MailPiles: true, InvoicesPile: true, NoRunner: true},
		},
	})
	var work conc.WaitGroup
	work.Go(func() { crew.Run(ctx) })
	defer work.Wait()
	defer leave()

	becomes := func(db, sql, want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			v, err := cluster.Value(t.Context(), db, sql)
			return err == nil && v == want
		}, time.Minute, 50*time.Millisecond, "%s: %s", sql, want)
	}
	becomes(healthy, due, "0")
	becomes(healthy, "SELECT max(failure_count) FROM ir_cron", "5")
	becomes(old, due, "0")
	becomes(late, due, "1")
	becomes(piling, "SELECT count(*) > 2 FROM mail_mail WHERE state = 'outgoing'", "true")
	becomes(piling, "SELECT count(*) > 41 FROM queue_job WHERE state = 'pending'", "true")
	require.Equal(t, "1", value(t, blocked, due), "Odoo skips it")

	const runners = `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'odoo-%' AND query IN ('SELECT 1', 'LISTEN queue_job')`
	becomes(healthy, runners, "1")
	require.Equal(t, "0", value(t, piling, runners))
	becomes("postgres", `SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND application_name LIKE 'odoo-%'`, "1")
}
