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
	}
	for _, b := range a.store.All() {
		for _, f := range b.Findings {
			s.Findings = append(s.Findings, web.Found{Target: b.Key.Target, Finding: f})
		}
	}
	return s
}

// ready says whether the first round is through.
func (a *App) ready() bool {
	select {
	case <-a.rounds.Ready():
		return true
	default:
		return false
	}
}
