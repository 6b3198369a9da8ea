package odoo

import (
	"errors"
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// keepAlive is how long a job runner can be silent: it uses its connection every minute.
const keepAlive = 3 * time.Minute

// runnerSQL looks for job runners' connections to this database: their last statement is one of
// three, and where several stand by for each other the one at work holds an advisory lock.
const runnerSQL = `
SELECT count(*) FILTER (WHERE query IN ('SELECT 1', 'LISTEN queue_job', 'CLOSE "select_jobs"') AND state_change > now() - interval '{alive} seconds'),
  count(*) FILTER (WHERE state = 'idle' AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.pid = a.pid))
FROM pg_catalog.pg_stat_activity a WHERE datname = current_database()`

func runnerStatement() string { return fill(runnerSQL, "{alive}", seconds(keepAlive)) }

// asksRunner says whether the database itself is asked for its job runner: what others do there
// costs a look at all of the server, so it is done only where the cluster has not seen one, or has
// seen several, of which it does not tell whether they stand by for each other.
func (r *reading) asksRunner() bool { return r.schema.activity && r.runners != 1 }

// noRunners is in place of a number of job runners where nobody was asked.
const noRunners = -1

// runnersChanged says whether the database is to be asked although no job was written: the cluster
// sees others than when it was asked, or does not say.
func runnersChanged(r *reading) bool {
	return r.asksRunner() && !(r.looked && r.memory.jobs.runners == r.runners)
}

func (b *backlog) readRunner(r *reading, answers [][][][]byte) error {
	b.runners = r.runners
	if !r.asksRunner() {
		answers = nil // from before
	}
	for _, answer := range answers {
		err := each(answer, func(row *row) {
			b.runners = int(row.int(0))
			if row.int(1) > 0 {
				b.runners = 1 // the others stand by
			}
		})
		if err != nil {
			return err
		}
	}
	if !r.schema.activity && r.runners == 0 {
		r.Unavailable("job_runner", collectors.ReasonPermission, errors.New("the role is not a member of pg_monitor"))
		return nil
	}
	r.Set(metricJobRunner, truth(b.runners > 0))
	r.Set(metricJobRunners, float64(b.runners))
	return nil
}

func (b *backlog) findDoubled(r *reading) {
	if b.runners > 1 {
		r.Find(collectors.Finding{
			Name: "job_runner_doubled", Question: collectors.Contained, Severity: collectors.Warning,
			Text: fmt.Sprintf("%d job runners are connected to this database without standing by for each other: each job may be started twice.", b.runners),
		})
	}
}
