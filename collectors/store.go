package collectors

import (
	"maps"
	"slices"
	"sync"
)

// Store holds the newest Batch of each Key. It is safe for any number of goroutines; the Batches
// themselves are immutable, so what a reader got stays as it was.
type Store struct {
	mu         sync.RWMutex
	batches    map[Key]*Batch
	generation uint64 // grows with every change
}

// NewStore returns an empty Store.
func NewStore() *Store { return &Store{batches: map[Key]*Batch{}} }

// Put replaces the Batch of b's key.
func (s *Store) Put(b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches[b.Key] = b
	s.generation++
}

// Drop removes the Batch of a key; its series vanish from the next scrape on.
func (s *Store) Drop(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, held := s.batches[key]; held {
		delete(s.batches, key)
		s.generation++
	}
}

// Get returns the Batch of a key.
func (s *Store) Get(key Key) (*Batch, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.batches[key]
	return b, ok
}

// All returns every Batch as of now, sorted by Key.Compare. The slice is the caller's.
func (s *Store) All() []*Batch {
	all, _ := s.snapshot()
	return all
}

// snapshot is All with the generation that it shows: while the generation is the same, so is All.
func (s *Store) snapshot() ([]*Batch, uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := slices.AppendSeq(make([]*Batch, 0, len(s.batches)), maps.Values(s.batches))
	slices.SortFunc(all, func(a, b *Batch) int { return a.Key.Compare(b.Key) })
	return all, s.generation
}

// current is the generation as of now.
func (s *Store) current() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.generation
}
