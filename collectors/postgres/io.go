package postgres

import (
	"strings"

	"github.com/wardround/wardround/collectors"
)

func ofIO(name, unit, help string) *collectors.Metric {
	return counter("pg_stat_io_"+name, unit, "pg_stat_io", help, "backend_type", "object", "context")
}

var statIO = view{"pg_stat_io", []column{
	{"reads", plain, ofIO("reads_total", "", "Reads")},
	{"read_bytes", plain, ofIO("read_bytes_total", "bytes", "What was read")},
	{"read_time", millis, ofIO("read_time_seconds_total", "seconds", "Time spent reading; 0 unless track_io_timing is on")},
	{"writes", plain, ofIO("writes_total", "", "Writes")},
	{"write_bytes", plain, ofIO("write_bytes_total", "bytes", "What was written")},
	{"write_time", millis, ofIO("write_time_seconds_total", "seconds", "Time spent writing; 0 unless track_io_timing is on")},
	{"writebacks", plain, ofIO("writebacks_total", "", "Blocks that the kernel was asked to write to disk")},
	{"extends", plain, ofIO("extends_total", "", "Times that a file was made longer")},
	{"extend_bytes", plain, ofIO("extend_bytes_total", "bytes", "By how much files were made longer")},
	{"hits", plain, ofIO("hits_total", "", "Blocks found in the server's own cache")},
	{"evictions", plain, ofIO("evictions_total", "", "Blocks that had to leave the cache for others")},
	{"reuses", plain, ofIO("reuses_total", "", "Buffers of a ring that were used again")},
	{"fsyncs", plain, ofIO("fsyncs_total", "", "Flushes to disk")},
	{"fsync_time", millis, ofIO("fsync_time_seconds_total", "seconds", "Time spent flushing to disk; 0 unless track_io_timing is on")},
}}

// ioOperations are the counts of pg_stat_io by which a line is known to have seen anything at all.
var ioOperations = []string{"reads", "writes", "writebacks", "extends", "hits", "evictions", "reuses", "fsyncs"}

// ioBytes are what PostgreSQL 16 and 17 tell by a number of operations of one size each.
var ioBytes = map[string]string{"read_bytes": "reads", "write_bytes": "writes", "extend_bytes": "extends"}

// ioGroup is what was read and written, by whom and what for: PostgreSQL 16 and later. Lines in
// which nothing ever happened are left out, and there are many.
func ioGroup() group {
	return group{
		name: "io", standbys: true, views: []string{statIO.name}, sql: ioSQL, read: (*round).readIO, metrics: statIO.metrics(),
	}
}

func ioSQL(f facts) string {
	if f.columns[statIO.name] == nil {
		return ""
	}
	var sql strings.Builder
	sql.WriteString("SELECT i.backend_type, i.object, i.context, current_setting('block_size') AS block_size" + statIO.choose(f, "i", ""))
	if f.has(statIO.name, "op_bytes") {
		for bytes, operations := range ioBytes {
			sql.WriteString(", i." + operations + " * i.op_bytes AS " + bytes)
		}
	}
	sql.WriteString(" FROM pg_stat_io i WHERE i." + strings.Join(ioOperations, " > 0 OR i.") + " > 0")
	return sql.String()
}

func (r *round) readIO(t table) {
	for line := range t.each {
		r.setView("", statIO, line, "", line.text("backend_type"), line.text("object"), line.text("context"))
	}
	if r.cluster.config.Compat && !r.cluster.session.has(statBgwriter.name, "buffers_backend") {
		r.setBackends(t)
	}
}

// setBackends is what PostgreSQL 17 took out of the background writer's view, for those who look for
// it there: what all others than it and the checkpointer had to write, and flush, themselves.
func (r *round) setBackends(t table) {
	var bytes, flushes float64
	for line := range t.each {
		if line.text("object") != "relation" || line.text("backend_type") == "checkpointer" || line.text("backend_type") == "background writer" {
			continue
		}
		for _, column := range []string{"write_bytes", "extend_bytes"} {
			n, _ := line.number(column)
			bytes += n
		}
		n, _ := line.number("fsyncs")
		flushes += n
	}
	block, _ := t.first().number("block_size")
	r.Set(statBgwriter.metric("buffers_backend"), bytes/max(block, 1))
	r.Set(statBgwriter.metric("buffers_backend_fsync"), flushes)
}

func ofSLRU(name, help string) *collectors.Metric {
	return counter("pg_stat_slru_"+name+"_total", "", "pg_stat_slru", help, "name")
}

var statSLRU = view{"pg_stat_slru", []column{
	{"blks_zeroed", plain, ofSLRU("blks_zeroed", "Pages made")},
	{"blks_hit", plain, ofSLRU("blks_hit", "Pages found in the cache")},
	{"blks_read", plain, ofSLRU("blks_read", "Pages read from disk")},
	{"blks_written", plain, ofSLRU("blks_written", "Pages written to disk")},
	{"blks_exists", plain, ofSLRU("blks_exists", "Times that a page was looked for on disk")},
	{"flushes", plain, ofSLRU("flushes", "Flushes of dirty pages")},
	{"truncates", plain, ofSLRU("truncates", "Truncations")},
}}

// slruGroup is the traffic of the small caches: transaction states, subtransactions, multixacts.
func slruGroup() group {
	return group{
		name: "slru", standbys: true, views: []string{statSLRU.name}, read: (*round).readSLRU, metrics: statSLRU.metrics(),
		sql: func(f facts) string {
			return "SELECT s.name" + statSLRU.choose(f, "s", "") + " FROM pg_stat_slru s WHERE s.blks_zeroed + s.blks_hit + s.blks_read + s.blks_written + s.blks_exists > 0"
		},
	}
}

func (r *round) readSLRU(t table) {
	for line := range t.each {
		r.setView("", statSLRU, line, "", line.text("name"))
	}
}
