package slo

import (
	"errors"
	"fmt"
	"slices"
)

// Link joins composites with their members, in place. It fails where a member
// is missing, is a composite itself or groups by other labels, and where two
// objectives have the same name.
func Link(all []Objective) error {
	byName := make(map[string]*Objective, len(all))
	var errs []error
	for i := range all {
		o := &all[i]
		if other := byName[o.Name]; other != nil {
			errs = append(errs, fmt.Errorf("%s: objective %q stands twice; the other is at %s", o.Position, o.Name, other.Position))
		}
		byName[o.Name] = o
	}
	for i := range all {
		if c := all[i].Indicator.Composite; c != nil {
			errs = append(errs, c.link(all[i].By, byName))
		}
	}
	return errors.Join(errs...)
}

func (c *Composite) link(by []string, objectives map[string]*Objective) error {
	var errs []error
	for i := range c.Of {
		m := &c.Of[i]
		o := objectives[m.Objective]
		switch {
		case o == nil:
			errs = append(errs, fmt.Errorf("%s: there is no objective %q; it may be disabled", m.Position, m.Objective))
		case o.Indicator.Composite != nil:
			errs = append(errs, fmt.Errorf("%s: %q is a composite itself; name its members instead", m.Position, m.Objective))
		case !slices.Equal(o.By, by):
			errs = append(errs, fmt.Errorf("%s: %q is grouped by %v, the composite by %v; they must be the same", m.Position, m.Objective, o.By, by))
		default:
			m.Measures = o.Indicator.String()
		}
	}
	return errors.Join(errs...)
}
