package odoo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

var _ collectors.Watcher = (*Database)(nil)

func TestUnchanged(t *testing.T) {
	w := seeded(t, seeds.Series18)
	require.False(t, w.Unchanged(time.Now()), "never visited")
	// The first cron of a healthy tenant is due within two minutes.
	w.exec(t, `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '2 hours'`)
	w.collect(t)
	now := time.Now()
	require.True(t, w.Unchanged(now))
	require.True(t, w.Unchanged(now.Add(119*time.Minute)))
	require.False(t, w.Unchanged(now.Add(121*time.Minute)), "a cron becomes due")

	w.cluster.writes.Inserted++
	require.False(t, w.Unchanged(now), "something was written")
	w.collect(t)
	require.True(t, w.Unchanged(now))
	w.cluster.writes = postgres.Writes{}
	require.False(t, w.Unchanged(now), "statistics began anew")
	w.collect(t)

	register(t, w.tenants, collectors.Tenant{Name: "north", Tier: "shared", Postgres: "main", Database: w.name})
	require.False(t, w.Unchanged(now), "its tier changed")
	require.Equal(t, 1.0, value(t, w.collect(t), "odoo_tenant_info", "tier", "shared"))
}

// A tenant that is written to in each round is not visited in each.
func TestRest(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '30 minutes'`)
	began := time.Now()
	for name, tc := range map[string]struct {
		write  func(*postgres.Writes)
		visits []int // the minutes
	}{
		"rows come":                       {func(n *postgres.Writes) { n.Inserted++ }, []int{2, 4, 6, 8, 10, 12}},
		"rows go":                         {func(n *postgres.Writes) { n.Deleted++ }, []int{2, 4, 6, 8, 10, 12}},
		"rows are updated":                {func(n *postgres.Writes) { n.Updated++ }, []int{5, 10}},
		"statistics begin anew each time": {func(n *postgres.Writes) { n.Updated-- }, []int{2, 4, 6, 8, 10, 12}},
		"nothing is written":              {func(*postgres.Writes) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w.cluster.writes = postgres.Writes{Inserted: 100, Updated: 100, Deleted: 100}
			require.NoError(t, w.Collect(t.Context(), w.builderAt(began)))
			var visits []int
			for minute := 1; minute <= 12; minute++ {
				tc.write(&w.cluster.writes)
				if at := began.Add(time.Duration(minute) * time.Minute); !w.Unchanged(at) {
					require.NoError(t, w.Collect(t.Context(), w.builderAt(at)))
					visits = append(visits, minute)
				}
			}
			require.Equal(t, tc.visits, visits)
			require.False(t, w.Unchanged(began.Add(45*time.Minute)), "a task is due")
		})
	}
}

// Where rounds are far apart, none is left out after a write.
func TestRestIsShort(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '10 hours'")
	began := time.Now()
	for range 2 {
		require.NoError(t, w.Collect(t.Context(), w.builderAt(began)))
	}
	w.cluster.writes.Updated++
	require.False(t, w.Unchanged(began.Add(restAtMost)))
	require.True(t, w.Unchanged(began.Add(restAtMost-time.Second)))
}

// While something is wrong that a write alone can end, that write is looked at in the next round.
func TestNoRest(t *testing.T) {
	for name, tc := range map[string]struct{ broken, mended, metric string }{
		"a stuck job": {
			`INSERT INTO queue_job (uuid, state, channel, date_created, date_started) SELECT 'a', 'started', 'root', u, u
				FROM (SELECT now() AT TIME ZONE 'utc' - interval '5 hours' AS u) c`,
			"UPDATE queue_job SET state = 'done'", "odoo_jobs_stuck",
		},
		"a release that is half done": {
			"UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'queue_job'",
			"UPDATE ir_module_module SET state = 'installed' WHERE name = 'queue_job'", "odoo_crons_blocked",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := seeded(t, seeds.Series18)
			w.exec(t, "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '10 hours'; DELETE FROM queue_job; "+tc.broken)
			require.Equal(t, 1.0, value(t, w.collect(t), tc.metric))
			require.Equal(t, 1.0, value(t, w.collect(t), tc.metric))
			require.True(t, w.Unchanged(time.Now()), "nothing was written")
			w.collect(t)
			w.exec(t, tc.mended)
			w.cluster.writes.Updated++
			require.False(t, w.Unchanged(time.Now()))
			require.Zero(t, value(t, w.collect(t), tc.metric))
			w.collect(t)
			w.cluster.writes.Updated++
			require.True(t, w.Unchanged(time.Now()), "all is well")
		})
	}
}

// Time alone changes these, without a write.
func TestUnchangedUntil(t *testing.T) {
	const quiet = `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '10 hours'; `
	for name, tc := range map[string]struct {
		sql  string
		want time.Duration // zero: it is asked again in the next round
	}{
		"a job's eta": {`INSERT INTO queue_job (uuid, state, channel, date_created, eta)
			VALUES ('a', 'pending', 'root', now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' + interval '20 minutes')`, 20 * time.Minute},
		"a job that may get stuck": {`INSERT INTO queue_job (uuid, state, channel, date_created, date_started)
			VALUES ('a', 'started', 'root', now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' - interval '12 minutes')`, 18 * time.Minute},
		"an enqueued job": {`INSERT INTO queue_job (uuid, state, channel, date_created, date_enqueued)
			VALUES ('a', 'enqueued', 'root', now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' - interval '1 minute')`, 4 * time.Minute},
		"a waiting job": {`INSERT INTO queue_job (uuid, state, channel, date_created)
			VALUES ('a', 'pending', 'root', now() AT TIME ZONE 'utc')`, 0},
		"a failure that gets old": {`INSERT INTO queue_job (uuid, state, channel, date_created, date_started)
			VALUES ('a', 'failed', 'root', now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' - interval '40 minutes')`, 20 * time.Minute},
		"a scheduled mail": {`INSERT INTO mail_mail (mail_message_id, state, create_date, scheduled_date)
			VALUES (1, 'outgoing', now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc' + interval '3 hours')`, 3 * time.Hour},
		"a mail that will be late": {`INSERT INTO mail_mail (mail_message_id, state, create_date)
			VALUES (1, 'outgoing', now() AT TIME ZONE 'utc' - interval '110 minutes')`, 10 * time.Minute},
		"a trigger": {`INSERT INTO ir_cron_trigger (cron_id, call_at)
			SELECT min(id), now() AT TIME ZONE 'utc' + interval '7 minutes' FROM ir_cron`, 7 * time.Minute},
		"a due cron": {`UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' WHERE id = (SELECT min(id) FROM ir_cron)`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := seeded(t, seeds.Series18)
			w.exec(t, quiet+tc.sql)
			w.collect(t)
			now := time.Now()
			if tc.want > 0 {
				require.True(t, w.Unchanged(now.Add(tc.want-time.Minute)))
			}
			require.False(t, w.Unchanged(now.Add(tc.want+5*time.Second)))
		})
	}
}

func TestDatabasesKeepWhatTheyLearnt(t *testing.T) {
	w := visiting(t, "postgres")
	north := collectors.Tenant{Name: "north", Postgres: "main", Database: "a"}
	south := collectors.Tenant{Name: "south", Postgres: "main", Database: "b"}
	elsewhere := collectors.Tenant{Name: "west", Postgres: "other", Database: "c"}
	register(t, w.tenants, north, south, elsewhere)
	all := NewDatabases(w.tenants)
	clusters := []Cluster{w.cluster}

	first := all.Visits(clusters, nil)
	require.Len(t, first, 2, "one tenant's cluster is not there")
	require.Equal(t, collectors.Key{Collector: "odoo", Target: "main", Tenant: "north"}, first[0].Key)
	require.Equal(t, w.cluster.Budget(), first[0].Budget)

	strict := DefaultConfig()
	strict.Name, strict.Tenants, strict.Jobs.Channels = "strict", "so.*", map[string]int{"root": 2}
	service, err := New(strict, Options{})
	require.NoError(t, err)
	second := all.Visits(clusters, []*Target{service})
	require.Same(t, first[0].Collector, second[0].Collector)
	require.NotSame(t, first[1].Collector, second[1].Collector, "other settings")
	require.Same(t, second[1].Collector, all.Visits(clusters, []*Target{service})[1].Collector)

	_, known := all.Identity("south")
	require.True(t, known)
	register(t, w.tenants, north)
	require.Len(t, all.Visits(clusters, nil), 1)
	_, known = all.Identity("south")
	require.False(t, known)
}

// Mail is asked seldom, but at the moment at which one becomes late: it may have been sent meanwhile.
func TestMailIsAskedWhenItBecomesLate(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `INSERT INTO mail_mail (mail_message_id, state, create_date)
		VALUES (1, 'outgoing', now() AT TIME ZONE 'utc' - interval '118 minutes')`)
	began := time.Now()
	outgoing := func(after time.Duration) float64 {
		b := w.builderAt(began.Add(after))
		require.NoError(t, w.Collect(t.Context(), b))
		return value(t, b.Batch(), "odoo_mails", "state", "outgoing")
	}
	require.Equal(t, 1.0, outgoing(0))
	w.exec(t, `DELETE FROM mail_mail WHERE state = 'outgoing'`)
	require.Equal(t, 1.0, outgoing(time.Minute))
	require.Zero(t, outgoing(3*time.Minute))
}

// A task that is new gets its name on the next visit.
func TestNewCronIsNamed(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	w.exec(t, `WITH c AS (INSERT INTO ir_cron (ir_actions_server_id, user_id, interval_number, interval_type, active, nextcall)
		SELECT 1, 1, 1, 'minutes', true, now() AT TIME ZONE 'utc' - interval '1 hour' RETURNING id)
		INSERT INTO ir_model_data (module, name, model, res_id) SELECT 'clinic', 'ir_cron_new', 'ir.cron', id FROM c`)
	w.collect(t)
	require.False(t, w.Unchanged(time.Now()))
	require.Positive(t, value(t, w.collect(t), "odoo_cron_due_timestamp_seconds", "cron", "clinic.ir_cron_new"))
}
