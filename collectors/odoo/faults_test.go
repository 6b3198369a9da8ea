package odoo

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// locking holds the locks that sql takes until the test ends.
func locking(t *testing.T, w *ward, sql string) {
	t.Helper()
	conn, err := server.Connect(t.Context(), seeds.Owner, w.name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	_, err = conn.PgConn().Exec(t.Context(), "BEGIN").ReadAll()
	require.NoError(t, err)
	_, err = conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err)
}

func TestLockedTable(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.MailBacklog)
	w.collect(t)
	w.exec(t, "UPDATE ir_cron SET priority = 1")
	locking(t, w, "LOCK TABLE ir_cron IN ACCESS EXCLUSIVE MODE")
	fastest := time.Hour // a busy machine delays one, waiting twice would delay all
	for range 4 {
		began := time.Now()
		b := w.collect(t)
		fastest = min(fastest, time.Since(began))
		require.Equal(t, map[string]string{"crons": "locked"}, unavailable(b))
		require.Equal(t, []string{"mail_delayed"}, findings(b))
		require.Zero(t, value(t, b, "odoo_jobs_stuck"))
		absent(t, b, "odoo_crons")
		require.False(t, w.Unchanged(time.Now()), "it is to be asked again")
	}
	require.Less(t, fastest, 600*time.Millisecond, "the lock timeout is 200 ms, once")
	require.Equal(t, "crons", w.askedLast(t), "what failed is asked last")
}

// Whether a scheduled task is due is not known without its triggers.
func TestLockedTriggers(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	w.exec(t, "INSERT INTO ir_cron_trigger (cron_id, call_at) SELECT min(id), now() AT TIME ZONE 'utc' - interval '1 hour' FROM ir_cron WHERE active")
	locking(t, w, "LOCK TABLE ir_cron_trigger IN ACCESS EXCLUSIVE MODE")
	for range 2 {
		b := w.collect(t)
		require.Equal(t, map[string]string{"triggers": "locked", "crons": "locked"}, unavailable(b))
		absent(t, b, "odoo_cron_oldest_overdue_timestamp_seconds")
	}
}

// A staging copy whose parameters are locked is a staging copy still.
func TestLockedParameters(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.Neutralized, seeds.OverdueCron)
	w.collect(t)
	w.exec(t, "UPDATE ir_config_parameter SET value = value; UPDATE ir_module_module SET state = state")
	locking(t, w, "LOCK TABLE ir_config_parameter, ir_module_module IN ACCESS EXCLUSIVE MODE")
	b := w.collect(t)
	require.Equal(t, map[string]string{"identity": "locked", "modules": "locked"}, unavailable(b))
	require.Equal(t, []string{"staging_copy"}, findings(b))
	require.Equal(t, 1.0, value(t, b, "odoo_tenant_info", "series", "18.0", "neutralized", "true"))
}

// askedLast is the name of the group that would be asked last now.
func (w *ward) askedLast(t *testing.T) string {
	t.Helper()
	questions := w.choose(w.reading())
	return questions[len(questions)-1].name
}

func TestPermissionDenied(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.MailBacklog)
	w.collect(t)
	w.exec(t, "REVOKE ALL ON queue_job FROM wardround; REVOKE SELECT (id, state, channel, date_created) ON queue_job FROM wardround; DELETE FROM queue_job")
	for range 3 { // the first learns of it from the statement, the others from the schema
		b := w.collect(t)
		require.Equal(t, map[string]string{"jobs": "permission"}, unavailable(b))
		require.Equal(t, []string{"mail_delayed"}, findings(b))
		absent(t, b, "odoo_jobs_stuck")
	}
	w.exec(t, Grants(role))
	w.schema.learnt = time.Now().Add(-relearnLacking)
	require.Empty(t, unavailable(w.collect(t)))
}

func TestMissingColumn(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	w.exec(t, "ALTER TABLE mail_mail DROP COLUMN failure_type; ALTER TABLE ir_cron DROP COLUMN interval_type; UPDATE ir_cron SET active = active")
	delete(w.kept, "mail")
	b := w.collect(t)
	require.Equal(t, map[string]string{"crons": "missing", "mail": "missing"}, unavailable(b))
	b = w.collect(t)
	require.Equal(t, map[string]string{"crons": "missing"}, unavailable(b), "mail can do without")
	require.Zero(t, value(t, b, "odoo_mails", "state", "outgoing"))
}

func TestAddonAppearsAndGoes(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, "ALTER TABLE queue_job RENAME TO queue_job_away")
	b := w.collect(t)
	require.Empty(t, unavailable(b), "an addon that is not installed is nothing to report")
	absent(t, b, "odoo_jobs")
	w.exec(t, "ALTER TABLE queue_job_away RENAME TO queue_job")
	w.schema.learnt = time.Now().Add(-relearnAfter)
	require.Zero(t, value(t, w.collect(t), "odoo_jobs_stuck"))
}

func TestNothingGranted(t *testing.T) {
	w := ungranted(t, seeds.Series18)
	b := w.collect(t)
	denied := map[string]string{}
	for _, g := range groups() {
		if installed, _ := w.schema.lacks(g); installed && !g.compat {
			denied[g.name] = "permission"
		}
	}
	delete(denied, "tables") // anybody may read statistics
	delete(denied, "strangers")
	require.Subset(t, slices.Collect(maps.Keys(denied)), []string{"sequences", "identity", "modules", "crons", "jobs", "mail", "mail_in"})
	require.Equal(t, denied, unavailable(b))
	require.Equal(t, 1.0, value(t, b, "odoo_tenant_info", "series", "", "neutralized", "", "database", w.name))
}

func TestWithoutMonitorRole(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.StuckJob)
	require.NoError(t, server.Exec(t.Context(), "", "REVOKE pg_monitor FROM wardround"))
	defer func() { require.NoError(t, server.Exec(t.Context(), "", "GRANT pg_monitor TO wardround")) }()
	b := w.collect(t)
	require.Equal(t, map[string]string{"job_runner": "permission"}, unavailable(b))
	require.NotContains(t, findings(b), "job_runner_missing", "what cannot be seen is not missing")
}

func TestNotOdoo(t *testing.T) {
	w := visiting(t, server.DatabaseForTest(t, ""))
	b := w.collect(t)
	require.Equal(t, map[string]string{"odoo": "missing"}, unavailable(b))
	require.False(t, w.Identity().Odoo)
}

func TestDatabaseDroppedMidVisit(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	w.cluster.in = func() {
		require.NoError(t, server.Exec(t.Context(), "", "DROP DATABASE "+w.name+" WITH (FORCE)"))
	}
	err := w.Collect(t.Context(), w.builder())
	require.Error(t, err)
	require.Contains(t, []collectors.Reason{collectors.ReasonUnreachable, collectors.ReasonGone}, collectors.ReasonOf(err))
	w.cluster.in = nil
	require.Equal(t, collectors.ReasonGone, collectors.ReasonOf(w.Collect(t.Context(), w.builder())))
}

func TestSeriesChanges(t *testing.T) {
	w := seeded(t, seeds.Series17)
	w.collect(t)
	w.exec(t, `UPDATE ir_module_module SET latest_version = '18.0.1.3' WHERE name = 'base';
		ALTER TABLE ir_cron ADD failure_count int DEFAULT 2, ADD first_failure_date timestamp; `+Grants(role))
	absent(t, w.collect(t), "odoo_crons_failing")
	require.Equal(t, 22.0, value(t, w.collect(t), "odoo_crons_failing"), "the schema was learnt anew")
}

// A visit is two round trips, what was written and what that may have changed, or one where that is
// nothing; and there is no connection to the tenant between visits.
func TestRoundTrips(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.cluster.runners = 1
	w.collect(t)
	w.collect(t)
	open, err := server.Value(t.Context(), "", "SELECT count(*) FROM pg_stat_activity WHERE datname = '"+w.name+"'")
	require.NoError(t, err)
	require.Equal(t, "0", open)
	clocks, err := server.Value(t.Context(), "", "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE '%set_config(%' AND dbid = (SELECT oid FROM pg_database WHERE datname = '"+w.name+"')")
	require.NoError(t, err)
	require.Equal(t, "2", clocks, "the schema is learnt once, and the second visit finds nothing written")
}

// What posts itself is not told where the column that says so is not granted; drafts are.
func TestUngrantedColumnThatIsWanted(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	w.exec(t, "REVOKE SELECT (auto_post) ON account_move FROM wardround")
	b := w.collectAll(t, time.Now())
	require.Equal(t, map[string]string{"entries": "permission"}, unavailable(b))
	require.Positive(t, value(t, b, "odoo_backlog", "work", "invoice_draft"))
}
