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
	totals  map[slo.Instance]slo.Counts // since this process began: the slo_*_total counters
	shown   map[collectors.Key]bool     // the Batches of slo_* series that stand in the store
	judged  []slo.Evaluation
	problem string // what the log said last about the ledger
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
	o.indicators.Rest(source, seen.Next)
}

// replace makes these the promises from now on; what still measures the same goes on counting.
func (o *objectives) replace(all []slo.Objective) error {
	if err := o.indicators.Update(all); err != nil {
		return err
	}
	if err := o.ledger.Watch(ledger.Windows(all)); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = all
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

	o.judged = o.judged[:0:0]
	var conditions []alert.Condition
	for _, e := range o.evaluations() {
		o.judged = append(o.judged, *e.evaluation)
		conditions = append(conditions, alert.Conditions(e.objective, e.evaluation)...)
	}
	o.publish(now)
	o.alerts.Evaluate(ctx, now, conditions)
	span.SetAttributes(attribute.Int("wardround.instances", len(o.judged)))
}

type judgement struct {
	objective  *slo.Objective
	evaluation *slo.Evaluation
}

// evaluations judges every instance that is being measured, and those of the record whose tenant
// or target is still there: that it fell silent must be seen.
func (o *objectives) evaluations() []judgement {
	judges := make(map[string]*judge, len(o.all))
	for i := range o.all {
		judges[o.all[i].Name] = &judge{&o.all[i], slo.NewJudge(&o.all[i]), o.ledger.Reader(&o.all[i])}
	}
	tenants := o.tenants.Current()
	var all []judgement
	for _, i := range o.instances(tenants) {
		if j := judges[i.Objective]; j != nil {
			tenant, _ := tenants.ByName(i.Tenant())
			e := j.judge.Evaluate(j.read(i, tenant.Tier))
			all = append(all, judgement{j.objective, &e})
		}
	}
	return all
}

// judge is an objective made ready for all its instances.
type judge struct {
	objective *slo.Objective
	judge     *slo.Judge
	read      ledger.Reader
}

// instances are those being measured and the recorded ones of tenants that are there, sorted.
func (o *objectives) instances(tenants *collectors.Tenants) []slo.Instance {
	all := o.indicators.Instances()
	measured := make(map[slo.Instance]bool, len(all))
	for _, i := range all {
		measured[i] = true
	}
	for i := range o.ledger.Instances() {
		tenant, there := tenants.ByName(i.Tenant())
		if there && !tenant.Staging && !measured[i] {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, slo.Instance.Compare)
	return all
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
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err.Error()
}

// forget lets the instances go that only a vanished visit fed.
func (o *objectives) forget(key collectors.Key) { o.indicators.Forget(key.String()) }

func (o *objectives) evaluated() ([]slo.Objective, []slo.Evaluation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all, o.judged
}
