package changes

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// index finds changes by identity and by tenant. Its owner locks.
type index struct {
	byKey    map[string]*Change // immutable values: an update puts another in place
	all      timeline
	byTenant map[string]*timeline
	byStream map[string]*timeline
	wide     timeline      // of the platform or of a server
	longest  time.Duration // that a change ran: how far before a moment those may have begun that ran at it
}

// timeline is changes in the order in which they began.
type timeline []*Change

// longestRun is how long a change is looked for after its start.
const longestRun = 24 * time.Hour

func newIndex() *index {
	return &index{byKey: map[string]*Change{}, byTenant: map[string]*timeline{}, byStream: map[string]*timeline{}}
}

// put inserts a change, or puts it in place of an earlier state of itself.
func (x *index) put(c *Change) {
	if old := x.byKey[c.Key]; old != nil {
		x.remove(old)
	}
	x.byKey[c.Key] = c
	for _, t := range x.places(c) {
		t.insert(c)
	}
	x.longest = max(x.longest, min(longestRun, c.At().Sub(c.Started)))
}

func (x *index) remove(c *Change) {
	delete(x.byKey, c.Key)
	for _, t := range x.places(c) {
		t.remove(c)
	}
	for _, tenant := range c.Scope.Tenants {
		prune(x.byTenant, tenant)
	}
	prune(x.byStream, c.Stream)
}

func prune(all map[string]*timeline, name string) {
	if t := all[name]; t != nil && len(*t) == 0 {
		delete(all, name)
	}
}

func (x *index) places(c *Change) []*timeline {
	places := []*timeline{&x.all}
	if c.Stream != "" {
		places = append(places, place(x.byStream, c.Stream))
	}
	if len(c.Scope.Tenants) == 0 {
		return append(places, &x.wide)
	}
	for _, tenant := range c.Scope.Tenants {
		places = append(places, place(x.byTenant, tenant))
	}
	return places
}

func place(all map[string]*timeline, name string) *timeline {
	t := all[name]
	if t == nil {
		t = &timeline{}
		all[name] = t
	}
	return t
}

// latest is the change of a stream that began last, nil for none.
func (x *index) latest(stream string) *Change {
	if t := x.byStream[stream]; t != nil && len(*t) > 0 {
		return (*t)[len(*t)-1]
	}
	return nil
}

// goesBack says whether a change brings back a revision that its stream had left for another.
func (x *index) goesBack(c *Change) bool {
	stream := x.byStream[c.Stream]
	if stream == nil || c.Outcome.final() && c.Outcome != Succeeded {
		return false
	}
	left := false
	for _, earlier := range slices.Backward(stream.began(time.Time{}, c.Started)) {
		switch {
		case earlier.Key == c.Key || earlier.Revision == "" || !earlier.inForce():
		case earlier.Revision == c.Revision:
			return left // else it was deployed again
		case earlier.From == c.Revision:
			return true
		default:
			left = true
		}
	}
	return false
}

func byStart(a, b *Change) int {
	return cmp.Or(a.Started.Compare(b.Started), strings.Compare(a.Key, b.Key))
}

func (t *timeline) insert(c *Change) {
	i, _ := slices.BinarySearchFunc(*t, c, byStart)
	*t = slices.Insert(*t, i, c)
}

func (t *timeline) remove(c *Change) {
	if i, found := slices.BinarySearchFunc(*t, c, byStart); found {
		*t = slices.Delete(*t, i, i+1)
	}
}

// began are those that began within [from, to], newest last.
func (t timeline) began(from, to time.Time) timeline {
	lo, _ := slices.BinarySearchFunc(t, from, func(c *Change, at time.Time) int {
		if c.Started.Before(at) {
			return -1
		}
		return 1
	})
	hi, _ := slices.BinarySearchFunc(t, to, func(c *Change, at time.Time) int {
		if c.Started.After(at) {
			return 1
		}
		return -1
	})
	return t[lo:max(lo, hi)]
}

// before are the changes that concern somebody and were done, begun or under way in the stretch
// that ends at the given moment; newest first.
func (x *index) before(who concern, moment time.Time, within time.Duration) []*Change {
	since := moment.Add(-within)
	var found []*Change
	collect := func(t timeline) {
		for _, c := range t.began(since.Add(-x.longest), moment) {
			if !c.At().Before(since) && who.concerned(c) {
				found = append(found, c)
			}
		}
	}
	if t := x.byTenant[who.tenant]; t != nil {
		collect(*t)
	}
	collect(x.wide)
	slices.SortFunc(found, func(a, b *Change) int {
		return cmp.Or(effect(b, moment).Compare(effect(a, moment)), byStart(b, a))
	})
	return found
}

// effect is when a change last did something, as known at the given moment.
func effect(c *Change, moment time.Time) time.Time {
	if at := c.At(); !at.After(moment) {
		return at
	}
	return c.Started
}

// concern is who asks: a tenant with its database's server, a server, or nobody in particular.
type concern struct {
	tenant string
	target string
	server func(target string) bool // whether a target holds databases of tenants
}

func (w concern) concerned(c *Change) bool {
	if c.moves() { // others of its server do not change with it
		return w.tenant == c.Subject || w.tenant == "" && (w.target == "" || w.target == c.Scope.Target)
	}
	if c.Scope.Target == "" {
		return true // by name, or the whole platform
	}
	return c.Scope.Target == w.target || !w.server(c.Scope.Target)
}

// concerns is who a tenant, or a target where no tenant is named, is among those known now.
func concerns(tenants *collectors.Tenants, tenant, target string) concern {
	w := concern{tenant: tenant, target: target, server: func(target string) bool {
		return slices.ContainsFunc(tenants.All(), func(t collectors.Tenant) bool { return t.Postgres == target })
	}}
	if known, ok := tenants.ByName(tenant); ok {
		w.target = known.Postgres
	}
	return w
}
