package openslo

import (
	"encoding/json"
	"math/big"
	"slices"

	"github.com/wardround/wardround/slo"
)

// silent is the policy of a composite's members: the composite alerts for them.
const silent = "no-alerts"

func silence() slo.Policy {
	return slo.Policy{Name: silent, Description: "Never alert."}
}

func (p *promise) isComposite(items []object) bool {
	inline, ref := p.doc.version.indicatorKeys()
	return p.doc.version != v1alpha && slices.ContainsFunc(items, func(o object) bool {
		return o.at(inline).present || o.at(ref).present
	})
}

// composite reads an SLO whose objectives measure different things: a promise
// for each, and one of all.
func (p *promise) composite(items []object) []slo.Objective {
	inline, ref := p.doc.version.indicatorKeys()
	for _, key := range []string{inline, ref} {
		if p.spec.at(key).present {
			p.spec.at(key).failf("the objectives have indicators of their own; leave this out")
		}
	}
	if len(items) < 2 {
		items[0].failf("a composite has two members at least")
		return nil
	}
	c := &slo.Composite{Method: slo.Mean, Delayed: slo.NoDataIgnore, Of: p.weighed(items)}
	choose(p.notes, "composite", &c.Method, "mean", "worst")
	choose(p.notes, "delayed", &c.Delayed, "ignore", "good", "bad")
	whole := p.base
	whole.Indicator = slo.Indicator{Composite: c}
	whole.Targets.Default = p.common(items)
	members := p.members(items, c)
	if whole.By == nil && len(members) > 0 {
		whole.By = members[0].By
	}
	slices.Sort(whole.By)
	return append([]slo.Objective{whole}, members...)
}

// members names the members: promises of their own where an annotation says so,
// else one for each objective.
func (p *promise) members(items []object, c *slo.Composite) []slo.Objective {
	if v, said := p.notes.keys["members"]; said {
		var own []string
		if err := json.Unmarshal([]byte(v.optional()), &own); err != nil || len(own) != len(items) {
			v.failf("%q does not name one promise for each objective; write a list such as [\"login\",\"mail\"]", v.optional())
			return nil
		}
		for i := range own {
			c.Of[i].Objective = own[i]
		}
		return nil
	}
	p.spec.at("objectives").warnf("a composite gives every minute the same weight, whatever the traffic of its members")
	var all []slo.Objective
	for i, o := range items {
		s := p.measured(o)
		if s == nil {
			return nil
		}
		member := p.objective(o, s, p.title(items, i))
		member.Policy = silence()
		c.Of[i].Objective = member.Name
		all = append(all, member)
	}
	return all
}

// common is the target of the whole.
func (p *promise) common(items []object) slo.Ratio {
	if v, said := p.notes.keys["target"]; said {
		r, err := slo.ParseTarget(v.optional())
		if err != nil {
			v.failf("%v", err)
		}
		return r
	}
	first := p.target(items[0])
	for _, o := range items[1:] {
		if p.target(o) != first {
			o.failf("the objectives of a composite have different targets, but the whole has one; add the annotation %starget", prefix)
			break
		}
	}
	return first
}

// maxWeight is how heavy a member may be.
const maxWeight = 1000

// weighed are the members with whole weights in the proportion of theirs.
func (p *promise) weighed(items []object) []slo.Member {
	weights := make([]*big.Rat, len(items))
	scale := big.NewInt(1) // the least common multiple of the denominators
	for i, o := range items {
		v := o.at("compositeWeight")
		n, ok := v.number()
		if !ok {
			n = big.NewRat(1, 1)
		}
		if n.Sign() <= 0 {
			v.failf("a weight is above 0; leave the objective out if it does not matter")
			n = big.NewRat(1, 1)
		}
		weights[i] = n
		gcd := new(big.Int).GCD(nil, nil, scale, n.Denom())
		scale.Mul(scale, new(big.Int).Quo(n.Denom(), gcd))
	}
	members := make([]slo.Member, len(items))
	for i, n := range weights {
		whole := new(big.Rat).Mul(n, new(big.Rat).SetInt(scale)).Num()
		if !whole.IsInt64() || whole.Int64() > maxWeight {
			items[i].at("compositeWeight").failf("as a whole number beside the others this weight is %s; %d is the most; round the weights", whole, maxWeight)
		}
		members[i] = slo.Member{Weight: whole.Uint64(), Position: items[i].position()}
	}
	return members
}
