package indicator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Stats are what an Engine holds and what it could not use, since it was made.
type Stats struct {
	Series    int
	Instances int
	// Refused samples were no whole, finite, positive counts or not numbers.
	Refused uint64
	// Unattributed samples lack a label that their objective groups by.
	Unattributed uint64
	// OverLimit samples belong to instances beyond Options.MaxInstances or to
	// series beyond Options.MaxSeries. Problems says of which objectives.
	OverLimit uint64
}

// Problem is why an objective is not measured, or not wholly, though its metrics
// are there. It lasts from one minute to the next until it is mended.
type Problem struct {
	Objective string
	// Text is what is wrong, in a sentence that follows a colon.
	Text string
}

// recent is something that happened since the last Drain, or in the minute
// before it.
type recent struct{ now, before bool }

func (r *recent) next() { r.before, r.now = r.now, false }

func (r *recent) is() bool { return r.before || r.now }

// Stats are the Engine's numbers about itself.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Instances = e.instances
	for _, m := range e.metrics {
		s.Series += len(m.series)
	}
	return s
}

// Problems are those of the minute under way and the last one, by objective.
func (e *Engine) Problems() []Problem {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []Problem
	for _, t := range e.order {
		note := func(format string, args ...any) {
			all = append(all, Problem{t.objective.Name, fmt.Sprintf(format, args...)})
		}
		if t.over.is() {
			note("there are %d instances already, the most that are allowed (%s); further ones are not measured", e.opts.MaxInstances, e.largest())
		}
		for _, name := range e.overfull(t) {
			note("%s has more than %d series, the most that are allowed; the others are not counted", name, e.opts.MaxSeries)
		}
		if blind := t.blind(); blind > 0 {
			note("%s (%d of %d instances)", e.blindness(t), blind, len(t.instances))
		}
	}
	return all
}

// largest names the objective that has the most instances.
func (e *Engine) largest() string {
	t := slices.MaxFunc(e.order, func(a, b *tracked) int { return len(a.instances) - len(b.instances) })
	return fmt.Sprintf("%d are of %s", len(t.instances), t.objective.Name)
}

// overfull are the metrics of an objective of which series were refused.
func (e *Engine) overfull(t *tracked) []string {
	var names []string
	for _, m := range e.metrics {
		if m.over.is() && slices.ContainsFunc(m.inputs, func(in *input) bool { return in.of == t }) {
			names = append(names, m.name)
		}
	}
	slices.Sort(names)
	return names
}

// blindness says what is missing where an objective's series are seen and yet
// cannot be judged.
func (e *Engine) blindness(t *tracked) string {
	if p := t.objective.Indicator.Probe; p != nil {
		return fmt.Sprintf("%s and %s do not come together in each round", p.Success.Text, p.Duration.Text)
	}
	h := t.objective.Indicator.Histogram
	if t.objective.Indicator.Source != "" { // which is asked for this one alone
		return fmt.Sprintf("the source has no bucket of %s that ends at %g", h.Metric.Text, h.Within)
	}
	var bounds []float64
	for _, m := range e.metrics {
		if slices.ContainsFunc(m.inputs, func(in *input) bool { return in.of == t && in.role == bucket }) {
			bounds = append(bounds, m.known()...)
		}
	}
	there := "none"
	if len(bounds) > 0 {
		there = list(bounds)
	}
	return fmt.Sprintf("no bucket of %s ends at %g; there are %s", h.Metric.Text, h.Within, there)
}

// list writes bounds in order, each once.
func list(bounds []float64) string {
	slices.Sort(bounds)
	var words []string
	for _, b := range slices.Compact(bounds) {
		words = append(words, strconv.FormatFloat(b, 'g', -1, 64))
	}
	return strings.Join(words, ", ")
}
