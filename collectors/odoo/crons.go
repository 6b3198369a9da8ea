package odoo

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// cronsGroup reads the scheduled tasks. The table has some dozens of rows, so all are read and
// judged here.
var cronsGroup = &group{
	name:  "crons",
	needs: []string{"ir_cron.id", "ir_cron.active", "ir_cron.nextcall", "ir_cron.interval_number", "ir_cron.interval_type"},
	wants: []string{
		"ir_cron.numbercall", "ir_cron.failure_count", "ir_cron.first_failure_date",
		"ir_cron_trigger.cron_id", "ir_cron_trigger.call_at",
		"ir_cron_progress.id", "ir_cron_progress.cron_id", "ir_cron_progress.timed_out_counter", "ir_cron_progress.create_date",
		"ir_model_data.module", "ir_model_data.name", "ir_model_data.model", "ir_model_data.res_id",
	},
	statements: cronStatements,
	read: func(r *reading, answers [][][][]byte) error {
		crons, err := readCrons(answers[0])
		if err != nil {
			return err
		}
		var under underway
		var trigger time.Time
		err = each(answers[1], func(row *row) { under.count, under.since, trigger = row.int(0), row.time(1), row.time(2) })
		if err != nil {
			return err
		}
		r.at(trigger)
		under.add(crons, r.now)
		reportCrons(r, crons, under)
		return nil
	},
}

// mostCrons bounds how many scheduled tasks of one tenant are looked at, active ones first.
const mostCrons = 500

// cronsSQL is Odoo's own rule of what is due: nextcall has passed, or a trigger has.
const cronsSQL = `
WITH called AS ({called}), progress AS ({progress})
SELECT c.id, coalesce(c.active, false), {numbercall} = 0,
  extract(epoch FROM c.nextcall)::float8, extract(epoch FROM called.at)::float8,
  c.interval_number * CASE c.interval_type WHEN 'minutes' THEN 60 WHEN 'hours' THEN 3600 WHEN 'days' THEN 86400
    WHEN 'weeks' THEN 604800 WHEN 'months' THEN 2592000 ELSE 0 END,
  {failures}, extract(epoch FROM {failing})::float8, coalesce(progress.running, false), {xmlid}, extract(epoch FROM progress.since)::float8
FROM public.ir_cron c LEFT JOIN called ON called.cron_id = c.id LEFT JOIN progress ON progress.cron_id = c.id
ORDER BY c.active DESC NULLS LAST, c.nextcall, c.id LIMIT {most}`

// The newest triggers and progress rows are enough: what is due or running now is among them.
const (
	calledSQL = `SELECT cron_id, min(call_at) AS at FROM (
	SELECT cron_id, call_at FROM public.ir_cron_trigger WHERE call_at <= now() AT TIME ZONE 'utc' ORDER BY call_at LIMIT 1000) t GROUP BY cron_id`
	progressSQL = `SELECT DISTINCT ON (cron_id) cron_id, timed_out_counter > 0 AS running, since FROM (
	SELECT id, cron_id, timed_out_counter, {created} AS since FROM public.ir_cron_progress ORDER BY id DESC LIMIT 500) p ORDER BY cron_id, id DESC`
	xmlidSQL = `(SELECT min(d.module || '.' || d.name) FROM public.ir_model_data d WHERE d.model = 'ir.cron' AND d.res_id = c.id)`
	nextSQL  = `(SELECT extract(epoch FROM min(call_at))::float8 FROM public.ir_cron_trigger WHERE call_at > now() AT TIME ZONE 'utc')`
	// While a task runs, its worker holds a row lock and with it this lock on the table. Where
	// there is no progress table that is the only sign; it is looked for only while a task is due.
	lockedSQL = `SELECT count(DISTINCT l.pid) AS running, extract(epoch FROM min(a.xact_start))::float8 AS since
	FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
	WHERE EXISTS (SELECT FROM public.ir_cron WHERE active AND nextcall <= now() AT TIME ZONE 'utc')
	AND l.locktype = 'relation' AND l.mode = 'RowShareLock' AND l.granted
	AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
	AND l.relation = 'public.ir_cron'::regclass`
)

func cronStatements(r *reading) []string {
	s := r.schema
	choose := func(column, yes, no string) string {
		if s.has(column) {
			return yes
		}
		return no
	}
	crons := fill(cronsSQL,
		"{called}", choose("ir_cron_trigger.call_at", calledSQL, "SELECT NULL::int AS cron_id, NULL::timestamp AS at"),
		"{progress}", choose("ir_cron_progress.timed_out_counter", fill(progressSQL, "{created}", choose("ir_cron_progress.create_date", "create_date", "NULL::timestamp")),
			"SELECT NULL::int AS cron_id, NULL::bool AS running, NULL::timestamp AS since"),
		"{numbercall}", s.column("c", "ir_cron.numbercall", "int"),
		"{failures}", s.column("c", "ir_cron.failure_count", "int"),
		"{failing}", s.column("c", "ir_cron.first_failure_date", "timestamp"),
		"{xmlid}", choose("ir_model_data.res_id", xmlidSQL, "NULL::text"),
		"{most}", fmt.Sprint(mostCrons))
	return []string{crons, fill("SELECT running, since, {next} FROM ({locked}) l",
		"{next}", choose("ir_cron_trigger.call_at", nextSQL, "NULL::float8"),
		"{locked}", choose("ir_cron_progress.timed_out_counter", "SELECT 0 AS running, NULL::float8 AS since", lockedSQL))}
}

// cron is one scheduled task.
type cron struct {
	id       int64
	name     string
	active   bool
	finished bool // it was to run a number of times, and has
	next     time.Time
	called   time.Time // by a trigger that has passed
	interval time.Duration
	failures int64
	failing  time.Time // since when
	running  bool
	since    time.Time // when it began to run; zero where that is not known
}

func readCrons(rows [][][]byte) ([]cron, error) {
	var crons []cron
	err := each(rows, func(r *row) {
		crons = append(crons, cron{
			id: r.int(0), active: r.bool(1) && !r.bool(2), finished: r.bool(2),
			next: r.time(3), called: r.time(4), interval: r.seconds(5),
			failures: r.int(6), failing: r.time(7), running: r.bool(8), name: cronName(r.text(9), r.int(0)), since: r.time(10),
		})
	})
	return crons, err
}

// due is since when the task should have run, the zero time if it need not yet.
func (c *cron) due(now time.Time) time.Time {
	switch {
	case !c.active:
		return time.Time{}
	case c.next.After(now):
		return c.called
	}
	return earlier(c.called, c.next)
}

// overdue says whether it is later than the normal polling of all databases explains.
func (c *cron) overdue(now time.Time, grace time.Duration) bool {
	due := c.due(now)
	return !due.IsZero() && now.Sub(due) > max(grace, c.interval)
}

func reportCrons(r *reading, crons []cron, under underway) {
	var active, due, overdue, failing int64
	var oldest time.Time
	var trouble []cron
	grace := time.Duration(r.config.Crons.Grace)
	for _, c := range crons {
		active += int64(truth(c.active))
		since, late, fails := c.due(r.now), c.overdue(r.now, grace), c.active && c.failures > 0
		if !since.IsZero() {
			due++
			oldest = earlier(oldest, since)
			r.soon()
		} else if c.active {
			r.at(c.next)
		}
		overdue += int64(truth(late))
		failing += int64(truth(fails))
		if late || fails {
			trouble = append(trouble, c)
		}
	}
	for state, n := range map[string]int64{
		"active": active, "disabled": int64(len(crons)) - active, "due": due, "overdue": overdue, "running": under.count,
	} {
		r.Set(metricCrons, float64(n), state)
	}
	if r.schema.has("ir_cron.failure_count") {
		r.Set(metricCronsFailing, float64(failing))
	}
	r.Set(metricCronOldestOverdue, unix(oldest))
	r.Set(metricWindowFull, truth(len(crons) == mostCrons), "crons")
	slices.SortFunc(trouble, byTrouble(r.now, grace))
	reportTrouble(r, trouble)
	under.report(r)
	findCrons(r, trouble, overdue, failing)
	r.memory.deactivations(r, crons)
}

// byTrouble orders the longest overdue first, then those that failed most.
func byTrouble(now time.Time, grace time.Duration) func(a, b cron) int {
	return func(a, b cron) int {
		return cmp.Or(
			cmp.Compare(truth(b.overdue(now, grace)), truth(a.overdue(now, grace))),
			cmp.Compare(unix(a.due(now)), unix(b.due(now))),
			cmp.Compare(b.failures, a.failures),
			cmp.Compare(a.id, b.id))
	}
}

// reportTrouble gives the first of the tasks in trouble series of their own, and says how many
// got none.
func reportTrouble(r *reading, trouble []cron) {
	grace := time.Duration(r.config.Crons.Grace)
	shown := trouble[:min(len(trouble), r.config.Crons.Show)]
	for _, c := range shown {
		if c.overdue(r.now, grace) {
			r.Set(metricCronDue, unix(c.due(r.now)), c.name)
		}
		if c.failures > 0 {
			r.Set(metricCronFailures, float64(c.failures), c.name)
			if !c.failing.IsZero() {
				r.Set(metricCronFailingSince, unix(c.failing), c.name)
			}
		}
	}
	r.Set(metricCronsNotShown, float64(len(trouble)-len(shown)))
}

// findCrons says in words what is wrong; trouble is sorted.
func findCrons(r *reading, trouble []cron, overdue, failing int64) {
	if overdue > 0 {
		first := trouble[0]
		r.Find(collectors.Finding{
			Name: "cron_overdue", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("%s overdue; %s should have run %s ago.", are(overdue, "scheduled task"), first.name, span(r.since(first.due(r.now)))),
		})
	}
	if failing > 0 {
		worst := slices.MaxFunc(trouble, func(a, b cron) int { return cmp.Compare(a.failures, b.failures) })
		since := ""
		if !worst.failing.IsZero() {
			since = ", first " + span(r.since(worst.failing)) + " ago"
		}
		r.Find(collectors.Finding{
			Name: "cron_failing", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("%s failing; %s failed %s in a row%s.", are(failing, "scheduled task"), worst.name, count(worst.failures, "time"), since),
		})
	}
}
