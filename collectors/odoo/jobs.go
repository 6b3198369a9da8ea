package odoo

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/wardround/wardround/collectors"
)

// jobsGroup reads the jobs of OCA's queue_job. Done jobs are millions and none of the dates has
// an index, so live jobs are found by state and failed ones among the newest ids.
var jobsGroup = &group{
	name: "jobs", addon: true,
	needs:      []string{"queue_job.id", "queue_job.state", "queue_job.channel", "queue_job.date_created"},
	wants:      []string{"queue_job.eta", "queue_job.date_enqueued", "queue_job.date_started"},
	statements: jobStatements,
	read:       readJobs,
}

const (
	mostLive      = 20000           // jobs of one state that are looked at
	mostNewest    = 5000            // jobs, newest first, among which failed ones are looked for
	failedWindow  = time.Hour       // how long a failure counts as recent
	enqueuedLimit = 5 * time.Minute // an enqueued job is started within seconds; OCA's own clean-up uses this too
	mostChannels  = 50              // that get series of their own
	keepAlive     = 3 * time.Minute // the runner's connection is used every minute
)

// liveStates are those in which a job still wants something to be done.
var liveStates = []string{"started", "enqueued", "pending", "wait_dependencies"}

// liveSQL counts by channel and state, with the moments that matter: the oldest job that could
// run, the next that will, when those under way began.
const liveSQL = `
SELECT channel, state, count(*),
  count(*) FILTER (WHERE due), extract(epoch FROM min(ready) FILTER (WHERE due))::float8,
  extract(epoch FROM min(ready) FILTER (WHERE NOT due))::float8,
  count(*) FILTER (WHERE limited <= now() AT TIME ZONE 'utc'),
  extract(epoch FROM min(limited))::float8,
  extract(epoch FROM min(limited) FILTER (WHERE limited > now() AT TIME ZONE 'utc'))::float8
FROM (
  SELECT j.channel, j.state, coalesce({eta}, j.date_created) AS ready,
    j.state = 'pending' AND coalesce({eta} <= now() AT TIME ZONE 'utc', true) AS due,
    CASE j.state WHEN 'started' THEN {started} + interval '{stuck} seconds' WHEN 'enqueued' THEN {enqueued} + interval '{enqueuing} seconds' END AS limited
  FROM ({each}) j
) live GROUP BY channel, state`

const eachLiveSQL = `(SELECT {columns} FROM public.queue_job WHERE state = '{state}' LIMIT {most})`

// failedSQL looks at the newest jobs only; the row without a channel counts the rest of them.
const failedSQL = `
SELECT recent, CASE WHEN recent THEN channel END, count(*),
  extract(epoch FROM min(date_created))::float8, extract(epoch FROM min(tried))::float8
FROM (
  SELECT j.channel, j.date_created, {started} AS tried,
    j.state = 'failed' AND coalesce({started}, j.date_created) > now() AT TIME ZONE 'utc' - interval '{window} seconds' AS recent
  FROM (SELECT {columns} FROM public.queue_job ORDER BY id DESC LIMIT {most}) j
) newest GROUP BY 1, 2`

// runnerSQL looks for the job runner's connection to this database: its last statement is one of
// three, and where several runners stand by for each other it holds an advisory lock.
const runnerSQL = `
SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname = current_database()
  AND query IN ('SELECT 1', 'LISTEN queue_job', 'CLOSE "select_jobs"') AND state_change > now() - interval '{alive} seconds')
OR EXISTS (SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.granted AND a.state = 'idle' AND a.datname = current_database())`

func jobStatements(s *schema, c *Config) []string {
	columns := "id, state, channel, date_created"
	for _, name := range []string{"eta", "date_enqueued", "date_started"} {
		if s.has("queue_job." + name) {
			columns += ", " + name
		}
	}
	seconds := func(d time.Duration) string { return strconv.FormatInt(int64(d.Seconds()), 10) }
	parts := []string{
		"{columns}", columns,
		"{eta}", s.column("j", "queue_job.eta", "timestamp"),
		"{started}", s.column("j", "queue_job.date_started", "timestamp"),
		"{enqueued}", s.column("j", "queue_job.date_enqueued", "timestamp"),
		"{stuck}", seconds(time.Duration(c.Jobs.StuckAfter)), "{enqueuing}", seconds(enqueuedLimit), "{window}", seconds(failedWindow),
	}
	each := ""
	for i, state := range liveStates {
		if i > 0 {
			each += " UNION ALL "
		}
		each += fill(eachLiveSQL, "{columns}", columns, "{state}", state, "{most}", strconv.Itoa(mostLive))
	}
	statements := []string{
		fill(liveSQL, append(parts, "{each}", each)...),
		fill(failedSQL, append(parts, "{most}", strconv.Itoa(mostNewest))...),
	}
	if s.activity {
		statements = append(statements, fill(runnerSQL, "{alive}", seconds(keepAlive)))
	}
	return statements
}

// backlog is what is known of a tenant's jobs.
type backlog struct {
	live     map[string]map[string]int64 // by channel, then state
	stuck    map[string]int64            // by channel
	waiting  map[string]int64            // runnable jobs by channel
	oldest   time.Time                   // since when a runnable job waits
	limit    time.Time                   // when the first of the stuck ones passed its limit
	failed   map[string]int64            // within the window, by channel
	full     bool                        // some jobs were not looked at
	failFull bool                        // some of the window were not looked at
	runner   bool                        // it is there
}

func readJobs(r *reading, answers [][][][]byte) error {
	b := &backlog{
		live: map[string]map[string]int64{}, stuck: map[string]int64{}, waiting: map[string]int64{}, failed: map[string]int64{},
	}
	if err := b.readLive(r, answers[0]); err != nil {
		return err
	}
	if err := b.readFailed(r, answers[1]); err != nil {
		return err
	}
	if r.schema.activity {
		if err := each(answers[2], func(row *row) { b.runner = row.bool(0) }); err != nil {
			return err
		}
		r.Set(metricJobRunner, truth(b.runner))
	} else {
		r.Unavailable("job_runner", collectors.ReasonPermission, fmt.Errorf("the role is not a member of pg_monitor"))
	}
	b.report(r)
	b.find(r)
	return nil
}

func (b *backlog) readLive(r *reading, rows [][][]byte) error {
	perState := map[string]int64{}
	err := each(rows, func(row *row) {
		channel, state := channelName(row.text(0)), row.text(1)
		if b.live[channel] == nil {
			b.live[channel] = map[string]int64{}
		}
		b.live[channel][state] += row.int(2)
		perState[state] += row.int(2)
		b.waiting[channel] += row.int(3)
		b.oldest = earlier(b.oldest, row.time(4))
		r.at(row.time(5))
		b.stuck[channel] += row.int(6)
		if row.int(6) > 0 {
			b.limit = earlier(b.limit, row.time(7))
		}
		r.at(row.time(8))
	})
	for _, n := range perState {
		b.full = b.full || n >= mostLive
	}
	if !b.oldest.IsZero() {
		r.soon() // the runner's presence is not a write
	}
	return err
}

func (b *backlog) readFailed(r *reading, rows [][][]byte) error {
	var seen int64
	var first time.Time
	err := each(rows, func(row *row) {
		seen += row.int(2)
		first = earlier(first, row.time(3))
		if row.bool(0) {
			b.failed[channelName(row.text(1))] += row.int(2)
			r.at(row.time(4).Add(failedWindow))
		}
	})
	b.failFull = seen >= mostNewest && r.since(first) < failedWindow
	return err
}

// channels are those that have series of their own: configured ones always, so that their zero
// is seen, then those with jobs.
func (b *backlog) channels(r *reading) []string {
	configured := slices.Sorted(maps.Keys(r.config.Jobs.Channels))
	for _, channel := range slices.Sorted(maps.Keys(b.live)) {
		if !slices.Contains(configured, channel) {
			configured = append(configured, channel)
		}
	}
	if !slices.Contains(configured, "root") {
		configured = append([]string{"root"}, configured...)
	}
	return configured
}

func (b *backlog) report(r *reading) {
	shown := map[string]bool{}
	for _, channel := range b.channels(r) {
		if len(shown) == mostChannels {
			break
		}
		shown[channel] = true
		for _, state := range liveStates {
			r.Set(metricJobs, float64(b.live[channel][state]), channel, state)
		}
		r.Set(metricChannelBlocked, truth(b.blocked(r.config.Jobs.Channels, channel)), channel)
		r.Set(metricJobsFailed, float64(b.failed[channel]), channel)
	}
	b.reportRest(r, shown)
	r.Set(metricJobOldest, unix(b.oldest))
	r.Set(metricJobsStuck, float64(sum(b.stuck)))
	r.Set(metricWindowFull, truth(b.full), "jobs")
	r.Set(metricWindowFull, truth(b.failFull), "jobs_failed")
}

// reportRest shows the channels that have no live jobs but failures, and sums up those beyond
// the number that may have series of their own.
func (b *backlog) reportRest(r *reading, shown map[string]bool) {
	states, failed := map[string]int64{}, int64(0)
	for channel, counts := range b.live {
		if !shown[channel] {
			for state, n := range counts {
				states[state] += n
			}
		}
	}
	for _, channel := range slices.Sorted(maps.Keys(b.failed)) {
		switch {
		case shown[channel]:
		case len(shown) < mostChannels && channel != otherName:
			shown[channel] = true
			r.Set(metricJobsFailed, float64(b.failed[channel]), channel)
		default:
			failed += b.failed[channel]
		}
	}
	for state, n := range states {
		r.Set(metricJobs, float64(n), otherName, state)
	}
	if failed > 0 {
		r.Set(metricJobsFailed, float64(failed), otherName)
	}
}

func (b *backlog) find(r *reading) {
	waiting, stuck := sum(b.waiting), sum(b.stuck)
	blocked := b.blockedChannels(r)
	if len(blocked) > 0 {
		r.Find(collectors.Finding{
			Name: "channel_blocked", Question: collectors.Contained, Severity: collectors.Critical,
			Text: fmt.Sprintf("Dead jobs fill the job channel %s; %s.", blocked[0], are(waiting, "job")+" waiting"),
		})
	}
	if stuck > 0 {
		r.Find(collectors.Finding{
			Name: "job_stuck", Question: collectors.Contained, Severity: collectors.Warning,
			Text: fmt.Sprintf("%s stuck; the first passed its time limit %s ago.", are(stuck, "job"), span(r.since(b.limit))),
		})
	}
	if waiting == 0 {
		return
	}
	waited := r.since(b.oldest)
	r.at(b.oldest.Add(time.Duration(r.config.Jobs.WaitingAfter)))
	switch {
	case r.schema.activity && !b.runner && waited > keepAlive:
		r.Find(collectors.Finding{
			Name: "job_runner_missing", Question: collectors.Contained, Severity: collectors.Critical,
			Text: fmt.Sprintf("No job runner is connected to this database, and %s waiting, the oldest for %s.", are(waiting, "job"), span(waited)),
		})
	case waited > time.Duration(r.config.Jobs.WaitingAfter):
		r.Find(collectors.Finding{
			Name: "jobs_waiting", Question: collectors.Contained, Severity: collectors.Warning,
			Text: fmt.Sprintf("%s waiting, the oldest for %s.", are(waiting, "job"), span(waited)),
		})
	}
}

func sum(by map[string]int64) int64 {
	var all int64
	for _, n := range by {
		all += n
	}
	return all
}
