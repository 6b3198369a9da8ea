package collectors

import (
	"context"
	"time"
)

// Collector asks one target one set of questions.
//
// Collect is never called twice at the same time for one Visit. It must return soon after ctx
// ends, leave nothing running or open behind it that its owner does not close, and write only
// metrics of its package's Catalogue. An error means that the visit failed: the last good Batch
// then stays until it is stale, except for the families that this visit did write, such as the
// one that says that the target is down. A part that could not be had while the rest was fine is
// Builder.Unavailable.
type Collector interface {
	Collect(ctx context.Context, b *Builder) error
}

// Watcher is a Collector that can tell, without asking its target, whether anything that it
// reports can have changed since its last successful visit, or whether it may wait. While nothing
// has, the visit is left out and the last Batch counts as fresh; every Options.Sweep it is made all
// the same. Unchanged is asked at most once a round.
type Watcher interface {
	Collector
	Unchanged(now time.Time) bool
}

// Visit is a Collector with its place in the rounds.
type Visit struct {
	Key       Key
	Collector Collector
	Interval  time.Duration // between visits; zero means Options.Interval
	Timeout   time.Duration // of one visit; zero means Options.Timeout
	Budget    *Budget       // whose slot a visit needs; nil means none
	Eager     bool          // make the first visit at once: others wait for what it finds
}
