package simulate

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// worker replays one instance after the other.
type worker struct {
	*run
	timeline timeline
}

// replay takes one instance through all variants that are about it.
func (w *worker) replay(ctx context.Context, k int) error {
	s := w.series[k]
	tier := w.opts.Tier(s.instance)
	excluded := w.treatments(s.instance, tier)
	summed := slo.NoData("-") // how the timeline reads silence
	for v := range w.opts.Variants {
		o := &w.opts.Variants[v].Objective
		if o.Name != s.instance.Objective {
			continue
		}
		if reading := carrying(o); reading != summed {
			w.timeline.sum(w.history, s, o, excluded)
			summed = reading
		}
		r := newReplay(w, v, s.instance, tier)
		if err := r.walk(ctx); err != nil {
			return err
		}
		w.outcomes[v][k] = r.outcome
		w.opts.Progress(int(w.done.Add(1)), w.all)
	}
	return nil
}

// carrying is what of an objective the sums depend on.
func carrying(o *slo.Objective) slo.NoData {
	if o.NoData == slo.NoDataCarry {
		return slo.NoDataCarry
	}
	return slo.NoDataIgnore
}

// replay is one instance going through one variant.
type replay struct {
	*worker
	objective *slo.Objective
	judge     *slo.Judge
	windows   []int64 // minutes, those of slo.Objective.BurnWindows
	longest   int64   // of the policy's, 0 where it has none
	statuses  []slo.Status

	at int64 // the index at which is judged: the end of all windows
	// begins and ends are the indexes of the calendar period that is judged.
	begins, ends int64
	last         int64 // the index of the last look, 0 before the first
	closed       int64 // that of the last look of the last period that was closed

	next    int // the window that the judge asks for next
	calm    calm
	input   slo.Input
	state   slo.Evaluation
	pager   pager
	outcome InstanceOutcome
}

func newReplay(w *worker, variant int, i slo.Instance, tier string) *replay {
	o := &w.opts.Variants[variant].Objective
	target := o.Targets.Of(i, tier)
	r := &replay{
		worker: w, objective: o, judge: w.judges[variant], statuses: slo.Statuses(),
		calm:    newCalm(o, target),
		pager:   newPager(o),
		outcome: InstanceOutcome{Instance: i, Tier: tier, Target: target},
	}
	for _, d := range o.BurnWindows() {
		r.windows = append(r.windows, int64(d/time.Minute))
	}
	if policy := o.Policy.Windows(); len(policy) > 0 {
		r.longest = int64(slices.Max(policy) / time.Minute)
	}
	r.input = slo.Input{Instance: i, Tier: tier, Burn: r.burn}
	return r
}

// burn answers the judge, who asks for all windows in their order.
func (r *replay) burn(time.Duration) slo.Tally {
	length := r.windows[r.next]
	r.next = (r.next + 1) % len(r.windows)
	return r.timeline.tally(r.at-length, r.at)
}

// walk judges every due minute that was watched.
func (r *replay) walk(ctx context.Context) error {
	begin := max(r.from, r.timeline.first) + 1
	for r.at = begin; r.at <= r.to; r.at++ {
		if r.at%(1<<12) == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if (r.history.base+r.at)%r.every == 0 && r.history.watched[r.at-1] {
			r.tick()
		}
	}
	r.end()
	return nil
}

// tick does what the daemon does every minute.
func (r *replay) tick() {
	at := r.history.time(r.at)
	period := r.timeline.tally(r.period(at), r.at)
	if r.forgotten(period) {
		r.pager.silent(at)
		return
	}
	status := slo.OK
	if r.pager.loud || !r.calm.at(&r.timeline, r.at, &period) {
		r.evaluate(at, period)
		r.pager.look(&r.state)
		status = r.state.Status
	}
	r.count(status, at)
}

// evaluate judges the instance.
func (r *replay) evaluate(at time.Time, period slo.Tally) {
	r.input.At, r.input.Period = at, period
	r.judge.Into(&r.state, &r.input)
}

// forgotten says that an instance has been silent for so long that it is taken
// to be gone: it is judged no more.
func (r *replay) forgotten(period slo.Tally) bool {
	if r.longest > 0 {
		period = r.timeline.tally(r.at-r.longest, r.at)
	}
	return period.Measured+period.Excluded == 0
}

// period is the index at which the period that is judged at at begins.
func (r *replay) period(at time.Time) int64 {
	w := &r.objective.Window
	if w.Calendar == "" {
		return r.at - int64(w.Rolling/time.Minute)
	}
	if r.at > r.ends {
		r.close()
		from, to := w.Ending(at)
		r.begins, r.ends = r.history.index(from), r.history.index(to)
	}
	return r.begins
}

// close notes how the calendar period of the last look ended, if there was a look
// since the one before was closed.
func (r *replay) close() {
	if r.last == r.closed {
		return
	}
	r.closed = r.last
	e := r.again(r.last)
	r.outcome.Periods = append(r.outcome.Periods, Period{
		From: e.From.UTC(), To: e.To.UTC(), Through: e.At,
		ConsumedRatio: Number(e.Budget.Consumed), ProratedRatio: Number(e.Prorated.Consumed),
	})
}

// again judges as of an index that has been passed.
func (r *replay) again(at int64) *slo.Evaluation {
	now := r.at
	r.at = at
	from, _ := r.objective.Window.Ending(r.history.time(at))
	r.evaluate(r.history.time(at), r.timeline.tally(r.history.index(from), at))
	r.at = now
	return &r.state
}

// count adds a look to the outcome.
func (r *replay) count(status slo.Status, at time.Time) {
	r.last = r.at
	o := &r.outcome
	o.ticks[slices.Index(r.statuses, status)]++
	if status == slo.Exhausted && o.EndedAt.IsZero() {
		o.EndedAt = at
	}
}

// end notes how it ended.
func (r *replay) end() {
	o := &r.outcome
	for i, n := range o.ticks {
		o.Judged += Seconds(n * r.every * 60)
		if r.statuses[i] == slo.Exhausted {
			o.Exhausted = Seconds(n * r.every * 60)
		}
	}
	o.ConsumedRatio, o.CoverageRatio = Number(math.NaN()), Number(math.NaN())
	if r.last > 0 {
		if r.objective.Window.Calendar != "" {
			r.close()
		}
		e := r.again(r.last)
		o.Status, o.Good, o.Bad = e.Status, e.Period.Good, e.Period.Bad
		o.ConsumedRatio, o.CoverageRatio = Number(e.Budget.Consumed), Number(e.Coverage.Float())
	}
	r.pager.end(r.opts.To)
	o.Pages, o.Incidents, o.alerts = r.pager.counted[slo.Page], r.pager.incidents, r.pager.alerts
	for i := range o.alerts {
		o.alerts[i].Instance = o.Instance
	}
}
