package simulate

import (
	"encoding/binary"
	"slices"

	"github.com/wardround/wardround/slo"
)

// entry is what an instance did in a minute, or in a run of minutes that are all
// the same.
type entry struct {
	gap     uint64 // minutes without a record before it
	run     uint64 // minutes
	counts  slo.Counts
	carried bool
}

// A column is one instance's entries, packed as varints:
//
//	head = good<<2 | special<<1 | whether bad follows
//	[if special: gap<<1 | carried, run] [bad]
//
// so that a usual minute is one or two bytes. It is kept in blocks, because a
// growing slice would take up to twice the room.
type column struct {
	blocks [][]byte
	next   int64 // the minute after the last one
	open   entry // not packed yet; its gap is counted from next before it
}

const (
	headBad = 1 << iota
	headSpecial
	headGood = 2 // bits below good

	blockSize = 4 << 10
	maxEntry  = 4 * binary.MaxVarintLen64
	// shortRun is up to where minutes by themselves take no more room than a run.
	shortRun = 3
)

// add takes the minute at an index, which must be after all before it.
func (c *column) add(index int64, counts slo.Counts, carried bool) {
	gap := uint64(index - c.next)
	c.next = index + 1
	if o := &c.open; o.run > 0 && gap == 0 && o.counts == counts && o.carried == carried {
		o.run++
		return
	}
	c.pack()
	c.open = entry{gap: gap, run: 1, counts: counts, carried: carried}
}

// pack writes the open entry.
func (c *column) pack() {
	e := c.open
	if e.run <= shortRun && e.gap == 0 && !e.carried {
		for range e.run {
			c.write(entry{run: 1, counts: e.counts})
		}
		return
	}
	c.write(e)
}

func (c *column) write(e entry) {
	last := len(c.blocks) - 1
	if last < 0 || cap(c.blocks[last])-len(c.blocks[last]) < maxEntry {
		if last == 0 { // a short history need not take a whole block
			c.blocks[0] = slices.Clip(c.blocks[0])
		}
		c.blocks = append(c.blocks, make([]byte, 0, blockSize))
		last++
	}
	c.blocks[last] = e.append(c.blocks[last])
}

func (e entry) append(row []byte) []byte {
	head, special := e.counts.Good<<headGood, e.gap > 0 || e.carried || e.run > 1
	if e.counts.Bad > 0 {
		head |= headBad
	}
	if special {
		head |= headSpecial
	}
	row = binary.AppendUvarint(row, head)
	if special {
		carried := uint64(0)
		if e.carried {
			carried = 1
		}
		row = binary.AppendUvarint(binary.AppendUvarint(row, e.gap<<1|carried), e.run)
	}
	if e.counts.Bad > 0 {
		row = binary.AppendUvarint(row, e.counts.Bad)
	}
	return row
}

// each hands out all entries in order.
func (c *column) each(visit func(entry)) {
	for _, row := range c.blocks {
		for len(row) > 0 {
			var e entry
			e, row = unpack(row)
			visit(e)
		}
	}
	if c.open.run > 0 {
		visit(c.open)
	}
}

// unpack reads the first entry of a row that write wrote.
func unpack(row []byte) (entry, []byte) {
	number := func() uint64 {
		n, size := binary.Uvarint(row)
		row = row[size:]
		return n
	}
	head := number()
	e := entry{run: 1, counts: slo.Counts{Good: head >> headGood}}
	if head&headSpecial != 0 {
		gap := number()
		e.gap, e.carried, e.run = gap>>1, gap&1 == 1, number()
	}
	if head&headBad != 0 {
		e.counts.Bad = number()
	}
	return e, row
}
