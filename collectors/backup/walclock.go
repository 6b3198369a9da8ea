package backup

import "time"

// walClock tells up to when WAL was archived, from the name of the newest archived segment alone,
// which is all that some tools say. A segment that is new since the visit before was archived after
// that visit: so much is sure, and no more.
type walClock struct {
	postgres string
	written  func(postgres, segment string) (time.Time, bool)

	segment  string
	seen     time.Time // when the segment was last seen to be the newest
	archived time.Time // the last visit before it was there
}

// archivedBy takes in the newest segment as of a moment; zero where nothing can be said yet.
func (w *walClock) archivedBy(segment string, asOf time.Time) time.Time {
	if segment == "" {
		return time.Time{}
	}
	if segment != w.segment {
		w.segment, w.archived = segment, w.seen
	}
	w.seen = asOf
	if w.written != nil {
		if at, ok := w.written(w.postgres, segment); ok {
			return at
		}
	}
	return w.archived
}
