package odoo

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// backlogged is a tenant with a long past and a long queue.
func backlogged(t testing.TB, done, pending, mails int) *ward {
	t.Helper()
	w := seeded(t, seeds.Series18)
	w.exec(t, fmt.Sprintf(`
		INSERT INTO queue_job (uuid, state, channel, date_created, date_started, date_done)
			SELECT 'd' || n, CASE n %% 40 WHEN 0 THEN 'failed' ELSE 'done' END, 'root.lab', u - interval '9 days', u - interval '9 days', u - interval '9 days'
			FROM generate_series(1, %d) n, (SELECT now() AT TIME ZONE 'utc' AS u) c;
		INSERT INTO queue_job (uuid, state, channel, date_created)
			SELECT 'p' || n, 'pending', 'root.invoice', now() AT TIME ZONE 'utc' - n * interval '1 second' FROM generate_series(1, %d) n;
		INSERT INTO mail_mail (mail_message_id, state, create_date)
			SELECT n, CASE n %% 100 WHEN 0 THEN 'outgoing' ELSE 'sent' END, now() AT TIME ZONE 'utc' - interval '1 hour' FROM generate_series(1, %d) n;
		ANALYZE`, done, pending, mails))
	return w
}

func TestLongQueue(t *testing.T) {
	w := backlogged(t, 0, mostLive-1, 0)
	b := w.collect(t)
	require.Equal(t, mostLive-1.0, value(t, b, "odoo_jobs", "channel", "root.invoice", "state", "pending"))
	require.Zero(t, value(t, b, "odoo_window_full", "indicator", "jobs"))
	ago(t, (mostLive-1)*time.Second, value(t, b, "odoo_job_oldest_runnable_timestamp_seconds"))
	w.exec(t, `INSERT INTO queue_job (uuid, state, channel, date_created)
		SELECT 'q' || n, 'pending', 'root.invoice', now() AT TIME ZONE 'utc' FROM generate_series(1, 5000) n`)
	b = w.collect(t)
	require.Equal(t, float64(mostLive), value(t, b, "odoo_jobs", "channel", "root.invoice", "state", "pending"))
	require.Equal(t, 1.0, value(t, b, "odoo_window_full", "indicator", "jobs"))
}

// Whatever the size of the tables, no statement touches more rows than its windows allow.
func TestWorkIsBounded(t *testing.T) {
	w := backlogged(t, 120000, 30000, 200000)
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	require.Equal(t, 1.0, value(t, b, "odoo_window_full", "indicator", "mail"))
	for _, g := range groups() {
		if installed, err := w.schema.lacks(g); !installed || err != nil {
			continue
		}
		for i, sql := range g.statements(w.reading()) {
			plan := explain(t, w, sql)
			require.LessOrEqual(t, mostRows(t, plan), attachmentStep, "%s, statement %d:\n%s", g.name, i+1, plan)
			require.NotRegexp(t, `Seq Scan on (queue_job|mail_mail|account_move|ir_attachment)`, plan)
		}
	}
}

// What is asked seldom is not asked all at once, and each of it gets its turn.
func TestSeldomGroupsTakeTurns(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.collect(t)
	at := time.Now().Add(7 * time.Hour)
	turns := map[string]int{}
	for range w.kept {
		r := w.readingAt(at)
		cost, asked := 0, 0
		for _, q := range w.choose(r) {
			if q.every > 0 {
				cost += q.cost
				asked++
				turns[q.name]++
				w.kept[q.name].at = at
			}
		}
		require.True(t, cost <= spare || asked == 1, "%d for %d groups", cost, asked)
	}
	seldom := 0
	for _, k := range w.kept {
		seldom += int(truth(k.every > 0))
	}
	require.Len(t, turns, seldom)
	for name, n := range turns {
		require.Equal(t, 1, n, name)
	}
}

// A tenant that was written to is not settled before what is asked seldom was asked since then.
func TestSeldomGroupsCatchUp(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' + interval '10 hours'; TRUNCATE ir_attachment`)
	began := time.Now()
	collect := func(at time.Time) *collectors.Batch {
		b := w.builderAt(at)
		require.NoError(t, w.Collect(t.Context(), b))
		return b.Batch()
	}
	collect(began)
	require.True(t, w.Unchanged(began.Add(6*time.Hour)))
	w.exec(t, `INSERT INTO purchase_order (name, partner_id, currency_id, company_id, picking_type_id, state, date_order, create_date)
		SELECT 'P', 1, 1, 1, 1, 'to approve', u, u FROM (SELECT now() AT TIME ZONE 'utc' AS u) c`)
	w.cluster.writes.Inserted++
	require.Zero(t, value(t, collect(began.Add(time.Minute)), "odoo_backlog", "work", "purchase_approval"))
	require.True(t, w.Unchanged(began.Add(2*time.Minute)))
	at, visits := began.Add(time.Minute), 0
	var last *collectors.Batch
	for ; at.Before(began.Add(3 * time.Hour)); at = at.Add(time.Minute) {
		if !w.Unchanged(at) {
			last = collect(at)
			visits++
		}
	}
	require.Equal(t, 1.0, value(t, last, "odoo_backlog", "work", "purchase_approval"))
	require.Less(t, visits, len(w.kept), "several on one visit, then none")
}

// On a small table the planner would rather read all of it; that it takes the index there shows
// that it is held to it everywhere.
func TestPlansUseIndexes(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, "ANALYZE")
	w.collect(t)
	for _, g := range []*group{jobsGroup, mailGroup} {
		for _, sql := range g.statements(w.reading()) {
			require.NotRegexp(t, `Seq Scan on (queue_job|mail_mail)`, explain(t, w, sql))
		}
	}
}

// explain is the plan of a statement as it is run in a batch, with the rows that it touched.
func explain(t testing.TB, w *ward, sql string) string {
	t.Helper()
	conn, err := server.Connect(t.Context(), "", w.name)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	results, err := conn.PgConn().Exec(t.Context(), preamble+"; SET LOCAL jit = off; EXPLAIN (ANALYZE, TIMING OFF) "+sql).ReadAll()
	require.NoError(t, err, sql)
	var lines []string
	for _, row := range results[2].Rows {
		lines = append(lines, string(row[0]))
	}
	return strings.Join(lines, "\n")
}

var actualRows = regexp.MustCompile(`actual rows=(\d+) loops=(\d+)|Rows Removed by \w+: (\d+)`)

func mostRows(t testing.TB, plan string) int {
	t.Helper()
	most := 0
	for _, line := range strings.Split(plan, "\n") {
		if !strings.Contains(line, "Scan") && !strings.Contains(line, "Removed") {
			continue
		}
		for _, m := range actualRows.FindAllStringSubmatch(line, -1) {
			n := 1
			for _, digits := range m[1:] {
				if digits != "" {
					factor, err := strconv.Atoi(digits)
					require.NoError(t, err)
					n *= factor
				}
			}
			most = max(most, n)
		}
	}
	return most
}

// BenchmarkVisit is one visit of a tenant with a long past, connection included.
func BenchmarkVisit(b *testing.B) {
	for name, make := range map[string]func() *ward{
		"small": func() *ward { return seeded(b, seeds.Series18) },
		"large": func() *ward { return backlogged(b, 300000, 2000, 200000) },
	} {
		b.Run(name, func(b *testing.B) {
			w := make()
			for b.Loop() {
				if err := w.Collect(b.Context(), w.builder()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
