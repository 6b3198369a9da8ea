package app

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/slo/evidence"
	"github.com/wardround/wardround/slo/ledger"
)

// tick records what happened since the last tick under the minute that is ending, judges all
// promises, and tells whoever must know.
func (o *objectives) tick(ctx context.Context, now time.Time) {
	ctx, span := o.tracer.Start(ctx, "evaluation")
	defer span.End()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.roster.tenants != nil && o.roster.tenants != o.tenants.Current() {
		o.renew() // who has come back is there in this minute
	}
	deltas := o.indicators.Drain(now)
	for _, d := range deltas {
		o.totals[d.Instance] = o.totals[d.Instance].Add(d.Counts)
	}
	// A tick comes just after the time that it is about.
	o.say(o.ledger.Append(slo.Minute(now.Add(-time.Second)), deltas))
	o.settle(now)
	o.judge()
	o.sayProblems()
	o.publish(now)
	o.alerts.Evaluate(ctx, now, o.conditions())
	span.SetAttributes(attribute.Int("wardround.instances", len(o.judged)))
}

// settle closes the calendar periods that are over, but for objectives of a source that has more
// to tell of the past.
func (o *objectives) settle(now time.Time) {
	told := o.all
	if slices.ContainsFunc(told, o.owed) {
		told = slices.DeleteFunc(slices.Clone(told), o.owed)
	}
	closed, err := o.ledger.Settle(told, o.tier, o.grace)
	o.sayClosing(err)
	windows := map[string]evidence.PeriodClosed{}
	for _, c := range closed {
		p := windows[c.Window]
		p.Window, p.From, p.To = c.Window, c.From, c.To
		p.Instances++
		windows[c.Window] = p
	}
	for _, p := range windows {
		o.evident(now, evidence.KindPeriodClosed, evidence.Self, p)
	}
}

func (o *objectives) owed(about slo.Objective) bool {
	source := o.sources[about.Name]
	return source != "" && o.owing != nil && o.owing(source)
}

// judgement is one instance's evaluation. It is valid as long as the roster is.
type judgement struct {
	*seat
	evaluation slo.Evaluation
}

// judge evaluates every instance that is being measured, and those of the record that fell
// silent: that must be seen, until nothing of them is left in the longest window that alerts.
func (o *objectives) judge() {
	o.renew()
	o.shot = nil
	o.judged = slices.Grow(o.judged[:0], len(o.roster.seats))
	for i := range o.roster.seats {
		s, n := &o.roster.seats[i], len(o.judged)
		o.judged = o.judged[:n+1]
		j := &o.judged[n]
		j.seat = s
		s.promise.judge.Into(&j.evaluation, s.promise.read(s.instance, s.tier))
		if !s.measured && s.promise.forgets(&j.evaluation) {
			o.judged = o.judged[:n]
		}
	}
}

// copied is evaluations in memory of their own.
func copied(judged []judgement) []slo.Evaluation {
	all := make([]slo.Evaluation, len(judged))
	for i := range judged {
		all[i] = judged[i].evaluation.Clone()
	}
	return all
}

// conditions are those that may be alerted. An instance that was quiet at the last tick and still
// is has none, once the first tick has told the alerts of an earlier run how things stand. Nor has
// one that is gone: its alerts end.
func (o *objectives) conditions() []alert.Condition {
	var all []alert.Condition
	loud := map[slo.Instance]bool{}
	for i := range o.judged {
		j := &o.judged[i]
		if o.gone(j) {
			continue
		}
		quiet := alert.Quiet(&j.evaluation)
		if !quiet {
			loud[j.evaluation.Instance] = true
		}
		if !quiet || o.loud == nil || o.loud[j.evaluation.Instance] {
			all = append(all, alert.Conditions(j.promise.objective, &j.evaluation)...)
		}
	}
	o.loud = loud
	return all
}

// gone says that an instance was measured by this process and is no more, although its source goes
// on: what was promised about is no longer there. One that is silent because its source is, or that
// was not seen yet since the start, may be as bad as ever.
func (o *objectives) gone(j *judgement) bool {
	_, met := o.totals[j.instance]
	return met && !j.measured && o.sources[j.instance.Objective] == ""
}

// roster is who is judged, in the order of instances, as long as promises, tenants and instances
// stay who they are.
type roster struct {
	promises           []slo.Objective
	tenants            *collectors.Tenants
	measured, recorded []slo.Instance
	seats              []seat
	population         map[crowd]int  // how many tenants there are
	strangers          map[string]int // instances by objective whose tenant or target is not configured
}

// crowd is the tenants of one cluster for which an objective is judged.
type crowd struct{ objective, cluster string }

// seat is one instance with all that judging it takes.
type seat struct {
	instance slo.Instance
	tier     string
	promise  *promise
	measured bool // now, not only in the record

	tenant, target, by string // how its series are labelled
}

// promise is an objective made ready for all its instances.
type promise struct {
	objective *slo.Objective
	judge     *slo.Judge
	read      ledger.Reader
	longest   time.Duration // the policy's longest window; 0 without a policy
	windows   []string      // the names of those that are judged, in their order
}

// forgets says that an instance has been silent for the whole of the policy's longest window.
func (p *promise) forgets(e *slo.Evaluation) bool {
	if p.longest == 0 {
		return e.Period.Measured == 0
	}
	return !slices.ContainsFunc(e.Burn, func(b slo.Burn) bool { return b.Window == p.longest && b.Tally.Measured > 0 })
}

// renew makes the roster anew if anything of it is another.
func (o *objectives) renew() {
	r := roster{
		promises: o.all, tenants: o.tenants.Current(),
		measured: o.indicators.Instances(), population: map[crowd]int{}, strangers: map[string]int{},
	}
	for i := range o.ledger.Instances() {
		r.recorded = append(r.recorded, i)
	}
	if r.same(&o.roster) {
		return
	}
	o.ledger.Attend(func(i slo.Instance) (tier string, there bool) {
		tenant, _ := r.tenants.ByName(i.Tenant())
		return tenant.Tier, o.promised(r.tenants, i)
	})
	promises := make(map[string]*promise, len(o.all))
	for i := range o.all {
		promises[o.all[i].Name] = newPromise(&o.all[i], o.ledger)
	}
	seen := make(map[slo.Instance]bool, len(r.measured))
	add := func(i slo.Instance, measured bool) {
		if p := promises[i.Objective]; p != nil && !seen[i] && o.promised(r.tenants, i) {
			tenant, _ := r.tenants.ByName(i.Tenant())
			r.seats = append(r.seats, seat{i, tenant.Tier, p, measured, i.Tenant(), i.Get("target"), beyond(i)})
			r.population[crowd{i.Objective, tenant.Postgres}]++
		} else if p != nil && !seen[i] && o.sources[i.Objective] != "" {
			r.strangers[i.Objective]++
		}
		seen[i] = true
	}
	for _, i := range r.measured {
		add(i, true)
	}
	for _, i := range r.recorded {
		add(i, false)
	}
	slices.SortFunc(r.seats, func(a, b seat) int { return a.instance.Compare(b.instance) })
	o.roster = r
}

func (r *roster) same(old *roster) bool {
	samePromises := len(r.promises) == len(old.promises) && (len(r.promises) == 0 || &r.promises[0] == &old.promises[0])
	return samePromises && old.seats != nil && r.tenants == old.tenants &&
		slices.Equal(r.measured, old.measured) && slices.Equal(r.recorded, old.recorded)
}

func newPromise(o *slo.Objective, book *ledger.Ledger) *promise {
	p := &promise{objective: o, judge: slo.NewJudge(o), read: book.Reader(o)}
	for _, w := range o.BurnWindows() {
		p.windows = append(p.windows, slo.FormatDuration(w))
	}
	if windows := o.Policy.Windows(); len(windows) > 0 {
		p.longest = slices.Max(windows)
	}
	return p
}

// promised says whether a promise is made about an instance: its tenant is there and no copy, or
// its target is configured, or is none of ours.
func (o *objectives) promised(tenants *collectors.Tenants, i slo.Instance) bool {
	if name := i.Tenant(); name != "" {
		tenant, there := tenants.ByName(name)
		return there && !tenant.Staging
	}
	target := i.Get("target")
	return target == "" || o.sources[i.Objective] != "" || o.targets[target]
}
