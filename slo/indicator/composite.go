package indicator

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/wardround/wardround/slo"
)

// part is a composite's member and its weight.
type part struct {
	of     *tracked
	weight uint64
}

// members are those of one group, nil where it has none.
type members struct {
	to *instance
	of []*instance // by part
}

// compose makes a composite's minute of those of its members, which have been
// closed.
func (e *Engine) compose(t *tracked, now int64) {
	if t.parts == nil {
		return
	}
	var version uint64
	for _, p := range t.parts {
		version += p.of.version
	}
	if version != t.asOf && e.join(t) {
		t.asOf = version
	}
	for _, g := range t.groups {
		g.to.state, g.to.minute = t.mix(g.of)
		g.to.carry(now)
	}
}

// join brings the members of each group together; whole is false if not all
// groups could be had.
func (e *Engine) join(t *tracked) (whole bool) {
	whole = true
	groups := map[string]*members{}
	for n, p := range t.parts {
		for key, member := range p.of.instances {
			g := groups[key]
			if g == nil {
				g = &members{t.instances[key], make([]*instance, len(t.parts))}
				groups[key] = g
			}
			g.of[n] = member
		}
	}
	e.leave(t, groups)
	t.groups = t.groups[:0]
	for key, g := range groups {
		if g.to == nil {
			if !e.room(t) {
				whole = false
				continue
			}
			g.to = e.add(t, key, g.labels())
		}
		t.groups = append(t.groups, *g)
	}
	return whole
}

// leave removes the groups that no member has any more.
func (e *Engine) leave(t *tracked, groups map[string]*members) {
	maps.DeleteFunc(t.instances, func(key string, _ *instance) bool {
		if groups[key] != nil {
			return false
		}
		e.instances--
		t.changed()
		return true
	})
}

// labels are those that all members of a group have.
func (g *members) labels() []slo.Label {
	var all []slo.Label
	i := slices.IndexFunc(g.of, func(i *instance) bool { return i != nil })
	for name, value := range g.of[i].id.Labels() {
		all = append(all, slo.Label{Name: name, Value: value})
	}
	return all
}

// mix is the composite of the members of one group. A member that the group does
// not have is no part of it; one that was measured and had no events has no say;
// one that is there and silent is delayed. It is measured if a member is.
func (t *tracked) mix(of []*instance) (state, slo.Counts) {
	c := t.objective.Indicator.Composite
	var errors, worst float64
	var weight, delayed uint64
	known := silent
	for k, m := range of {
		weigh := t.parts[k].weight
		switch {
		case m == nil:
		case m.state == silent:
			delayed += weigh
		default:
			if known != measured {
				known = m.state
			}
			if n := m.minute.Total(); n > 0 {
				ratio := float64(m.minute.Bad) / float64(n)
				errors += float64(weigh) * ratio
				worst = max(worst, ratio)
				weight += weigh
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
