package postgres

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	metricLockWaiting = gauge("pg_lock_waiting_backends", "", "pg_stat_activity",
		"Sessions that wait for a lock; only databases in which some do", "datname")
	metricLockOldest = gauge("pg_lock_oldest_wait_start_timestamp_seconds", "seconds", "pg_locks.waitstart",
		"Since when the session that waits longest for a lock has been waiting", "datname")
	metricLockRoots = gauge("pg_lock_roots", "", "pg_blocking_pids()",
		"Sessions that hold up others without waiting themselves")
)

// lockTreeSQL needs the lock manager's shared state, so it is asked only while somebody waits, and
// of at most 50 who do.
const lockTreeSQL = `WITH w AS MATERIALIZED (
  SELECT DISTINCT ON (pid) pid, waitstart FROM pg_locks WHERE NOT granted ORDER BY pid, waitstart
), e AS MATERIALIZED (
  SELECT w.*, pg_blocking_pids(w.pid) AS by FROM w LIMIT 50
), root AS (
  SELECT DISTINCT b.pid FROM e, unnest(e.by) b(pid) WHERE NOT EXISTS (SELECT 1 FROM e x WHERE x.pid = b.pid)
)
SELECT a.datname, count(*) AS waiting, extract(epoch FROM min(e.waitstart)) AS oldest,
  extract(epoch FROM clock_timestamp() - min(e.waitstart)) AS longest, (SELECT count(*) FROM root) AS roots
FROM e JOIN pg_stat_activity a ON a.pid = e.pid WHERE a.datname IS NOT NULL GROUP BY 1`

// setLockWaits records how many sessions wait for a lock, by database, as the look at all sessions
// found without touching the lock manager, and has that asked when somebody does.
func (r *round) setLockWaits(waiting map[string]int64) {
	for database, n := range waiting {
		r.SetFor(r.tenant(database), metricLockWaiting, float64(n), database)
	}
	if len(waiting) == 0 {
		r.Set(metricLockRoots, 0)
		return
	}
	r.more = append(r.more, group{name: "lock_tree", sql: always(lockTreeSQL), read: (*round).readLockTree})
}

func (r *round) readLockTree(t table) {
	r.set(metricLockRoots, t.first(), "roots")
	for line := range t.each {
		database := line.text("datname")
		r.setDatabase(metricLockOldest, line, "oldest", database)
		waiting, _ := line.count("waiting")
		roots, _ := line.count("roots")
		r.findLockWaits(database, waiting, roots, seconds(line, "longest"))
	}
}

func (r *round) findLockWaits(database string, waiting, roots int64, longest time.Duration) {
	severity, wrong := grade(longest, lockWait, lockWaitLong)
	if !wrong {
		return
	}
	r.Find(collectors.Finding{
		Tenant: r.tenant(database), Name: "lock_waits", Question: collectors.Contained, Severity: severity,
		Text: fmt.Sprintf("%d sessions in database %s wait for locks, the longest for %s, behind %d that hold them",
			waiting, database, brief(longest), roots),
	})
}
