package odoo

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// What finished is found by id, because no date of a job has an index: a job that finishes
// between two visits was either waiting at the first, which noted its id, or it was made since, and
// is among the newest.
const (
	mostNewest   = 2000            // ids, newest first, among which finished jobs are looked for
	mostOlder    = 3000            // the same, among those that were waiting
	idGap        = 10              // ids that are looked at rather than asked around
	failedWindow = time.Hour       // how long a failure counts as recent
	lateIDs      = 200             // of the newest at the last visit that may have been invisible then
	lateCommit   = 5 * time.Minute // how late a job's end may become visible after its own date
)

// finishedSQL lists the tries that ended, and in a row without a channel the newest id and how far
// back the newest jobs reach.
const finishedSQL = `
WITH top AS MATERIALIZED (SELECT max(id) AS id FROM public.queue_job)
SELECT id, channel, state, at, wait, exec, exc, retry FROM (
  SELECT j.id, j.channel, j.state, {exec} AS exec, {exc} AS exc, {retry} AS retry,
    date_part('epoch', CASE j.state WHEN 'done' THEN {done} WHEN 'cancelled' THEN {cancelled} ELSE coalesce({started}, j.date_created) END) AS at,
    date_part('epoch', {started} - greatest({eta}, j.date_created)) AS wait
  FROM (SELECT {columns} FROM public.queue_job WHERE id > greatest({known}, (SELECT id FROM top) - {newest}){older}) j
  WHERE j.state IN ('done', 'failed', 'cancelled')
) ended
WHERE at > date_part('epoch', now()) - CASE state WHEN 'failed' THEN {window} ELSE {since} END{underway}
UNION ALL
SELECT (SELECT id FROM top), NULL, NULL, {reach}, NULL, NULL, NULL, NULL`

const (
	olderSQL = ` UNION ALL SELECT {columns} FROM (VALUES {ranges}) w (first, last) JOIN public.queue_job ON id BETWEEN w.first AND w.last`
	// No column says when a job failed: one that ran for longer than the window is known by having run.
	underwaySQL = ` OR (state = 'failed' AND id IN ({ids}))`
	reachSQL    = `(SELECT date_part('epoch', date_created) FROM public.queue_job WHERE id > (SELECT id FROM top) - {newest} ORDER BY id LIMIT 1)`
)

func finishedStatement(r *reading) string {
	s, m := r.schema, &r.memory.jobs
	columns := s.columnsOf("queue_job", "id", "state", "channel", "date_created", "eta", "date_started", "date_done", "date_cancelled", "exec_time", "exc_name", "retry")
	older, reach := "", "NULL::float8"
	if len(m.waiting) > 0 {
		values := make([]string, len(m.waiting))
		for i, w := range m.waiting {
			values[i] = fmt.Sprintf("(%d, %d)", w.first, w.last)
		}
		older = fill(olderSQL, "{columns}", columns, "{ranges}", strings.Join(values, ", "))
	}
	if m.newest == 0 {
		reach = reachSQL
	}
	underway := ""
	if len(m.underway) > 0 {
		underway = fill(underwaySQL, "{ids}", strings.Join(m.underwayIDs(), ", "))
	}
	sql := fill(finishedSQL, "{older}", older, "{reach}", reach, "{underway}", underway)
	return fill(sql, "{columns}", columns,
		"{known}", strconv.FormatInt(m.newest-lateIDs, 10), "{newest}", strconv.Itoa(mostNewest),
		"{window}", seconds(failedWindow), "{since}", seconds(m.span(r.At())),
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

// idRange is a range of the ids of jobs.
type idRange struct{ first, last int64 }

// rangesOf covers ids up to the last one given with as few ranges as it can, and with as many ids as
// may be looked at. It says whether that was all of them.
func rangesOf(ids []int64, last int64) (ranges []idRange, all bool) {
	slices.Sort(ids)
	left := int64(mostOlder)
	for _, id := range ids {
		if id > last {
			break
		}
		n := len(ranges) - 1
		if n < 0 || id-ranges[n].last > idGap {
			ranges = append(ranges, idRange{id, id - 1})
			n++
		}
		if left -= id - ranges[n].last; left < 0 {
			return ranges, false
		}
		ranges[n].last = id
	}
	return ranges, true
}

// jobMemory counts what finished since the first visit. Odoo cleans up behind itself, and these
// counts survive it.
type jobMemory struct {
	began    time.Time       // of counting, by the server's clock; zero before the first visit
	asked    time.Time       // when it was asked last what finished, by our clock
	runners  int             // that the cluster saw when the database itself was asked, noRunners if it was not
	waiting  []idRange       // at the last visit, without those that are among the newest
	missed   bool            // there were more
	underway map[int64]bool  // jobs that ran at the last visit
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
func (m *jobMemory) read(r *reading, rows [][][]byte) error {
	if m.began.IsZero() {
		*m = jobMemory{began: r.now, seen: map[ending]bool{}, finished: tallies{}, failed: tallies{}, retries: tallies{}, waits: map[string]*histogram{}, runs: map[string]*histogram{}}
	}
	m.forget(r.now)
	if !r.fresh {
		return nil
	}
	err := each(rows, func(row *row) {
		if row.columns[1] == nil && row.columns[2] == nil {
			m.reached(r, row.int(0), row.time(3))
			return
		}
		id, at := row.int(0), row.time(3)
		if m.underway[id] && r.since(at) > failedWindow {
			at = r.now
		}
		end := ending{id, at.UnixMilli()}
		if m.seen[end] {
			return
		}
		m.seen[end] = true
		m.count(row, end)
	})
	m.asked = r.At()
	return err
}

// underwayIDs are those of the jobs that ran at the last visit, as statements write them.
func (m *jobMemory) underwayIDs() []string {
	ids := make([]string, 0, len(m.underway))
	for _, id := range slices.Sorted(maps.Keys(m.underway)) {
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	return ids
}

// await notes which jobs may finish before the next visit, and which of them run.
func (m *jobMemory) await(ids []int64, underway map[int64]bool) {
	var all bool
	m.underway = underway
	m.waiting, all = rangesOf(ids, m.newest-lateIDs)
	m.missed = !all
}

// reached notes the newest id, and whether there was more between it and what was known than was
// looked at: at the first visit, whether what was looked at reaches back far enough.
func (m *jobMemory) reached(r *reading, newest int64, since time.Time) {
	m.full = m.missed
	switch {
	case newest == 0:
		return
	case m.newest == 0:
		m.full = newest > mostNewest && r.since(since) < failedWindow
	case newest-mostNewest > m.newest-lateIDs:
		m.full = true
	}
	m.newest = newest
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
	if !row.time(3).After(m.began) && !m.underway[end.id] {
		return
	}
	channel = m.within(channel)
	m.finished.add(1, channel, state)
	m.retries.add(uint64(max(0, row.int(7)-1)), channel) // the column counts the first try too
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
