package openslo

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/wardround/wardround/slo"
)

// alerts gives every objective of an SLO that has none its policy, and refuses
// policies that its targets could never set off.
func (p *promise) alerts(all []slo.Objective) {
	if len(all) == 0 || p.base.Window.Nominal() == 0 {
		return
	}
	policy, ok := p.policy(all)
	for i := range all {
		o := &all[i]
		if o.Policy.Name == "" {
			o.Policy = policy
		}
		if o.Policy.Name == silent {
			p.policies[silent] = o.Policy
		}
		for _, t := range o.Targets.All() {
			if err := o.Policy.Check(t.Target, o.Window.Nominal()); ok && t.Target != 0 && err != nil {
				p.spec.at("alertPolicies").failf("%v", err)
				return
			}
		}
	}
}

// policy is what an SLO's alert policies come to: each is a pair.
func (p *promise) policy(all []slo.Objective) (slo.Policy, bool) {
	items := p.spec.at("alertPolicies").items()
	if len(items) == 0 {
		return p.unsaid(all)
	}
	policy := slo.Policy{Position: items[0].position()}
	var parts []string
	ours := true
	for _, item := range items {
		a, ok := p.alertPolicy(item)
		if !ok {
			return policy, false
		}
		if a.pair.Long == 0 {
			continue
		}
		policy.Pairs = append(policy.Pairs, a.pair)
		if !slices.Contains(parts, a.policy) {
			parts = append(parts, a.policy)
		}
		policy.Description = a.description
		ours = ours && a.ours
	}
	if len(policy.Pairs) == 0 {
		return silence(), true
	}
	if !ours {
		p.arrange(policy.Pairs)
	}
	return p.register(policy, strings.Join(parts, "-"), ours), true
}

// arrange puts pairs in the order of urgency and refuses two of one name.
func (p *promise) arrange(pairs []slo.Pair) {
	slices.SortStableFunc(pairs, func(a, b slo.Pair) int {
		rank := func(s slo.Severity) int { return slices.Index(slo.Severities(), s) }
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(a.Long, b.Long))
	})
	for i := 1; i < len(pairs); i++ {
		if pairs[i].Name() == pairs[i-1].Name() {
			p.spec.at("alertPolicies").failf("two alerts are called %s; give them different severities or windows", pairs[i].Name())
		}
	}
}

// unsaid is the policy of an SLO that names no alerts: the one that its
// annotation names, or the first embedded one that its targets can set off.
func (p *promise) unsaid(all []slo.Objective) (slo.Policy, bool) {
	at := p.spec.at("alertPolicies")
	if v, said := p.notes.keys["policy"]; said {
		if v.optional() == silent {
			return silence(), true
		}
		policy, known := p.embedded[v.optional()]
		if !known {
			v.failf("there is no policy %q; the policies are %s", v.optional(), strings.Join(sortedKeys(p.embedded), ", "))
		}
		return policy, known
	}
	for _, name := range []string{"default", "tickets"} {
		policy := p.embedded[name]
		fits := !slices.ContainsFunc(all, func(o slo.Objective) bool {
			return o.Policy.Name == "" && slices.ContainsFunc(o.Targets.All(), func(t slo.Promised) bool {
				return t.Target != 0 && policy.Check(t.Target, o.Window.Nominal()) != nil
			})
		})
		if fits {
			at.warnf("there are no alertPolicies; the policy %s is assumed", name)
			return policy, true
		}
	}
	at.failf("there are no alertPolicies, and the targets are too low for any policy of our own; write some, or add the annotation %spolicy: %s", prefix, silent)
	return slo.Policy{}, false
}

// register names a policy. Where the name means another one already, the
// policy gets a further name, unless the name is one of our own.
func (p *promise) register(policy slo.Policy, base string, ours bool) slo.Policy {
	for n := 1; ; n++ {
		switch policy.Name = base; n {
		case 1:
		case 2:
			policy.Name = kebab(base + " over " + p.base.Window.String())
		default:
			policy.Name += "-" + strconv.Itoa(n)
		}
		other, taken := p.policies[policy.Name]
		if embedded, is := p.embedded[policy.Name]; is && !taken && (!ours || alike(embedded, policy)) {
			other, taken = embedded, true
		}
		if taken && alike(other, policy) {
			return other
		}
		if !taken {
			p.policies[policy.Name] = policy
			return policy
		}
	}
}

// alike says whether two policies are the same, wherever they were read.
func alike(a, b slo.Policy) bool {
	a.Position = b.Position
	return reflect.DeepEqual(a, b)
}
