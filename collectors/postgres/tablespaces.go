package postgres

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	metricSpaceDatabases = gauge("pg_tablespace_databases", "", "pg_database.dattablespace", "Databases whose tables go to the tablespace unless said otherwise", "spcname")
	metricSpaceSize      = gauge("pg_tablespace_size_bytes", "bytes", "pg_tablespace_size()",
		"Size of the tablespace, asked anew once an hour; not of pg_default, whose size is that of its databases", "spcname")
	metricTempFiles  = gauge("pg_temp_files", "", "pg_ls_tmpdir()", "Temporary files of statements under way; those that parallel workers share are in folders that the server does not list", "spcname")
	metricTempBytes  = gauge("pg_temp_files_size_bytes", "bytes", "pg_ls_tmpdir()", "Size of the temporary files of statements under way; see pg_temp_files", "spcname")
	metricTempOldest = gauge("pg_temp_files_oldest_timestamp_seconds", "seconds", "pg_ls_tmpdir()", "When the temporary file was last written that has rested longest", "spcname")
)

const spacesSQL = `SELECT t.oid, t.spcname, (SELECT count(*) FROM pg_database d WHERE d.dattablespace = t.oid) AS databases,
  f.files, f.bytes, f.oldest
FROM pg_tablespace t
CROSS JOIN LATERAL (SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes, extract(epoch FROM min(modification)) AS oldest
  FROM pg_ls_tmpdir(t.oid)) f
WHERE t.spcname <> 'pg_global' ORDER BY 2`

// sizeEvery is how often the size of a tablespace is asked: the server looks at each of its files
// for it. One is asked in a round, and what was learned is told until it is asked again.
const sizeEvery = time.Hour

// spacesGroup is where databases are kept, and which temporary files are in flight there.
func spacesGroup() group {
	return group{
		name: "tablespaces", sql: always(spacesSQL), read: (*round).readSpaces,
		metrics: []*collectors.Metric{metricSpaceDatabases, metricSpaceSize, metricTempFiles, metricTempBytes, metricTempOldest},
	}
}

// spaceSize is the size of a tablespace as of a moment, unknown where it could not be had.
type spaceSize struct {
	asked time.Time
	bytes float64
	known bool
}

func (r *round) readSpaces(t table) {
	sizes := map[string]spaceSize{}
	due := ""
	for line := range t.each {
		name := line.text("spcname")
		r.set(metricSpaceDatabases, line, "databases", name)
		r.set(metricTempFiles, line, "files", name)
		r.set(metricTempBytes, line, "bytes", name)
		r.set(metricTempOldest, line, "oldest", name)
		if name == "pg_default" {
			continue
		}
		known := r.cluster.spaces[name]
		if due == "" && r.At().Sub(known.asked) >= sizeEvery {
			due = name
			known = spaceSize{asked: r.At()}
			r.more = append(r.more, spaceSizeGroup(name, line.text("oid")))
		}
		sizes[name] = known
		if known.known {
			r.Set(metricSpaceSize, known.bytes, name)
		}
	}
	r.cluster.spaces = sizes
}

func spaceSizeGroup(name, oid string) group {
	return group{
		name: "tablespace_size", sql: always(fmt.Sprintf("SELECT pg_tablespace_size(%s::oid) AS bytes", oid)),
		read: func(r *round, t table) {
			size := r.cluster.spaces[name]
			if size.bytes, size.known = t.first().number("bytes"); size.known {
				r.Set(metricSpaceSize, size.bytes, name)
			}
			r.cluster.spaces[name] = size
		},
	}
}
