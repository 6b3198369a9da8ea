package odoo

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// triggersGroup reads what makes scheduled tasks due before their time.
var triggersGroup = &group{
	name: "triggers", addon: true, needs: []string{"ir_cron_trigger.cron_id", "ir_cron_trigger.call_at"},
	statements: func(*reading) []string {
		return []string{fill(`SELECT cron_id, date_part('epoch', call_at) FROM public.ir_cron_trigger ORDER BY call_at LIMIT {most}`, "{most}", fmt.Sprint(mostTriggers))}
	},
	read: readTriggers,
}

// cronsGroup reads the scheduled tasks. The table has some dozens of rows, so all are read and
// judged here, where joining and sorting cost the server nothing.
var cronsGroup = &group{
	name:  "crons",
	needs: []string{"ir_cron.id", "ir_cron.active", "ir_cron.nextcall", "ir_cron.interval_number", "ir_cron.interval_type"},
	wants: []string{
		"ir_cron.numbercall", "ir_cron.failure_count", "ir_cron.first_failure_date",
		"ir_cron_progress.id", "ir_cron_progress.cron_id", "ir_cron_progress.timed_out_counter", "ir_cron_progress.create_date",
	},
	with:       triggersGroup.name,
	due:        func(r *reading) bool { return r.memory.cronsMayRun(r.At()) },
	statements: cronStatements,
	read: func(r *reading, answers [][][][]byte) error {
		crons, err := readCrons(r, answers[0])
		if err != nil {
			return err
		}
		under := underway{}
		if len(answers) > 1 {
			if err := under.read(r, crons, answers[1]); err != nil {
				return err
			}
		}
		under.add(crons, r.now)
		reportCrons(r, crons, under)
		return nil
	},
}

// Rows of one tenant's scheduled tasks that are looked at.
const (
	mostCrons    = 1000
	mostTriggers = 1000 // the earliest
)

const cronsSQL = `SELECT c.id, c.active, {numbercall} = 0, date_part('epoch', c.nextcall), c.interval_number, c.interval_type,
	{failures}, date_part('epoch', {failing}) FROM public.ir_cron c ORDER BY c.id LIMIT {most}`

func cronStatements(r *reading) []string {
	s := r.schema
	statements := []string{fill(cronsSQL,
		"{numbercall}", s.column("c", "ir_cron.numbercall", "int"),
		"{failures}", s.column("c", "ir_cron.failure_count", "int"),
		"{failing}", s.column("c", "ir_cron.first_failure_date", "timestamp"),
		"{most}", fmt.Sprint(mostCrons))}
	if r.memory.cronsMayRun(r.At()) {
		statements = append(statements, runningStatement(s))
	}
	return statements
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

func readCrons(r *reading, rows [][][]byte) ([]cron, error) {
	var crons []cron
	err := each(rows, func(row *row) {
		finished := row.bool(2)
		crons = append(crons, cron{
			id: row.int(0), active: row.bool(1) && !finished, finished: finished,
			next: row.time(3), interval: time.Duration(row.int(4)) * units[row.text(5)],
			failures: row.int(6), failing: row.time(7), name: r.cronName(row.int(0)), called: r.called[row.int(0)],
		})
	})
	return crons, err
}

// units are those of intervals.
var units = map[string]time.Duration{
	"minutes": time.Minute, "hours": time.Hour, "days": day, "weeks": 7 * day, "months": 30 * day,
}

// readTriggers notes the earliest trigger of each task that has passed. Future ones make tasks due
// without a write.
func readTriggers(r *reading, answers [][][][]byte) error {
	rows := answers[0]
	if len(rows) == mostTriggers {
		r.soon() // there may be future ones that were not seen
	}
	r.memory.trigger, r.called = time.Time{}, map[int64]time.Time{}
	return each(rows, func(row *row) {
		id, at := row.int(0), row.time(1)
		if at.After(r.now) {
			r.at(at)
			r.memory.trigger = earlier(r.memory.trigger, at)
		} else {
			r.called[id] = earlier(r.called[id], at)
		}
	})
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
