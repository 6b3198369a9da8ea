package ledger

import (
	"time"

	"github.com/wardround/wardround/slo"
)

// sum is one instance's share of a stretch of time.
type sum struct {
	good, bad, measured uint64
}

// sums are by instance id. Taking a row away that was not added wraps around,
// so additions and subtractions may come in any order.
type sums []sum

// grow makes room for n instances.
func (s *sums) grow(n int) {
	if n > len(*s) {
		*s = append(*s, make(sums, n-len(*s))...)
	}
}

// add counts a row in.
func (s sums) add(row []byte) error {
	u := unpacker{row: row}
	for e, ok := u.entry(); ok; e, ok = u.entry() {
		if int(e.id)+int(e.run) > len(s) {
			return errRow
		}
		for i := range s[e.id : e.id+e.run] {
			v := &s[int(e.id)+i]
			v.good += e.good
			v.bad += e.bad
			v.measured += e.measured
		}
	}
	return u.err
}

// take counts a row out.
func (s sums) take(row []byte) error {
	u := unpacker{row: row}
	for e, ok := u.entry(); ok; e, ok = u.entry() {
		if int(e.id)+int(e.run) > len(s) {
			return errRow
		}
		for i := range s[e.id : e.id+e.run] {
			v := &s[int(e.id)+i]
			v.good -= e.good
			v.bad -= e.bad
			v.measured -= e.measured
		}
	}
	return u.err
}

// plus counts other sums in.
func (s *sums) plus(other sums) {
	s.grow(len(other))
	for id, x := range other {
		v := &(*s)[id]
		v.good += x.good
		v.bad += x.bad
		v.measured += x.measured
	}
}

// row packs the sums of all that have any.
func (s sums) row() []byte {
	p := packer{}
	for id, v := range s {
		if v != (sum{}) {
			p.add(entry{id: uint32(id), run: 1, good: v.good, bad: v.bad, measured: v.measured})
		}
	}
	p.flush()
	return p.row
}

// view is the running sums of one window.
type view struct {
	window   slo.Window
	from, to int64 // minutes since the epoch, to excluded
	sums     sums
}

// bounds is the stretch that the view must hold when the ledger ends at end.
func (v *view) bounds(end int64) (from, to int64) {
	start, _ := v.window.Ending(time.Unix(end*60, 0))
	return max(0, start.Unix()/60), end
}

// edge hands all rows of [from, to) to visit.
type edge func(from, to int64, visit func(row []byte) error) error

// move brings the view to new bounds: rows that leave are taken, rows that enter
// are added, at both ends and in both directions.
func (v *view) move(from, to int64, rows edge) error {
	if v.to <= from || to <= v.from {
		v.reset()
		v.from, v.to = from, from
	}
	steps := []struct {
		from, to int64
		visit    func([]byte) error
	}{
		{v.from, from, v.sums.take},
		{from, v.from, v.sums.add},
		{to, v.to, v.sums.take},
		{v.to, to, v.sums.add},
	}
	v.from, v.to = from, to
	for _, s := range steps {
		if s.from >= s.to {
			continue
		}
		if err := rows(s.from, s.to, s.visit); err != nil {
			v.reset()
			return err
		}
	}
	return nil
}

// reset empties the view: it is summed up all over again next time.
func (v *view) reset() {
	clear(v.sums)
	v.from, v.to = 0, 0
}
