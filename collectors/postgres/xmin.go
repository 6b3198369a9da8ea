package postgres

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	metricXminAge = gauge("pg_xmin_holder_age", "", "pg_stat_activity, pg_replication_slots, pg_prepared_xacts, pg_stat_replication",
		"Age in transactions of the oldest row version that vacuum must keep, by who needs it: session, slot, prepared or standby; absent where nobody does", "holder")
	metricPrepared = gauge("pg_prepared_transactions", "", "pg_prepared_xacts",
		"Transactions that are prepared and not yet finished; only databases that have some", "datname")
	metricPreparedOldest = gauge("pg_prepared_transactions_oldest_timestamp_seconds", "seconds", "pg_prepared_xacts",
		"When the oldest transaction was prepared that is not yet finished", "datname")
)

// holdsXmin records how old the oldest rows are that somebody keeps vacuum from cleaning up.
func (r *round) holdsXmin(holder string, age float64) {
	if age <= 0 {
		return
	}
	r.Set(metricXminAge, age, holder)
	severity, wrong := grade(age, heldXmin, heldXminLong)
	if !wrong {
		return
	}
	who := map[string]string{
		"session": "an open transaction", "slot": "a replication slot", "prepared": "a prepared transaction", "standby": "a standby",
	}[holder]
	r.Find(collectors.Finding{
		Name: "vacuum_held_back", Question: collectors.Contained, Severity: severity,
		Text: fmt.Sprintf("%s keeps vacuum from cleaning up what %.0f million transactions left behind", who, age/1e6),
	})
}

const preparedSQL = `SELECT database AS datname, count(*) AS n, extract(epoch FROM min(prepared)) AS oldest,
  extract(epoch FROM clock_timestamp() - min(prepared)) AS longest, max(age(transaction)) AS xmin_age
FROM pg_prepared_xacts GROUP BY 1`

// preparedGroup is which transactions wait for their second phase: none unless the server allows
// them, and then it is not asked.
func preparedGroup() group {
	return group{
		name: "prepared_transactions", read: (*round).readPrepared,
		sql: func(f facts) string {
			if !f.prepared {
				return ""
			}
			return preparedSQL
		},
		metrics: []*collectors.Metric{metricPrepared, metricPreparedOldest, metricXminAge},
	}
}

func (r *round) readPrepared(t table) {
	var held float64
	for line := range t.each {
		database := line.text("datname")
		r.setDatabase(metricPrepared, line, "n", database)
		r.setDatabase(metricPreparedOldest, line, "oldest", database)
		age, _ := line.number("xmin_age")
		held = max(held, age)
		r.findPrepared(database, seconds(line, "longest"))
	}
	r.holdsXmin("prepared", held)
}

func (r *round) findPrepared(database string, age time.Duration) {
	if age < longTransaction {
		return
	}
	r.Find(collectors.Finding{
		Tenant: r.tenant(database), Name: "prepared_transaction_left", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("a prepared transaction in database %s has waited for %s: it keeps its locks and vacuum from cleaning up", database, brief(age)),
	})
}
