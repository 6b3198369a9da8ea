package ledger

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/wardround/wardround/slo"
)

// mark says how a minute of an instance counts; of several the highest does.
type mark uint8

const (
	plain   mark = iota
	asGood       // its bad events count as good
	removed      // neither its events nor the minute itself
)

// stretch is the minutes [from, to) with one mark.
type stretch struct {
	from, to int64
	mark     mark
	before   int64 // removed minutes of all earlier stretches
}

// cover is what is excluded of an instance: stretches in order, none plain and
// none overlapping.
type cover []stretch

// newCover lays stretches over each other.
func newCover(all []stretch) cover {
	type edge struct {
		at   int64
		mark mark
		step int
	}
	var edges []edge
	for _, s := range all {
		edges = append(edges, edge{s.from, s.mark, 1}, edge{s.to, s.mark, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var c cover
	var open [removed + 1]int
	for i, e := range edges {
		if i > 0 && edges[i-1].at < e.at {
			c = c.extended(edges[i-1].at, e.at, highest(open))
		}
		open[e.mark] += e.step
	}
	return c
}

func highest(open [removed + 1]int) mark {
	for k := removed; k > plain; k-- {
		if open[k] > 0 {
			return k
		}
	}
	return plain
}

func (c cover) extended(from, to int64, k mark) cover {
	last := len(c) - 1
	switch {
	case k == plain:
		return c
	case last >= 0 && c[last].to == from && c[last].mark == k:
		c[last].to = to
		return c
	}
	return append(c, stretch{from, to, k, c.removed(from)})
}

// next is the index of the first stretch that ends after m.
func (c cover) next(m int64) int {
	return sort.Search(len(c), func(i int) bool { return c[i].to > m })
}

// at is the mark of one minute.
func (c cover) at(m int64) mark {
	if i := c.next(m); i < len(c) && c[i].from <= m {
		return c[i].mark
	}
	return plain
}

// touches says whether any minute of [from, to) has a mark.
func (c cover) touches(from, to int64) bool {
	i := c.next(from)
	return i < len(c) && c[i].from < to
}

// removed is how many minutes before m are removed.
func (c cover) removed(m int64) int64 {
	i := c.next(m)
	switch {
	case i < len(c) && c[i].mark == removed:
		return c[i].before + max(0, m-c[i].from)
	case i < len(c):
		return c[i].before
	case i == 0:
		return 0
	}
	last := c[i-1]
	if last.mark == removed {
		return last.before + last.to - last.from
	}
	return last.before
}

// overlay is all exclusions, laid out over [from, until). Nil excludes nothing.
type overlay struct {
	exclusions []slo.Exclusion
	tier       func(slo.Instance) string

	from, until int64
	spans       [][]stretch      // by exclusion
	any         cover            // where anything is excluded
	covers      []cover          // the different ones
	byChoice    map[string]int32 // which exclusions apply -> index in covers
	of          []int32          // by id: index in covers
}

// horizon is how far ahead of the ledger's time recurring rules are unrolled.
const horizon = 2 * 24 * hour

func newOverlay(all []slo.Exclusion, tier func(slo.Instance) string, from, until int64) *overlay {
	o := &overlay{exclusions: all, tier: tier, from: from, until: until, byChoice: map[string]int32{}}
	var every []stretch
	for i := range all {
		k := removed
		if all[i].Mode == slo.AsGood {
			k = asGood
		}
		var spans []stretch
		for _, s := range all[i].Spans(time.Unix(from*60, 0), time.Unix(until*60, 0)) {
			spans = append(spans, stretch{from: s.From.Unix() / 60, to: s.To.Unix() / 60, mark: k})
		}
		o.spans = append(o.spans, spans)
		every = append(every, spans...)
	}
	o.any = newCover(every)
	return o
}

// admit lays the exclusions over the next instance.
func (o *overlay) admit(r *record) {
	i, tier := r.Instance, r.tier(o.tier)
	choice := make([]byte, len(o.exclusions))
	for k := range o.exclusions {
		if o.exclusions[k].Scope.Applies(i, tier) {
			choice[k] = 1
		}
	}
	index, known := o.byChoice[string(choice)]
	if !known {
		index = int32(len(o.covers))
		o.byChoice[string(choice)] = index
		var spans []stretch
		for k, applies := range choice {
			if applies == 1 {
				spans = append(spans, o.spans[k]...)
			}
		}
		o.covers = append(o.covers, newCover(spans))
	}
	o.of = append(o.of, index)
}

// cover is that of one instance.
func (o *overlay) cover(id uint32) cover {
	if o == nil || int(id) >= len(o.of) {
		return nil
	}
	return o.covers[o.of[id]]
}

// touches says whether a minute of [from, to) is excluded for any instance.
func (o *overlay) touches(from, to int64) bool { return o != nil && o.any.touches(from, to) }

// excluded is how many minutes of [from, to) do not count for an instance.
func (o *overlay) excluded(id uint32, from, to int64) int64 {
	c := o.cover(id)
	if len(c) == 0 || to <= from {
		return 0
	}
	return c.removed(to) - c.removed(from)
}

// minuteMarks are the marks of all instances in one minute.
type minuteMarks struct {
	marks []mark  // by cover
	of    []int32 // by id: its cover
}

// at replaces the marks by those of a minute.
func (k *minuteMarks) at(o *overlay, m int64) {
	if k.marks = k.marks[:0]; o == nil {
		return
	}
	k.of = o.of
	for _, c := range o.covers {
		k.marks = append(k.marks, c.at(m))
	}
}

func (k *minuteMarks) mark(id uint32) mark {
	if len(k.marks) == 0 || int(id) >= len(k.of) {
		return plain
	}
	return k.marks[k.of[id]]
}

// apply is a minute's row as it counts.
func (o *overlay) apply(m int64, row []byte) ([]byte, error) {
	if !o.touches(m, m+1) {
		return row, nil
	}
	var marks minuteMarks
	marks.at(o, m)
	all, err := entries(row)
	if err != nil {
		return nil, err
	}
	p := packer{}
	for _, e := range all {
		k := marks.mark(e.id)
		if k == removed {
			continue
		}
		s := e.counted(k)
		e.good, e.bad = s.good, s.bad
		p.add(e)
	}
	p.flush()
	return p.row, nil
}

// changed are the minutes that count otherwise by b than by a for any of n
// instances.
func changed(a, b *overlay, n int) cover {
	type pair struct{ a, b *stretch }
	seen := map[pair]bool{}
	var all []stretch
	for id := range uint32(n) {
		ca, cb := a.cover(id), b.cover(id)
		if key := (pair{first(ca), first(cb)}); !seen[key] {
			seen[key] = true
			all = append(all, ca.against(cb)...)
		}
	}
	return newCover(all)
}

// first tells covers apart: each different one has its own memory.
func first(c cover) *stretch {
	if len(c) == 0 {
		return nil
	}
	return &c[0]
}

// against are the minutes whose marks differ.
func (c cover) against(d cover) []stretch {
	var edges []int64
	for _, s := range slices.Concat(c, d) {
		edges = append(edges, s.from, s.to)
	}
	slices.Sort(edges)
	var all []stretch
	for i := 1; i < len(edges); i++ {
		if from := edges[i-1]; from < edges[i] && c.at(from) != d.at(from) {
			all = append(all, stretch{from: from, to: edges[i], mark: removed})
		}
	}
	return all
}

// shift is how sums change when one overlay takes the place of another.
type shift struct {
	from, to *overlay
	was, is  minuteMarks
	sums     sums // wrapping around where something is lost
}

// add takes a minute's row in.
func (x *shift) add(m int64, row []byte) error {
	x.was.at(x.from, m)
	x.is.at(x.to, m)
	u := unpacker{row: row}
	for e, ok := u.entry(); ok; e, ok = u.entry() {
		if int(e.id)+int(e.run) > len(x.sums) {
			return errRow
		}
		for id := e.id; id < e.id+e.run; id++ {
			was, is := x.was.mark(id), x.is.mark(id)
			if was == is {
				continue
			}
			a, b, v := e.counted(was), e.counted(is), &x.sums[id]
			v.good += b.good - a.good
			v.bad += b.bad - a.bad
			v.measured += b.measured - a.measured
		}
	}
	return u.err
}

// counted is what an entry counts with a mark.
func (e entry) counted(k mark) sum {
	switch k {
	case removed:
		return sum{}
	case asGood:
		return sum{e.good + e.bad, 0, e.measured}
	}
	return sum{e.good, e.bad, e.measured}
}
