package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/wardround/wardround/collectors"
)

// amount is one thing that the server counts of each statement.
type amount uint8

const (
	amountCalls amount = iota
	amountSeconds
	amountRows
	amountRead
	amountHit
	amountTemp
	amountWAL
	amountReadSeconds
	amountWriteSeconds
	amountNumber
)

// amounts are all of them, of a statement or of a database.
type amounts [amountNumber]float64

func (a *amounts) add(more amounts) {
	for i, v := range more {
		a[i] += v
	}
}

// counted is an amount with the columns that tell it, of which the server has one (their names
// changed over versions), and what it becomes: a metric of each database, or of the statements
// that have a slot, or both.
type counted struct {
	columns   []string
	sql       string // around the column
	database  *collectors.Metric
	statement *collectors.Metric
}

const milliseconds, blocks = "s.%s / 1000", "s.%s * (SELECT current_setting('block_size')::int)"

// countedAmounts is in the order of the amounts.
var countedAmounts = [amountNumber]counted{
	{[]string{"calls"}, "s.%s", ofStatements("calls_total", "", "Statements that ended"), ofStatement("calls_total", "", "How often the statement ended")},
	{
		[]string{"total_exec_time"},
		milliseconds,
		ofStatements("seconds_total", "seconds", "Time that statements took to execute, counted when they end"),
		ofStatement("seconds_total", "seconds", "Time that the statement took to execute, counted when it ends"),
	},
	{[]string{"rows"}, "s.%s", ofStatements("rows_total", "", "Rows that statements returned or changed"), ofStatement("rows_total", "", "Rows that the statement returned or changed")},
	{[]string{"shared_blks_read"}, "s.%s", ofStatements("blocks_read_total", "", "Blocks that statements read from disk or the kernel's cache"), nil},
	{[]string{"shared_blks_hit"}, "s.%s", ofStatements("blocks_hit_total", "", "Blocks that statements found in the server's own cache"), nil},
	{[]string{"temp_blks_written"}, blocks, ofStatements("temp_bytes_total", "bytes", "Bytes that statements wrote to temporary files"), nil},
	{[]string{"wal_bytes"}, "s.%s", ofStatements("wal_bytes_total", "bytes", "Write-ahead log that statements made"), nil},
	{
		[]string{"shared_blk_read_time", "blk_read_time"},
		milliseconds, nil,
		ofStatement("block_read_seconds_total", "seconds", "Time that the statement spent reading blocks; 0 unless track_io_timing is on"),
	},
	{
		[]string{"shared_blk_write_time", "blk_write_time"},
		milliseconds, nil,
		ofStatement("block_write_seconds_total", "seconds", "Time that the statement spent writing blocks; 0 unless track_io_timing is on"),
	},
}

func ofStatements(name, unit, help string) *collectors.Metric {
	return counter("pg_database_statements_"+name, unit, "pg_stat_statements(false)", help+"; since the daemon first looked", "datname")
}

func ofStatement(name, unit, help string) *collectors.Metric {
	return counter("pg_stat_statements_"+name, unit, "pg_stat_statements(false)",
		help+"; of a fixed number of statements, those that take the longest", "user", "datname", "queryid")
}

var (
	metricStatements = gauge("pg_stat_statements_entries", "", "pg_stat_statements(false)",
		"Statements that the server keeps statistics of, those inside functions left out")
	metricStatementsMax = gauge("pg_stat_statements_max_entries", "", "pg_stat_statements.max",
		"Statements that the server can keep statistics of")
	metricEvictions = counter("pg_stat_statements_dealloc_total", "", "pg_stat_statements_info",
		"Times that the server forgot the least used statements for want of room; since the daemon first looked")
	metricStatementsReset = gauge("pg_stat_statements_stats_reset_timestamp_seconds", "seconds", "pg_stat_statements_info",
		"When the statistics of all statements last began at zero")
)

func statementMetrics() []*collectors.Metric {
	all := []*collectors.Metric{metricStatements, metricStatementsMax, metricEvictions, metricStatementsReset}
	for _, c := range countedAmounts {
		if c.database != nil {
			all = append(all, c.database)
		}
		if c.statement != nil {
			all = append(all, c.statement)
		}
	}
	return all
}

// statementKey is what the server keeps statistics by.
type statementKey struct {
	user, database uint32
	query          int64
}

// statement is one of them, as it was last seen.
type statement struct {
	statementKey
	role   string
	last   amounts // as the server counts them
	total  amounts // since the daemon first looked
	recent float64 // seconds, those of ten rounds ago counting half
	seen   int     // in which round
	placed bool    // it has a slot
}

// statements counts what statements did since they were first looked at, one by one: one that is
// new or that counts from zero again, because the server forgot it meanwhile or was told to, did
// all that it counts since the last look. Sums over a database could not tell this from a loss.
type statements struct {
	round     int
	started   string // when the server was: what it counts after a restart is looked at afresh
	entries   map[statementKey]*statement
	databases map[uint32]*amounts // totals
	slots     slots
	evictions evictions
}

// grown is what the statements of one database did since the last look.
type grown struct {
	amounts
	pace
}

// pace compares the time that statements took with what the same statements take on average.
type pace struct {
	calls, seconds, usual float64
}

const (
	knownCalls = 10 // after which a statement's average is worth its name
	slowest    = 10 // a statement counts as at most so many times slower: one that waited for a lock is no neighbour's fault
)

func (p *pace) compare(before, more amounts) {
	if before[amountCalls] < knownCalls || more[amountCalls] <= 0 {
		return
	}
	usual := more[amountCalls] * before[amountSeconds] / before[amountCalls]
	p.calls += more[amountCalls]
	p.usual += usual
	p.seconds += min(more[amountSeconds], slowest*usual)
}

func (p *pace) add(more pace) {
	p.calls, p.seconds, p.usual = p.calls+more.calls, p.seconds+more.seconds, p.usual+more.usual
}

// slowdown is how many times as long as usual the statements took; false where too few ran.
func (p pace) slowdown() (float64, bool) {
	return p.seconds / p.usual, p.calls >= fewCalls && p.usual > 0
}

const fewCalls = 20

// take takes in the server's entries, and returns what was done since the last look by database;
// nil at the first one and at the first after the server was started anew.
func (s *statements) take(t table, started string) (map[uint32]*grown, error) {
	if len(t.rows) > mostStatements {
		return nil, fmt.Errorf("the server keeps statistics of more than %d statements: lower pg_stat_statements.max", mostStatements)
	}
	afresh := s.entries == nil || s.started != started
	if s.entries == nil {
		s.entries, s.databases = map[statementKey]*statement{}, map[uint32]*amounts{}
	}
	s.round++
	s.started = started
	by := map[uint32]*grown{}
	read := newStatementReader(&t)
	for _, values := range t.rows {
		key, ok := read.key(values)
		if !ok {
			s.started = "" // look at all afresh
			return nil, collectors.Because(collectors.ReasonPermission,
				errors.New("statements of others are hidden from our role: grant it pg_monitor"))
		}
		entry := s.entries[key]
		if entry == nil {
			entry = &statement{statementKey: key, role: read.role(values)}
			s.entries[key] = entry
		}
		more := entry.grow(read.amounts(values), s.round)
		if afresh {
			continue
		}
		s.count(entry, more, by)
	}
	s.forget()
	s.slots.settle(s.entries)
	if afresh {
		return nil, nil
	}
	return by, nil
}

// grow takes in what the server counts now, and returns what is new of it.
func (e *statement) grow(now amounts, round int) (more amounts) {
	e.seen = round
	before := e.last
	e.last = now
	if now[amountCalls] < before[amountCalls] || now[amountSeconds] < before[amountSeconds] {
		return now
	}
	for i := range now {
		more[i] = max(0, now[i]-before[i])
	}
	return more
}

func (s *statements) count(e *statement, more amounts, by map[uint32]*grown) {
	if by[e.database] == nil {
		by[e.database] = &grown{}
	}
	if s.databases[e.database] == nil {
		s.databases[e.database] = &amounts{}
	}
	before := e.last
	for i := range before {
		before[i] -= more[i]
	}
	by[e.database].compare(before, more)
	by[e.database].amounts.add(more)
	s.databases[e.database].add(more)
	e.total.add(more)
	e.recent = e.recent*fading + more[amountSeconds]
}

// fading makes seconds of ten rounds ago count half.
const fading = 0.933

// forget drops what the server has forgotten, except what has a slot.
func (s *statements) forget() {
	for key, entry := range s.entries {
		if entry.seen == s.round {
			continue
		}
		if !entry.placed {
			delete(s.entries, key)
			continue
		}
		entry.last, entry.recent = amounts{}, entry.recent*fading
	}
}

// statementReader knows where the columns of an answer are.
type statementReader struct {
	user, name, database, query int
	amount                      [amountNumber]int // -1 where the server has none
}

func newStatementReader(t *table) statementReader {
	at := func(column string) int {
		if i, ok := t.columns[column]; ok {
			return i
		}
		return -1
	}
	r := statementReader{user: at("userid"), name: at("user"), database: at("dbid"), query: at("queryid")}
	for i := range r.amount {
		r.amount[i] = at("amount" + strconv.Itoa(i))
	}
	return r
}

func (r statementReader) key(values [][]byte) (statementKey, bool) {
	user, err1 := strconv.ParseUint(string(values[r.user]), 10, 32)
	database, err2 := strconv.ParseUint(string(values[r.database]), 10, 32)
	query, err3 := strconv.ParseInt(string(values[r.query]), 10, 64)
	return statementKey{uint32(user), uint32(database), query}, cmp.Or(err1, err2, err3) == nil
}

func (r statementReader) role(values [][]byte) string { return string(values[r.name]) }

func (r statementReader) amounts(values [][]byte) (a amounts) {
	for i, column := range r.amount {
		if column < 0 {
			continue
		}
		if v, err := strconv.ParseFloat(string(values[column]), 64); err == nil {
			a[i] = v
		}
	}
	return a
}

// evictions counts how often the server forgot statements.
type evictions struct {
	known       bool
	last, total float64
}

func (e *evictions) take(now float64) (more float64) {
	switch {
	case !e.known:
	case now < e.last:
		more = now
	default:
		more = now - e.last
	}
	e.known, e.last, e.total = true, now, e.total+more
	return more
}
