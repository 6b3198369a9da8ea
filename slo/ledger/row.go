package ledger

import (
	"encoding/binary"
	"errors"
)

// entry is what one instance, or a run of neighbours with the same numbers, did
// in a stretch of time.
type entry struct {
	id        uint32
	run       uint32 // instances id to id+run-1
	good, bad uint64
	measured  uint64 // minutes
}

// A row is entries sorted by id, packed as varints:
//
//	head = run<<3 | how measured follows<<1 | whether a gap precedes
//	[gap: ids left out since the last entry] [measured] good bad
//
// The usual entry is three bytes, and neighbours with the same numbers, such as
// a thousand tenants whose round went well, take three bytes together.
const (
	headGap = 1

	measuredOne  = 0 << 1 // a minute's ordinary entry
	measuredNone = 1 << 1 // a minute that repeats an earlier one
	measuredSome = 2 << 1 // an hour's entry: the number follows
	measuredMask = 3 << 1

	headRun = 3
)

// maxRun is far more instances than there can be: a longer run is damage, and
// not to be unpacked into memory.
const maxRun = 1 << 22

// packer packs entries given in the order of their ids.
type packer struct {
	row  []byte
	next uint32 // the id that would leave no gap
	open entry  // the run being gathered
}

func (p *packer) add(e entry) {
	o := &p.open
	if o.run > 0 && e.id == o.id+o.run && e.good == o.good && e.bad == o.bad && e.measured == o.measured {
		o.run += e.run
		return
	}
	p.flush()
	p.open = e
}

// flush writes the open run.
func (p *packer) flush() {
	e := p.open
	if e.run == 0 {
		return
	}
	head, gap := uint64(e.run)<<headRun, e.id-p.next
	if gap > 0 {
		head |= headGap
	}
	switch e.measured {
	case 1:
		head |= measuredOne
	case 0:
		head |= measuredNone
	default:
		head |= measuredSome
	}
	p.row = binary.AppendUvarint(p.row, head)
	if gap > 0 {
		p.row = binary.AppendUvarint(p.row, uint64(gap))
	}
	if e.measured > 1 {
		p.row = binary.AppendUvarint(p.row, e.measured)
	}
	p.row = binary.AppendUvarint(binary.AppendUvarint(p.row, e.good), e.bad)
	p.next = e.id + e.run
	p.open.run = 0
}

// pack is the row of entries sorted by id.
func pack(entries []entry) []byte {
	p := packer{row: make([]byte, 0, 4*len(entries))}
	for _, e := range entries {
		p.add(e)
	}
	p.flush()
	return p.row
}

// errRow is a row that pack did not write.
var errRow = errors.New("damaged row")

// unpacker reads a row entry by entry.
type unpacker struct {
	row  []byte
	next uint32
	err  error
}

// entry is the next entry; ok is false at the row's end or where err is set.
func (u *unpacker) entry() (e entry, ok bool) {
	if r := u.row; len(r) >= 3 && (r[0]|r[1]|r[2]) < 0x80 && r[0]&(headGap|measuredMask) == 0 { // nearly always
		e = entry{id: u.next, run: uint32(r[0] >> headRun), good: uint64(r[1]), bad: uint64(r[2]), measured: 1}
		u.row, u.next = r[3:], u.next+e.run
		return e, true
	}
	if len(u.row) == 0 {
		return entry{}, false
	}
	head := u.number()
	if head&headGap != 0 {
		u.next += uint32(u.number())
	}
	switch head & measuredMask {
	case measuredOne:
		e.measured = 1
	case measuredSome:
		e.measured = u.number()
	}
	e.good, e.bad = u.number(), u.number()
	e.id, e.run = u.next, uint32(head>>headRun)
	u.next += e.run
	return e, u.err == nil
}

func (u *unpacker) number() uint64 {
	n, size := binary.Uvarint(u.row)
	if size <= 0 {
		u.row, u.err = nil, errRow
		return 0
	}
	u.row = u.row[size:]
	return n
}

// entries unpacks a row, runs apart.
func entries(row []byte) ([]entry, error) {
	var all []entry
	u := unpacker{row: row}
	for e, ok := u.entry(); ok; e, ok = u.entry() {
		if e.run > maxRun {
			return nil, errRow
		}
		run := e.run
		for e.run = 1; run > 0; run-- {
			all = append(all, e)
			e.id++
		}
	}
	return all, u.err
}

// combine makes one of an instance's minute and a later entry for it.
type combine func(e, later entry) entry

// merge brings what came later into the row of a minute.
func merge(row, later []byte, how combine) ([]byte, error) {
	if len(row) == 0 {
		return later, nil
	}
	a, err := entries(row)
	if err != nil {
		return nil, err
	}
	b, err := entries(later)
	if err != nil {
		return nil, err
	}
	p := packer{}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].id < b[0].id:
			p.add(a[0])
			a = a[1:]
		case a[0].id > b[0].id:
			p.add(b[0])
			b = b[1:]
		default:
			p.add(how(a[0], b[0]))
			a, b = a[1:], b[1:]
		}
	}
	for _, e := range append(a, b...) {
		p.add(e)
	}
	p.flush()
	return p.row, nil
}

// with adds what came later. A measured minute replaces one that was carried,
// and is not added to by one.
func (e entry) with(later entry) entry {
	switch {
	case later.measured == 0:
		return e
	case e.measured == 0:
		return later
	}
	e.good += later.good
	e.bad += later.bad
	return e
}

// or leaves what was measured alone; only a carried minute is replaced.
func (e entry) or(later entry) entry {
	if e.measured == 0 && later.measured > 0 {
		return later
	}
	return e
}
