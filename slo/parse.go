package slo

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"
)

// ParseObjectives reads objectives, one YAML document each, with the embedded
// policies. An error names every fault as file:line:column, what is wrong and
// what to write instead.
func ParseObjectives(file string, data []byte) ([]Objective, error) {
	policies, err := DefaultPolicies()
	if err != nil {
		return nil, err
	}
	return policies.ParseObjectives(file, data)
}

// ParseObjectives reads objectives that name these policies, and may extend those
// of the catalogue.
func (p Policies) ParseObjectives(file string, data []byte) ([]Objective, error) {
	return p.parse(file, data, sync.OnceValues(Catalogue))
}

// parse reads objectives that may extend built-in ones.
func (p Policies) parse(file string, data []byte, builtin func() ([]Objective, error)) ([]Objective, error) {
	var all []Objective
	d := &decoder{file: file}
	err := d.documents(data, func(n *yaml.Node) {
		o := p.objective(d, n, builtin)
		for _, other := range all {
			if other.Name == o.Name && o.Name != "" {
				d.failf(n, "objective %q stands twice; the other is at %s", o.Name, other.Position)
			}
		}
		all = append(all, o)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

var (
	kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	label = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

func kebabName(s string) (string, error) {
	if !kebab.MatchString(s) {
		return "", fmt.Errorf("%q is not a name; write small letters, digits and hyphens, such as login-fast", s)
	}
	return s, nil
}

func labelName(s string) (string, error) {
	if !label.MatchString(s) {
		return "", fmt.Errorf("%q is not a label name", s)
	}
	return s, nil
}

// objective reads one document: defaults or what it extends first, then the
// keys, then what no key alone can say.
func (p Policies) objective(d *decoder, n *yaml.Node, builtin func() ([]Objective, error)) Objective {
	o := Objective{
		NoData: NoDataIgnore, MinCoverage: One / 2, Window: Window{Rolling: 30 * Day},
		Policy: Policy{Name: "default"}, LowTraffic: LowTraffic{MinBad: 2, BudgetSpent: true},
	}
	extends := value(n, "extends")
	if extends != nil {
		d.extended(extends, &o, builtin)
	}
	o.Position = d.at(n)
	policy := o.Policy.Name
	seen := d.mapping(n, "an objective", map[string]field{
		"extends":      func(*yaml.Node) {},
		"name":         scalar(d, &o.Name, kebabName),
		"question":     word(d, &o.Question, Questions()...),
		"title":        d.text(&o.Title),
		"description":  d.text(&o.Description),
		"owner":        d.text(&o.Owner),
		"indicator":    d.indicator(&o.Indicator),
		"by":           d.by(&o.By),
		"targets":      d.targets(&o.Targets, extends != nil),
		"window":       d.window(&o.Window),
		"policy":       scalar(d, &policy, kebabName),
		"no_data":      word(d, &o.NoData, NoDataIgnore, NoDataGood, NoDataBad, NoDataCarry),
		"min_coverage": d.ratio(&o.MinCoverage),
		"low_traffic":  d.lowTraffic(&o.LowTraffic),
		"links":        d.links(&o.Links),
	})
	if extends == nil {
		d.require(n, "the objective", seen, "name", "question", "title", "indicator", "targets")
	}
	if o.By == nil {
		o.By = []string{"tenant"}
	}
	where := seen["policy"]
	if where == nil {
		where = n
	}
	o.Policy = p.named(d, where, policy)
	p.reachable(d, where, &o)
	return o
}

// extended puts a built-in objective where the defaults stand: what the document
// does not say is as it is there.
func (d *decoder) extended(n *yaml.Node, into *Objective, builtin func() ([]Objective, error)) {
	var name string
	scalar(d, &name, kebabName)(n)
	all, err := builtin()
	if err != nil {
		d.failf(n, "the catalogue cannot be read: %v", err)
	}
	if name == "" || err != nil {
		return
	}
	names := make([]string, len(all))
	for i, o := range all {
		if names[i] = o.Name; o.Name == name {
			*into = o
			into.Targets, into.By = o.Targets.Clone(), slices.Clone(o.By)
			return
		}
	}
	d.failf(n, "there is no built-in objective %q to extend; there are %s", name, strings.Join(names, ", "))
}

// bound is a number, or a duration in seconds: 600, 0.9, 2h.
func bound(text string) (float64, error) {
	if value, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(value) && !math.IsInf(value, 0) {
		return value, nil
	}
	duration, err := ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a duration such as 10m", text)
	}
	return duration.Seconds(), nil
}

func (d *decoder) by(into *[]string) field {
	return func(n *yaml.Node) {
		*into = []string{} // an empty list is one instance for all
		d.each(func(n *yaml.Node) {
			var name string
			scalar(d, &name, labelName)(n)
			*into = append(*into, name)
		})(n)
		slices.Sort(*into)
		if len(slices.Compact(slices.Clone(*into))) != len(*into) {
			d.failf(n, "a label stands twice; keep one")
		}
	}
}

// targets reads one target for all, or one per tier and, under tenants, per
// tenant; where some stand already, those that it does not name stay.
func (d *decoder) targets(into *Targets, some bool) field {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			into.ByTier, into.ByTenant = nil, nil
			d.target(&into.Default)(n)
			return
		}
		if n.Kind != yaml.MappingNode {
			d.failf(n, "write one target such as 99.9%%, or one per tier or tenant with a default")
			return
		}
		fields := d.targetsBy(n, &into.ByTier)
		fields["default"], fields["tenants"] = d.target(&into.Default), d.tenants(&into.ByTenant)
		if seen := d.mapping(n, "targets", fields); !some {
			d.require(n, "targets", seen, "default")
		}
	}
}

// targetsBy are fields for the keys of a mapping from names to targets.
func (d *decoder) targetsBy(n *yaml.Node, into *map[string]Ratio) map[string]field {
	fields := map[string]field{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		fields[key.Value] = func(n *yaml.Node) {
			if key.Value == "" {
				d.failf(key, "the name of a tier or tenant is missing")
				return
			}
			var r Ratio
			d.target(&r)(n)
			if *into == nil {
				*into = map[string]Ratio{}
			}
			(*into)[key.Value] = r
		}
	}
	return fields
}

func (d *decoder) tenants(into *map[string]Ratio) field {
	return func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			d.failf(n, "below tenants stand their names with a target each, such as {north: 99.95%%}; no tier can be called so")
			return
		}
		d.mapping(n, "tenants", d.targetsBy(n, into))
	}
}

func (d *decoder) window(into *Window) field {
	return func(n *yaml.Node) {
		*into = Window{}
		if n.Kind == yaml.ScalarNode {
			d.duration(&into.Rolling)(n)
			if into.Rolling != 0 && (into.Rolling < Day || into.Rolling > 366*Day) {
				d.failf(n, "a window of %s is out of range; write 1d to 366d", n.Value)
				into.Rolling = 0
			}
			if into.Rolling%time.Minute != 0 {
				d.failf(n, "a window is whole minutes")
			}
			return
		}
		seen := d.mapping(n, "a window", map[string]field{
			"calendar": word(d, &into.Calendar, Week, Month, Quarter, Year),
			"zone":     scalar(d, &into.Zone, zone),
			"anchor":   scalar(d, &into.Anchor, anchor),
		})
		d.require(n, "the window", seen, "calendar")
		if at := seen["anchor"]; at != nil && into.Calendar == Week {
			d.failf(at, "a week has no anchor; it begins on Monday")
		}
	}
}

func zone(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q; write one such as Europe/Berlin", name)
	}
	return loc, nil
}

func anchor(text string) (int, error) {
	day, err := strconv.Atoi(text)
	if err != nil || day < 1 || day > 31 {
		return 0, errors.New("the anchor is a day of the month, 1 to 31")
	}
	return day, nil
}

func (d *decoder) lowTraffic(into *LowTraffic) field {
	return func(n *yaml.Node) {
		d.mapping(n, "low_traffic", map[string]field{
			"min_bad":      d.count(&into.MinBad),
			"budget_spent": d.flag(&into.BudgetSpent),
		})
	}
}

func (d *decoder) links(into *Links) field {
	return func(n *yaml.Node) {
		d.mapping(n, "links", map[string]field{
			"runbook": d.text(&into.Runbook), "dashboard": d.text(&into.Dashboard),
		})
	}
}
