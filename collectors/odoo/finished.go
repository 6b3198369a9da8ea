package odoo

import (
	"strconv"
	"time"

	"github.com/wardround/wardround/collectors"
)

// What finished is found by id, because no date of a job has an index: a job that finishes
// between two visits was either waiting at the first, and its id is within the range of those, or
// it was made since, and is among the newest.
const (
	mostNewest   = 2000            // jobs, newest first, among which finished ones are looked for
	mostOlder    = 3000            // the same, upwards in the range of those that were waiting
	failedWindow = time.Hour       // how long a failure counts as recent
	lateIDs      = 200             // of the newest at the last visit that may have been invisible then
	lateCommit   = 5 * time.Minute // how late a job's end may become visible after its own date
)

// finishedSQL lists the tries that ended, and in a row without a channel says how far back the
// newest jobs reach.
const finishedSQL = `
WITH newest AS MATERIALIZED (SELECT {columns} FROM public.queue_job WHERE id > {known} ORDER BY id DESC LIMIT {newest}),
older AS MATERIALIZED (
  SELECT {columns} FROM public.queue_job WHERE id BETWEEN {lowest} AND {highest} AND id < coalesce((SELECT min(id) FROM newest), 1 << 30) ORDER BY id LIMIT {older}
),
ended AS (
  SELECT j.id, j.channel, j.state, {started} AS started, {exec} AS exec, {exc} AS exc, {retry} AS retry,
    CASE j.state WHEN 'done' THEN {done} WHEN 'cancelled' THEN {cancelled} WHEN 'failed' THEN coalesce({started}, j.date_created) END AS at,
    extract(epoch FROM {started} - greatest({eta}, j.date_created))::float8 AS wait
  FROM (SELECT * FROM newest UNION ALL SELECT * FROM older) j WHERE j.state IN ('done', 'failed', 'cancelled')
)
SELECT id, channel, state, extract(epoch FROM at)::float8, wait, exec, exc, retry FROM ended
WHERE at > now() AT TIME ZONE 'utc' - CASE state WHEN 'failed' THEN interval '{window} seconds' ELSE interval '{since} seconds' END
UNION ALL
SELECT (SELECT count(*) FROM older), NULL, NULL, (SELECT extract(epoch FROM min(date_created))::float8 FROM newest),
  (SELECT max(id) FROM newest)::float8, NULL, NULL, (SELECT count(*) FROM newest)`

func finishedStatement(r *reading) string {
	s := r.schema
	columns := "id, state, channel, date_created"
	for _, name := range []string{"eta", "date_started", "date_done", "date_cancelled", "exec_time", "exc_name", "retry"} {
		if s.has("queue_job." + name) {
			columns += ", " + name
		}
	}
	return fill(finishedSQL,
		"{columns}", columns,
		"{newest}", strconv.Itoa(mostNewest), "{older}", strconv.Itoa(mostOlder),
		"{lowest}", strconv.FormatInt(r.memory.jobs.waiting.lowest, 10), "{highest}", strconv.FormatInt(r.memory.jobs.waiting.highest, 10),
		"{known}", strconv.FormatInt(r.memory.jobs.newest-lateIDs, 10),
		"{window}", seconds(failedWindow), "{since}", seconds(r.memory.jobs.span(r.At())),
		"{eta}", s.column("j", "queue_job.eta", "timestamp"),
		"{started}", s.column("j", "queue_job.date_started", "timestamp"),
		"{done}", s.column("j", "queue_job.date_done", "timestamp"),
		"{cancelled}", s.column("j", "queue_job.date_cancelled", "timestamp"),
		"{exec}", s.column("j", "queue_job.exec_time", "float8"),
		"{exc}", s.column("j", "queue_job.exc_name", "varchar"),
		"{retry}", s.column("j", "queue_job.retry", "int"))
}

// ending is one try of a job that ended. Failing again makes another one of it.
type ending struct {
	id int64
	at int64 // milliseconds since 1970
}

// failure is one of the last hour.
type failure struct {
	ending
	channel string
}

// idRange is the ids of jobs; zero for none.
type idRange struct{ lowest, highest int64 }

func (i *idRange) add(lowest, highest int64) {
	if lowest > 0 && (i.lowest == 0 || lowest < i.lowest) {
		i.lowest = lowest
	}
	i.highest = max(i.highest, highest)
}

// jobMemory counts what finished since the first visit. Odoo cleans up behind itself, and these
// counts survive it.
type jobMemory struct {
	began    time.Time       // of counting, by the server's clock; zero before the first visit
	asked    time.Time       // of the last visit, by ours
	waiting  idRange         // at the last visit
	newest   int64           // id at the last visit
	seen     map[ending]bool // of the last hour
	failures []failure       // of the last hour
	full     bool            // more happened than was looked at

	finished tallies // by channel and state
	failed   tallies // by channel and kind of error
	retries  tallies // by channel
	waits    map[string]*histogram
	runs     map[string]*histogram
}

var (
	waitBounds = []float64{1, 5, 15, 60, 300, 900, 3600, 14400}
	runBounds  = []float64{0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800}
)

// span is how far back ends are looked for.
func (m *jobMemory) span(now time.Time) time.Duration {
	if m.asked.IsZero() {
		return lateCommit
	}
	return min(now.Sub(m.asked)+lateCommit, failedWindow)
}

// read counts the tries that ended since the last visit, each once. What ended before the first
// visit is not counted, but its failures are recent ones.
func (m *jobMemory) read(r *reading, rows [][][]byte, waiting idRange) error {
	if m.began.IsZero() {
		*m = jobMemory{began: r.now, seen: map[ending]bool{}, finished: tallies{}, failed: tallies{}, retries: tallies{}, waits: map[string]*histogram{}, runs: map[string]*histogram{}}
	}
	m.forget(r.now)
	err := each(rows, func(row *row) {
		if row.columns[1] == nil && row.columns[2] == nil {
			m.full = row.int(0) == mostOlder || (row.int(7) == mostNewest && (m.newest > 0 || r.since(row.time(3)) < failedWindow))
			m.newest = max(m.newest, int64(row.float(4)))
			return
		}
		end := ending{row.int(0), row.time(3).UnixMilli()}
		if m.seen[end] {
			return
		}
		m.seen[end] = true
		m.count(row, end)
	})
	m.asked, m.waiting = r.At(), waiting
	return err
}

// forget drops what no statement brings again.
func (m *jobMemory) forget(now time.Time) {
	limit := now.Add(-failedWindow).UnixMilli()
	for end := range m.seen {
		if end.at < limit {
			delete(m.seen, end)
		}
	}
	kept := m.failures[:0]
	for _, f := range m.failures {
		if f.at >= limit {
			kept = append(kept, f)
		}
	}
	m.failures = kept
}

func (m *jobMemory) count(row *row, end ending) {
	channel, state := channelName(row.text(1)), row.text(2)
	if state == "failed" {
		m.failures = append(m.failures, failure{end, channel})
	}
	if !row.time(3).After(m.began) {
		return
	}
	channel = m.within(channel)
	m.finished.add(1, channel, state)
	m.retries.add(uint64(max(0, row.int(7))), channel)
	if state == "failed" {
		m.failed.add(1, channel, exceptionName(row.text(6)))
	}
	if row.columns[4] != nil {
		observe(m.waits, channel, waitBounds, max(0, row.float(4)))
	}
	if row.columns[5] != nil {
		observe(m.runs, channel, runBounds, max(0, row.float(5)))
	}
}

// within is the channel itself while there are few enough to have series of their own.
func (m *jobMemory) within(channel string) string {
	if _, known := m.retries[[2]string{channel}]; known || len(m.retries) < mostChannels {
		return channel
	}
	return otherName
}

// recentFailures are the failed tries of the last hour by channel.
func (m *jobMemory) recentFailures(r *reading) map[string]int64 {
	by := map[string]int64{}
	for _, f := range m.failures {
		by[f.channel]++
		r.at(time.UnixMilli(f.at).Add(failedWindow))
	}
	return by
}

func (m *jobMemory) report(r *reading) {
	for key, n := range m.finished {
		r.Set(metricJobsFinished, float64(n), key[0], key[1])
	}
	for key, n := range m.failed {
		r.Set(metricJobFailures, float64(n), key[0], key[1])
	}
	for key, n := range m.retries {
		r.Set(metricJobRetries, float64(n), key[0])
	}
	for channel, h := range m.waits {
		h.set(r, metricJobWait, channel)
	}
	for channel, h := range m.runs {
		h.set(r, metricJobRun, channel)
	}
	r.Set(metricWindowFull, truth(m.full), "jobs_finished")
}

// tallies are counts by up to two labels.
type tallies map[[2]string]uint64

func (t tallies) add(n uint64, labels ...string) {
	var key [2]string
	copy(key[:], labels)
	t[key] += n
}

// histogram counts observations.
type histogram struct{ collectors.Distribution }

func newHistogram(bounds []float64) *histogram {
	return &histogram{collectors.Distribution{Bounds: bounds, Counts: make([]uint64, len(bounds))}}
}

// observe counts one value in the histogram of a name.
func observe(by map[string]*histogram, name string, bounds []float64, value float64) {
	if by[name] == nil {
		by[name] = newHistogram(bounds)
	}
	by[name].add(value)
}

func (h *histogram) add(value float64) {
	h.Sum += value
	for i, bound := range h.Bounds {
		if value <= bound {
			h.Counts[i]++
			return
		}
	}
	h.Over++
}

func (h *histogram) set(r *reading, m *collectors.Metric, labels ...string) {
	d := h.Distribution
	d.Counts = append([]uint64(nil), d.Counts...)
	r.SetHistogram(r.Key().Tenant, m, d, labels...)
}
