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
	due:        runnersChanged,
	statements: jobStatements,
	read:       readJobs,
}

const (
	mostLive      = 3000            // jobs of one state that are looked at
	enqueuedLimit = 5 * time.Minute // an enqueued job is started within seconds; OCA's own clean-up uses this too
	mostChannels  = 50              // that get series of their own
	nextVisit     = time.Hour       // by when there is another visit as a rule
	mostStarted   = 200             // jobs that run whose end is recognized however long they ran
)

// liveStates are those in which a job still wants something to be done.
var liveStates = []string{"started", "enqueued", "pending", "wait_dependencies"}

// liveSQL lists the jobs that are not finished as they are: to judge or to count them costs the server
// more than to send them, and it has better to do.
const liveSQL = `SELECT j.* FROM unnest('{{states}}'::text[]) s CROSS JOIN LATERAL (
  SELECT id, state, channel, date_created, {eta}, {started}, {enqueued}, {retry} FROM public.queue_job j WHERE state = s LIMIT {most}) j`

func jobStatements(r *reading) []string {
	statements := []string{liveStatement(r.schema), finishedStatement(r)}
	if r.asksRunner() {
		statements = append(statements, runnerStatement())
	}
	return statements
}

func liveStatement(s *schema) string {
	return fill(liveSQL,
		"{eta}", s.column("j", "queue_job.eta", "timestamp"),
		"{started}", s.column("j", "queue_job.date_started", "timestamp"),
		"{enqueued}", s.column("j", "queue_job.date_enqueued", "timestamp"),
		"{retry}", s.column("j", "queue_job.retry", "int"),
		"{states}", strings.Join(liveStates, ","), "{most}", strconv.Itoa(mostLive))
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
	runnable []int64                     // ids of the jobs that may finish before the next visit
	started  map[int64]bool              // ids of those of them that run
	full     bool                        // some jobs were not looked at
	runners  int                         // that are connected
}

func readJobs(r *reading, answers [][][][]byte) error {
	b := &backlog{
		live: map[string]map[string]int64{}, stuck: map[string]int64{}, waiting: map[string]int64{}, failed: map[string]int64{},
		started: map[int64]bool{},
	}
	if err := b.readLive(r, answers[0]); err != nil {
		return err
	}
	if err := r.memory.jobs.read(r, answers[1]); err != nil {
		return err
	}
	answers[1] = nil // it is counted, and need not be kept
	r.memory.jobs.runners = noRunners
	if len(answers) > 2 && r.asksRunner() {
		r.memory.jobs.runners = r.runners
	}
	r.memory.jobs.await(b.runnable, b.started)
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
		j := live{id: row.int(0), state: row.text(1), channel: channelName(row.text(2)), since: row.moment(3), eta: row.moment(4)}
		switch j.state {
		case "started":
			j.since = row.moment(5)
		case "enqueued":
			j.since = row.moment(6)
		}
		perState[j.state]++
		if row.int(7) > 0 {
			b.retrying++
		}
		b.add(r, j)
	})
	for _, n := range perState {
		b.full = b.full || n >= mostLive
	}
	if !b.oldest.IsZero() {
		r.soon() // the runner's presence is not a write
	}
	return err
}

// live is a job that is not finished.
type live struct {
	id             int64
	state, channel string
	eta, since     time.Time // since when it is in its state
}

func (b *backlog) add(r *reading, j live) {
	if b.live[j.channel] == nil {
		b.live[j.channel] = map[string]int64{}
	}
	b.live[j.channel][j.state]++
	switch ready := j.since; j.state {
	case "started":
		if len(b.started) < mostStarted {
			b.started[j.id] = true
		}
		b.underway(r, j, time.Duration(r.config.Jobs.StuckAfter))
	case "enqueued":
		b.underway(r, j, enqueuedLimit)
	case "pending":
		if !j.eta.IsZero() {
			ready = j.eta
		}
		if r.since(j.eta) > -nextVisit {
			b.runnable = append(b.runnable, j.id)
		}
		if j.eta.After(r.now) {
			r.at(j.eta)
			return
		}
		b.waiting[j.channel]++
		b.oldest = earlier(b.oldest, ready)
	case "wait_dependencies":
		b.runnable = append(b.runnable, j.id)
	}
}

// underway adds a job that is stuck if it has been in its state for longer than the limit.
func (b *backlog) underway(r *reading, j live, limit time.Duration) {
	passes := j.since.Add(limit)
	b.runnable = append(b.runnable, j.id)
	switch {
	case j.since.IsZero():
	case passes.After(r.now):
		r.at(passes)
	default:
		r.restless = true
		b.stuck[j.channel]++
		b.limit = earlier(b.limit, passes)
	}
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
