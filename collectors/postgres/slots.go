package postgres

import (
	"cmp"
	"slices"
)

// slots are the statements that have series of their own: a fixed number, so that there are never
// more series than that, and kept as long as the statement is not clearly outdone, so that they do
// not come and go.
type slots struct {
	size    int
	holders []*statement
}

// clearly is how many times as long as a holder a statement must take to get its slot.
const clearly = 1.5

// settle gives free slots to the statements that took the longest of late, and slots of holders to
// those that clearly outdo them.
func (s *slots) settle(entries map[statementKey]*statement) {
	slices.SortFunc(s.holders, slowestFirst)
	for len(s.holders) > s.size { // there are fewer slots now
		s.holders[len(s.holders)-1].placed = false
		s.holders = s.holders[:len(s.holders)-1]
	}
	least := 0.0
	if len(s.holders) == s.size && s.size > 0 {
		least = clearly * s.holders[s.size-1].recent
	}
	var candidates []*statement
	for _, entry := range entries {
		if !entry.placed && entry.recent > least {
			candidates = append(candidates, entry)
		}
	}
	slices.SortFunc(candidates, slowestFirst)
	for _, candidate := range candidates {
		last := len(s.holders) - 1
		switch {
		case len(s.holders) < s.size:
			s.holders = append(s.holders, candidate)
		case last >= 0 && candidate.recent > clearly*s.holders[last].recent:
			s.holders[last].placed = false
			s.holders[last] = candidate
		default:
			return
		}
		candidate.placed = true
		slices.SortFunc(s.holders, slowestFirst)
	}
}

func slowestFirst(a, b *statement) int {
	return cmp.Or(cmp.Compare(b.recent, a.recent), cmp.Compare(a.database, b.database), cmp.Compare(a.user, b.user), cmp.Compare(a.query, b.query))
}

// drop takes the slots of databases that are no more.
func (s *slots) drop(gone func(database uint32) bool) {
	s.holders = slices.DeleteFunc(s.holders, func(e *statement) bool {
		e.placed = e.placed && !gone(e.database)
		return !e.placed
	})
}
