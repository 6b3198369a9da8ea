package promsource

import (
	"cmp"
	"slices"
	"sync"

	"github.com/wardround/wardround/slo/indicator"
)

// engines are those that count for a source, each of its reader: the present has
// one and what was missed another, so that neither disturbs the other.
type engines struct {
	mu     sync.Mutex
	inUse  map[*reader]*indicator.Engine
	before indicator.Stats // what those counted that are no longer in use
}

// use makes an engine its reader's, in the place of the one it had.
func (e *engines) use(r *reader, engine *indicator.Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inUse[r] == engine {
		return
	}
	e.leave(r)
	if e.inUse == nil {
		e.inUse = map[*reader]*indicator.Engine{}
	}
	e.inUse[r] = engine
}

// drop is for a reader that has nothing to read for now: what its engine saw last
// says nothing of the time since.
func (e *engines) drop(r *reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leave(r)
}

func (e *engines) leave(r *reader) {
	if engine := e.inUse[r]; engine != nil {
		e.before = lost(e.before, engine.Stats())
		delete(e.inUse, r)
	}
}

// lost is a with what b could not use.
func lost(a, b indicator.Stats) indicator.Stats {
	a.Refused += b.Refused
	a.Unattributed += b.Unattributed
	a.OverLimit += b.OverLimit
	return a
}

// Problems are why objectives of the source are not measured, or not wholly,
// though it has their series: a limit that is reached, a histogram without a
// bucket for its bound. They are those of the minutes that were read last, of the
// present and of what is being caught up or filled in; each is there once, in the
// order of objectives.
func (s *Source) Problems() []indicator.Problem {
	s.engines.mu.Lock()
	defer s.engines.mu.Unlock()
	var all []indicator.Problem
	for _, engine := range s.engines.inUse {
		all = append(all, engine.Problems()...)
	}
	slices.SortFunc(all, func(a, b indicator.Problem) int {
		return cmp.Or(cmp.Compare(a.Objective, b.Objective), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(all)
}

// Stats are how many series and instances are held, of the present or the past,
// whichever has more, and how many samples could not be used since the Source was
// made. A sample that is read again, because a stretch begins anew, counts again.
func (s *Source) Stats() indicator.Stats {
	s.engines.mu.Lock()
	defer s.engines.mu.Unlock()
	all := s.engines.before
	for _, engine := range s.engines.inUse {
		one := engine.Stats()
		all = lost(all, one)
		all.Series, all.Instances = max(all.Series, one.Series), max(all.Instances, one.Instances)
	}
	return all
}
