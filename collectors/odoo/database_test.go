package odoo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// ago checks a moment against how long ago it should be.
func ago(t *testing.T, want time.Duration, at float64) {
	t.Helper()
	require.InDelta(t, want.Seconds(), float64(time.Now().Unix())-at, 60)
}

func TestHealthyTenant(t *testing.T) {
	for _, series := range []seeds.Series{seeds.Series17, seeds.Series18} {
		t.Run(string(series), func(t *testing.T) {
			w := seeded(t, series)
			b := w.collect(t)
			require.Empty(t, b.Findings)
			require.Empty(t, unavailable(b))
			require.Equal(t, 1.0, value(t, b, "odoo_tenant_info", "tier", "dedicated", "region", "eu-west",
				"series", string(series)+".0", "version", string(series)+".0.1.3", "neutralized", "false", "database", w.name))
			require.Equal(t, 22.0, value(t, b, "odoo_crons", "state", "active"))
			require.Equal(t, 2.0, value(t, b, "odoo_crons", "state", "disabled"))
			require.Zero(t, value(t, b, "odoo_crons", "state", "due"))
			require.Zero(t, value(t, b, "odoo_cron_oldest_overdue_timestamp_seconds"))
			require.Zero(t, value(t, b, "odoo_crons_blocked"))
			require.Zero(t, value(t, b, "odoo_job_oldest_runnable_timestamp_seconds"))
			require.Zero(t, value(t, b, "odoo_jobs_stuck"))
			require.Zero(t, value(t, b, "odoo_mail_oldest_outgoing_timestamp_seconds"))
			require.Zero(t, value(t, b, "odoo_job_runner_present"))
			if series == seeds.Series17 {
				absent(t, b, "odoo_crons_failing")
			} else {
				require.Zero(t, value(t, b, "odoo_crons_failing"))
			}
			require.Equal(t, Identity{
				Odoo: true, Version: string(series) + ".0.1.3", Series: string(series) + ".0", Known: true,
				Fingerprint: w.Identity().Fingerprint, modules: w.Identity().modules,
			}, w.Identity())
			require.Len(t, w.Identity().Fingerprint, 16)
		})
	}
}

func TestTroubles(t *testing.T) {
	for _, tc := range []struct {
		trouble  seeds.Trouble
		series   []seeds.Series
		findings []string
		check    func(*testing.T, *collectors.Batch)
	}{
		{seeds.OverdueCron, nil, []string{"cron_overdue"}, func(t *testing.T, b *collectors.Batch) {
			ago(t, 3*time.Hour, value(t, b, "odoo_cron_oldest_overdue_timestamp_seconds"))
			ago(t, 3*time.Hour, value(t, b, "odoo_cron_due_timestamp_seconds", "cron", "clinic.ir_cron_lab_results"))
			require.Equal(t, 1.0, value(t, b, "odoo_crons", "state", "overdue"))
			require.Equal(t, "1 scheduled task is overdue; clinic.ir_cron_lab_results should have run 3 h 0 min ago.", text(b, "cron_overdue"))
		}},
		{seeds.FailingCron, []seeds.Series{seeds.Series18}, []string{"cron_failing"}, func(t *testing.T, b *collectors.Batch) {
			require.Equal(t, 1.0, value(t, b, "odoo_crons_failing"))
			require.Equal(t, 4.0, value(t, b, "odoo_cron_failures", "cron", "clinic.ir_cron_claims_export"))
			ago(t, 9*time.Hour, value(t, b, "odoo_cron_first_failure_timestamp_seconds", "cron", "clinic.ir_cron_claims_export"))
			require.Equal(t, "1 scheduled task is failing; clinic.ir_cron_claims_export failed 4 times in a row, first 9 h 0 min ago.", text(b, "cron_failing"))
		}},
		{seeds.StuckJob, nil, []string{"channel_blocked", "job_stuck", "job_runner_missing"}, func(t *testing.T, b *collectors.Batch) {
			require.Equal(t, 1.0, value(t, b, "odoo_jobs_stuck"))
			require.Equal(t, 39.0, value(t, b, "odoo_jobs", "channel", "root.invoice", "state", "pending"))
			require.Equal(t, 1.0, value(t, b, "odoo_jobs", "channel", "root.invoice", "state", "started"))
			require.Equal(t, 1.0, value(t, b, "odoo_job_channel_blocked", "channel", "root.invoice"))
			require.Zero(t, value(t, b, "odoo_job_channel_blocked", "channel", "root"))
			ago(t, 5*time.Hour-7*time.Minute, value(t, b, "odoo_job_oldest_runnable_timestamp_seconds"))
			require.Equal(t, "Dead jobs fill the job channel root.invoice; 39 jobs are waiting.", text(b, "channel_blocked"))
		}},
		{seeds.MailBacklog, nil, []string{"mail_delayed"}, func(t *testing.T, b *collectors.Batch) {
			ago(t, 4*time.Hour, value(t, b, "odoo_mail_oldest_outgoing_timestamp_seconds"))
			require.Equal(t, 240.0, value(t, b, "odoo_mails", "state", "outgoing"))
			require.Equal(t, 12.0, value(t, b, "odoo_mails", "state", "exception"))
			require.Equal(t, 12.0, value(t, b, "odoo_mail_exceptions", "failure_type", "mail_smtp"))
		}},
		{seeds.ToUpgrade, nil, []string{"crons_blocked"}, func(t *testing.T, b *collectors.Batch) {
			require.Equal(t, 1.0, value(t, b, "odoo_crons_blocked"))
			require.Equal(t, 2.0, value(t, b, "odoo_modules_pending", "state", "to_upgrade"))
		}},
		{seeds.WrongBaseVersion, nil, []string{"crons_blocked"}, func(t *testing.T, b *collectors.Batch) {
			require.Equal(t, 1.0, value(t, b, "odoo_crons_blocked"))
		}},
		{seeds.Neutralized, nil, []string{"staging_copy"}, func(t *testing.T, b *collectors.Batch) {
			require.Equal(t, 1.0, value(t, b, "odoo_tenant_info", "neutralized", "true"))
			require.Len(t, b.Families, 3, "nothing but who it is, its fingerprint, and the finding")
		}},
	} {
		series := tc.series
		if series == nil {
			series = []seeds.Series{seeds.Series17, seeds.Series18}
		}
		for _, s := range series {
			t.Run(fmt.Sprintf("%s in %s", tc.trouble, s), func(t *testing.T) {
				b := seeded(t, s, tc.trouble).collect(t)
				require.Equal(t, tc.findings, findings(b))
				require.Empty(t, unavailable(b))
				tc.check(t, b)
			})
		}
	}
}

func TestStagingCopyCanBeIncluded(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.Neutralized)
	w.config.Staging = StagingInclude
	b := w.collect(t)
	require.Equal(t, 1.0, value(t, b, "odoo_crons", "state", "active"))
	require.Equal(t, "This is a neutralized staging copy.", text(b, "staging_copy"))
}

// What was learnt before stands in for the database's own word only where that cannot be had.
func TestTenantKnownAsStaging(t *testing.T) {
	known := func(w *ward) collectors.Tenant {
		return collectors.Tenant{Name: "north", Postgres: "main", Database: w.name, Staging: true}
	}
	t.Run("and not to be asked", func(t *testing.T) {
		w := ungranted(t, seeds.Series18, seeds.OverdueCron)
		register(t, w.tenants, known(w))
		b := w.collect(t)
		require.Equal(t, []string{"staging_copy"}, findings(b))
		require.Equal(t, 1.0, value(t, b, "odoo_tenant_info", "neutralized", "true"))
	})
	t.Run("and no longer neutralized", func(t *testing.T) {
		w := seeded(t, seeds.Series18, seeds.OverdueCron, seeds.Neutralized)
		require.Equal(t, 1.0, value(t, w.collect(t), "odoo_tenant_info", "neutralized", "true"))
		register(t, w.tenants, known(w))
		w.collect(t)
		w.exec(t, `DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'`)
		b := w.collect(t)
		require.Equal(t, 1.0, value(t, b, "odoo_tenant_info", "neutralized", "false"))
		require.NotContains(t, findings(b), "staging_copy")
		require.False(t, w.Unchanged(time.Now()), "the rest is still to be asked")
		require.Positive(t, value(t, w.collect(t), "odoo_crons", "state", "disabled"))
	})
}

func TestDeactivatedCron(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.FailingCron)
	require.Zero(t, value(t, w.collect(t), "odoo_crons_deactivated_total"))
	w.exec(t, `UPDATE ir_cron SET active = false, failure_count = 0, first_failure_date = NULL WHERE failure_count > 0`)
	for range 2 {
		b := w.collect(t)
		require.Equal(t, 1.0, value(t, b, "odoo_crons_deactivated_total"))
		require.Equal(t, []string{"cron_deactivated"}, findings(b))
		require.Equal(t, collectors.Warning, b.Findings[0].Severity)
		require.Contains(t, b.Findings[0].Text, "clinic.ir_cron_claims_export after failures")
	}
	w.exec(t, `UPDATE ir_cron SET active = true`)
	b := w.collect(t)
	require.Empty(t, b.Findings)
	require.Equal(t, 1.0, value(t, b, "odoo_crons_deactivated_total"))
}

func TestSomebodyTurnsACronOff(t *testing.T) {
	w := seeded(t, seeds.Series17)
	w.collect(t)
	w.exec(t, `UPDATE ir_cron SET active = false WHERE cron_name = 'Nightly figures'`)
	b := w.collect(t)
	require.Equal(t, collectors.Info, b.Findings[0].Severity)
	require.Regexp(t, `user_cron_\d+, `, b.Findings[0].Text)
}

func TestOneShotCronEnds(t *testing.T) {
	w := seeded(t, seeds.Series17)
	w.collect(t)
	w.exec(t, `UPDATE ir_cron SET active = false, numbercall = 0 WHERE cron_name = 'Nightly figures'`)
	require.Empty(t, w.collect(t).Findings)
}

func TestTriggersMakeCronsDue(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `INSERT INTO ir_cron_trigger (cron_id, call_at)
		SELECT id, now() AT TIME ZONE 'utc' - interval '10 minutes' FROM ir_cron WHERE cron_name = 'HL7: pull lab results'`)
	b := w.collect(t)
	ago(t, 10*time.Minute, value(t, b, "odoo_cron_oldest_overdue_timestamp_seconds"))
	require.Equal(t, 1.0, value(t, b, "odoo_crons", "state", "due"))
	require.Zero(t, value(t, b, "odoo_crons", "state", "overdue"), "its interval is 15 minutes")
}

func TestRunningCron(t *testing.T) {
	due := `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' - interval '1 minute' WHERE cron_name = 'HL7: pull lab results'`
	t.Run("18 by its progress", func(t *testing.T) {
		w := seeded(t, seeds.Series18)
		w.exec(t, due+`; INSERT INTO ir_cron_progress (cron_id, timed_out_counter, create_date)
			SELECT id, 1, now() AT TIME ZONE 'utc' - interval '2 hours' FROM ir_cron WHERE cron_name = 'HL7: pull lab results'`)
		b := w.collect(t)
		require.Equal(t, 1.0, value(t, b, "odoo_crons", "state", "running"))
		ago(t, 2*time.Hour, value(t, b, "odoo_cron_oldest_running_timestamp_seconds"))
		ago(t, 2*time.Hour, value(t, b, "odoo_cron_running_since_timestamp_seconds", "cron", "clinic.ir_cron_lab_results"))
		require.Contains(t, text(b, "cron_running_long"), "clinic.ir_cron_lab_results has been running for 2 h 0 min")
	})
	t.Run("18 after its worker was killed", func(t *testing.T) {
		w := seeded(t, seeds.Series18)
		w.exec(t, `INSERT INTO ir_cron_progress (cron_id, timed_out_counter, create_date)
			SELECT id, 1, now() AT TIME ZONE 'utc' - interval '2 hours' FROM ir_cron WHERE cron_name = 'HL7: pull lab results'`)
		require.Zero(t, value(t, w.collect(t), "odoo_crons", "state", "running"), "it is not due")
	})
	t.Run("17 by its lock", func(t *testing.T) {
		w := seeded(t, seeds.Series17)
		w.exec(t, due)
		require.Zero(t, value(t, w.collect(t), "odoo_crons", "state", "running"))
		locking(t, w, `SELECT id FROM ir_cron WHERE cron_name = 'HL7: pull lab results' FOR NO KEY UPDATE SKIP LOCKED`)
		b := w.collect(t)
		require.Equal(t, 1.0, value(t, b, "odoo_crons", "state", "running"))
		ago(t, 0, value(t, b, "odoo_cron_oldest_running_timestamp_seconds"))
	})
}

func TestManyCronsInTrouble(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' - interval '100 days' - id * interval '1 hour'`)
	b := w.collect(t)
	shown := 0
	b.Each(func(name string) bool { return name == "odoo_cron_due_timestamp_seconds" }, func(collectors.Series) { shown++ })
	require.Equal(t, 10, shown)
	require.Equal(t, 12.0, value(t, b, "odoo_crons_trouble_not_shown"))
	require.Equal(t, value(t, b, "odoo_cron_oldest_overdue_timestamp_seconds"), value(t, b, "odoo_cron_due_timestamp_seconds", "cron", "user_cron_24"))
}

func TestUnfinishedInstallation(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `UPDATE ir_module_module SET latest_version = NULL WHERE name = 'base'`)
	b := w.collect(t)
	require.Equal(t, 1.0, value(t, b, "odoo_crons_blocked"))
	require.Contains(t, text(b, "crons_blocked"), "base has no version")
}

func TestScheduledMailIsNotLate(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.MailBacklog)
	w.exec(t, `UPDATE mail_mail SET scheduled_date = now() AT TIME ZONE 'utc' + interval '1 day' WHERE state = 'outgoing'`)
	b := w.collect(t)
	require.Zero(t, value(t, b, "odoo_mail_oldest_outgoing_timestamp_seconds"))
	require.Equal(t, 240.0, value(t, b, "odoo_mails", "state", "scheduled"))
	require.Zero(t, value(t, b, "odoo_mails", "state", "outgoing"))
}

func TestScheduledDateAsText(t *testing.T) {
	w := seeded(t, seeds.Series17, seeds.MailBacklog)
	w.exec(t, `ALTER TABLE mail_mail ALTER scheduled_date TYPE varchar;
		UPDATE mail_mail SET scheduled_date = to_char(now() AT TIME ZONE 'utc' - interval '30 minutes', 'YYYY-MM-DD HH24:MI:SS') WHERE state = 'outgoing';
		UPDATE mail_mail SET scheduled_date = 'soon' WHERE id = (SELECT min(id) FROM mail_mail WHERE state = 'outgoing')`)
	w.exec(t, Grants(role))
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	require.Equal(t, 240.0, value(t, b, "odoo_mails", "state", "outgoing"))
}

func TestJobRunnerIsSeen(t *testing.T) {
	for name, sql := range map[string]string{
		"by its listening": "LISTEN queue_job", "by its keep-alive": "SELECT 1", "by its lock": "SELECT pg_advisory_lock(42)",
	} {
		t.Run(name, func(t *testing.T) {
			w := seeded(t, seeds.Series18, seeds.StuckJob)
			conn, err := server.Connect(t.Context(), seeds.Owner, w.name)
			require.NoError(t, err)
			defer conn.Close(t.Context())
			_, err = conn.PgConn().Exec(t.Context(), sql).ReadAll()
			require.NoError(t, err)
			b := w.collect(t)
			require.Equal(t, 1.0, value(t, b, "odoo_job_runner_present"))
			require.Equal(t, []string{"channel_blocked", "job_stuck", "jobs_waiting"}, findings(b))
		})
	}
}

func TestFutureJobsAreNoBacklog(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `INSERT INTO queue_job (uuid, state, channel, retry, date_created, eta)
		VALUES ('a', 'pending', 'root.lab', 2, now() AT TIME ZONE 'utc' - interval '1 hour', now() AT TIME ZONE 'utc' + interval '1 hour')`)
	b := w.collect(t)
	require.Zero(t, value(t, b, "odoo_job_oldest_runnable_timestamp_seconds"))
	require.Empty(t, b.Findings)
}

func TestFailedJobsOfTheLastHour(t *testing.T) {
	w := seeded(t, seeds.Series18)
	require.Zero(t, value(t, w.collect(t), "odoo_jobs_failed_in_window", "channel", "root"), "a failure of three days ago is in the seed")
	w.exec(t, `INSERT INTO queue_job (uuid, state, channel, date_created, date_started)
		SELECT n::text, 'failed', 'root.lab', now() AT TIME ZONE 'utc' - interval '1 day', now() AT TIME ZONE 'utc' - interval '50 minutes'
		FROM generate_series(1, 3) n`)
	require.Equal(t, 3.0, value(t, w.collect(t), "odoo_jobs_failed_in_window", "channel", "root.lab"))
}

func TestTenantThatIsGone(t *testing.T) {
	w := seeded(t, seeds.Series18)
	register(t, w.tenants)
	err := w.Collect(t.Context(), w.builder())
	require.Equal(t, collectors.ReasonGone, collectors.ReasonOf(err))
}
