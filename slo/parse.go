package slo

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// Policies are alert policies by name.
type Policies map[string]Policy

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

// ParseObjectives reads objectives that name these policies.
func (p Policies) ParseObjectives(file string, data []byte) ([]Objective, error) {
	var all []Objective
	d := &decoder{file: file}
	err := d.documents(data, func(n *yaml.Node) {
		o := p.objective(d, n)
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

// objective reads one document: defaults first, then the keys, then what no
// key alone can say.
func (p Policies) objective(d *decoder, n *yaml.Node) Objective {
	o := Objective{
		Position: d.at(n), NoData: NoDataIgnore, MinCoverage: One / 2,
		Window:     Window{Rolling: 30 * Day},
		LowTraffic: LowTraffic{MinBad: 2, BudgetSpent: true},
	}
	policy := "default"
	seen := d.mapping(n, "an objective", map[string]field{
		"name":         scalar(d, &o.Name, kebabName),
		"question":     word(d, &o.Question, Questions()...),
		"title":        d.text(&o.Title),
		"description":  d.text(&o.Description),
		"owner":        d.text(&o.Owner),
		"indicator":    d.indicator(&o.Indicator),
		"by":           d.by(&o.By),
		"targets":      d.targets(&o.Targets),
		"window":       d.window(&o.Window),
		"policy":       scalar(d, &policy, kebabName),
		"no_data":      word(d, &o.NoData, NoDataIgnore, NoDataGood, NoDataBad, NoDataCarry),
		"min_coverage": d.ratio(&o.MinCoverage),
		"low_traffic":  d.lowTraffic(&o.LowTraffic),
		"links":        d.links(&o.Links),
	})
	d.require(n, "the objective", seen, "name", "question", "title", "indicator", "targets")
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

func (p Policies) named(d *decoder, n *yaml.Node, name string) Policy {
	policy, known := p[name]
	if !known {
		d.failf(n, "there is no policy %q; the policies are %s", name, list(p))
	}
	return policy
}

// reachable refuses targets with which the policy could never fire.
func (p Policies) reachable(d *decoder, n *yaml.Node, o *Objective) {
	targets := []Ratio{o.Targets.Default}
	for _, t := range o.Targets.ByTier {
		targets = append(targets, t)
	}
	slices.Sort(targets)
	for _, t := range targets {
		if t == 0 {
			continue // its own fault is already noted
		}
		if err := o.Policy.Check(t, o.Window.Nominal()); err != nil {
			d.failf(n, "%v", err)
			return
		}
	}
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

func (d *decoder) targets(into *Targets) field {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			d.target(&into.Default)(n)
			return
		}
		if n.Kind != yaml.MappingNode {
			d.failf(n, "write one target such as 99.9%%, or one per tier with a default")
			return
		}
		into.ByTier = map[string]Ratio{}
		fields := map[string]field{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			tier := n.Content[i].Value
			fields[tier] = func(n *yaml.Node) {
				var r Ratio
				d.target(&r)(n)
				into.ByTier[tier] = r
			}
		}
		fields["default"] = d.target(&into.Default)
		d.require(n, "targets", d.mapping(n, "targets", fields), "default")
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

func (d *decoder) policy(n *yaml.Node) Policy {
	var p Policy
	seen := d.mapping(n, "a policy", map[string]field{
		"name":        scalar(d, &p.Name, kebabName),
		"description": d.text(&p.Description),
		"pairs":       d.each(func(n *yaml.Node) { p.Pairs = append(p.Pairs, d.pair(n)) }),
	})
	d.require(n, "the policy", seen, "name", "pairs")
	return p
}

func (d *decoder) pair(n *yaml.Node) Pair {
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
	if p.Short%time.Minute != 0 || p.Long%time.Minute != 0 {
		d.failf(n, "windows are whole minutes")
	}
	return p
}
