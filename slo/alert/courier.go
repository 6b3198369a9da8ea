package alert

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The pace of retries to an Alertmanager that does not take what it is told.
const (
	firstRetry  = time.Second
	slowestPace = 30 * time.Second
)

// courier runs errands to one Alertmanager.
type courier struct {
	wake chan struct{} // holds one: there is something to look at
}

func newCourier() courier { return courier{make(chan struct{}, 1)} }

// poke lets run look at what there is to do. It never waits.
func (c courier) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // it has been woken and will find it
	}
}

// run calls errand after each poke, and again at a slowing pace until it is done, until ctx is.
func (c courier) run(ctx context.Context, errand func(context.Context) (done bool)) {
	pace := backoff.NewExponentialBackOff()
	pace.InitialInterval, pace.MaxInterval = firstRetry, slowestPace
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		pace.Reset()
		for !errand(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pace.NextBackOff()):
			}
		}
	}
}
