package ledger

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// SetExclusions lays these exclusions, and no others, over the record: at start,
// and whenever one was made or revoked or a tenant's tier changed. The rows stay
// what they are; all sums are corrected by what the exclusions change, at once
// and whatever their age, as far as single minutes are kept. Where a minute is
// excluded in both ways it is removed. Exclusions must be valid; tier must not
// call the ledger, and is asked for instances that are yet to come too. On an
// error the exclusions are those of before.
func (l *Ledger) SetExclusions(all []slo.Exclusion, tier func(slo.Instance) string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mending(func() error { return l.lay(slices.Clone(all), tier) })
}

// unroll makes recurring exclusions reach beyond the ledger's end, and back to
// its first minute.
func (l *Ledger) unroll() error {
	if o := l.over; o != nil && (l.end > o.until || l.correctable() < o.from || o.from < l.kept()) {
		return l.lay(o.exclusions, o.tier)
	}
	return nil
}

// correctable is the first minute that exclusions reach: before it single
// minutes may be gone, or go before the overlay is made anew.
func (l *Ledger) correctable() int64 {
	return max(0, min(l.earliest, l.end), l.kept()+horizon)
}

// lay replaces the overlay and corrects all views by the difference.
func (l *Ledger) lay(all []slo.Exclusion, tier func(slo.Instance) string) error {
	var next *overlay
	if len(all) > 0 {
		next = newOverlay(all, tier, l.correctable(), l.end+horizon)
		for id := range l.records {
			next.admit(&l.records[id])
		}
	}
	x := &shift{from: l.over, to: next, sums: make(sums, len(l.records))}
	err := l.view(func(tx *bbolt.Tx) error {
		for _, s := range changed(l.over, next, len(l.records)) {
			if err := l.relay(tx, s, x); err != nil {
				return fmt.Errorf("exclude minutes %d to %d: %w", s.from, s.to, err)
			}
		}
		return nil
	})
	if err != nil {
		for _, v := range l.views {
			v.reset()
		}
		return err
	}
	l.over = next
	return l.advance()
}

// relay corrects the views by what a stretch's minutes count otherwise from now
// on, in pieces that each view holds as a whole or not at all.
func (l *Ledger) relay(tx *bbolt.Tx, s stretch, x *shift) error {
	edges := []int64{s.from, s.to}
	for _, v := range l.views {
		for _, edge := range []int64{v.from, v.to} {
			if s.from < edge && edge < s.to {
				edges = append(edges, edge)
			}
		}
	}
	slices.Sort(edges)
	for k := 1; k < len(edges); k++ {
		if err := l.relayPiece(tx, edges[k-1], edges[k], x); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) relayPiece(tx *bbolt.Tx, from, to int64, x *shift) error {
	var in []*view
	for _, v := range l.views {
		if v.from <= from && from < v.to {
			in = append(in, v)
		}
	}
	if len(in) == 0 {
		return nil
	}
	clear(x.sums)
	for m := from; m < to; m++ {
		row, err := l.minute(tx, m)
		if err == nil {
			err = x.add(m, row)
		}
		if err != nil {
			return err
		}
	}
	for _, v := range in {
		v.sums.plus(x.sums)
	}
	return nil
}
