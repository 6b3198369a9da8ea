package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/wardround/wardround/slo"
)

// HistoryJSON is the answer of /api/v1/history.
type HistoryJSON struct {
	EvaluatedAt *time.Time  `json:"evaluated_at"`
	Objective   string      `json:"objective"`
	Instances   int         `json:"instances"` // that are summed
	From        time.Time   `json:"from"`
	To          time.Time   `json:"to"`
	Step        step        `json:"step"`
	Raw         bool        `json:"raw"`
	Points      []PointJSON `json:"points"`
}

// PointJSON is one stretch of a history. Minutes of several instances are added.
type PointJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	TallyJSON
}

// step is how long the stretches of a history are.
type step string

// The steps. A day is one of a zone's, and need not have 24 hours.
const (
	minute step = "minute"
	hour   step = "hour"
	day    step = "day"
)

// shown is how many points there are where nobody says from when.
const shown = 100

// maxReadings bounds instances times points: reading holds up the recording of the next minute.
const maxReadings = 5_000_000

// stretch is the time that a history is asked for.
type stretch struct {
	from, to time.Time // zero where nobody says
	step     step
	zone     *time.Location
}

func (s *server) history(r *http.Request, p *parameters) (any, error) {
	ask := p.stretch()
	single, f := p.instance(), p.filter()
	raw := p.flag("raw")
	if single == nil && len(f.objectives) != 1 {
		p.refuse("objective", "events of different promises cannot be added", "name one objective, or one instance as /api/v1/instances writes it")
	}
	if single != nil && !f.everything() {
		p.refuse("instance", "an instance cannot be narrowed further", "give either instance or a filter")
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	state := s.State()
	instances := f.instances(&state, single)
	edges, err := ask.edges(evaluated(&state), len(instances))
	if err != nil {
		return nil, err
	}
	answer := HistoryJSON{
		EvaluatedAt: instant(evaluated(&state)), Instances: len(instances), Step: ask.step, Raw: raw != nil && *raw,
		From: edges[0].UTC(), To: edges[len(edges)-1].UTC(),
	}
	if single != nil {
		answer.Objective = single.Objective
	} else {
		answer.Objective = f.objectives[0]
	}
	answer.Points, err = s.points(r.Context(), instances, edges, answer.Raw)
	return answer, err
}

func (s *server) points(ctx context.Context, instances []slo.Instance, edges []time.Time, raw bool) ([]PointJSON, error) {
	tallies, err := s.Record.History(ctx, instances, edges, raw)
	if err != nil {
		return nil, err
	}
	if len(tallies) != len(edges)-1 {
		return nil, fmt.Errorf("read history: %d tallies for %d stretches", len(tallies), len(edges)-1)
	}
	all := make([]PointJSON, len(tallies))
	for i, t := range tallies {
		all[i] = PointJSON{edges[i].UTC(), edges[i+1].UTC(), tallyJSON(t)}
	}
	return all, nil
}

// instance is the one that is asked for, or nil.
func (p *parameters) instance() *slo.Instance {
	text := p.text("instance")
	if text == "" {
		return nil
	}
	i, err := slo.ParseInstance(text)
	if err != nil {
		p.refuse("instance", fmt.Sprintf("%q is no instance", text), `write it as /api/v1/instances does: login{tenant="st-anna"}`)
	}
	return &i
}

// instances are the single one or those that fit and are judged now.
func (f *filter) instances(s *State, single *slo.Instance) []slo.Instance {
	if single != nil {
		return []slo.Instance{*single}
	}
	fits := f.evaluations(byName(s.Objectives))
	var all []slo.Instance
	for i := range s.Evaluations {
		if e := &s.Evaluations[i]; fits(e) {
			all = append(all, e.Instance)
		}
	}
	return all
}

func (p *parameters) stretch() stretch {
	ask := stretch{from: p.time("from"), to: p.time("to"), step: choice(p, "step", []step{minute, hour, day}), zone: time.UTC}
	if ask.step == "" {
		ask.step = hour
	}
	name := p.text("zone")
	if name == "" {
		return ask
	}
	zone, err := time.LoadLocation(name)
	switch {
	case err != nil || name == "Local":
		p.refuse("zone", fmt.Sprintf("%q is not a time zone", name), "write a name such as Europe/Vienna, or leave it out for UTC")
	case ask.step != day:
		p.refuse("zone", "only days begin elsewhere in another zone", "use it with step=day")
	default:
		ask.zone = zone
	}
	return ask
}

// edges bound the points: whole steps that cover what is asked for, by default the last ones before
// now.
func (s *stretch) edges(now time.Time, instances int) ([]time.Time, error) {
	length := map[step]time.Duration{minute: time.Minute, hour: time.Hour, day: slo.Day}[s.step]
	if s.to.IsZero() {
		s.to = now
	}
	if s.to.IsZero() {
		return nil, badStretch("to", "nothing was evaluated yet", "say until when, or ask again in a minute")
	}
	if s.from.IsZero() {
		s.from = s.to.Add(-shown * length)
	}
	if !s.from.Before(s.to) {
		return nil, badStretch("from", "it is not before to", "write an earlier time; to is the last evaluation where it is left out")
	}
	first, last := s.from.Truncate(length), s.to.Add(length-1).Truncate(length)
	points := int64(last.Sub(first) / length)
	if points > maxPoints || points*int64(instances) > maxReadings {
		return nil, badStretch("step", fmt.Sprintf("%d points of %d instances are too many", points, instances),
			fmt.Sprintf("ask for at most %d points, and at most %d of all instances together: take a longer step, a later from, or fewer instances", maxPoints, maxReadings))
	}
	if s.step == day {
		return slo.Days(s.from, s.to, s.zone), nil
	}
	edges := make([]time.Time, points+1)
	for k := range edges {
		edges[k] = first.Add(time.Duration(k) * length)
	}
	return edges, nil
}

func badStretch(name, problem, advice string) *Fault {
	return &Fault{Status: http.StatusBadRequest, Code: "bad_parameter", Parameter: name, Problem: problem, Advice: advice}
}
