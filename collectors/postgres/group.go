package postgres

import (
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// group is one set of facts: what one statement on the control connection tells.
type group struct {
	name     string             // the indicator that is unavailable where the statement fails
	standbys bool               // asked of standbys too
	compat   bool               // asked only of targets that want postgres_exporter's names
	views    []string           // whose columns sql asks facts for
	sql      func(facts) string // "" where the server has nothing of it
	read     func(*round, table)
	metrics  []*collectors.Metric
}

// groups are all that a round asks, in the order in which it is asked.
func groups() []group {
	return []group{
		serverGroup(), databasesGroup(), activityGroup(), saturationGroup(),
		replicationGroup(), standbyGroup(), slotsGroup(), walGroup(), walFilesGroup(), checkpointsGroup(), ioGroup(), slruGroup(),
		settingsGroup(), spacesGroup(), vacuumGroup(), preparedGroup(), locksCompatGroup(),
	}
}

// always is the SQL of a group that is the same for every server.
func always(sql string) func(facts) string { return func(facts) string { return sql } }

// round is one round in the making.
type round struct {
	*collectors.Builder
	cluster  *Cluster
	tenants  *collectors.Tenants
	snapshot snapshot
	more     []group // to be asked because of what was found
}

// database is what tenants know as their database's target: the primary's, also on a standby.
func (r *round) tenant(database string) string {
	if database == "" {
		return ""
	}
	target := r.cluster.config.Name
	if r.cluster.config.StandbyOf != "" {
		target = r.cluster.config.StandbyOf
	}
	tenant, _ := r.tenants.ByDatabase(target, database)
	return tenant.Name
}

// set records a column's value unless it is NULL.
func (r *round) set(m *collectors.Metric, from row, column string, labels ...string) {
	if v, ok := from.number(column); ok {
		r.Set(m, v, labels...)
	}
}

// setDatabase records a column's value, unless it is NULL, of a database whose name is the
// metric's first label.
func (r *round) setDatabase(m *collectors.Metric, from row, column, database string, labels ...string) {
	if v, ok := from.number(column); ok {
		r.SetFor(r.tenant(database), m, v, slices.Insert(labels, 0, database)...)
	}
}

// seconds is a column's value as a duration, zero for NULL.
func seconds(from row, column string) time.Duration {
	v, _ := from.number(column)
	return time.Duration(v * float64(time.Second))
}

func truthValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
