package indicator

import (
	"maps"
	"slices"
	"strings"

	"github.com/wardround/wardround/slo"
)

// tracked is one objective and its instances by the values of its labels.
type tracked struct {
	objective slo.Objective
	instances map[string]*instance
	order     []*instance // sorted; nil where instances came or went
	version   uint64      // counts the changes of instances
	parts     []part      // of a composite, else nil
	groups    []members   // of a composite, as of the versions of its parts
	asOf      uint64
	over      recent // instances were refused
}

func byName(a, b *tracked) int { return strings.Compare(a.objective.Name, b.objective.Name) }

// or keeps what is tracked if the objective still measures the same.
func (t *tracked) or(o slo.Objective) *tracked {
	if t != nil && t.objective.Indicator.String() == o.Indicator.String() && slices.Equal(t.objective.By, o.By) {
		return t
	}
	return &tracked{objective: o, instances: map[string]*instance{}}
}

// adopt takes an objective's settings over, and a composite's members from all
// that are tracked.
func (t *tracked) adopt(o slo.Objective, all map[string]*tracked) {
	t.objective, t.parts, t.groups, t.asOf = o, nil, nil, 0
	if c := o.Indicator.Composite; c != nil {
		for _, m := range c.Of {
			t.parts = append(t.parts, part{all[m.Objective], m.Weight})
		}
	}
}

// instance is one group of an objective, and its minute so far.
type instance struct {
	id slo.Instance
	of *tracked

	fed     bool // marked while looking for instances that nothing feeds
	gone    bool // the others
	covered bool // what was seen before speaks of this minute, too
	blind   bool // what was seen last could not be judged

	grown  [counterRoles]uint64 // of its counters by role, or events by verdict
	seen   [counterRoles]uint32 // how many samples of each role that was
	rounds []round
	slice  slice

	// What the minute came to, while Drain makes one of all.
	state  state
	minute slo.Counts

	last    slo.Counts // of the last measured minute with events, to carry
	hasLast bool
}

// state is what is known of a minute.
type state uint8

const (
	silent state = iota
	measured
	carried
)

// instance is the group that a series belongs to; ok is false where it lacks a
// label or there are too many.
func (e *Engine) instance(t *tracked, l Labels) (to *instance, ok bool) {
	key := make([]byte, 0, 128)
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
	if !e.room(t) {
		e.stats.OverLimit++
		return nil, false
	}
	group := make([]slo.Label, len(t.objective.By))
	for i, name := range t.objective.By {
		group[i] = slo.Label{Name: name, Value: l.Get(name)}
	}
	return e.add(t, string(key), group), true
}

// room says whether there may be one more instance.
func (e *Engine) room(t *tracked) bool {
	if e.instances < e.opts.MaxInstances {
		return true
	}
	t.over.now = true
	return false
}

func (e *Engine) add(t *tracked, key string, group []slo.Label) *instance {
	i := &instance{id: slo.NewInstance(t.objective.Name, group...), of: t}
	t.instances[key] = i
	t.changed()
	e.instances++
	return i
}

// changed notes that instances came or went.
func (t *tracked) changed() {
	t.order = nil
	t.version++
}

// count adds what a counter grew by.
func (i *instance) count(r role, n uint64) {
	i.grown[r] += n
	i.seen[r]++
}

// event adds one verdict.
func (i *instance) event(good bool) {
	if good {
		i.count(goodEvents, 1)
	} else {
		i.count(badEvents, 1)
	}
}

// close ends the minute of all instances, but for those of composites.
func (t *tracked) close(now int64) {
	t.over.next()
	if t.parts != nil {
		return
	}
	for _, i := range t.inOrder() {
		i.state = silent
		if i.look(now) || i.covered && !i.blind {
			i.state, i.minute = measured, i.counts()
		}
		i.covered = false
		i.carry(now)
	}
}

// look says whether the minute so far has anything to tell.
func (i *instance) look(now int64) bool {
	indicator := &i.of.objective.Indicator
	switch {
	case indicator.Events != nil:
		return i.seen[allEvents] > 0
	case indicator.Histogram != nil:
		return i.lookHistogram()
	case indicator.Probe != nil:
		return i.lookProbe()
	default:
		return i.lookThreshold(now)
	}
}

// pending says whether Drain will have something to tell even if no series feeds
// the instance any more.
func (i *instance) pending() bool {
	return i.seen[allEvents] > 0 || i.seen[infEvents] > 0 || len(i.rounds) > 0 || i.slice.open
}

// carry remembers a minute with events, and repeats it where one is silent, if
// the objective wants that.
func (i *instance) carry(now int64) {
	if i.of.objective.NoData != slo.NoDataCarry {
		return
	}
	switch {
	case i.state == measured && i.minute.Total() > 0:
		i.last, i.hasLast = i.minute, true
	case i.state == silent && i.hasLast && i.slice.due(i.of.slice(), now):
		i.state, i.minute = carried, i.last
	}
}

// slice is the length of a threshold's slices in nanoseconds, 0 where each round
// is judged by itself.
func (t *tracked) slice() int64 {
	if g := t.objective.Indicator.Threshold; g != nil {
		return int64(g.Slice)
	}
	return 0
}

// drain appends the minute of all instances that have one.
func (t *tracked) drain(deltas []slo.Delta) []slo.Delta {
	for _, i := range t.inOrder() {
		if i.state != silent {
			deltas = append(deltas, slo.Delta{Instance: i.id, Counts: i.minute, Carried: i.state == carried})
		}
	}
	return deltas
}

// prune removes instances that nothing feeds, once their minute is drained, and
// says how many.
func (t *tracked) prune() int {
	gone := 0
	for _, i := range t.inOrder() {
		i.gone = !i.fed && !i.pending()
		i.fed = false
		if i.gone {
			gone++
		}
	}
	if gone > 0 {
		maps.DeleteFunc(t.instances, func(_ string, i *instance) bool { return i.gone })
		t.changed()
	}
	return gone
}

// blind is how many instances are seen and cannot be judged.
func (t *tracked) blind() int {
	n := 0
	for _, i := range t.instances {
		if i.blind {
			n++
		}
	}
	return n
}

func (t *tracked) inOrder() []*instance {
	if t.order == nil {
		t.order = slices.SortedFunc(maps.Values(t.instances), func(a, b *instance) int { return a.id.Compare(b.id) })
	}
	return t.order
}
