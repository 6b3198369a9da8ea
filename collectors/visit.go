package collectors

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/panics"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Outcome is how one visit ended.
type Outcome string

// The outcomes.
const (
	Success   Outcome = "success"
	Failure   Outcome = "failure"
	Unchanged Outcome = "unchanged" // nothing was asked because nothing had changed
)

var outcomes = [...]Outcome{Success, Failure, Unchanged}

// Log is what is remembered of one visit, for people who ask why.
type Log struct {
	Start    time.Time
	Waited   time.Duration // for a slot of the budget
	Duration time.Duration // of the visit itself
	Outcome  Outcome
	Reason   Reason // of a failure
	Error    string // of a failure; with the stack where the collector panicked
	Samples  int
	Notes    []string
	asked    bool // a slot was had and the collector called
}

const keptLogs = 20

var errDeadline = errors.New("the visit took longer than it may")

// visit is one Visit under way: the goroutine in run is the only one that makes it.
type visit struct {
	options *Options
	timing  *atomic.Pointer[Timing] // shared with all visits of the rounds
	ctx     context.Context
	cancel  context.CancelFunc
	nudge   chan struct{} // the Visit was replaced: look at the clock again

	mu sync.Mutex
	Visit
	logs        []Log // newest first
	visits      map[Outcome]uint64
	errors      map[Reason]uint64
	failures    int       // in a row
	strikes     int       // of them, how many the target itself is to blame for: they make the visits rarer
	last        *Batch    // the last good one, until it is stale
	partial     *Batch    // what the last visit wrote before it failed; nil after a success
	lastAsked   time.Time // last success for which the target was asked
	lastSuccess time.Time // last time the Batch was known to be right
	since       time.Time // when the last visit began, before the first when it was planned
	next        time.Time
	offGrid     bool   // next was planned for another interval
	collectors  int    // that the Visit had before its present one
	logged      string // the error that the log said last
	ended       bool   // taken out of the rounds: publishes nothing any more
}

func newVisit(ctx context.Context, w Visit, o *Options, timing *atomic.Pointer[Timing]) *visit {
	v := &visit{
		Visit: w, options: o, timing: timing, nudge: make(chan struct{}, 1),
		visits: map[Outcome]uint64{}, errors: map[Reason]uint64{},
	}
	v.ctx, v.cancel = context.WithCancel(ctx)
	v.since = time.Now()
	v.next = nextDue(w.Key, w.Interval, v.since)
	if w.Eager {
		v.next = v.since
	}
	return v
}

// run makes the visit again and again until it is ended; first is called after the first time.
func (v *visit) run(first func()) {
	for v.wait() {
		if made := v.make(); made && first != nil {
			first()
			first = nil
		}
	}
}

// wait sleeps until the next visit is due, and lets the last Batch go if it gets stale meanwhile.
// False means that the visit was ended.
func (v *visit) wait() bool {
	for {
		v.mu.Lock()
		wake := v.next
		if stale, may := v.staleAt(); may && stale.Before(wake) {
			wake = stale
		}
		v.mu.Unlock()
		timer := time.NewTimer(time.Until(wake))
		select {
		case <-v.ctx.Done():
			timer.Stop()
			return false
		case <-v.nudge:
			timer.Stop()
		case <-timer.C:
		}
		v.expire()
		v.mu.Lock()
		due := !time.Now().Before(v.next)
		v.mu.Unlock()
		if due {
			return true
		}
	}
}

// staleAt is when the last good Batch of a failing visit is no longer shown.
func (v *visit) staleAt() (time.Time, bool) {
	if v.last == nil || v.failures == 0 {
		return time.Time{}, false
	}
	return v.lastSuccess.Add(time.Duration(v.timing.Load().StaleAfter) * v.Interval), true
}

func (v *visit) expire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if stale, may := v.staleAt(); may && !time.Now().Before(stale) {
		v.last = nil
		v.show()
	}
}

// show puts into the Store what is to be seen of the visits: the last good Batch, except for what
// the last visit wrote before it failed (that its target is down, say).
func (v *visit) show() {
	switch {
	case v.partial == nil && v.last == nil:
		v.options.Store.Drop(v.Key)
	case v.partial == nil:
		v.options.Store.Put(v.last)
	case v.last == nil:
		v.options.Store.Put(v.partial)
	default:
		v.options.Store.Put(v.last.amended(v.partial))
	}
}

// make makes one visit and plans the next. It is not made when its collector was replaced while it
// failed: what happens to one that is closed says nothing about the target, and the next is due
// at once.
func (v *visit) make() (made bool) {
	v.mu.Lock()
	w, last, before := v.Visit, v.last, v.collectors
	sweep := time.Since(v.lastAsked) >= v.timing.Load().Sweep
	failing := v.failures > 0
	v.mu.Unlock()

	now := time.Now()
	if last != nil && !failing && !sweep {
		unchanged, err := restful(w.Collector, now)
		switch {
		case err != nil:
			return v.record(before, failed(Log{Start: now}, err), nil, err)
		case unchanged:
			return v.record(before, Log{Start: now, Outcome: Unchanged, Samples: last.Len()}, last, nil)
		}
	}
	log, batch, err := v.ask(w, last)
	return v.record(before, log, batch, err)
}

// restful says whether a Watcher knows that nothing has changed.
func restful(c Collector, now time.Time) (unchanged bool, err error) {
	watcher, ok := c.(Watcher)
	if !ok {
		return false, nil
	}
	err = contain(func() { unchanged = watcher.Unchanged(now) })
	return unchanged, err
}

// contain calls f; a panic in it becomes an error with its stack.
func contain(f func()) error {
	caught := panics.Try(f)
	if caught == nil {
		return nil
	}
	return Because(ReasonPanic, fmt.Errorf("panic: %v\n%s", caught.Value, caught.Stack))
}

// ask waits for a slot, then lets the collector do its work within the deadline.
func (v *visit) ask(w Visit, last *Batch) (Log, *Batch, error) {
	log := Log{Start: time.Now(), Outcome: Success}
	if w.Budget != nil {
		ctx, cancel := context.WithTimeoutCause(v.ctx, w.Interval, errors.New("a whole interval went by"))
		release, err := w.Budget.Acquire(ctx)
		cancel()
		log.Waited = time.Since(log.Start)
		if err != nil {
			return failed(log, err), nil, err
		}
		defer release()
	}
	began := time.Now()
	log.asked = true
	ctx, cancel := context.WithTimeoutCause(v.ctx, w.Timeout, Because(ReasonTimeout, errDeadline))
	defer cancel()
	ctx, span := v.options.Tracer.Start(ctx, "visit "+w.Key.Collector, trace.WithAttributes(
		attribute.String("wardround.target", w.Key.Target), attribute.String("wardround.tenant", w.Key.Tenant)))
	defer span.End()

	b := NewBuilder(w.Key, began).After(last)
	batch, err := collect(ctx, w.Collector, b)
	log.Duration = time.Since(began)
	if err != nil {
		span.SetStatus(codes.Error, string(ReasonOf(err)))
		log = failed(log, err)
	}
	log.Samples, log.Notes = batch.Len(), b.notes
	return log, batch, err
}

// collect contains a panic of the collector, or over what it brought: it becomes a failed visit,
// with its stack. The Batch is what was brought until then.
func collect(ctx context.Context, c Collector, b *Builder) (*Batch, error) {
	var err error
	if broken := contain(func() { err = c.Collect(ctx, b) }); broken != nil {
		err = broken
	} else if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), errDeadline) {
		err = Because(ReasonTimeout, fmt.Errorf("%w: %w", errDeadline, err))
	}
	var batch *Batch
	if broken := contain(func() { batch = b.Batch() }); broken != nil {
		return &Batch{Key: b.key, At: b.at}, broken
	}
	return batch, err
}

func failed(l Log, err error) Log {
	l.Outcome, l.Reason, l.Error = Failure, ReasonOf(err), err.Error()
	return l
}

// record takes the outcome of a visit by the collector of the given number into the visit's state
// and publishes what there is to publish. False means that the outcome does not count.
func (v *visit) record(collector int, l Log, batch *Batch, err error) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended || v.ctx.Err() != nil || (err != nil && collector != v.collectors) {
		return false
	}
	v.since = l.Start
	if err == nil {
		v.succeed(l, batch)
		v.plan()
		seen := Observation{Batch: batch, At: l.Start, Next: v.next}
		if err = contain(func() { v.options.Observe(seen) }); err != nil {
			l, batch = failed(l, err), nil
		}
	}
	if err != nil {
		v.failures++
		v.errors[l.Reason]++
		if l.asked {
			v.strikes++
		}
		v.fail(batch)
		v.plan()
		if broken := v.observePartial(l.Start); broken != nil {
			l = failed(l, broken)
		}
	}
	v.logs = slices.Insert(v.logs, 0, l)
	v.logs = v.logs[:min(len(v.logs), keptLogs)]
	v.visits[l.Outcome]++
	v.say(l, err)
	v.options.Store.Put(v.ownBatch(l))
	return true
}

func (v *visit) fail(partial *Batch) {
	v.partial = nil
	if partial != nil && len(partial.Families) > 0 {
		v.partial = partial
	}
	v.show()
}

func (v *visit) succeed(l Log, batch *Batch) {
	v.failures, v.strikes = 0, 0
	v.lastSuccess = l.Start
	v.partial = nil
	if l.Outcome == Success {
		v.lastAsked = l.Start
		v.last = batch
		v.show()
	}
}

// plan sets the next visit: on the key's grid, and further away the more often the target failed.
// Having had no slot is not the target's fault and changes nothing.
func (v *visit) plan() {
	wait, most := v.Interval, max(v.timing.Load().MaxBackoff, v.Interval)
	for i := 1; i < v.strikes && wait < most; i++ {
		wait *= 2
	}
	wait = min(wait, most)
	if v.offGrid { // go to the nearest place on the grid, or all who moved would come early
		wait += v.Interval / 2
		v.offGrid = false
	}
	v.next = nextDue(v.Key, v.Interval, time.Now().Add(wait-v.Interval))
}

// say logs an error when it is new or another, and its end; never the same twice in a row.
func (v *visit) say(l Log, err error) {
	switch {
	case err == nil && v.logged != "":
		v.options.Logger.Info("visit succeeds again", "visit", v.Key.String())
		v.logged = ""
	case err != nil && string(l.Reason) != v.logged:
		v.options.Logger.Warn("visit failed", "visit", v.Key.String(), "reason", string(l.Reason), "error", l.Error)
		v.logged = string(l.Reason)
	}
}

// replace gives the visit another collector or timing; what it knows stays. Another timing makes
// no visit come before a whole interval has passed since the last, nor later than it was planned:
// budgets are counted on that, however often the timing changes. A failing visit with another
// collector is made at the next place on the grid.
func (v *visit) replace(w Visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	renewed, retimed := !same(v.Collector, w.Collector), v.Interval != w.Interval
	v.Visit = w
	if !renewed && !retimed {
		return
	}
	v.strikes = 0
	from := time.Now()
	if renewed {
		v.collectors++
	}
	if whole := v.since.Add(w.Interval - 1); whole.After(from) && (!renewed || v.failures == 0) {
		from = whole
	}
	if next := nextDue(w.Key, w.Interval, from); next.Before(v.next) {
		v.next, v.offGrid = next, false
	} else if retimed {
		v.offGrid = true
	}
	select {
	case v.nudge <- struct{}{}:
	default:
	}
}

// same says whether two collectors are one; those that cannot be compared never are.
func same(a, b Collector) bool { return reflect.TypeOf(a).Comparable() && a == b }

// end stops the visit and takes its series away. It does not wait for the goroutine.
func (v *visit) end() {
	v.cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = true
	v.options.Store.Drop(v.Key)
	own := v.Key
	own.Collector = roundsPrefix + own.Collector
	v.options.Store.Drop(own)
}

func (v *visit) status() Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := Status{
		Key: v.Key, Up: v.failures == 0 && len(v.logs) > 0, Pending: len(v.logs) == 0,
		LastSuccess: v.lastSuccess, Failures: v.failures, Interval: v.Interval, Next: v.next,
		Logs: slices.Clone(v.logs),
	}
	return s
}
