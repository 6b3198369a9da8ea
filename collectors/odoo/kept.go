package odoo

import (
	"slices"
	"time"
)

// kept is what a group that is not asked each time answered when it was asked last.
type kept struct {
	reply
	at     time.Time // by our clock
	writes uint64    // to the database by then
	stands bool      // on this visit
}

// next is when it is to be asked again.
func (k *kept) next() time.Time { return k.at.Add(k.every) }

// spare is what one visit may spend on groups that are asked seldom, in the parts of group.cost. All
// at once would cost the server several times as much as a visit may.
const spare = 30

// standing settles which of the kept answers stand on this visit: those that nothing says are out
// of date, and those for which no more is left to spend. Whose time came first goes first, so that
// each gets its turn.
func (d *Database) standing(r *reading) {
	var due []*kept
	left := spare
	for name, k := range d.kept {
		installed, err := r.schema.lacks(k.group)
		switch {
		case !installed || err != nil:
			delete(d.kept, name)
		case k.due != nil && k.due(r):
			k.stands = false
			left -= k.cost
		default:
			k.stands = true
			if !k.next().After(r.At()) {
				due = append(due, k)
			}
		}
	}
	slices.SortFunc(due, func(a, b *kept) int { return a.next().Compare(b.next()) })
	for _, k := range due {
		if left == spare || k.cost <= left {
			k.stands = false
			left -= k.cost
		}
	}
}

// catchUp is how old an answer may become that a write may have changed, where there is no visit for
// another reason. Scheduled tasks write every few minutes, so there is one as a rule.
const catchUp = 40 * time.Minute

// outdated is when a visit is due for the sake of the kept answers that were made before the last
// write; zero where none was.
func (d *Database) outdated(writes uint64) time.Time {
	var first time.Time
	for _, k := range d.kept {
		if k.writes != writes {
			first = earlier(first, k.at.Add(max(catchUp, k.every)))
		}
	}
	return first
}

// inOrder keeps those of the replies that are to stand for a while, adds those that do, and brings
// all into the order of groups.
func (d *Database) inOrder(r *reading, replies []reply) []reply {
	for _, k := range d.kept {
		if k.stands {
			held := k.reply
			held.clock = nil
			replies = append(replies, held)
		}
	}
	for _, reply := range replies {
		if reply.err != nil || reply.clock == nil {
			continue
		}
		r.now = reply.clock.time(2)
		if reply.every > 0 {
			d.kept[reply.name] = &kept{reply: reply, at: r.At(), writes: r.writes}
		}
	}
	order := groups()
	slices.SortStableFunc(replies, func(a, b reply) int {
		return slices.Index(order, a.group) - slices.Index(order, b.group)
	})
	return replies
}

// readBy reads a reply that was made on this visit, or stands from an earlier one: then it has no
// clock, and that of the visit holds.
func (a reply) readBy(r *reading) error {
	r.fresh = a.clock != nil
	if r.fresh {
		r.now = a.clock.time(2)
	}
	return a.read(r, a.answers)
}

// stands says whether a group is not asked on this visit because its last answers stand.
func (d *Database) stands(g *group) bool {
	k, asked := d.kept[g.name]
	return asked && k.stands
}
