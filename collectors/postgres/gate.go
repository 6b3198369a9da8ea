package postgres

import (
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/wardround/wardround/collectors"
)

// gate pauses the visits to a cluster while it has no connections for them: for longer and longer
// each time the server refuses one, and from round to round while its free slots are few.
type gate struct {
	budget *collectors.Budget
	logger *slog.Logger

	mu      sync.Mutex
	round   time.Duration // how long a shortage that a round found is taken to last
	growing *backoff.ExponentialBackOff
	refused time.Time // when the server last refused; zero while it does not
	scarce  bool      // the last round found too few free slots
}

func newGate(visitors int, round time.Duration, logger *slog.Logger) *gate {
	growing := backoff.NewExponentialBackOff()
	growing.InitialInterval, growing.MaxInterval = 10*time.Second, 5*time.Minute
	return &gate{budget: collectors.NewBudget(visitors), round: round, logger: logger, growing: growing}
}

// gateFor is a new gate, or the previous Cluster's where that has the size that is wanted.
func gateFor(c Config, o Options) *gate {
	visitors, round := c.Budget-1, o.Interval*3/2
	if o.Previous == nil || o.Previous.Budget().Size() != visitors {
		return newGate(visitors, round, o.Logger.With("target", c.Name))
	}
	g := o.Previous.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.round = round
	return g
}

// refuse is called when the server had no slot for us. Visitors that were refused together count
// as one refusal.
func (g *gate) refuse(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.budget.Paused() != nil && !g.refused.IsZero() {
		return
	}
	wait := g.growing.NextBackOff()
	g.budget.Pause(wait, err)
	if g.refused.IsZero() {
		g.logger.Warn("visits paused: the server refuses connections", "for", wait, "error", err)
	}
	g.refused = time.Now()
}

// admit is called when the server accepted a connection that was asked for at the given time. One
// that was asked for before the last refusal says nothing.
func (g *gate) admit(asked time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused.IsZero() || !asked.After(g.refused) {
		return
	}
	g.refused = time.Time{}
	g.growing.Reset()
	g.logger.Info("the server accepts connections again")
	if !g.scarce {
		g.budget.Resume()
	}
}

// spare is told by each round whether there are slots to spare.
func (g *gate) spare(enough bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.scarce
	g.scarce = !enough
	switch {
	case !enough:
		g.budget.Pause(g.round, err)
		if !was {
			g.logger.Warn("visits paused", "error", err)
		}
	case was && g.refused.IsZero():
		g.budget.Resume()
		g.logger.Info("visits go on: there are connections to spare again")
	}
}
