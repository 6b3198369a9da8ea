package odoo

import (
	"cmp"
	"slices"
	"time"
)

// kept is what a group that is not asked each time answered when it was asked last.
type kept struct {
	reply
	at     time.Time // by our clock
	stands bool      // on this visit
}

// mostSeldom is how many of these groups are asked again on one visit: all at once would cost the
// server several times as much as a visit may. On a tenant with all addons it is some quarter of an
// hour until each had its turn, by then the work that they count has hardly moved.
const mostSeldom = 1

// standing settles which of the kept answers stand on this visit: those that are young enough, and
// those that others go before because they are older.
func (d *Database) standing(r *reading) {
	var due []*kept
	for name, k := range d.kept {
		installed, err := r.schema.lacks(k.group)
		if !installed || err != nil {
			delete(d.kept, name)
			continue
		}
		if k.stands = r.At().Sub(k.at) < k.every; !k.stands {
			due = append(due, k)
		}
	}
	slices.SortFunc(due, func(a, b *kept) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	for _, k := range due[min(len(due), mostSeldom):] {
		k.stands = true
	}
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
			d.kept[reply.name] = &kept{reply: reply, at: r.At()}
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
