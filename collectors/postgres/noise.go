package postgres

import (
	"fmt"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// What it takes to say that databases wait for each other.
const (
	slowed     = 2.0  // times as long as usual that the statements of half of the others take
	alsoActive = 0.01 // sessions of others that are active at least on average
)

// waiting is what shows that databases wait, in words, by cause.
type waiting struct {
	processors, statements, connections, pooler string
}

// judge tells the shares, and names the databases that are out of line while others wait. That
// others wait shows in what is common to all: more sessions at work than there are processors,
// statements that take twice as long as the same statements usually do, no connections left,
// clients kept waiting in a pooler. Waits for locks do not: locks are within a database, and who
// waits for one waits for colleagues.
func (r *useRound) judge() {
	n := &r.neighbours
	r.setShares(n)
	suspects, known := n.outOfLine()
	w := r.waiting(suspects)
	r.looks.waited = w != waiting{}
	for cause, evidence := range map[string]string{
		"processors": w.processors, "statements": w.statements, "connections": w.connections, "pooler": w.pooler,
	} {
		r.Set(metricWaiting, truthValue(evidence != ""), cause)
	}
	if !known {
		return
	}
	named := 0
	for _, s := range suspects {
		evidence := w.behind(s)
		if len(evidence) == 0 {
			continue
		}
		named++
		r.name(s, evidence)
	}
	r.Set(metricNoisyCount, float64(named))
}

func (r *useRound) setShares(n *neighbours) {
	total := n.totals.mean(n.round, windowRounds)
	for _, c := range n.consumers {
		tenant := r.tenant(c.name)
		used := c.window.mean(n.round, windowRounds)
		for i, v := range used {
			if v > 0 {
				r.SetFor(tenant, metricShare, v/total[i], c.name, sharedResources[i].name)
			}
		}
		var all pace
		for _, p := range c.paces {
			all.add(p)
		}
		if factor, enough := all.slowdown(); enough {
			r.SetFor(tenant, metricSlowdown, factor, c.name)
		}
	}
}

// waiting looks for what shows that others than the suspects wait.
func (r *useRound) waiting(suspects []suspect) (w waiting) {
	n := &r.neighbours
	all, others := n.active(suspects)
	if others < alsoActive {
		return w
	}
	working := max(r.working[0], r.working[1])
	if cores := r.cluster.config.cores(); cores > 0 && working > cores && all > float64(cores) {
		w.processors = fmt.Sprintf("%d sessions work on %d processors", working, cores)
	}
	if factor, enough := n.slowdown(suspects); enough && factor >= slowed {
		w.statements = fmt.Sprintf("the statements of others take %.1f times as long as they usually do", factor)
	}
	if used := n.totals[n.last()][connectionSlots]; r.limit > 0 && used >= nearlyExhausted*r.limit {
		w.connections = fmt.Sprintf("%.0f of %.0f connections are taken", used, r.limit)
	}
	if clients := r.inPooler(suspects); clients > 0 {
		w.pooler = fmt.Sprintf("%d clients of others wait for a connection", clients)
	}
	return w
}

// inPooler is how many clients of others than the suspects a pooler keeps waiting.
func (r *useRound) inPooler(suspects []suspect) int {
	if r.cluster.options.PoolWaiting == nil {
		return 0
	}
	suspected := map[string]bool{}
	for _, s := range suspects {
		suspected[s.name] = true
	}
	clients := 0
	for _, c := range r.neighbours.consumers {
		if tenant := r.tenant(c.name); tenant != "" && !suspected[c.name] {
			clients += r.cluster.options.PoolWaiting(tenant)
		}
	}
	return clients
}

// behind is the evidence that others wait for what a suspect takes: for connections only where it
// holds more of them than it usually does.
func (w waiting) behind(s suspect) []string {
	var evidence []string
	for _, e := range []string{w.processors, w.statements, w.pooler} {
		if e != "" {
			evidence = append(evidence, e)
		}
	}
	if w.connections != "" && s.over[connectionSlots] {
		evidence = append(evidence, w.connections)
	}
	return evidence
}

func (r *useRound) name(s suspect, evidence []string) {
	tenant := r.tenant(s.name)
	r.neighbours.consumers[s.oid].named = true
	for i, over := range s.over {
		if over {
			r.SetFor(tenant, metricNoisy, 1, s.name, sharedResources[i].name)
		}
	}
	r.Find(collectors.Finding{
		Tenant: tenant, Name: "noisy_neighbour", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("database %s takes %.0f %% of the cluster's %s, usually at most %.0f %%, while %s",
			s.name, 100*s.share, sharedResources[s.of].words, 100*s.usual, strings.Join(evidence, ", and ")),
	})
}
