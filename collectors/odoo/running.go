package odoo

import (
	"fmt"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Where there is a table of progress, the newest row of a task says whether it runs. Else the only
// sign is that its worker holds a row lock and with it this lock on the table.
const (
	progressSQL = `SELECT cron_id, timed_out_counter > 0, date_part('epoch', {created}) FROM public.ir_cron_progress p ORDER BY id DESC LIMIT 500`
	lockedSQL   = `SELECT NULL, count(DISTINCT l.pid), date_part('epoch', min(a.xact_start))
	FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
	WHERE l.locktype = 'relation' AND l.mode = 'RowShareLock' AND l.granted
	AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
	AND l.relation = 'public.ir_cron'::regclass`
)

func runningStatement(s *schema) string {
	if s.has("ir_cron_progress.timed_out_counter") {
		return fill(progressSQL, "{created}", s.column("p", "ir_cron_progress.create_date", "timestamp"))
	}
	return lockedSQL
}

// cronsMayRun says whether any scheduled task can be running: one that runs is due until it ends,
// and what is due was foreseen at the last visit, or else is asked about again in the next round.
func (m *memory) cronsMayRun(now time.Time) bool {
	if m.crons == nil || (!m.trigger.IsZero() && !m.trigger.After(now)) {
		return true
	}
	for _, c := range m.crons {
		if !c.due(now).IsZero() {
			return true
		}
	}
	return false
}

// underway is the scheduled tasks that run as of the visit.
type underway struct {
	count int64
	since time.Time // when the one that has been running for longest began
	known []cron    // those that are known by name, the longest running first
}

// read takes in what says which tasks run, newest first: rows of a task and whether it does, or one
// row without a task and with how many do.
func (u *underway) read(r *reading, crons []cron, rows [][][]byte) error {
	seen := map[int64]bool{}
	return each(rows, func(row *row) {
		if row.columns[0] == nil {
			if slices.ContainsFunc(crons, func(c cron) bool { return !c.due(r.now).IsZero() }) {
				u.count, u.since = row.int(1), row.time(2)
			}
			return
		}
		id := row.int(0)
		if i := slices.IndexFunc(crons, func(c cron) bool { return c.id == id }); i >= 0 && !seen[id] {
			crons[i].running, crons[i].since = row.bool(1), row.time(2)
		}
		seen[id] = true
	})
}

// add takes in the tasks whose progress says that they run. A worker that was killed leaves such
// progress behind, but then the task is not due any more.
func (u *underway) add(crons []cron, now time.Time) {
	for _, c := range crons {
		if c.running && !c.due(now).IsZero() {
			u.count++
			u.since = earlier(u.since, c.since)
			u.known = append(u.known, c)
		}
	}
	slices.SortFunc(u.known, func(a, b cron) int { return a.since.Compare(b.since) })
}

func (u *underway) report(r *reading) {
	if !u.since.IsZero() {
		r.Set(metricCronOldestRunning, unix(u.since))
	}
	for _, c := range u.known[:min(len(u.known), r.config.Crons.Show)] {
		if !c.since.IsZero() {
			r.Set(metricCronRunning, unix(c.since), c.name)
		}
	}
	limit := time.Duration(r.config.Crons.RunningAfter)
	if u.since.IsZero() || r.since(u.since) <= limit {
		return
	}
	which := "A scheduled task"
	if len(u.known) > 0 {
		which = u.known[0].name
	}
	r.Find(collectors.Finding{
		Name: "cron_running_long", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("%s has been running for %s; other scheduled tasks may wait for its worker.", which, span(r.since(u.since))),
	})
}
