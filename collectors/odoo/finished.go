package odoo

import (
	"fmt"
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
	mostNewest   = 2000            // jobs, newest first, among which finished ones are looked for
	mostOlder    = 3000            // ids, the same, among those that were waiting
	idGap        = 10              // ids that are looked at rather than asked around
	failedWindow = time.Hour       // how long a failure counts as recent
	lateIDs      = 200             // of the newest at the last visit that may have been invisible then
	lateCommit   = 5 * time.Minute // how late a job's end may become visible after its own date
)

// finishedSQL lists the newest jobs, whatever became of them, and those that were waiting. What is to be
// counted of them is found out here: the server would spend several times as much on it.
const (
	finishedSQL = `(SELECT {columns} FROM public.queue_job j WHERE id > {known} ORDER BY id DESC LIMIT {newest})`
	olderSQL    = ` UNION ALL SELECT {columns} FROM (VALUES {ranges}) w (first, last) JOIN public.queue_job j ON id BETWEEN w.first AND w.last`
)

func finishedStatement(r *reading) string {
	s, m := r.schema, &r.memory.jobs
	sql := finishedSQL
	if len(m.waiting) > 0 {
		values := make([]string, len(m.waiting))
		for i, w := range m.waiting {
			values[i] = fmt.Sprintf("(%d, %d)", w.first, w.last)
		}
		sql += fill(olderSQL, "{ranges}", strings.Join(values, ", "))
	}
	columns := []string{
		"j.id", "j.state", "j.channel", "j.date_created",
		s.column("j", "queue_job.eta", "timestamp"),
		s.column("j", "queue_job.date_started", "timestamp"),
		s.column("j", "queue_job.date_done", "timestamp"),
		s.column("j", "queue_job.date_cancelled", "timestamp"),
		s.column("j", "queue_job.exec_time", "float8"),
		s.column("j", "queue_job.exc_name", "varchar"),
		s.column("j", "queue_job.retry", "int"),
	}
	return fill(sql, "{columns}", strings.Join(columns, ", "),
		"{known}", strconv.FormatInt(m.known(), 10), "{newest}", strconv.Itoa(mostNewest))
}

// job is a row of finishedSQL.
type job struct {
	id             int64
	state, channel string
	created        time.Time
	at             time.Time     // when a try of it ended; zero where none did
	wait           time.Duration // before it began; below zero where that is not known
	exec           float64       // seconds; below zero where that is not known
	exception      string
	tries          int64
}

func readJob(row *row) job {
	j := job{
		id: row.int(0), state: row.text(1), channel: channelName(row.text(2)), created: row.moment(3),
		wait: -1, exec: -1, exception: row.text(9), tries: row.int(10),
	}
	started := row.moment(5)
	if ready := latest(j.created, row.moment(4)); !started.IsZero() && !ready.IsZero() {
		j.wait = max(0, started.Sub(ready))
	}
	if row.columns[8] != nil {
		j.exec = max(0, row.float(8))
	}
	switch j.state {
	case "done":
		j.at = row.moment(6)
	case "cancelled":
		j.at = row.moment(7)
	case "failed": // no column says when
		if j.at = started; started.IsZero() {
			j.at = j.created
		}
	}
	return j
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

// known is the id above which jobs are new, or may have become visible since.
func (m *jobMemory) known() int64 { return m.newest - lateIDs }

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
	var fresh []job
	err := each(rows, func(row *row) {
		j := readJob(row)
		if j.id > m.known() {
			fresh = append(fresh, j)
		}
		m.end(r, j)
	})
	if err != nil {
		return err // they are looked at again
	}
	m.reach(r, fresh)
	m.asked = r.At()
	return nil
}

// end counts a job if a try of it ended and was not counted yet.
func (m *jobMemory) end(r *reading, j job) {
	back := m.span(r.At())
	if j.state == "failed" {
		back = failedWindow
		if m.underway[j.id] && r.since(j.at) > failedWindow {
			j.at = r.now // it ran for longer than the window, and ended just now
		}
	}
	end := ending{j.id, j.at.UnixMilli()}
	if j.at.IsZero() || r.since(j.at) >= back || m.seen[end] {
		return
	}
	m.seen[end] = true
	m.count(j, end)
}

// await notes which jobs may finish before the next visit, and which of them run.
func (m *jobMemory) await(ids []int64, underway map[int64]bool) {
	var all bool
	m.underway = underway
	m.waiting, all = rangesOf(ids, m.newest-lateIDs)
	m.missed = !all
}

// reach notes the newest id, and whether there were more new jobs than are looked at; at the first
// visit, whether what was looked at reaches back far enough. The jobs are those that are new, the
// newest first.
func (m *jobMemory) reach(r *reading, fresh []job) {
	m.full = m.missed
	if len(fresh) == 0 {
		if m.newest > 0 {
			r.soon() // ids may have begun anew: next time all are looked at
		}
		m.newest = 0
		return
	}
	if len(fresh) >= mostNewest {
		m.full = m.newest > 0 || r.since(fresh[len(fresh)-1].created) < failedWindow
	}
	m.newest = fresh[0].id
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

func (m *jobMemory) count(j job, end ending) {
	if j.state == "failed" {
		m.failures = append(m.failures, failure{end, j.channel})
	}
	if !j.at.After(m.began) && !m.underway[j.id] {
		return
	}
	channel := m.within(j.channel)
	m.finished.add(1, channel, j.state)
	m.retries.add(uint64(max(0, j.tries-1)), channel) // the column counts the first try too
	if j.state == "failed" {
		m.failed.add(1, channel, exceptionName(j.exception))
	}
	if j.wait >= 0 {
		observe(m.waits, channel, waitBounds, j.wait.Seconds())
	}
	if j.exec >= 0 {
		observe(m.runs, channel, runBounds, j.exec)
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
