package postgres

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	metricShare = gauge("pg_tenant_share_ratio", "ratio", "pg_stat_database, pg_stat_activity and pg_stat_statements",
		"What the database used of what all databases used of the resource in the last five rounds", "datname", "resource")
	metricSlowdown = gauge("pg_database_statements_slowdown_ratio", "ratio", "pg_stat_statements(false)",
		"How many times as long as they usually do the database's statements took in the last five rounds, each compared with itself; absent where too few ran", "datname")
	metricNoisy = gauge("pg_noisy_neighbour", "", "shares and their history",
		"The database takes more of the resource than it usually does while others wait, always 1; only where that is so", "datname", "resource")
	metricNoisyCount = gauge("pg_noisy_neighbours", "", "shares and their history",
		"Databases that take more than they usually do while others wait; absent until it is known what is usual")
	metricWaiting = gauge("pg_neighbours_waiting", "", "pg_stat_activity, pg_stat_statements and connection poolers",
		"Whether databases wait for each other: for processors, for their statements to end, for connections, in a pooler", "cause")
	metricWorking = gauge("pg_sessions_working", "", "pg_stat_activity",
		"Client sessions that run or wait for the server's own work, such as a disk: neither idle nor waiting for a lock or a client")
)

// useMetrics is the catalogue of what is told of the use that databases make of a cluster.
func useMetrics() []*collectors.Metric {
	return append(statementMetrics(), metricShare, metricSlowdown, metricNoisy, metricNoisyCount, metricWaiting, metricWorking)
}

// useSQL is what each database has used so far, and what it holds now. The server adds to
// active_time when a transaction ends: what is still running is added here, so that a statement of
// ten minutes is no surprise at its end.
const useSQL = `SELECT d.oid, d.datname, coalesce(s.active_time, 0) / 1000 AS counted, coalesce(a.running, 0) AS running, coalesce(a.open, 0) AS open,
  s.blks_read AS reads, s.temp_bytes AS temp, coalesce(a.connections, 0) AS connections, coalesce(a.working, 0) AS working,
  extract(epoch FROM pg_postmaster_start_time()) AS started, current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int - coalesce(current_setting('reserved_connections', true), '0')::int AS "limit"
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid LEFT JOIN (
  SELECT datid, count(*) AS connections,
    count(*) FILTER (WHERE state = 'active' AND (wait_event_type IS NULL OR wait_event_type IN ('IO', 'LWLock', 'BufferPin', 'IPC'))) AS working,
    sum(extract(epoch FROM clock_timestamp() - state_change)) FILTER (WHERE state = 'active') AS running,
    extract(epoch FROM clock_timestamp() - min(xact_start)) AS open
  FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY datid
) a ON a.datid = d.oid
WHERE d.datallowconn AND NOT d.datistemplate`

var useQuestion = question{group: group{name: "use"}, text: useSQL}

// use tells what each database uses of a cluster, and who of them takes more than usual while
// others wait. It asks on the control connection.
type use struct {
	cluster *Cluster
	*useMemory
}

// useMemory is what is remembered from round to round, also over a change of the settings.
type useMemory struct {
	mu         sync.Mutex // held during a round
	began      time.Time  // when all counters were zero
	at         time.Time  // of the last round
	started    string     // when the server was, as of the last round
	raw        map[uint32]rawUse
	working    [2]int // sessions, in the last round and the one before
	statements statements
	neighbours neighbours
	looks      looks
}

// rawUse is what the server counts of a database.
type rawUse struct {
	busy
	reads, temp float64
}

// busy is for how long sessions were active, in seconds.
type busy struct {
	counted float64 // by the server, of transactions that have ended
	active  float64 // with what runs, or was seen to run in transactions that go on
	missing bool    // some of active stands nowhere, though no transaction is open in which it can be
}

// since is what sessions were active since the last round, given how long a transaction has been
// open and how long ago that round was. What was seen to run is missing between the end of its
// statement and that of its transaction, and for good where the session was ended by force.
func (b *busy) since(last busy, open, elapsed float64) float64 {
	switch {
	case b.counted < last.counted:
		return b.counted // it began at zero meanwhile
	case b.active >= last.active:
		return b.active - last.active
	}
	b.missing = open < elapsed
	if !b.missing || !last.missing {
		b.active = last.active
	}
	return 0
}

func newUse(c *Cluster, previous *Cluster) *use {
	if previous != nil && previous.use != nil && previous.config.DSN == c.config.DSN {
		return &use{c, previous.use.useMemory}
	}
	return &use{c, &useMemory{}}
}

// useRound is one round in the making.
type useRound struct {
	*round
	*useMemory
	databases map[uint32]databaseUse
	elapsed   float64 // seconds since the last round
	limit     float64 // of connections
	lacking   [resourceNumber]bool
}

// Collect implements collectors.Collector.
func (u *use) Collect(ctx context.Context, b *collectors.Builder) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.began.IsZero() {
		u.began = b.At()
	}
	b.CountedSince(u.began)
	c := u.cluster
	r := &useRound{
		round:     &round{Builder: b, cluster: c, tenants: c.options.Tenants.Current()},
		useMemory: u.useMemory, elapsed: b.At().Sub(u.at).Seconds(),
	}
	u.statements.slots.size = c.config.TopStatements
	told, look, err := r.ask(ctx)
	if err != nil {
		return err
	}
	r.readStatements(look)
	if told {
		u.neighbours.take(r.databases, r.lacking)
		r.judge()
		u.neighbours.remember()
	}
	u.at = b.At()
	return nil
}

// ask asks for the use of databases and, unless it may be left out in this round, of statements.
// Told is what readUse says.
func (r *useRound) ask(ctx context.Context) (told bool, look *look, err error) {
	c := r.cluster
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.closed {
		return false, nil, errors.New("the cluster is no longer watched")
	}
	answers, err := c.exchange(ctx, func(s *session) []question {
		if s.entries == nil {
			return []question{useQuestion, {text: extensionSQL}}
		}
		return []question{useQuestion}
	})
	if err != nil {
		c.hangUp()
		return false, nil, err
	}
	if err := Classify(answers[0].err); err != nil {
		return false, nil, err
	}
	if told = r.readUse(answers[0].table); told && r.mayRest() {
		return told, nil, nil
	}
	look, err = c.lookAtStatements(ctx, answers[1:])
	if err != nil {
		c.hangUp()
	}
	return told, look, err
}

// readUse takes in what the databases used since the last round. False where there was none, or
// the server was started anew meanwhile.
func (r *useRound) readUse(t table) bool {
	elapsed := r.elapsed
	afresh := r.raw == nil || r.started != t.first().text("started") || elapsed <= 0
	r.started = t.first().text("started")
	before := r.raw
	r.raw = make(map[uint32]rawUse, len(t.rows))
	r.databases = make(map[uint32]databaseUse, len(t.rows))
	r.working = [2]int{0, r.working[0]}
	for line := range t.each {
		id, _ := line.count("oid")
		oid := uint32(id)
		var now rawUse
		now.counted, _ = line.number("counted")
		running, _ := line.number("running")
		now.active = now.counted + running
		now.reads, _ = line.number("reads")
		now.temp, _ = line.number("temp")
		connections, _ := line.number("connections")
		working, _ := line.count("working")
		r.working[0] += int(working)
		used := databaseUse{name: line.text("datname")}
		used.usage[connectionSlots] = connections
		if last, known := before[oid]; known {
			open, _ := line.number("open")
			used.usage[activeTime] = now.since(last.busy, open, elapsed) / elapsed
			used.usage[blockReads] = since(last.reads, now.reads) / elapsed
			used.usage[tempBytes] = since(last.temp, now.temp) / elapsed
		}
		r.raw[oid], r.databases[oid] = now, used
	}
	r.limit, _ = t.first().number("limit")
	r.Set(metricWorking, float64(r.working[0]))
	r.statements.slots.drop(func(database uint32) bool { _, there := r.databases[database]; return !there })
	return !afresh
}

// since is what a counter grew by; one that fell began at zero meanwhile.
func since(last, now float64) float64 {
	if now < last {
		return now
	}
	return now - last
}

// cores is how many processors the server has; 0 where nobody says.
func (c Config) cores() int {
	if c.Cores == 0 && c.local() {
		return runtime.NumCPU()
	}
	return c.Cores
}

// local says whether the server is on this machine, as far as its address tells.
func (c Config) local() bool {
	parsed, err := c.parse()
	if err != nil {
		return false
	}
	if strings.HasPrefix(parsed.Host, "/") || parsed.Host == "localhost" {
		return true
	}
	ip := net.ParseIP(parsed.Host)
	return ip != nil && ip.IsLoopback()
}
