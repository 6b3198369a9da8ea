package postgres

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	metricActivity = gauge("pg_stat_activity_backends", "", "pg_stat_activity",
		"Server processes by database, role, state, type and class of what they wait for; only combinations that there are",
		"datname", "usename", "state", "backend_type", "wait_event_type")
	metricOldestXact = gauge("pg_stat_activity_oldest_xact_start_timestamp_seconds", "seconds", "pg_stat_activity",
		"When the longest open transaction of a client began", "datname")
	metricOldestQuery = gauge("pg_stat_activity_oldest_query_start_timestamp_seconds", "seconds", "pg_stat_activity",
		"When the longest running statement of a client began", "datname")
	metricOldestIdle = gauge("pg_stat_activity_oldest_idle_in_transaction_timestamp_seconds", "seconds", "pg_stat_activity",
		"Since when the client that is idle inside a transaction for longest has been so", "datname")
)

const activitySQL = `SELECT coalesce(datname, '') AS datname, coalesce(usename, '') AS usename, coalesce(state, '') AS state,
  coalesce(backend_type, '') AS backend_type, coalesce(wait_event_type, '') AS wait_event_type, count(*) AS n,
  extract(epoch FROM clock_timestamp()) AS now,
  extract(epoch FROM min(xact_start) FILTER (WHERE pid <> pg_backend_pid())) AS xact,
  extract(epoch FROM min(query_start) FILTER (WHERE pid <> pg_backend_pid() AND state = 'active')) AS query,
  extract(epoch FROM min(state_change) FILTER (WHERE state LIKE 'idle in transaction%')) AS idle,
  count(*) FILTER (WHERE query IN ('SELECT 1', 'LISTEN queue_job', 'CLOSE "select_jobs"') AND state_change > now() - interval '3 minutes') AS runners,
  max(age(backend_xmin)) FILTER (WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS xmin_age,
  count(*) FILTER (WHERE backend_type = 'autovacuum worker' AND query LIKE '%(to prevent wraparound)') AS wraparound
FROM pg_stat_activity WHERE datid IS NOT NULL OR usesysid IS NOT NULL GROUP BY 1, 2, 3, 4, 5`

// activityGroup is who is connected and for how long transactions have been open.
func activityGroup() group {
	return group{
		name: "activity", standbys: true, sql: always(activitySQL), read: (*round).readActivity,
		metrics: []*collectors.Metric{
			metricActivity, metricOldestXact, metricOldestQuery, metricOldestIdle,
			metricAutovacuum, metricAntiWrap, metricLockWaiting, metricLockOldest, metricLockRoots,
		},
	}
}

// oldest are the earliest moments of one database's clients, by metric.
type oldest map[*collectors.Metric]float64

// sessions is what the lines of all sessions add up to.
type sessions struct {
	workers workers
	waiting map[string]int64  // for a lock, by database
	clients map[string]oldest // by database
	held    float64           // the age of the oldest rows that a client keeps from being cleaned up
}

func (r *round) readActivity(t table) {
	now, _ := t.first().number("now")
	s := sessions{waiting: map[string]int64{}, clients: map[string]oldest{}}
	r.snapshot.runners = map[string]int{}
	for line := range t.each {
		database := line.text("datname")
		r.setDatabase(metricActivity, line, "n", database,
			line.text("usename"), line.text("state"), line.text("backend_type"), line.text("wait_event_type"))
		r.setTxDuration(line, now)
		s.take(line, database)
		if line.text("backend_type") == "client backend" {
			runners, _ := line.count("runners")
			r.snapshot.runners[database] += int(runners)
		}
	}
	r.setWorkers(s.workers)
	r.setLockWaits(s.waiting)
	r.holdsXmin("session", s.held)
	for database, moments := range s.clients {
		for metric, moment := range moments {
			r.SetFor(r.tenant(database), metric, moment, database)
		}
		if began, open := moments[metricOldestXact]; open {
			r.findLongTransaction(database, time.Duration((now-began)*float64(time.Second)))
		}
	}
}

func (s *sessions) take(line row, database string) {
	s.workers.take(line)
	if n, _ := line.count("n"); line.text("wait_event_type") == "Lock" && database != "" {
		s.waiting[database] += n
	}
	if line.text("backend_type") != "client backend" {
		return
	}
	if s.clients[database] == nil {
		s.clients[database] = oldest{}
	}
	s.clients[database].take(metricOldestXact, line, "xact")
	s.clients[database].take(metricOldestQuery, line, "query")
	s.clients[database].take(metricOldestIdle, line, "idle")
	age, _ := line.number("xmin_age")
	s.held = max(s.held, age)
}

// setTxDuration is for those who ask for postgres_exporter's names.
func (r *round) setTxDuration(line row, now float64) {
	began, open := line.number("xact")
	if !open || !r.cluster.config.Compat {
		return
	}
	database := line.text("datname")
	r.SetFor(r.tenant(database), compatTxDuration, max(0, now-began), database,
		line.text("usename"), line.text("state"), line.text("backend_type"), line.text("wait_event_type"))
}

func (o oldest) take(m *collectors.Metric, line row, column string) {
	moment, ok := line.number(column)
	if earlier, known := o[m]; ok && (!known || moment < earlier) {
		o[m] = moment
	}
}

func (r *round) findLongTransaction(database string, age time.Duration) {
	if age < longTransaction {
		return
	}
	r.Find(collectors.Finding{
		Tenant: r.tenant(database), Name: "long_transaction", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("a transaction in database %s has been open for %s: it keeps vacuum from cleaning up", database, brief(age)),
	})
}
