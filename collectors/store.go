package collectors

import (
	"slices"
	"sync"
)

// Store holds the newest Batch of each Key. It is safe for any number of goroutines; the Batches
// themselves are immutable, so what a reader got stays as it was.
type Store struct {
	mu         sync.RWMutex
	batches    []*Batch // sorted by Key.Compare
	generation uint64   // grows with every change
}

// NewStore returns an empty Store.
func NewStore() *Store { return &Store{} }

// Put replaces the Batch of b's key.
func (s *Store) Put(b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, held := s.find(b.Key)
	if held {
		s.batches[i] = b
	} else {
		s.batches = slices.Insert(s.batches, i, b)
	}
	s.generation++
}

// Drop removes the Batch of a key; its series are gone from the next scrape on.
func (s *Store) Drop(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, held := s.find(key); held {
		s.batches = slices.Delete(s.batches, i, i+1)
		s.generation++
	}
}

// Get returns the Batch of a key.
func (s *Store) Get(key Key) (*Batch, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, held := s.find(key)
	if !held {
		return nil, false
	}
	return s.batches[i], true
}

// All returns every Batch as of now, sorted by Key.Compare. The slice is the caller's.
func (s *Store) All() []*Batch {
	all, _ := s.Snapshot()
	return all
}

// Snapshot is All with the generation that it shows.
func (s *Store) Snapshot() ([]*Batch, uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.batches), s.generation
}

// Generation grows with every change: as long as it is the same, so is what the Store holds.
func (s *Store) Generation() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.generation
}

func (s *Store) find(key Key) (int, bool) {
	return slices.BinarySearchFunc(s.batches, key, func(b *Batch, k Key) int { return b.Key.Compare(k) })
}
