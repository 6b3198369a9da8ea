package indicator

import (
	"maps"
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// tracked is one objective and its instances.
type tracked struct {
	objective slo.Objective
	instances map[string]*instance
	order     []*instance // sorted; nil where instances came or went
}

// or keeps what is tracked if the objective still measures the same.
func (t *tracked) or(o slo.Objective) *tracked {
	if t != nil && t.objective.Indicator.String() == o.Indicator.String() && slices.Equal(t.objective.By, o.By) {
		return t
	}
	return &tracked{objective: o, instances: map[string]*instance{}}
}

// instance is one group of an objective, and its minute so far.
type instance struct {
	id  slo.Instance
	of  *tracked
	fed bool // marked while looking for instances that nothing feeds

	good, bad, all uint64
	measured       bool
	rounds         []round
	last           *slo.Counts // of the last measured minute, to carry
}

// round is a threshold's verdict on one round of one source.
type round struct {
	source string
	at     time.Time
	good   bool
}

// instance is the group that a series belongs to; ok is false where it lacks a
// label or there are too many.
func (e *Engine) instance(t *tracked, l Labels) (to *instance, ok bool) {
	key := make([]byte, 0, 64)
	for _, name := range t.objective.By {
		value := l.Get(name)
		if value == "" {
			e.stats.Unattributed++
			return nil, false
		}
		key = append(append(key, value...), 0)
	}
	if to = t.instances[string(key)]; to != nil {
		return to, true
	}
	if e.instances >= e.opts.MaxInstances {
		e.stats.OverLimit++
		return nil, false
	}
	group := make([]slo.Label, len(t.objective.By))
	for i, name := range t.objective.By {
		group[i] = slo.Label{Name: name, Value: l.Get(name)}
	}
	to = &instance{id: slo.NewInstance(t.objective.Name, group...), of: t}
	t.instances[string(key)], t.order = to, nil
	e.instances++
	return to, true
}

// count adds what a counter grew by.
func (i *instance) count(r role, n uint64) {
	switch r {
	case goodEvents:
		i.good += n
	case badEvents:
		i.bad += n
	case allEvents:
		i.all += n
		i.measured = true
	}
}

// judge makes a round bad if any of its series is.
func (i *instance) judge(source string, at time.Time, good bool) {
	for k := len(i.rounds) - 1; k >= 0; k-- { // a source's samples come together
		if r := &i.rounds[k]; r.source == source && r.at.Equal(at) {
			r.good = r.good && good
			return
		}
	}
	i.rounds = append(i.rounds, round{source, at, good})
}

// counts ends the minute. Where the parts exceed the total, which is read at
// another instant, the parts are right.
func (i *instance) counts() slo.Counts {
	c := slo.Counts{Good: i.good, Bad: i.bad}
	if e := i.of.objective.Indicator.Events; e != nil {
		rest := i.all - min(i.all, i.good+i.bad)
		if e.Good.Text == "" {
			c.Good = rest
		} else {
			c.Bad = rest
		}
	}
	for _, r := range i.rounds {
		if r.good {
			c.Good++
		} else {
			c.Bad++
		}
	}
	i.good, i.bad, i.all, i.measured, i.rounds = 0, 0, 0, false, i.rounds[:0]
	return c
}

// drain appends the minute of all instances that were seen, or are carried.
func (t *tracked) drain(deltas []slo.Delta) []slo.Delta {
	carry := t.objective.NoData == slo.NoDataCarry
	for _, i := range t.inOrder() {
		switch {
		case i.seen():
			c := i.counts()
			deltas = append(deltas, slo.Delta{Instance: i.id, Counts: c})
			if carry && c.Total() > 0 {
				i.last = &c
			}
		case carry && i.last != nil:
			deltas = append(deltas, slo.Delta{Instance: i.id, Counts: *i.last, Carried: true})
		}
	}
	return deltas
}

// prune removes instances that no series feeds, once their minute is drained,
// and says how many.
func (t *tracked) prune() int {
	before := len(t.instances)
	maps.DeleteFunc(t.instances, func(_ string, i *instance) bool {
		fed := i.fed || i.seen()
		i.fed = false
		return !fed
	})
	if len(t.instances) != before {
		t.order = nil
	}
	return before - len(t.instances)
}

// seen says whether the minute so far has anything to tell.
func (i *instance) seen() bool { return i.measured || len(i.rounds) > 0 }

func (t *tracked) inOrder() []*instance {
	if t.order == nil {
		t.order = slices.SortedFunc(maps.Values(t.instances), func(a, b *instance) int { return a.id.Compare(b.id) })
	}
	return t.order
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
