package indicator

import (
	"cmp"
	"slices"
)

// round is what one round of one source says of an instance: all its series
// together make one event.
type round struct {
	at     int64
	source uint32
	checks uint32 // values compared, or outcomes of a probe
	timed  uint32 // durations of a probe
	bad    bool   // at least one of them
}

func (r round) compare(at int64, source uint32) int {
	return cmp.Or(cmp.Compare(r.at, at), cmp.Compare(r.source, source))
}

// judge counts a gauge.
func (i *instance) judge(r role, from *source, x sample) {
	indicator := &i.of.objective.Indicator
	switch r {
	case success:
		seen := i.round(x.nanos, from.id)
		seen.checks++
		seen.bad = seen.bad || x.value != 1
	case duration:
		seen := i.round(x.nanos, from.id)
		seen.timed++
		seen.bad = seen.bad || x.value > indicator.Probe.Within
	default:
		good := indicator.Threshold.Good(x.value, x.at)
		if length := i.of.slice(); length > 0 {
			i.sliced(x.nanos, length, good)
			return
		}
		seen := i.round(x.nanos, from.id)
		seen.checks++
		seen.bad = seen.bad || !good
	}
}

// round is that of a source at a time, made where it is not there. Most are the
// last one: a source's samples come together.
func (i *instance) round(at int64, source uint32) *round {
	if n := len(i.rounds); n > 0 && i.rounds[n-1].compare(at, source) == 0 {
		return &i.rounds[n-1]
	}
	k, found := slices.BinarySearchFunc(i.rounds, at, func(r round, at int64) int { return r.compare(at, source) })
	if !found {
		i.rounds = slices.Insert(i.rounds, k, round{at: at, source: source})
	}
	return &i.rounds[k]
}

// lookProbe makes events of a probe's rounds. A round without an outcome, or
// one in which more checks succeeded than have a duration where one is asked
// for, cannot be judged and is no event; a failed check needs no duration.
func (i *instance) lookProbe() bool {
	timed := i.of.objective.Indicator.Probe.Duration.Text != ""
	judged := false
	for _, r := range i.rounds {
		i.blind = r.checks == 0 || timed && r.timed < r.checks && !r.bad
		if !i.blind {
			i.event(!r.bad)
			judged = true
		}
	}
	i.rounds = i.rounds[:0]
	return judged
}

// lookThreshold makes events of a threshold's rounds, or of the slice that has
// ended.
func (i *instance) lookThreshold(now int64) bool {
	for _, r := range i.rounds {
		i.event(!r.bad)
	}
	seen := len(i.rounds) > 0 || i.slice.seen
	i.rounds, i.slice.seen = i.rounds[:0], false
	if i.slice.open && i.slice.end <= now {
		i.endSlice()
	}
	return seen || i.seen[goodEvents] > 0 || i.seen[badEvents] > 0
}

// slice is the stretch of the clock under way that will be one event.
type slice struct {
	end  int64 // of it or, where none is open, of the last one
	open bool  // it holds rounds
	bad  bool  // one of them at least
	seen bool  // there was a round in the minute so far
}

// sliced adds a round's verdict to its slice. A round that comes in just after
// its slice has ended counts for the next one; one from further back means that
// the clock has been set back.
func (i *instance) sliced(at, length int64, good bool) {
	end := at - at%length + length
	s := &i.slice
	switch {
	case end > s.end || end < s.end-length:
		if s.open {
			i.endSlice()
		}
		s.end = end
	case !s.open:
		s.end += length
	}
	s.open, s.seen, s.bad = true, true, s.bad || !good
}

// endSlice makes one event of the open slice.
func (i *instance) endSlice() {
	i.event(!i.slice.bad)
	i.slice.open, i.slice.bad = false, false
}

// due says whether a silent minute is the last one of a slice, so that it is the
// one to carry an event; without slices each is.
func (s *slice) due(length, now int64) bool {
	if length == 0 {
		return true
	}
	end := now - now%length
	if end <= s.end {
		return false
	}
	s.end = end
	return true
}
