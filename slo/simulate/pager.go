package simulate

import (
	"math"
	"time"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
)

// pager takes one instance's evaluations through the alerts' state machine and
// writes down what came of it.
type pager struct {
	objective *slo.Objective
	keys      []alertKey // of the policy's pairs
	book      alert.Book
	loud      bool              // at the last look, as the daemon has it
	situation situation         // at the last step
	waiting   map[alertKey]bool // alerts that wait for their For
	open      map[alertKey]int  // index in alerts of those that stand
	frozen    map[alertKey]time.Time
	pages     int // that stand
	alerts    []Alert
	counted   map[slo.Severity]int
	incidents int
}

// alertKey tells the alerts of one instance apart.
type alertKey struct {
	name, window string
	severity     slo.Severity
}

func keyOf(labels map[string]string) alertKey {
	return alertKey{labels[alert.NameLabel], labels[alert.LongWindowLabel], slo.Severity(labels[alert.SeverityLabel])}
}

// situation is all of an evaluation on which its alerts' conditions depend. While
// it stays and no alert waits, no step changes anything, and most steps can be
// spared: an exhausted budget is exhausted for weeks.
type situation struct {
	status     slo.Status
	projected  bool
	enough     bool // bad events for people to be told that the budget is spent
	pairs      [maxPairs]pairSituation
	comparable bool
}

// pairSituation is what matters of a pair; that it is frozen follows.
type pairSituation struct {
	firing, longCovered, shortCovered, longMissing, shortMissing bool
}

// maxPairs is far more than policies have; those of one with more are stepped
// every time.
const maxPairs = 8

func situationOf(o *slo.Objective, e *slo.Evaluation) situation {
	s := situation{
		status: e.Status, projected: e.Projected,
		enough: e.Period.Bad >= o.LowTraffic.MinBad, comparable: len(e.Conditions) <= maxPairs,
	}
	for i := range e.Conditions[:min(maxPairs, len(e.Conditions))] {
		c := &e.Conditions[i]
		s.pairs[i] = pairSituation{
			c.Firing, c.Long.Covered, c.Short.Covered,
			c.Long.Tally.Missing() > 0, c.Short.Tally.Missing() > 0,
		}
	}
	return s
}

func newPager(o *slo.Objective) pager {
	keys := make([]alertKey, len(o.Policy.Pairs))
	for i, p := range o.Policy.Pairs {
		keys[i] = alertKey{alert.BurnName, slo.FormatDuration(p.Long), p.Severity}
	}
	return pager{
		objective: o, keys: keys, book: alert.Book{Forget: alert.DefaultForget},
		waiting: map[alertKey]bool{}, open: map[alertKey]int{}, frozen: map[alertKey]time.Time{},
		counted: map[slo.Severity]int{},
	}
}

// look takes an evaluation.
func (p *pager) look(e *slo.Evaluation) {
	quiet := alert.Quiet(e)
	if quiet && !p.loud {
		return
	}
	p.loud = !quiet
	s := situationOf(p.objective, e)
	if s != p.situation || len(p.waiting) > 0 || !s.comparable {
		p.situation = s
		p.step(e.At, alert.Conditions(p.objective, e))
	}
	p.peak(e)
}

// silent takes a minute in which nobody reports the instance any more.
func (p *pager) silent(at time.Time) {
	p.situation = situation{}
	if len(p.book.Alerts()) > 0 {
		p.step(at, nil)
	}
}

func (p *pager) step(at time.Time, conditions []alert.Condition) {
	stood := p.pages > 0
	for _, t := range p.book.Step(at, conditions) {
		p.take(&t)
	}
	if !stood && p.pages > 0 {
		p.incidents++
	}
}

// take writes a transition down.
func (p *pager) take(t *alert.Transition) {
	key := keyOf(t.Alert.Labels)
	delete(p.waiting, key)
	if t.Alert.State == alert.Pending {
		p.waiting[key] = true
	}
	index, stands := p.open[key]
	p.thaw(key, t.At)
	switch {
	case stands && t.To == alert.Frozen:
		p.frozen[key] = t.At
	case stands && t.To == alert.Resolved:
		p.alerts[index].Resolved = t.At
		delete(p.open, key)
		p.pages -= pages(key)
	case !stands && t.To == alert.Firing:
		p.begin(key, t.At)
	}
}

// thaw adds the time for which an alert that stands was frozen, if it was.
func (p *pager) thaw(key alertKey, at time.Time) {
	if since, frozen := p.frozen[key]; frozen {
		p.alerts[p.open[key]].Frozen += seconds(at.Sub(since))
		delete(p.frozen, key)
	}
}

// end closes the book; alerts that stand go on standing.
func (p *pager) end(at time.Time) {
	for key := range p.frozen {
		p.thaw(key, at)
	}
}

func (p *pager) begin(key alertKey, at time.Time) {
	p.open[key] = len(p.alerts)
	p.alerts = append(p.alerts, Alert{
		Name: key.name, Severity: key.severity, LongWindow: key.window, Started: at,
		PeakBurnRate: Number(math.NaN()), PeakConsumedRatio: Number(math.NaN()),
	})
	p.counted[key.severity]++
	p.pages += pages(key)
}

func pages(key alertKey) int {
	if key.severity == slo.Page {
		return 1
	}
	return 0
}

// peak keeps the worst that was seen while an alert stood.
func (p *pager) peak(e *slo.Evaluation) {
	if len(p.open) == 0 {
		return
	}
	for i := range e.Conditions {
		if index, stands := p.open[p.keys[i]]; stands && e.Conditions[i].Firing {
			p.alerts[index].PeakBurnRate.raise(e.Conditions[i].Long.Rate)
		}
	}
	for key, index := range p.open {
		if key.name == alert.ExhaustedName {
			p.alerts[index].PeakConsumedRatio.raise(e.Budget.Consumed)
		}
	}
}
