package app

import (
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/web"
)

// State is everything as it stands now, for pages and the API.
func (a *App) State() web.State {
	objectives, judged := a.objectives.evaluated()
	s := web.State{
		At: time.Now(), Version: a.options.Version, Ready: a.ready(),
		Tenants: a.tenants.Current().All(), Objectives: objectives, Evaluations: judged,
		Alerts: a.objectives.alerts.Alerts(), Visits: a.rounds.Status(), Facts: a.learned.facts(),
		Primaries: a.primaries(),
	}
	for _, x := range a.excluded.Load().all() {
		counted := x.Effective()
		if x.Revoked.IsZero() && len(counted.Spans(s.At, s.At.Add(time.Minute))) > 0 {
			s.Exclusions = append(s.Exclusions, x)
		}
	}
	for _, b := range a.store.All() {
		for _, f := range b.Findings {
			s.Findings = append(s.Findings, web.Found{Target: b.Key.Target, Finding: f})
		}
	}
	return s
}

// primaries are those of the configured standbys.
func (a *App) primaries() map[string]string {
	all := map[string]string{}
	for _, p := range a.config.Load().Postgres {
		if p.StandbyOf != "" {
			all[p.Name] = p.StandbyOf
		}
	}
	return all
}

// ready says whether the first round is through: every target and every tenant that it led to
// was visited, well or badly. Those whose turn comes more seldom are not waited for.
func (a *App) ready() bool {
	if a.readied.Load() {
		return true
	}
	select {
	case <-a.rounds.Ready():
	default:
		return false
	}
	if a.settled.Load() != a.lessons.Load() {
		return false
	}
	every := a.config.Load().Rounds.Interval
	for _, v := range a.rounds.Status() {
		if v.Pending && v.Interval <= every {
			return false
		}
	}
	a.readied.Store(true)
	return true
}
