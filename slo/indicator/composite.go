package indicator

import (
	"fmt"
	"math"

	"github.com/wardround/wardround/slo"
)

// part is a composite's member and its weight.
type part struct {
	of     *tracked
	weight uint64
}

// compose makes a composite's minute of those of its members, which have been
// closed.
func (e *Engine) compose(t *tracked, now int64) {
	for _, p := range t.parts {
		for key, member := range p.of.instances {
			if t.instances[key] == nil && e.room(t) {
				e.add(t, key, group(member.id))
			}
		}
	}
	if t.parts == nil {
		return
	}
	for key, i := range t.instances {
		i.state, i.minute = t.mix(key)
		i.carry(now)
	}
}

func group(i slo.Instance) []slo.Label {
	var all []slo.Label
	for name, value := range i.Labels() {
		all = append(all, slo.Label{Name: name, Value: value})
	}
	return all
}

// mix is the composite of the members of one group. A member that the group does
// not have is no part of it; one that was measured and had no events has no say;
// one that is there and silent is delayed. It is measured if a member is.
func (t *tracked) mix(key string) (state, slo.Counts) {
	c := t.objective.Indicator.Composite
	var errors, worst float64
	var weight, delayed uint64
	known := silent
	for _, p := range t.parts {
		m := p.of.instances[key]
		switch {
		case m == nil:
		case m.state == silent:
			delayed += p.weight
		default:
			if known != measured {
				known = m.state
			}
			if n := m.minute.Total(); n > 0 {
				ratio := float64(m.minute.Bad) / float64(n)
				errors += float64(p.weight) * ratio
				worst = max(worst, ratio)
				weight += p.weight
			}
		}
	}
	if known == silent {
		return silent, slo.Counts{}
	}
	if delayed > 0 && c.Delayed != slo.NoDataIgnore {
		weight += delayed
		if c.Delayed == slo.NoDataBad {
			errors, worst = errors+float64(delayed), 1
		}
	}
	switch {
	case weight == 0:
		return known, slo.Counts{}
	case c.Method == slo.Worst:
		return known, scaled(worst)
	default:
		return known, scaled(errors / float64(weight))
	}
}

// scaled is an error ratio as the events of a composite's minute. Halves, and
// what floats cannot tell from one, are rounded up.
func scaled(ratio float64) slo.Counts {
	const doubt = 1e-9
	bad := uint64(math.Floor(ratio*slo.CompositeScale + 0.5 + doubt))
	return slo.Counts{Good: slo.CompositeScale - bad, Bad: bad}
}

// feed marks the groups of a composite that a member still has.
func (t *tracked) feed() {
	for key, i := range t.instances {
		for _, p := range t.parts {
			i.fed = i.fed || p.of.instances[key] != nil
		}
	}
}

// of are the objectives that an Engine for a source counts: a composite goes
// where its members go.
func of(source string, all []slo.Objective) []slo.Objective {
	sources := make(map[string]string, len(all))
	for _, o := range all {
		sources[o.Name] = o.Indicator.Source
	}
	var ours []slo.Objective
	for _, o := range all {
		from := o.Indicator.Source
		if c := o.Indicator.Composite; c != nil && len(c.Of) > 0 {
			from = sources[c.Of[0].Objective]
		}
		if from == source {
			ours = append(ours, o)
		}
	}
	return ours
}

// checkMembers refuses a composite of members that no Engine sees together.
func checkMembers(c *slo.Composite, all map[string]*slo.Objective) error {
	var first *slo.Objective
	for _, m := range c.Of {
		o := all[m.Objective]
		switch {
		case o == nil:
			return fmt.Errorf("%s: there is no objective %q", m.Position, m.Objective)
		case first == nil:
			first = o
		case first.Indicator.Source != o.Indicator.Source:
			return fmt.Errorf("%s: %q is measured by %s, %q by %s; the members of a composite must have the same source",
				m.Position, o.Name, where(o), first.Name, where(first))
		}
	}
	return nil
}

func where(o *slo.Objective) string {
	if o.Indicator.Source == "" {
		return "Wardround's own rounds"
	}
	return "the source " + o.Indicator.Source
}
