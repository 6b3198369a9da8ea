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

// jobsGroup reads the jobs of OCA's queue_job. Done jobs are millions and none of the dates has
// an index, so live jobs are found by state and failed ones among the newest ids.
var jobsGroup = &group{
	name: "jobs", addon: true,
	needs: []string{"queue_job.id", "queue_job.state", "queue_job.channel", "queue_job.date_created"},
	wants: []string{
		"queue_job.eta", "queue_job.date_enqueued", "queue_job.date_started", "queue_job.date_done",
		"queue_job.date_cancelled", "queue_job.exec_time", "queue_job.exc_name", "queue_job.retry",
	},
	statements: jobStatements,
	read:       readJobs,
}

const (
	mostLive      = 5000            // jobs of one state that are looked at
	enqueuedLimit = 5 * time.Minute // an enqueued job is started within seconds; OCA's own clean-up uses this too
	mostChannels  = 50              // that get series of their own
)

// liveStates are those in which a job still wants something to be done.
var liveStates = []string{"started", "enqueued", "pending", "wait_dependencies"}

// liveSQL counts by channel and state, with the moments that matter: the oldest job that could
// run, the next that will, when those under way began; and the range of ids of those that may
// finish before the next visit.
const liveSQL = `
SELECT channel, state, count(*),
  count(*) FILTER (WHERE due), extract(epoch FROM min(ready) FILTER (WHERE due))::float8,
  extract(epoch FROM min(ready) FILTER (WHERE NOT due))::float8,
  count(*) FILTER (WHERE limited <= now() AT TIME ZONE 'utc'),
  extract(epoch FROM min(limited))::float8,
  extract(epoch FROM min(limited) FILTER (WHERE limited > now() AT TIME ZONE 'utc'))::float8,
  min(id) FILTER (WHERE due OR limited > now() AT TIME ZONE 'utc'), max(id) FILTER (WHERE due OR limited > now() AT TIME ZONE 'utc'),
  count(*) FILTER (WHERE again)
FROM (
  SELECT j.id, {retry} > 0 AS again, j.channel, j.state, coalesce({eta}, j.date_created) AS ready,
    j.state = 'pending' AND coalesce({eta} <= now() AT TIME ZONE 'utc', true) AS due,
    CASE j.state WHEN 'started' THEN {started} + interval '{stuck} seconds' WHEN 'enqueued' THEN {enqueued} + interval '{enqueuing} seconds' END AS limited
  FROM ({each}) j
) live GROUP BY channel, state`

const eachLiveSQL = `(SELECT {columns} FROM public.queue_job WHERE state = '{state}' LIMIT {most})`

func jobStatements(r *reading) []string {
	statements := []string{liveStatement(r), finishedStatement(r)}
	if r.asksRunner() {
		statements = append(statements, runnerStatement())
	}
	return statements
}

func liveStatement(r *reading) string {
	s := r.schema
	columns := "id, state, channel, date_created"
	for _, name := range []string{"eta", "date_enqueued", "date_started", "retry"} {
		if s.has("queue_job." + name) {
			columns += ", " + name
		}
	}
	each := make([]string, len(liveStates))
	for i, state := range liveStates {
		each[i] = fill(eachLiveSQL, "{columns}", columns, "{state}", state, "{most}", strconv.Itoa(mostLive))
	}
	return fill(liveSQL,
		"{eta}", s.column("j", "queue_job.eta", "timestamp"),
		"{started}", s.column("j", "queue_job.date_started", "timestamp"),
		"{enqueued}", s.column("j", "queue_job.date_enqueued", "timestamp"),
		"{retry}", s.column("j", "queue_job.retry", "int"),
		"{stuck}", seconds(time.Duration(r.config.Jobs.StuckAfter)), "{enqueuing}", seconds(enqueuedLimit),
		"{each}", strings.Join(each, " UNION ALL "))
}

// backlog is what is known of a tenant's jobs.
type backlog struct {
	live     map[string]map[string]int64 // by channel, then state
	stuck    map[string]int64            // by channel
	waiting  map[string]int64            // runnable jobs by channel
	oldest   time.Time                   // since when a runnable job waits
	limit    time.Time                   // when the first of the stuck ones passed its limit
	failed   map[string]int64            // within the window, by channel
	retrying int64                       // failed at least once and will be tried again
	runnable idRange                     // of the jobs that may finish before the next visit
	full     bool                        // some jobs were not looked at
	runners  int                         // that are connected
}

func readJobs(r *reading, answers [][][][]byte) error {
	b := &backlog{
		live: map[string]map[string]int64{}, stuck: map[string]int64{}, waiting: map[string]int64{}, failed: map[string]int64{},
	}
	if err := b.readLive(r, answers[0]); err != nil {
		return err
	}
	if err := r.memory.jobs.read(r, answers[1], b.runnable); err != nil {
		return err
	}
	b.failed = r.memory.jobs.recentFailures(r)
	if err := b.readRunner(r, answers[2:]); err != nil {
		return err
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
		b.runnable.add(row.int(9), row.int(10))
		b.retrying += row.int(11)
	})
	for _, n := range perState {
		b.full = b.full || n >= mostLive
	}
	if !b.oldest.IsZero() {
		r.soon() // the runner's presence is not a write
	}
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
	if r.schema.has("queue_job.retry") {
		r.Set(metricJobsRetrying, float64(b.retrying))
	}
	r.memory.jobs.report(r)
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
	b.findDoubled(r)
	if waiting == 0 {
		return
	}
	waited := r.since(b.oldest)
	r.at(b.oldest.Add(time.Duration(r.config.Jobs.WaitingAfter)))
	switch {
	case r.schema.activity && b.runners == 0 && waited > keepAlive:
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
