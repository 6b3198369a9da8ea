package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/slo/indicator"
	"github.com/wardround/wardround/slo/ledger"
)

// objectives is where collectors and promises meet: Batches become counts, counts go into the
// ledger, the ledger is judged, and what was judged becomes alerts and slo_* series.
type objectives struct {
	indicators *indicator.Engine
	ledger     *ledger.Ledger
	alerts     *alert.Engine
	store      *collectors.Store
	tenants    *collectors.Registry
	logger     *slog.Logger
	tracer     trace.Tracer

	mu      sync.Mutex // one evaluation at a time; guards what follows
	all     []slo.Objective
	targets map[string]bool             // that are configured
	totals  map[slo.Instance]slo.Counts // since this process began: the slo_*_total counters
	shown   map[collectors.Key]bool     // the Batches of slo_* series that stand in the store
	judged  []slo.Evaluation
	loud    map[slo.Instance]bool // at the last tick; nil before the first
	problem string                // what the log said last about the ledger
}

// observe hands a Batch, as of a time, to the indicators that want some of it.
func (o *objectives) observe(seen collectors.Observation) {
	if t, known := o.tenants.Current().ByName(seen.Batch.Key.Tenant); known && t.Staging {
		return // nothing is promised about a copy
	}
	source := seen.Batch.Key.String()
	seen.Batch.Each(o.indicators.Wants, func(s collectors.Series) {
		o.indicators.Observe(seen.At, source, s.Name(), s, s.Value())
	})
	o.indicators.Rest(source, seen.At, seen.Next)
}

// replace makes these the promises from now on, about these targets; what still measures the same
// goes on counting. On an error nothing has changed.
func (o *objectives) replace(all []slo.Objective, targets map[string]bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range all {
		if err := indicator.Check(&all[i]); err != nil {
			return err
		}
	}
	if err := o.ledger.Watch(ledger.Windows(all)); err != nil {
		return err
	}
	if err := o.indicators.Update(all); err != nil {
		return errors.Join(err, o.ledger.Watch(ledger.Windows(o.all)))
	}
	o.all, o.targets = all, targets
	return nil
}

// tick records what happened since the last tick under the minute that is ending, judges all
// promises, and tells whoever must know.
func (o *objectives) tick(ctx context.Context, now time.Time) {
	ctx, span := o.tracer.Start(ctx, "evaluation")
	defer span.End()
	o.mu.Lock()
	defer o.mu.Unlock()
	deltas := o.indicators.Drain(now)
	for _, d := range deltas {
		o.totals[d.Instance] = o.totals[d.Instance].Add(d.Counts)
	}
	// A tick comes just after the time that it is about.
	o.say(o.ledger.Append(slo.Minute(now.Add(-time.Second)), deltas))

	judgements := o.evaluations()
	o.judged = make([]slo.Evaluation, len(judgements))
	for i, j := range judgements {
		o.judged[i] = *j.evaluation
	}
	o.publish(now)
	o.alerts.Evaluate(ctx, now, o.conditions(judgements))
	span.SetAttributes(attribute.Int("wardround.instances", len(o.judged)))
}

// conditions are those that may be alerted. An instance that was quiet at the last tick and still
// is has none, once the first tick has told the alerts of an earlier run how things stand.
func (o *objectives) conditions(judgements []judgement) []alert.Condition {
	var all []alert.Condition
	loud := map[slo.Instance]bool{}
	for _, j := range judgements {
		quiet := alert.Quiet(j.evaluation)
		if !quiet {
			loud[j.evaluation.Instance] = true
		}
		if !quiet || o.loud == nil || o.loud[j.evaluation.Instance] {
			all = append(all, alert.Conditions(j.objective, j.evaluation)...)
		}
	}
	o.loud = loud
	return all
}

type judgement struct {
	objective  *slo.Objective
	evaluation *slo.Evaluation
}

// evaluations judges every instance that is being measured, and those of the record that fell
// silent: that must be seen, until nothing of them is left in the longest window that alerts.
func (o *objectives) evaluations() []judgement {
	judges := make(map[string]*judge, len(o.all))
	for i := range o.all {
		judges[o.all[i].Name] = &judge{&o.all[i], slo.NewJudge(&o.all[i]), o.ledger.Reader(&o.all[i])}
	}
	tenants := o.tenants.Current()
	measured := map[slo.Instance]bool{}
	var all []judgement
	judge := func(i slo.Instance) {
		if j := judges[i.Objective]; j != nil && o.promised(tenants, i) {
			if e := j.evaluate(tenants, i); measured[i] || !forgotten(j.objective, &e) {
				all = append(all, judgement{j.objective, &e})
			}
		}
	}
	for _, i := range o.indicators.Instances() {
		measured[i] = true
		judge(i)
	}
	for i := range o.ledger.Instances() {
		if !measured[i] {
			judge(i)
		}
	}
	slices.SortFunc(all, func(a, b judgement) int { return a.evaluation.Instance.Compare(b.evaluation.Instance) })
	return all
}

// judge is an objective made ready for all its instances.
type judge struct {
	objective *slo.Objective
	judge     *slo.Judge
	read      ledger.Reader
}

func (j *judge) evaluate(tenants *collectors.Tenants, i slo.Instance) slo.Evaluation {
	tenant, _ := tenants.ByName(i.Tenant())
	return j.judge.Evaluate(j.read(i, tenant.Tier))
}

// promised says whether a promise is made about an instance: its tenant is there and no copy, or
// its target is configured.
func (o *objectives) promised(tenants *collectors.Tenants, i slo.Instance) bool {
	if name := i.Tenant(); name != "" {
		tenant, there := tenants.ByName(name)
		return there && !tenant.Staging
	}
	target := i.Get("target")
	return target == "" || o.targets[target]
}

// forgotten says that an instance has been silent for the whole of its policy's longest window.
func forgotten(o *slo.Objective, e *slo.Evaluation) bool {
	windows := o.Policy.Windows()
	if len(windows) == 0 {
		return e.Period.Measured == 0
	}
	longest := slices.Max(windows)
	return !slices.ContainsFunc(e.Burn, func(b slo.Burn) bool { return b.Window == longest && b.Tally.Measured > 0 })
}

// say logs what the ledger could not do when it begins, changes and ends. Nothing is lost
// meanwhile: the ledger keeps what it could not write and writes it with the next minute.
func (o *objectives) say(err error) {
	switch {
	case err == nil && o.problem != "":
		o.logger.Info("the ledger is written again")
		o.problem = ""
	case err != nil && o.problem != kind(err):
		o.logger.Error("the ledger cannot be written; minutes are kept in memory until it can", "error", err)
		o.problem = kind(err)
	}
}

// kind is an error without the numbers that change from one time to the next.
func kind(err error) string {
	for {
		switch wraps := err.(type) { //nolint:errorlint // it is taken apart, not compared
		case interface{ Unwrap() error }:
			if wraps.Unwrap() == nil {
				return err.Error()
			}
			err = wraps.Unwrap()
		case interface{ Unwrap() []error }:
			err = wraps.Unwrap()[0]
		default:
			return err.Error()
		}
	}
}

// forget lets the instances go that only vanished visits fed, and takes what was judged of
// vanished tenants from the page at once.
func (o *objectives) forget(gone []collectors.Key) {
	if len(gone) == 0 {
		return
	}
	for _, key := range gone {
		o.indicators.Forget(key.String())
	}
	tenants := o.tenants.Current()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.judged = slices.DeleteFunc(slices.Clone(o.judged), func(e slo.Evaluation) bool { return !o.promised(tenants, e.Instance) })
	o.publish(time.Now())
}

func (o *objectives) evaluated() ([]slo.Objective, []slo.Evaluation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all, o.judged
}
