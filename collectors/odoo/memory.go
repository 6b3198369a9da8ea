package odoo

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// memory is what is remembered of a tenant from visit to visit: what was counted, and which of
// its scheduled tasks were active. Odoo 18 deactivates a task that fails for a week and forgets its
// failures, so that afterwards nothing in the table tells it from one that was never wanted.
type memory struct {
	began       time.Time      // of the first visit, by our clock: all counters were zero then
	crons       map[int64]cron // as of the last visit; nil before the first
	cronNames   map[int64]string
	unnamed     bool           // there are tasks whose names were not asked for yet
	trigger     time.Time      // of the last visit, the earliest that had not passed
	deactivated []deactivation // of the last day, oldest first
	total       int            // since the daemon began to visit the tenant
	mail        time.Time      // when a mail becomes late or is to be sent, as of the last look
	jobs        jobMemory
	approvals   decisionMemory // of purchases
	reviews     decisionMemory
	partners    partnerMemory
	logins      loginMemory
	attachments attachmentMemory
}

// since is when the counters were zero.
func (m *memory) since(now time.Time) time.Time {
	if m.began.IsZero() {
		m.began = now
	}
	return m.began
}

type deactivation struct {
	id      int64
	name    string
	failing bool
	at      time.Time
}

// remembered is how long a deactivation is reported.
const remembered = 24 * time.Hour

// deactivations finds the tasks that were active at the last visit and are not any more, and
// reports those of the last day that nobody activated again.
func (m *memory) deactivations(r *reading, crons []cron) {
	now := make(map[int64]cron, len(crons))
	for _, c := range crons {
		now[c.id] = c
		if _, known := m.crons[c.id]; !known && m.crons != nil {
			m.unnamed = true
			r.soon()
		}
		if before := m.crons[c.id]; before.active && !c.active && !c.finished {
			m.total++
			m.deactivated = append(m.deactivated, deactivation{c.id, c.name, before.failures > 0, r.now})
		}
	}
	m.crons = now
	kept := m.deactivated[:0]
	for _, d := range m.deactivated {
		if c, there := now[d.id]; there && !c.active && r.since(d.at) < remembered {
			kept = append(kept, d)
			r.at(d.at.Add(remembered))
		}
	}
	m.deactivated = kept
	r.Set(metricCronsDeactivated, float64(m.total))
	m.find(r)
}

func (m *memory) find(r *reading) {
	if len(m.deactivated) == 0 {
		return
	}
	newest := m.deactivated[len(m.deactivated)-1]
	severity, how := collectors.Info, ""
	for _, d := range m.deactivated {
		if d.failing {
			severity, how = collectors.Warning, " after failures"
			newest = d
		}
	}
	r.Find(collectors.Finding{
		Name: "cron_deactivated", Question: collectors.Healthy, Severity: severity,
		Text: fmt.Sprintf("%s deactivated within the last day; %s%s, %s ago.",
			were(int64(len(m.deactivated)), "scheduled task"), newest.name, how, span(r.since(newest.at))),
	})
}
