package odoo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// ended inserts jobs that ended just now, after they waited 20 s and ran for 2.
const ended = `INSERT INTO queue_job (uuid, state, channel, date_created, date_started, date_done, date_cancelled, exec_time, retry, exc_name)
	SELECT '%[1]s' || n, '%[1]s', 'root.lab', u - interval '22 seconds', u - interval '2 seconds',
		CASE '%[1]s' WHEN 'done' THEN u END, CASE '%[1]s' WHEN 'cancelled' THEN u END, CASE '%[1]s' WHEN 'done' THEN 2 END, n, %[3]s
	FROM generate_series(1, %[2]d) n, (SELECT clock_timestamp() AT TIME ZONE 'utc' + interval '3 seconds' AS u) c;`

func TestFinishedJobsAreCountedOnce(t *testing.T) {
	w := seeded(t, seeds.Series18)
	absent(t, w.collect(t), "odoo_jobs_finished_total")
	w.exec(t, fmt.Sprintf(ended, "done", 3, "NULL")+fmt.Sprintf(ended, "failed", 2, "'psycopg2.errors.DeadlockDetected'")+fmt.Sprintf(ended, "cancelled", 1, "NULL"))
	for range 2 {
		b := w.collect(t)
		require.Equal(t, 3.0, value(t, b, "odoo_jobs_finished_total", "channel", "root.lab", "state", "done"))
		require.Equal(t, 2.0, value(t, b, "odoo_jobs_finished_total", "channel", "root.lab", "state", "failed"))
		require.Equal(t, 1.0, value(t, b, "odoo_jobs_finished_total", "channel", "root.lab", "state", "cancelled"))
		require.Equal(t, 2.0, value(t, b, "odoo_job_failures_total", "channel", "root.lab", "exception", "psycopg2.errors.DeadlockDetected"))
		require.Equal(t, 4.0, value(t, b, "odoo_job_retries_total", "channel", "root.lab"), "0+1+2, 0+1 and 0")
		require.Equal(t, 2.0, value(t, b, "odoo_jobs_failed_in_window", "channel", "root.lab"))
		require.Zero(t, bucket(t, b, "odoo_job_wait_seconds", "15.0"))
		require.Equal(t, 6.0, bucket(t, b, "odoo_job_wait_seconds", "60.0"))
		require.Zero(t, bucket(t, b, "odoo_job_execution_seconds", "1.0"))
		require.Equal(t, 3.0, bucket(t, b, "odoo_job_execution_seconds", "5.0"))
	}
	w.exec(t, `DELETE FROM queue_job`)
	require.Equal(t, 3.0, value(t, w.collect(t), "odoo_jobs_finished_total", "state", "done"), "Odoo cleaned up")
	w.exec(t, fmt.Sprintf(ended, "done", 1, "NULL"))
	require.Equal(t, 4.0, value(t, w.collect(t), "odoo_jobs_finished_total", "state", "done"))
}

// Jobs that are made and end between two visits show at the next one, however calm it was before: a
// failure, and the successes by which a promise about jobs is kept again.
func TestJobsThatEndBetweenVisits(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '10 hours'; DELETE FROM queue_job`)
	at := time.Now()
	collect := func() *collectors.Batch {
		at = at.Add(time.Minute)
		b := w.builderAt(at)
		require.NoError(t, w.Collect(t.Context(), b))
		return b.Batch()
	}
	collect()
	collect()
	w.exec(t, fmt.Sprintf(ended, "failed", 1, "'psycopg2.errors.DeadlockDetected'"))
	require.Equal(t, 1.0, value(t, collect(), "odoo_jobs_finished_total", "state", "failed"))
	for range 3 { // which looks back further than the last visit, and finds what was counted again
		require.Equal(t, 1.0, value(t, collect(), "odoo_jobs_finished_total", "state", "failed"))
	}
	w.exec(t, fmt.Sprintf(ended, "done", 3, "NULL"))
	require.Equal(t, 3.0, value(t, collect(), "odoo_jobs_finished_total", "state", "done"))
	at = at.Add(2 * failedWindow)
	b := collect()
	require.Equal(t, 3.0, value(t, b, "odoo_jobs_finished_total", "state", "done"))
	require.Equal(t, 1.0, value(t, b, "odoo_jobs_finished_total", "state", "failed"))
}

func TestFailingAgainCountsAgain(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	w.exec(t, fmt.Sprintf(ended, "failed", 1, "'odoo.addons.clinic.John Smith'"))
	require.Equal(t, 1.0, value(t, w.collect(t), "odoo_job_failures_total", "exception", "other"))
	w.exec(t, `UPDATE queue_job SET date_started = date_started + interval '1 second' WHERE state = 'failed' AND channel = 'root.lab'`)
	require.Equal(t, 2.0, value(t, w.collect(t), "odoo_job_failures_total", "exception", "other"))
}

// Nothing says when a job failed but that it ran before: neither how long ago it began, before the
// daemon did or hours ago, nor how many were made since hides its failure, and it counts once.
func TestLongJobsThatFail(t *testing.T) {
	w := seeded(t, seeds.Series18)
	began := func(uuid, ago string) string {
		return fmt.Sprintf(`INSERT INTO queue_job (uuid, state, channel, date_created, date_started)
			VALUES ('%[1]s', 'started', 'root.lab', now() AT TIME ZONE 'utc' - interval '%[2]s', now() AT TIME ZONE 'utc' - interval '%[2]s');`, uuid, ago)
	}
	w.exec(t, began("hours", "3 hours")+began("minutes", "10 minutes")+fmt.Sprintf(`INSERT INTO queue_job (uuid, state, channel, date_created)
		SELECT 'x' || n, 'cancelled', 'root', now() AT TIME ZONE 'utc' FROM generate_series(1, %d) n`, 2*lateIDs))
	absent(t, w.collect(t), "odoo_job_failures_total")
	w.exec(t, `UPDATE queue_job SET state = 'failed', exc_name = 'odoo.exceptions.UserError' WHERE state = 'started'`)
	for range 3 {
		b := w.collect(t)
		require.Equal(t, 2.0, value(t, b, "odoo_job_failures_total", "exception", "odoo.exceptions.UserError"))
		require.Equal(t, 2.0, value(t, b, "odoo_jobs_failed_in_window", "channel", "root.lab"))
	}
}

// What is worked off first has the lowest ids, far below the newest.
func TestOldJobsThatFinishAreSeen(t *testing.T) {
	w := backlogged(t, 3*mostNewest, 20, 0)
	w.exec(t, fmt.Sprintf(`INSERT INTO queue_job (uuid, state, channel, date_created)
		SELECT 'x' || n, 'cancelled', 'root.lab', now() AT TIME ZONE 'utc' FROM generate_series(1, %d) n`, 3*mostNewest))
	w.collect(t)
	w.exec(t, `UPDATE queue_job SET state = 'done', date_done = u, date_started = u, exec_time = 1
		FROM (SELECT clock_timestamp() AT TIME ZONE 'utc' + interval '1 second' AS u) c WHERE state = 'pending'`)
	b := w.collect(t)
	require.Equal(t, 20.0, value(t, b, "odoo_jobs_finished_total", "channel", "root.invoice", "state", "done"))
	require.Zero(t, value(t, b, "odoo_window_full", "indicator", "jobs_finished"))
}

// What could not run yet at one visit may have ended at the next, far below the newest.
func TestJobsThatCouldNotRunYet(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, fmt.Sprintf(`INSERT INTO queue_job (uuid, state, channel, date_created, eta)
		SELECT concat(s, e), s, 'root.lab', u, u + e::interval FROM (VALUES ('wait_dependencies', NULL), ('pending', '50 minutes'), ('pending', '5 days')) j (s, e), (SELECT now() AT TIME ZONE 'utc' AS u) c;
		INSERT INTO queue_job (uuid, state, channel, date_created) SELECT 'x' || n, 'cancelled', 'root', now() AT TIME ZONE 'utc' FROM generate_series(1, %d) n`, 2*lateIDs))
	w.collect(t)
	ranges := w.memory.jobs.waiting
	require.Len(t, ranges, 1)
	require.EqualValues(t, 1, ranges[0].last-ranges[0].first, "the next visit is within an hour")
	w.exec(t, "UPDATE queue_job SET state = 'done', date_done = now() AT TIME ZONE 'utc' + interval '1 second' WHERE channel = 'root.lab'")
	require.Equal(t, 2.0, value(t, w.collect(t), "odoo_jobs_finished_total", "channel", "root.lab", "state", "done"))
}

// An answer that cannot be read is asked for again, from where the last good one ended.
func TestJobsThatCannotBeRead(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	r, m := w.reading(), &w.memory.jobs
	r.fresh = true
	newest, asked := m.newest, m.asked
	rows := [][][]byte{make([][]byte, 11), make([][]byte, 11)}
	rows[0][0], rows[1][0], rows[1][3] = []byte("1000"), []byte("999"), []byte("yesterday")
	require.EqualError(t, m.read(r, rows), "column 4 is not a moment")
	require.Equal(t, newest, m.newest)
	require.Equal(t, asked, m.asked)
	for text, want := range map[string]time.Time{
		"2026-11-22 10:00:00.25": time.Date(2026, 11, 22, 10, 0, 0, 25e7, time.UTC), "2026-11-22 10:00:00": time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		"infinity": {}, "-infinity": {},
	} {
		rows[1][3] = []byte(text)
		require.NoError(t, m.read(r, rows))
		require.True(t, want.Equal((&row{columns: rows[1]}).moment(3)), text)
	}
	require.EqualValues(t, 1000, m.newest)
}

// Ids begin anew where the table was emptied with its sequence, and where a backup was restored.
func TestIDsThatBeginAnew(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, "SELECT setval('queue_job_id_seq', 100000); "+fmt.Sprintf(ended, "done", 3, "NULL"))
	w.collect(t)
	w.exec(t, "TRUNCATE queue_job RESTART IDENTITY; "+fmt.Sprintf(ended, "done", 2, "NULL"))
	w.collect(t)
	require.False(t, w.Unchanged(time.Now()), "they are to be looked for from the first on")
	require.Equal(t, 5.0, value(t, w.collect(t), "odoo_jobs_finished_total", "state", "done"))
	w.exec(t, fmt.Sprintf(ended, "done", 1, "NULL"))
	require.Equal(t, 6.0, value(t, w.collect(t), "odoo_jobs_finished_total", "state", "done"))
	w.exec(t, "DELETE FROM queue_job")
	w.collect(t)
	w.collect(t)
	require.True(t, w.Unchanged(time.Now()), "there is nothing to look for")
}

// Moments are read alike whatever a database or the role would have them look like.
func TestJobsWhereDatesAreWrittenOtherwise(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, "ALTER DATABASE "+w.name+" SET DateStyle = 'German, DMY'; ALTER ROLE wardround IN DATABASE "+w.name+" SET DateStyle = 'SQL, MDY'")
	w.collect(t)
	w.exec(t, fmt.Sprintf(ended, "done", 2, "NULL"))
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	require.Equal(t, 2.0, value(t, b, "odoo_jobs_finished_total", "state", "done"))
}

// A job of which is not known since when it could have run did not wait.
func TestJobOfUnknownAge(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	w.exec(t, fmt.Sprintf(ended, "done", 1, "NULL")+"UPDATE queue_job SET date_created = NULL WHERE state = 'done'")
	b := w.collect(t)
	require.Equal(t, 1.0, value(t, b, "odoo_jobs_finished_total", "state", "done"))
	absent(t, b, "odoo_job_wait_seconds")
}

// Whether more ended than was looked at is known from how far back the newest jobs reach.
func TestMoreJobsThanAreLookedAt(t *testing.T) {
	w := seeded(t, seeds.Series18)
	require.NoError(t, w.Collect(t.Context(), w.builderAt(time.Now().Add(-time.Minute))))
	w.exec(t, fmt.Sprintf(ended, "done", mostNewest+10, "NULL"))
	b := w.collect(t)
	require.Equal(t, 1.0, value(t, b, "odoo_window_full", "indicator", "jobs_finished"))
	require.Equal(t, float64(mostNewest), value(t, b, "odoo_jobs_finished_total", "state", "done"))
}

func TestRetryingJobs(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `INSERT INTO queue_job (uuid, state, channel, retry, date_created, eta)
		VALUES ('a', 'pending', 'root.lab', 2, now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' + interval '1 hour'),
			('b', 'pending', 'root.lab', 0, now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' + interval '1 hour')`)
	require.Equal(t, 1.0, value(t, w.collect(t), "odoo_jobs_retrying"))
}

// Series 12 and 13 have neither dependencies nor cancelled jobs.
func TestJobsOfOldSeries(t *testing.T) {
	w := seeded(t, seeds.Series17, seeds.StuckJob)
	w.exec(t, `DROP INDEX queue_job_identity_key_state_partial_index; ALTER TABLE queue_job DROP COLUMN date_cancelled, DROP COLUMN graph_uuid,
		DROP COLUMN exec_time, DROP COLUMN exc_name, DROP COLUMN retry`)
	w.collect(t)
	w.exec(t, `UPDATE queue_job SET state = 'done', date_done = u, date_started = u
		FROM (SELECT clock_timestamp() AT TIME ZONE 'utc' + interval '1 second' AS u) c WHERE state = 'pending'`)
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	require.Equal(t, 39.0, value(t, b, "odoo_jobs_finished_total", "channel", "root.invoice", "state", "done"))
	absent(t, b, "odoo_job_execution_seconds")
	absent(t, b, "odoo_jobs_retrying")
}

func TestDoubledJobRunner(t *testing.T) {
	w := seeded(t, seeds.Series18)
	for n, sql := range []string{"LISTEN queue_job", "SELECT 1", "SELECT pg_advisory_lock(42)"} {
		conn, err := server.Connect(t.Context(), seeds.Owner, w.name)
		require.NoError(t, err)
		defer conn.Close(t.Context())
		_, err = conn.PgConn().Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err)
		b := w.collect(t)
		require.Equal(t, []float64{1, 2, 1}[n], value(t, b, "odoo_job_runners"), "one that holds a lock is the one at work")
		require.Equal(t, n == 1, text(b, "job_runner_doubled") != "")
	}
	w.cluster.runners = 2
	b := w.collect(t)
	require.Equal(t, 1.0, value(t, b, "odoo_job_runners"), "the cluster does not tell who holds a lock")
	require.NotContains(t, findings(b), "job_runner_doubled")
}

// What the cluster has seen is not looked for again in the tenant's database.
func TestJobRunnerThatTheClusterSaw(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.StuckJob)
	w.cluster.runners = 1
	b := w.collect(t)
	require.Equal(t, 1.0, value(t, b, "odoo_job_runner_present"))
	require.NotContains(t, findings(b), "job_runner_missing")
	r := w.reading()
	r.runners = 1
	require.Len(t, jobStatements(r), 2)
}

func bucket(t *testing.T, b *collectors.Batch, family, le string) float64 {
	t.Helper()
	var found []float64
	b.Each(func(name string) bool { return name == family }, func(s collectors.Series) {
		if s.Get("le") == le {
			found = append(found, s.Value())
		}
	})
	require.Len(t, found, 1, "%s le=%s", family, le)
	return found[0]
}

// seriesOfLab checks buckets, and the sum, of the series of the collection of the laboratory.
func seriesOfLab(t *testing.T, want map[string]float64) func(collectors.Series) {
	t.Helper()
	return func(s collectors.Series) {
		key := s.Get("le")
		if s.Name() == "odoo_partner_api_duration_seconds_sum" {
			key = "sum"
		}
		if n, ok := want[key]; ok && s.Get("collection") == "clinic.services.lab" {
			require.InDelta(t, n, s.Value(), 1e-6, key)
		}
	}
}
