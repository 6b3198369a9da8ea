package collectors

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Timing says when visits are made and for how long what they brought is believed.
type Timing struct {
	Interval   time.Duration // between two visits of one target
	Timeout    time.Duration // of one visit
	StaleAfter int           // how many intervals the last good Batch outlives failures
	Sweep      time.Duration // how long an unchanged target may go without being asked
	MaxBackoff time.Duration // the longest wait between visits to a target that keeps failing
}

// Options says how rounds are made. Every field has a default but Store.
type Options struct {
	Timing
	Store *Store // receives every Batch; required

	// Observe is told of every Batch as it becomes or is confirmed current, and of what failed
	// visits brought. Calls for different keys may come at the same time. It must be quick.
	Observe func(Observation)

	Logger *slog.Logger
	Tracer trace.Tracer
}

// Observation is a Batch as of a time: that of the visit which brought it, or of one that was left
// out because nothing had changed.
type Observation struct {
	Batch *Batch
	At    time.Time
	Next  time.Time // when the next visit is due

	// Failed says that the visit failed, and that the Batch is what it brought until then, such as
	// that its target is down. Nothing can be told from what is not in it.
	Failed bool
}

// DefaultOptions is one visit a minute, ten seconds long at most.
func DefaultOptions() Options {
	return Options{
		Timing: Timing{
			Interval: time.Minute, Timeout: 10 * time.Second, StaleAfter: 3,
			Sweep: time.Hour, MaxBackoff: 5 * time.Minute,
		},
		Observe: func(Observation) {},
		Logger:  slog.New(slog.DiscardHandler),
		Tracer:  noop.NewTracerProvider().Tracer(""),
	}
}

func (o Options) validate() error {
	if o.Store == nil {
		return errors.New("rounds: Store is required")
	}
	return o.Timing.validate()
}

func (o Timing) validate() error {
	switch {
	case o.Interval <= 0 || o.Timeout <= 0:
		return errors.New("rounds: Interval and Timeout must be positive")
	case o.StaleAfter < 1:
		return errors.New("rounds: StaleAfter must be at least one interval")
	}
	return nil
}

// Rounds makes the visits: each on its own clock, none ever overlapping itself, one hanging
// target delaying nobody. It owns a goroutine for each Visit from Set until the Visit is taken
// out or Stop returns.
type Rounds struct {
	options Options
	timing  atomic.Pointer[Timing]
	ctx     context.Context
	cancel  context.CancelFunc
	running conc.WaitGroup

	mu      sync.Mutex
	visits  map[Key]*visit
	waiting map[Key]bool  // first visits not yet made
	ready   chan struct{} // closed when the first round is through
}

// NewRounds returns rounds without visits. They are made from Set until ctx ends or Stop.
func NewRounds(ctx context.Context, o Options) (*Rounds, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := &Rounds{options: o, visits: map[Key]*visit{}, waiting: map[Key]bool{}, ready: make(chan struct{})}
	r.timing.Store(&o.Timing)
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r, nil
}

// Retime changes when visits are made from now on. Visits without an interval or timeout of their
// own follow with the next Set.
func (r *Rounds) Retime(t Timing) error {
	if err := t.validate(); err != nil {
		return err
	}
	r.timing.Store(&t)
	return nil
}

// Set makes these the visits from now on. A Visit that was there already keeps its counters,
// logs, last Batch and place in time, even where its Collector or timing was replaced; the
// series of one that is no longer there disappear at once.
func (r *Rounds) Set(visits []Visit) error {
	wanted := make(map[Key]Visit, len(visits))
	for _, v := range visits {
		if _, twice := wanted[v.Key]; twice {
			return fmt.Errorf("rounds: %s is to be visited twice", v.Key)
		}
		wanted[v.Key] = v.timed(r.timing.Load())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	for key, v := range r.visits {
		if _, kept := wanted[key]; !kept {
			delete(r.visits, key)
			v.end()
			r.arrived(key)
		}
	}
	for key, w := range wanted {
		if v, kept := r.visits[key]; kept {
			v.replace(w)
			continue
		}
		r.start(w)
	}
	return nil
}

// timed gives the visit the rounds' interval and timeout where it has none of its own.
func (v Visit) timed(t *Timing) Visit {
	if v.Interval <= 0 {
		v.Interval = t.Interval
	}
	if v.Timeout <= 0 {
		v.Timeout = t.Timeout
	}
	return v
}

func (r *Rounds) start(w Visit) {
	v := newVisit(r.ctx, w, &r.options, &r.timing)
	r.visits[w.Key] = v
	select {
	case <-r.ready:
	default:
		if w.Interval <= r.timing.Load().Interval {
			r.waiting[w.Key] = true
		}
	}
	r.running.Go(func() {
		v.run(func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.arrived(w.Key)
		})
	})
}

// arrived notes that a first visit was made; the caller holds the lock.
func (r *Rounds) arrived(key Key) {
	if !r.waiting[key] {
		return
	}
	delete(r.waiting, key)
	if len(r.waiting) == 0 {
		close(r.ready)
	}
}

// Ready is closed once every visit of the first round was made, well or badly. Visits that come
// more seldom than once a round are not waited for.
func (r *Rounds) Ready() <-chan struct{} { return r.ready }

// Stop ends all visits, also those under way, and waits for them.
func (r *Rounds) Stop() {
	r.cancel()
	r.running.Wait()
}

// Status is how the visits to one key stand.
type Status struct {
	Key         Key
	Up          bool // the last visit succeeded, or nothing had changed
	Pending     bool // no visit was made yet
	LastSuccess time.Time
	Failures    int           // in a row
	Interval    time.Duration //
	Next        time.Time     // when the next visit is due
	Logs        []Log         // newest first, at most 20
}

// Status returns how every key stands, sorted.
func (r *Rounds) Status() []Status {
	r.mu.Lock()
	visits := make([]*visit, 0, len(r.visits))
	for _, v := range r.visits {
		visits = append(visits, v)
	}
	r.mu.Unlock()
	all := make([]Status, len(visits))
	for i, v := range visits {
		all[i] = v.status()
	}
	slices.SortFunc(all, func(a, b Status) int { return a.Key.Compare(b.Key) })
	return all
}

// phase is a key's offset within an interval: spread evenly over keys, the same after a restart.
func phase(key Key, interval time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key.String()))
	return time.Duration(mix(h.Sum64()) % uint64(interval))
}

// mix spreads the bits of an FNV sum, whose high and low bits follow the last byte too closely.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// nextDue is the first moment after now that lies at the key's phase in the interval.
func nextDue(key Key, interval time.Duration, now time.Time) time.Time {
	into := time.Duration(now.UnixNano()) % interval
	wait := phase(key, interval) - into
	if wait <= 0 {
		wait += interval
	}
	return now.Add(wait)
}

// observePartial tells what the failed visit brought, if anything.
func (v *visit) observePartial(at time.Time) error {
	if v.partial == nil {
		return nil
	}
	seen := Observation{Batch: v.partial, At: at, Next: v.next, Failed: true}
	return contain(func() { v.options.Observe(seen) })
}
