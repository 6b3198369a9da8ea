package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
)

// State is everything that pages and API show, as it stood at one instant.
type State struct {
	At          time.Time
	Version     string
	Ready       bool
	Tenants     []collectors.Tenant
	Objectives  []slo.Objective
	Evaluations []slo.Evaluation
	Findings    []Found
	Alerts      []alert.Alert
	Visits      []collectors.Status
	Facts       map[string]Facts  // by tenant
	Exclusions  []Exclusion       // in force at present
	Primaries   map[string]string // by standby: what befalls a standby befalls its primary's tenants
}

// Found is a finding with the target that it was found on.
type Found struct {
	Target string
	collectors.Finding
}

// Facts is what the visits learned of a tenant.
type Facts struct{ Series, Version string }

// Verdict answers one of the five questions for one tenant, one tier or the whole platform.
type Verdict uint8

// The verdicts, best first: of several, the last counts. NotMeasured is no praise: nothing that is
// watched answers the question. NotKnown: it is watched, but too little was measured so far.
const (
	NotMeasured Verdict = iota
	Kept
	NotKnown
	AtRisk
	Broken
)

// String is the verdict as people read it.
func (v Verdict) String() string {
	return [...]string{"not measured", "kept", "not known", "at risk", "broken"}[v]
}

// Glyph tells verdicts apart without colour.
func (v Verdict) Glyph() string { return [...]string{"–", "●", "○", "▲", "■"}[v] }

// Class is the verdict as a CSS class.
func (v Verdict) Class() string { return strings.ReplaceAll(v.String(), " ", "-") }

// MarshalText writes the verdict as the API gives it.
func (v Verdict) MarshalText() ([]byte, error) {
	return []byte(strings.ReplaceAll(v.String(), " ", "_")), nil
}

// Answer is a question with its verdict.
type Answer struct {
	Question slo.Question `json:"question"`
	Verdict  Verdict      `json:"verdict"`
}

// Text is the question in words.
func (a Answer) Text() string { return a.Question.Text() }

// Row is one tenant, one tier or the platform with its five answers.
type Row struct {
	collectors.Tenant
	Facts
	Answers  []Answer
	Findings []Found
	Burning  []slo.Evaluation // promises that are broken or at risk, worst first
	Tenants  int              // of a tier: how many
	Unwell   int              // of a tier: how many have an answer that is at risk or broken
}

// Worst is the gravest of the answers.
func (r Row) Worst() Verdict {
	worst := NotMeasured
	for _, a := range r.Answers {
		worst = max(worst, a.Verdict)
	}
	return worst
}

// weight orders rows worst first: by the gravest answer, then by how many are grave.
func (r Row) weight() int {
	w := int(r.Worst()) * 1000
	for _, a := range r.Answers {
		if a.Verdict > Kept {
			w += int(a.Verdict) * int(a.Verdict)
		}
	}
	return w*100 + len(r.Findings)
}

// Overview is the status page's content: the platform, its tiers and its tenants, worst first.
type Overview struct {
	State
	Platform Row
	Noisy    []Found // tenants that take more of a cluster than they usually do while others wait
	Tiers    []Row
	Tenants  []Row // hides State.Tenants: the same, judged
	Staging  []Row // neutralized copies, about which nothing is promised
	Down     []collectors.Status
	Alerts   []alert.Alert // hides State.Alerts: of those about one promise, the gravest
}

// NewOverview judges a state.
func NewOverview(s State) Overview {
	j := newJudge(s)
	o := Overview{State: s, Platform: j.platform(), Noisy: noisy(s.Findings), Alerts: gravest(s.Alerts)}
	byTier := map[string][]Row{}
	for _, tenant := range s.Tenants {
		row := j.tenant(tenant)
		if tenant.Staging {
			o.Staging = append(o.Staging, row)
			continue
		}
		o.Tenants = append(o.Tenants, row)
		byTier[tenant.Tier] = append(byTier[tenant.Tier], row)
	}
	for tier, rows := range byTier {
		o.Tiers = append(o.Tiers, tierRow(tier, rows))
	}
	for _, r := range o.Tenants {
		for i, a := range r.Answers {
			o.Platform.Answers[i].Verdict = max(o.Platform.Answers[i].Verdict, a.Verdict)
		}
	}
	worstFirst(o.Tiers)
	worstFirst(o.Tenants)
	for _, v := range s.Visits {
		if !v.Up && !v.Pending {
			o.Down = append(o.Down, v)
		}
	}
	return o
}

// noisy are the findings of tenants that keep others waiting: what one tenant does to all concerns the platform.
func noisy(all []Found) []Found {
	var found []Found
	for _, f := range all {
		if f.Name == "noisy_neighbour" && f.Tenant != "" {
			found = append(found, f)
		}
	}
	return found
}

func worstFirst(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(b.weight()-a.weight(), strings.Compare(a.Tier, b.Tier), strings.Compare(a.Name, b.Name))
	})
}

// tierRow is as bad as its worst tenant.
func tierRow(tier string, rows []Row) Row {
	t := Row{Tenant: collectors.Tenant{Tier: tier}, Tenants: len(rows), Answers: unanswered()}
	for _, r := range rows {
		if r.Worst() >= AtRisk {
			t.Unwell++
		}
		for i, a := range r.Answers {
			t.Answers[i].Verdict = max(t.Answers[i].Verdict, a.Verdict)
		}
	}
	return t
}

func unanswered() []Answer {
	var all []Answer
	for _, q := range slo.Questions() {
		all = append(all, Answer{Question: q})
	}
	return all
}

// judge holds a state indexed by tenant; "" is the platform as a whole.
type judge struct {
	facts       map[string]Facts
	questions   map[string]slo.Question     // by objective
	evaluations map[string][]slo.Evaluation // by tenant
	servers     map[string][]slo.Evaluation // by target, of promises about no single tenant
	findings    map[string][]Found
}

func newJudge(s State) *judge {
	j := &judge{
		facts: s.Facts, questions: map[string]slo.Question{},
		evaluations: map[string][]slo.Evaluation{}, servers: map[string][]slo.Evaluation{}, findings: map[string][]Found{},
	}
	for _, o := range s.Objectives {
		j.questions[o.Name] = o.Question
	}
	for _, e := range s.Evaluations {
		j.evaluations[e.Instance.Tenant()] = append(j.evaluations[e.Instance.Tenant()], e)
		if e.Instance.Tenant() == "" {
			target := e.Instance.Get("target")
			if primary, standby := s.Primaries[target]; standby {
				target = primary
			}
			j.servers[target] = append(j.servers[target], e)
		}
	}
	for _, f := range s.Findings {
		j.findings[f.Tenant] = append(j.findings[f.Tenant], f)
	}
	return j
}

func (j *judge) platform() Row { return j.row(collectors.Tenant{}) }

func (j *judge) tenant(t collectors.Tenant) Row {
	r := j.row(t)
	r.Facts = j.facts[t.Name]
	return r
}

func (j *judge) row(t collectors.Tenant) Row {
	r := Row{Tenant: t, Answers: unanswered(), Findings: once(j.findings[t.Name])}
	answer := func(q slo.Question, v Verdict) {
		for i := range r.Answers {
			if r.Answers[i].Question == q {
				r.Answers[i].Verdict = max(r.Answers[i].Verdict, v)
			}
		}
	}
	for _, e := range j.evaluations[t.Name] {
		v := judgeEvaluation(e)
		answer(j.questions[e.Instance.Objective], v)
		if v >= AtRisk {
			r.Burning = append(r.Burning, e)
		}
	}
	for _, e := range j.servers[t.Postgres] { // what befalls its cluster befalls the tenant
		answer(j.questions[e.Instance.Objective], judgeEvaluation(e))
	}
	for _, f := range r.Findings {
		answer(slo.Question(f.Question), judgeFinding(f.Severity))
	}
	slices.SortStableFunc(r.Burning, func(a, b slo.Evaluation) int { return int(judgeEvaluation(b)) - int(judgeEvaluation(a)) })
	slices.SortStableFunc(r.Findings, func(a, b Found) int {
		return int(judgeFinding(b.Severity)) - int(judgeFinding(a.Severity))
	})
	return r
}

// implied are findings that another one of the same tenant says already: that no place has a good
// backup is more than that one has none. What each place holds is on the tenant's page anyway.
var implied = map[string]string{"backup_missing": "tenant_unprotected"}

// once is a tenant's findings without those that another one implies.
func once(all []Found) []Found {
	return slices.DeleteFunc(slices.Clone(all), func(f Found) bool {
		more, known := implied[f.Name]
		return known && slices.ContainsFunc(all, func(g Found) bool { return g.Name == more })
	})
}

// judgeEvaluation: a spent budget or a page is a broken promise, a ticket is a risk. Where it was
// watched and nothing happened, such as no change at all, there is nothing to judge, nor to worry.
func judgeEvaluation(e slo.Evaluation) Verdict {
	switch e.Status {
	case slo.Exhausted:
		return Broken
	case slo.Burning:
		for _, c := range e.Conditions {
			if c.Firing && c.Pair.Severity == slo.Page {
				return Broken
			}
		}
		return AtRisk
	case slo.NoDataYet:
		if e.Period.Measured > 0 {
			return NotMeasured
		}
		return NotKnown
	case slo.InsufficientData:
		return NotKnown
	}
	return Kept
}

func judgeFinding(s collectors.Severity) Verdict {
	switch s {
	case collectors.Critical:
		return Broken
	case collectors.Warning:
		return AtRisk
	}
	return NotMeasured // worth knowing, and no answer
}

// gravest keeps one alert for each promise of each tenant or target: the windows of one policy
// fire together, and people need to hear of it once; and once of a fault that many tenants of a
// cluster share. The alerts come gravest first.
func gravest(all []alert.Alert) []alert.Alert {
	seen := map[[4]string]bool{}
	var kept []alert.Alert
	for _, a := range all {
		about := [4]string{a.Labels[alert.ObjectiveLabel], a.Labels[alert.TenantLabel], a.Labels["target"], a.Labels[alert.ClusterLabel]}
		if a.Severity() == alert.WatchdogSeverity || a.FoldedInto != "" || seen[about] {
			continue
		}
		seen[about] = true
		kept = append(kept, a)
	}
	return kept
}
