package backup

import "time"

// walClock tells up to when WAL was archived, from the name of the newest archived segment alone,
// which is all that some tools say. A segment that is new since the visit before was archived after
// that visit: so much is sure, and no more. Of one that was there already at the first visit it is
// sure that it was archived by then.
type walClock struct {
	segment  string
	first    time.Time // when the segment was first seen to be the newest
	seen     time.Time // when it last was
	archived time.Time // the last visit before it was there; zero where there was none
}

// archivedBy takes in the newest segment as of a moment. WAL was archived up to archived or later;
// where that is zero, it is not known, but not later than latest.
func (w *walClock) archivedBy(segment string, asOf time.Time) (archived, latest time.Time) {
	if segment == "" {
		return time.Time{}, time.Time{}
	}
	if segment != w.segment {
		w.segment, w.first, w.archived = segment, asOf, w.seen
	}
	w.seen = asOf
	if w.archived.IsZero() {
		return time.Time{}, w.first
	}
	return w.archived, time.Time{}
}
