package odoo

import (
	"fmt"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// underway is the scheduled tasks that run as of the visit.
type underway struct {
	count int64
	since time.Time // when the one that has been running for longest began
	known []cron    // those that are known by name, the longest running first
}

// add takes in the tasks whose progress says that they run. A worker that was killed leaves such
// progress behind, but then the task is not due any more.
func (u *underway) add(crons []cron, now time.Time) {
	for _, c := range crons {
		if c.running && !c.due(now).IsZero() {
			u.count++
			u.since = earlier(u.since, c.since)
			u.known = append(u.known, c)
		}
	}
	slices.SortFunc(u.known, func(a, b cron) int { return a.since.Compare(b.since) })
}

func (u *underway) report(r *reading) {
	if !u.since.IsZero() {
		r.Set(metricCronOldestRunning, unix(u.since))
	}
	for _, c := range u.known[:min(len(u.known), r.config.Crons.Show)] {
		if !c.since.IsZero() {
			r.Set(metricCronRunning, unix(c.since), c.name)
		}
	}
	limit := time.Duration(r.config.Crons.RunningAfter)
	if u.since.IsZero() || r.since(u.since) <= limit {
		return
	}
	which := "A scheduled task"
	if len(u.known) > 0 {
		which = u.known[0].name
	}
	r.Find(collectors.Finding{
		Name: "cron_running_long", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("%s has been running for %s; other scheduled tasks may wait for its worker.", which, span(r.since(u.since))),
	})
}
