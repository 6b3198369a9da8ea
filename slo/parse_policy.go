package slo

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// Policies are alert policies by name.
type Policies map[string]Policy

// With are these policies and an operator's own, which may stand in place of
// embedded ones of the same name, but not of each other: an error names all that
// stand twice.
func (p Policies) With(own []Policy) (Policies, error) {
	all, added := maps.Clone(p), Policies{}
	var errs []error
	for _, policy := range own {
		if other, twice := added[policy.Name]; twice {
			errs = append(errs, fmt.Errorf("%s: policy %q stands twice; the other is at %s", policy.Position, policy.Name, other.Position))
			continue
		}
		all[policy.Name], added[policy.Name] = policy, policy
	}
	return all, errors.Join(errs...)
}

// ParsePolicies reads alert policies, one YAML document each, with errors as
// ParseObjectives has them.
func ParsePolicies(file string, data []byte) ([]Policy, error) {
	var all []Policy
	d := &decoder{file: file}
	err := d.documents(data, func(n *yaml.Node) { all = append(all, d.policy(n)) })
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (p Policies) named(d *decoder, n *yaml.Node, name string) Policy {
	policy, known := p[name]
	if !known {
		d.failf(n, "there is no policy %q; the policies are %s", name, list(p))
	}
	return policy
}

// reachable refuses targets with which the policy could never fire.
func (p Policies) reachable(d *decoder, n *yaml.Node, o *Objective) {
	for _, p := range slices.Backward(o.Targets.All()) { // the lowest first
		if p.Target == 0 {
			continue // its own fault is already noted
		}
		if err := o.Policy.Check(p.Target, o.Window.Nominal()); err != nil {
			d.failf(n, "%v", err)
			return
		}
	}
}

func (d *decoder) policy(n *yaml.Node) Policy {
	p := Policy{Position: d.at(n)}
	seen := d.mapping(n, "a policy", map[string]field{
		"name":        scalar(d, &p.Name, kebabName),
		"description": d.text(&p.Description),
		"pairs":       d.each(func(n *yaml.Node) { p.Pairs = append(p.Pairs, d.pair(n, p.Pairs)) }),
	})
	d.require(n, "the policy", seen, "name", "pairs")
	return p
}

// pair reads one pair, whose name must not be that of another.
func (d *decoder) pair(n *yaml.Node, others []Pair) Pair {
	var p Pair
	seen := d.mapping(n, "a pair", map[string]field{
		"severity": word(d, &p.Severity, Severities()...),
		"share":    d.target(&p.Share),
		"long":     d.duration(&p.Long),
		"short":    d.duration(&p.Short),
	})
	d.require(n, "the pair", seen, "severity", "share", "long", "short")
	if p.Short >= p.Long && p.Long > 0 {
		d.failf(n, "the short window must be shorter than the long one")
	}
	if p.Short%time.Minute != 0 || p.Long%time.Minute != 0 || p.Long > 366*Day {
		d.failf(n, "windows are whole minutes, a year at most")
	}
	if slices.ContainsFunc(others, func(o Pair) bool { return o.Severity == p.Severity && o.Long == p.Long }) {
		d.failf(n, "there is a pair %s already; give it another long window or another severity", p.Name())
	}
	return p
}
