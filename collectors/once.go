package collectors

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sourcegraph/conc/pool"
)

// Once makes each visit exactly once, within its budget, puts what it brought into the Store, and
// returns the failures by visit. Nothing is repeated and nothing kept running.
func Once(ctx context.Context, o Options, visits []Visit) (map[Key]error, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	var timing atomic.Pointer[Timing]
	timing.Store(&o.Timing)
	var mu sync.Mutex
	failures := map[Key]error{}
	work := pool.New().WithMaxGoroutines(onceAtATime)
	for _, w := range visits {
		work.Go(func() {
			v := newVisit(ctx, w.timed(&o.Timing), &o, &timing)
			defer v.cancel()
			log, batch, err := v.ask(v.Visit, nil)
			v.record(0, log, batch, err)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures[w.Key] = err
			}
		})
	}
	work.Wait()
	return failures, nil
}

// onceAtATime bounds the visits of Once; budgets bound them further, per target.
const onceAtATime = 16
