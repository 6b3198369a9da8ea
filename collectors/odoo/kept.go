package odoo

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
	"unique"
)

// kept is what a group answered when it was asked last, and what says whether it still would.
type kept struct {
	*group
	answers packed
	at      time.Time // by our clock
	mark    string    // of what it reads, from before it was asked
	until   time.Time // by our clock, the first moment at which time alone changes something; zero for none
	stands  bool      // on this visit
}

// How old an answer may become that nothing is known to have changed; the second is for groups that
// are asked seldom. The visit that even an idle tenant has each hour finds the first ones too old.
const (
	believed       = 55 * time.Minute
	believedSeldom = 6 * time.Hour
)

// next is when it may be asked again.
func (k *kept) next() time.Time { return k.at.Add(k.every) }

// unwritten says whether what the answer is about was not written to since.
func (k *kept) unwritten(r *reading) bool { return k.mark == r.mark(k.group) }

// outdated says whether there may be another answer by now. What reads no tables may always have one.
func (k *kept) outdated(r *reading) bool {
	limit := believed
	if k.every > 0 {
		limit = believedSeldom
	}
	return !k.unwritten(r) || len(k.tables()) == 0 || r.At().Sub(k.at) >= limit || (!k.until.IsZero() && !r.At().Before(k.until))
}

// spare is what one visit may spend on groups that are asked seldom, in the parts of group.cost. All
// at once would cost the server several times as much as a visit may.
const spare = 30

// standing settles which of the kept answers stand on this visit: those that are not out of date,
// and of groups that are asked seldom those whose time has not come, or for which no more is left to
// spend. What was written to goes first, then whose time came first, so that each gets its turn.
func (d *Database) standing(r *reading) {
	var due []*kept
	left := spare
	for name, k := range d.kept {
		installed, err := r.schema.lacks(k.group)
		switch {
		case !installed || err != nil || (r.staging() && !k.facts):
			delete(d.kept, name)
		case k.due != nil && k.due(r):
			k.stands = false
			left -= k.cost
		case k.every == 0:
			k.stands = !k.outdated(r)
		default:
			k.stands = true
			if !k.next().After(r.At()) && k.outdated(r) {
				due = append(due, k)
			}
		}
	}
	slices.SortFunc(due, func(a, b *kept) int {
		return cmp.Or(cmp.Compare(truth(a.unwritten(r)), truth(b.unwritten(r))), a.next().Compare(b.next()))
	})
	for _, k := range due {
		if left == spare || k.cost <= left {
			k.stands = false
			left -= k.cost
		}
	}
}

// catchUp is how old an answer may become that a write has changed, where there is no visit for
// another reason; one that is asked seldom, twice as old as it may be otherwise. Scheduled tasks write
// every few minutes, so there is one as a rule.
const catchUp = 40 * time.Minute

// overtaken is when a visit is due for the sake of the kept answers that were made before something
// was written that they are about; zero where none was.
func (d *Database) overtaken(r *reading) time.Time {
	var first time.Time
	for _, k := range d.kept {
		if !k.unwritten(r) {
			first = earlier(first, k.at.Add(max(catchUp, 2*k.every)))
		}
	}
	return first
}

// keep keeps a reply that was read on this visit; again is the first moment that it named.
func (d *Database) keep(r *reading, a reply, again time.Time) {
	k := &kept{group: a.group, answers: pack(a.answers), at: r.At(), mark: r.mark(a.group)}
	if !again.IsZero() {
		k.until = r.At().Add(again.Sub(r.now))
	}
	d.kept[a.name] = k
}

// distrust lets no kept answer stand for longer than it must: what it was asked with is not so any
// more.
func (d *Database) distrust() {
	for _, k := range d.kept {
		k.mark = ""
	}
}

// inOrder adds to the replies those that stand, and brings all into the order of groups.
func (d *Database) inOrder(replies []reply) []reply {
	for _, k := range d.kept {
		if k.stands {
			replies = append(replies, reply{question: question{group: k.group}, answers: k.answers.unpack()})
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

// packed is answers in a tenth of the memory. Tenants of a platform answer alike to much that they
// are asked, and what is alike is in memory once.
type packed struct{ unique.Handle[string] }

// pack writes answers one after the other: how many there are of what follows, before it, and one
// more than the length before a value, so that NULL is 0.
func pack(answers [][][][]byte) packed {
	text := binary.AppendUvarint(nil, uint64(len(answers)))
	for _, rows := range answers {
		text = binary.AppendUvarint(text, uint64(len(rows)))
		for _, columns := range rows {
			text = binary.AppendUvarint(text, uint64(len(columns)))
			for _, value := range columns {
				if value == nil {
					text = append(text, 0)
					continue
				}
				text = append(binary.AppendUvarint(text, uint64(len(value)+1)), value...)
			}
		}
	}
	return packed{unique.Make(string(text))}
}

func (p packed) unpack() [][][][]byte {
	text := []byte(p.Value())
	number := func() int {
		n, size := binary.Uvarint(text)
		text = text[size:]
		return int(n)
	}
	answers := make([][][][]byte, number())
	for i := range answers {
		answers[i] = make([][][]byte, number())
		for j := range answers[i] {
			columns := make([][]byte, number())
			for k := range columns {
				if n := number(); n > 0 {
					columns[k], text = text[:n-1:n-1], text[n-1:]
				}
			}
			answers[i][j] = columns
		}
	}
	return answers
}
