package collectors

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Budget is how much of a shared thing all visits to it may use at once: connections to a
// PostgreSQL cluster, checks in flight to an Odoo server. It is hard: no visit begins without a
// slot. When the thing itself says that it is full or away, whoever learns it pauses the whole
// budget, so that a thousand tenants do not each find out on their own.
type Budget struct {
	slots chan struct{}

	mu     sync.Mutex
	until  time.Time
	why    error
	change chan struct{} // closed and replaced whenever a pause begins or ends
}

// NewBudget returns a budget of n slots, at least one.
func NewBudget(n int) *Budget {
	return &Budget{slots: make(chan struct{}, max(1, n)), change: make(chan struct{})}
}

// Size is the number of slots.
func (b *Budget) Size() int { return cap(b.slots) }

// InUse is the number of slots taken now.
func (b *Budget) InUse() int { return len(b.slots) }

// Acquire waits for a slot and for the end of any pause. The release function gives the slot
// back. When ctx ends first the error says what was waited for.
func (b *Budget) Acquire(ctx context.Context) (release func(), err error) {
	for {
		if err := b.waitPause(ctx); err != nil {
			return nil, err
		}
		select {
		case b.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, Because(ReasonConnections, fmt.Errorf("no slot of %d came free: %w", b.Size(), context.Cause(ctx)))
		}
		if b.Paused() == nil {
			var once sync.Once
			return func() { once.Do(func() { <-b.slots }) }, nil
		}
		<-b.slots
	}
}

func (b *Budget) waitPause(ctx context.Context) error {
	for {
		b.mu.Lock()
		until, why, change := b.until, b.why, b.change
		b.mu.Unlock()
		left := time.Until(until)
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-change:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return Because(ReasonOf(why), fmt.Errorf("visits are paused: %w", why))
		}
	}
}

// Pause keeps every visit waiting for at least d from now, because of err.
func (b *Budget) Pause(d time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := time.Now().Add(d); until.After(b.until) {
		b.until, b.why = until, err
		b.signal()
	}
}

// Resume ends a pause at once.
func (b *Budget) Resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.until) {
		b.until, b.why = time.Time{}, nil
		b.signal()
	}
}

func (b *Budget) signal() {
	close(b.change)
	b.change = make(chan struct{})
}

// Paused says why visits are being kept waiting, nil if they are not.
func (b *Budget) Paused() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.until) {
		return b.why
	}
	return nil
}
