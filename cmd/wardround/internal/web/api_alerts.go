package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
)

// AlertsJSON is the answer of /api/v1/alerts.
type AlertsJSON struct {
	Page
	Alerts []AlertJSON `json:"alerts"`
}

// AlertJSON is one alert as it stands.
type AlertJSON struct {
	Fingerprint string            `json:"fingerprint"` // as Alertmanager computes it
	Name        string            `json:"name"`
	State       alert.State       `json:"state"`
	Frozen      bool              `json:"frozen"`
	Severity    string            `json:"severity"`
	Objective   *string           `json:"objective"`
	Tenant      *string           `json:"tenant"`
	Target      *string           `json:"target"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Since       *time.Time        `json:"active_since"`
	Starts      *time.Time        `json:"starts_at"`
	Ends        *time.Time        `json:"ends_at"`
	FoldedInto  *string           `json:"folded_into"` // the fingerprint of the alert that tells of it
	Withheld    bool              `json:"withheld"`    // Alertmanager was never told of it: the other one stood already
}

func (s *server) alerts(_ *http.Request, p *parameters) (any, error) {
	fits := p.alerts()
	want := p.paging()
	if err := p.finish(); err != nil {
		return nil, err
	}
	state := s.State()
	shown := make([]AlertJSON, 0, len(state.Alerts))
	for _, a := range state.Alerts {
		shown = append(shown, alertJSON(a))
	}
	slices.SortFunc(shown, func(a, b AlertJSON) int { return strings.Compare(a.key(), b.key()) })
	kept, page, err := byKey("alerts", (*AlertJSON).key).cut(shown, want, fits)
	page.EvaluatedAt = instant(evaluated(&state))
	answer := AlertsJSON{Page: page, Alerts: make([]AlertJSON, len(kept))}
	for i, a := range kept {
		answer.Alerts[i] = *a
	}
	return answer, err
}

// alerts reads what alerts can be narrowed by.
func (p *parameters) alerts() func(*AlertJSON) bool {
	labels := map[string][]string{}
	for _, name := range []string{alert.ObjectiveLabel, alert.TenantLabel, "target", alert.ClusterLabel, alert.TierLabel} {
		labels[name] = p.texts(name)
	}
	for _, q := range choices(p, alert.QuestionLabel, slo.Questions()) {
		labels[alert.QuestionLabel] = append(labels[alert.QuestionLabel], string(q))
	}
	severities := choices(p, alert.SeverityLabel, append(slo.Severities(), alert.WatchdogSeverity))
	states := choices(p, "state", []alert.State{alert.Pending, alert.Firing, alert.Resolved, alert.Frozen})
	return func(a *AlertJSON) bool {
		for name, wanted := range labels {
			if !one(wanted, a.Labels[name]) {
				return false
			}
		}
		return one(severities, slo.Severity(a.Severity)) &&
			(one(states, a.State) || a.Frozen && slices.Contains(states, alert.Frozen))
	}
}

// key orders alerts gravest first, and those of one instance together. It is made of what makes the
// alert, so that it never changes.
func (a *AlertJSON) key() string {
	rank := slices.Index(slo.Severities(), slo.Severity(a.Severity))
	if rank < 0 {
		rank = len(slo.Severities())
	}
	return fmt.Sprintf("%d\n%s\n%s\n%s\n%s", rank, a.Labels[alert.ObjectiveLabel], a.Labels["tenant"], a.Labels["target"], a.Fingerprint)
}

func alertJSON(a alert.Alert) AlertJSON {
	annotations := a.Annotations
	if annotations == nil {
		annotations = map[string]string{}
	}
	return AlertJSON{
		Fingerprint: a.Fingerprint(), Name: a.Labels[alert.NameLabel], State: a.State, Frozen: a.Frozen, Severity: a.Severity(),
		Objective: named(a.Labels[alert.ObjectiveLabel]), Tenant: named(a.Labels["tenant"]), Target: named(a.Labels["target"]),
		Labels: maps.Clone(a.Labels), Annotations: annotations,
		Since: instant(a.ActiveSince), Starts: instant(a.StartsAt), Ends: instant(a.EndsAt), FoldedInto: named(a.FoldedInto), Withheld: a.Withheld,
	}
}
