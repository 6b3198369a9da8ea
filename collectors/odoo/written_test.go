package odoo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// calm is a tenant where nothing is due and no job waits, after its first visit, and the time of it.
func calm(t *testing.T) (*ward, time.Time) {
	t.Helper()
	w := seeded(t, seeds.Series18)
	w.exec(t, `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '20 hours'; DELETE FROM queue_job`)
	w.cluster.runners = 1
	at := time.Now()
	w.visitAt(t, at)
	return w, at
}

func (w *ward) visitAt(t *testing.T, at time.Time) *collectors.Batch {
	t.Helper()
	b := w.builderAt(at)
	require.NoError(t, w.Collect(t.Context(), b))
	return b.Batch()
}

// askedAt are the groups that were asked on the visit at a time.
func (w *ward) askedAt(at time.Time) []string {
	names := []string{}
	for _, g := range groups() {
		if k, kept := w.kept[g.name]; kept && k.at.Equal(at) {
			names = append(names, g.name)
		}
	}
	return names
}

const aJob = `INSERT INTO queue_job (uuid, state, channel, date_created, eta) VALUES ('a', 'pending', 'root', now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' + interval '1 day')`

// Of what is asked on each visit, only that is asked again of which a table was written to.
func TestOnlyWhatWasWrittenIsAsked(t *testing.T) {
	w, at := calm(t)
	for _, step := range []struct {
		name, sql string
		want      []string
	}{
		{"nothing", "SELECT 1", []string{}},
		{"a table of nobody's", "CREATE TABLE other (); INSERT INTO other DEFAULT VALUES", []string{}},
		{"one that is read", "DELETE FROM queue_job", []string{}},
		{"a row comes", aJob, []string{"jobs"}},
		{"nothing more", "SELECT 1", []string{}},
		{"a row changes", "UPDATE queue_job SET priority = 3", []string{"jobs"}},
		{"a row goes", "DELETE FROM queue_job", []string{"jobs"}},
		{"rows come", "INSERT INTO queue_job (uuid, state, channel) SELECT n, 'done', 'root' FROM generate_series(1, 9) n", []string{"jobs"}},
		{"all rows go", "TRUNCATE queue_job", []string{"jobs"}},
		{"a transaction is undone", "DO $$ BEGIN " + aJob + "; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$", []string{"jobs"}},
		{"a parameter", "UPDATE ir_config_parameter SET value = value", []string{"identity"}},
		{"a trigger", "INSERT INTO ir_cron_trigger (cron_id, call_at) SELECT min(id), now() + interval '2 days' FROM ir_cron", []string{"triggers"}},
		{"two", "UPDATE ir_module_module SET state = state; UPDATE ir_cron SET active = active", []string{"modules", "crons"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			w.exec(t, step.sql)
			at = at.Add(time.Second)
			w.visitAt(t, at)
			require.Equal(t, step.want, w.askedAt(at))
		})
	}
}

// What was written shows on the next visit.
func TestWhatWasWrittenShows(t *testing.T) {
	utc := `now() AT TIME ZONE 'utc'`
	for name, tc := range map[string]struct {
		sql, family string
		labels      []string
		want        float64
	}{
		"a stuck job":     {`INSERT INTO queue_job (uuid, state, channel, date_created, date_started) VALUES ('a', 'started', 'root', ` + utc + `, ` + utc + ` - interval '2 hours')`, "odoo_jobs_stuck", nil, 1},
		"a failing task":  {`UPDATE ir_cron SET failure_count = 2, active = true WHERE id = (SELECT min(id) FROM ir_cron)`, "odoo_crons_failing", nil, 1},
		"a task that ran": {`UPDATE ir_cron SET nextcall = ` + utc + ` - interval '8 days', interval_type = 'minutes', active = true WHERE id = (SELECT min(id) FROM ir_cron)`, "odoo_crons", []string{"state", "overdue"}, 1},
		"half a release":  {`UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'base'`, "odoo_crons_blocked", nil, 1},
		"a copy made":     {`INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')`, "odoo_tenant_info", []string{"neutralized", "true"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, at := calm(t)
			w.exec(t, tc.sql)
			require.Equal(t, tc.want, value(t, w.visitAt(t, at.Add(time.Minute)), tc.family, tc.labels...))
		})
	}
}

// uncounted changes rows without their being counted: as though time had passed, or a count been lost.
func (w *ward) uncounted(t *testing.T, sql string) {
	t.Helper()
	w.exec(t, "SET track_counts = off; "+sql)
}

// What time alone changes shows too, though nothing was written: when the moment comes, it is asked
// again, and what was asked before is judged by the time of day.
func TestTimeAloneShows(t *testing.T) {
	const utc = `now() AT TIME ZONE 'utc'`
	const first = ` WHERE id = (SELECT min(id) FROM ir_cron)`
	for name, tc := range map[string]struct {
		sql    string
		after  time.Duration
		passes string // makes it so that the moment has passed
		family string
		labels []string
	}{
		"a task becomes due": {
			`UPDATE ir_cron SET active = true, nextcall = ` + utc + ` + interval '10 minutes'` + first, 10 * time.Minute,
			`UPDATE ir_cron SET nextcall = ` + utc + first, "odoo_crons",
			[]string{"state", "due"},
		},
		"a trigger passes": {
			`UPDATE ir_cron SET active = true` + first + `; INSERT INTO ir_cron_trigger (cron_id, call_at) SELECT id, ` + utc + ` + interval '10 minutes' FROM ir_cron` + first, 10 * time.Minute,
			`UPDATE ir_cron_trigger SET call_at = ` + utc, "odoo_crons",
			[]string{"state", "due"},
		},
		"a job gets stuck": {
			`INSERT INTO queue_job (uuid, state, channel, date_created, date_started) VALUES ('a', 'started', 'root', ` + utc + `, ` + utc + `)`, 30 * time.Minute,
			`UPDATE queue_job SET date_started = ` + utc + ` - interval '31 minutes'`, "odoo_jobs_stuck", nil,
		},
		"a job is lost before it starts": {
			`INSERT INTO queue_job (uuid, state, channel, date_created, date_enqueued) VALUES ('a', 'enqueued', 'root', ` + utc + `, ` + utc + `)`, 5 * time.Minute,
			`UPDATE queue_job SET date_enqueued = ` + utc + ` - interval '6 minutes'`, "odoo_jobs_stuck", nil,
		},
		"a deferred job may run": {
			`INSERT INTO queue_job (uuid, state, channel, date_created, eta) VALUES ('a', 'pending', 'root', ` + utc + `, ` + utc + ` + interval '10 minutes')`, 10 * time.Minute,
			`UPDATE queue_job SET eta = ` + utc, "odoo_job_oldest_runnable_timestamp_seconds", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, at := calm(t)
			w.exec(t, tc.sql)
			require.Zero(t, value(t, w.visitAt(t, at.Add(time.Second)), tc.family, tc.labels...))
			w.uncounted(t, tc.passes)
			require.Zero(t, value(t, w.visitAt(t, at.Add(2*time.Second)), tc.family, tc.labels...), "its moment has not come")
			passed := at.Add(tc.after + 10*time.Second)
			require.False(t, w.Unchanged(passed))
			require.Positive(t, value(t, w.visitAt(t, passed), tc.family, tc.labels...))
		})
	}
}

// While a job waits, or a task is due, there is more to see than what is written: who is asked is
// asked each time.
func TestWhatWaitsIsAskedEachTime(t *testing.T) {
	w, at := calm(t)
	w.exec(t, `INSERT INTO queue_job (uuid, state, channel, date_created) VALUES ('a', 'pending', 'root', now() AT TIME ZONE 'utc');
		UPDATE ir_cron SET active = true, nextcall = now() AT TIME ZONE 'utc' WHERE id = (SELECT min(id) FROM ir_cron)`)
	for n := range 3 {
		at = at.Add(time.Duration(n) * time.Second)
		w.visitAt(t, at)
		require.Subset(t, w.askedAt(at), []string{"crons", "jobs"})
	}
}

// Whatever is not counted is seen an hour later.
func TestNothingIsBelievedForEver(t *testing.T) {
	w, at := calm(t)
	w.uncounted(t, aJob)
	pending := func(at time.Time) float64 {
		return value(t, w.visitAt(t, at), "odoo_jobs", "channel", "root", "state", "pending")
	}
	require.Zero(t, pending(at.Add(believed-time.Second)))
	require.Equal(t, 1.0, pending(at.Add(believed)))
}

// A server that counts nothing is asked everything, each time.
func TestUncountedDatabase(t *testing.T) {
	w, at := calm(t)
	require.NoError(t, server.Exec(t.Context(), "", "ALTER DATABASE "+w.name+" SET track_counts = off"))
	for n := range 3 {
		at = at.Add(time.Second)
		w.schema.learnt = at.Add(-relearnAfter)
		w.visitAt(t, at)
		require.Equal(t, []string{"identity", "modules", "triggers", "crons", "jobs", "partner_api"}, w.askedAt(at), "visit %d", n+1)
	}
}

// What is written to a part of a table is counted for the part.
func TestTableWithParts(t *testing.T) {
	w, at := calm(t)
	w.exec(t, "CREATE TABLE queue_job_2 () INHERITS (queue_job)")
	w.visitAt(t, at.Add(relearnAfter))
	for n := range 2 {
		w.exec(t, fill(aJob, "queue_job", "queue_job_2", "'a'", "'"+string(rune('a'+n))+"'"))
		b := w.visitAt(t, at.Add(relearnAfter+time.Duration(n+1)*time.Second))
		require.Equal(t, float64(n+1), value(t, b, "odoo_jobs", "channel", "root", "state", "pending"))
	}
}

// What a transaction writes is counted after it has ended, by and by. Whenever that is, it is asked
// for after that; and what it wrote and was not counted yet may be seen before.
func TestLateCounting(t *testing.T) {
	w, at := calm(t)
	other, err := server.Connect(t.Context(), "", w.name)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(t.Context())) }()
	for _, sql := range []string{"SELECT pg_stat_force_next_flush()", "BEGIN", aJob, "COMMIT"} { // the last within a second of having counted
		_, err = other.Exec(t.Context(), sql)
		require.NoError(t, err)
		at = at.Add(time.Second)
		w.visitAt(t, at)
	}
	_, err = other.Exec(t.Context(), "SELECT pg_stat_force_next_flush()")
	require.NoError(t, err)
	require.Equal(t, 1.0, value(t, w.visitAt(t, at.Add(time.Second)), "odoo_jobs", "channel", "root", "state", "pending"))
}

// Where counting began anew, what was written may be counted as it was before.
func TestCountingBeginsAnew(t *testing.T) {
	for name, reset := range map[string]string{
		"all of the database": "SELECT pg_stat_reset()",
		"one table":           "SELECT pg_stat_reset_single_table_counters('queue_job'::regclass)",
		"after a crash":       "SELECT pg_stat_reset_shared('bgwriter')", // which is all that remains to be seen of one
	} {
		t.Run(name, func(t *testing.T) {
			w, at := calm(t)
			w.exec(t, reset)
			w.visitAt(t, at.Add(time.Second))
			w.uncounted(t, aJob)
			w.exec(t, reset)
			require.Equal(t, 1.0, value(t, w.visitAt(t, at.Add(2*time.Second)), "odoo_jobs", "channel", "root", "state", "pending"))
		})
	}
}

// A database that takes the place of another one has all that is counted from where it was copied.
func TestDatabaseReplaced(t *testing.T) {
	w, at := calm(t)
	w.visitAt(t, at.Add(time.Second))
	w.uncounted(t, aJob)
	for _, sql := range []string{
		"ALTER DATABASE " + w.name + " RENAME TO " + w.name + "_old",
		"CREATE DATABASE " + w.name + " TEMPLATE " + w.name + "_old STRATEGY file_copy",
		"DROP DATABASE " + w.name + "_old",
	} {
		require.NoError(t, server.Exec(t.Context(), "", sql))
	}
	learnt := w.schema.database
	require.Equal(t, 1.0, value(t, w.visitAt(t, at.Add(2*time.Second)), "odoo_jobs", "channel", "root", "state", "pending"))
	w.visitAt(t, at.Add(3*time.Second))
	require.NotEqual(t, learnt, w.schema.database)
	w.visitAt(t, at.Add(4*time.Second))
	require.Equal(t, at.Add(3*time.Second), w.schema.learnt, "once")
}

// What a release brings is learnt on the visit after the one that sees it, and asked at once.
func TestReleaseBringsATable(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, "ALTER TABLE queue_job RENAME TO queue_job_away")
	at := time.Now()
	absent(t, w.visitAt(t, at), "odoo_jobs_stuck")
	w.exec(t, "ALTER TABLE queue_job_away RENAME TO queue_job; UPDATE ir_module_module SET state = 'installed' WHERE name = 'queue_job'")
	w.visitAt(t, at.Add(time.Minute))
	require.False(t, w.Unchanged(at.Add(2*time.Minute)))
	require.Zero(t, value(t, w.visitAt(t, at.Add(2*time.Minute)), "odoo_jobs_stuck"))
	w.visitAt(t, at.Add(3*time.Minute))
	require.Equal(t, at.Add(2*time.Minute), w.schema.learnt, "once")
}

// More than is looked at in one go is looked at the next time, though nothing more is written.
func TestMoreLoginsThanAreLookedAt(t *testing.T) {
	w, at := calm(t)
	w.collectAll(t, at)
	w.exec(t, `INSERT INTO res_users_log (create_uid, create_date) SELECT 1, now() AT TIME ZONE 'utc' FROM generate_series(1, 7000)`)
	for n, want := range []float64{mostUsers, 7000} {
		b := w.collectAll(t, at.Add(time.Duration(n+1)*(seldom+time.Minute)))
		require.Equal(t, want, value(t, b, "odoo_logins_total"))
	}
}

// A column that was granted meanwhile is asked for once it is known to be.
func TestGrantedLater(t *testing.T) {
	w, at := calm(t)
	w.exec(t, "REVOKE SELECT (retry) ON queue_job FROM wardround; DELETE FROM ir_cron_trigger")
	w.visitAt(t, at.Add(relearnAfter))
	absent(t, w.visitAt(t, at.Add(relearnAfter+time.Second)), "odoo_jobs_retrying")
	w.exec(t, Grants(role))
	require.Zero(t, value(t, w.visitAt(t, at.Add(relearnAfter+relearnLacking)), "odoo_jobs_retrying"))
}

// Where the cluster sees no job runner, or several, the database is asked once, and again when the
// cluster sees another number.
func TestJobRunnersChange(t *testing.T) {
	w, at := calm(t)
	w.cluster.looks = true
	for n, step := range []struct {
		runners int
		asked   bool
		present float64
	}{{1, false, 1}, {0, true, 0}, {0, false, 0}, {1, false, 1}, {0, true, 0}, {2, true, 0}, {2, false, 0}} {
		w.cluster.runners = step.runners
		at = at.Add(time.Second)
		require.Equal(t, step.present, value(t, w.visitAt(t, at), "odoo_job_runner_present"), "visit %d", n+1)
		require.Equal(t, step.asked, len(w.askedAt(at)) == 1, "visit %d", n+1)
	}
}

func TestPacked(t *testing.T) {
	for name, answers := range map[string][][][][]byte{
		"nothing":   {},
		"no rows":   {{}, {}},
		"null":      {{{nil, []byte("a"), {}}}},
		"long ones": {{{make([]byte, 300)}, {make([]byte, 127)}}, {{[]byte("b")}}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, answers, pack(answers).unpack()) })
	}
}

// Where all that is asked seldom is due at once, what was written to comes first, whenever its time came.
func TestWrittenGoesFirst(t *testing.T) {
	w, at := calm(t)
	for range 20 { // until all were asked
		at = at.Add(time.Minute)
		w.visitAt(t, at)
	}
	w.exec(t, "UPDATE res_users SET active = active")
	at = at.Add(believedSeldom)
	w.visitAt(t, at)
	asked := w.askedAt(at)
	require.Contains(t, asked, "users")
	require.NotContains(t, asked, "purchases", "there is not enough to spend for all")
}

// What is asked hourly does not bring a visit of its own for a write in between: one is due within the
// hour anyway.
func TestWhatIsAskedHourlyWaits(t *testing.T) {
	w, at := calm(t)
	for range 20 { // until all were asked
		at = at.Add(time.Minute)
		w.visitAt(t, at)
	}
	asked := w.kept["users"].at
	w.exec(t, "UPDATE res_users SET active = active")
	w.visitAt(t, at.Add(time.Minute))
	require.Equal(t, asked, w.kept["users"].at)
	require.True(t, w.Unchanged(asked.Add(119*time.Minute)))
	require.False(t, w.Unchanged(asked.Add(121*time.Minute)))
}
