package app

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
)

// The slo_* series: the contract on which rules, boards and whatever reads the fleet's
// Prometheus stand. Windows are labels. `by` holds what an objective groups by beyond tenant and
// target, as name=value pairs, and is absent where there is nothing beyond.
var (
	metricObjective = &collectors.Metric{
		Name: "slo_objective_info", Labels: []string{"objective", "question", "owner", "window"},
		Help: "A promise that is being watched, with the question that it answers", Source: "objectives",
	}
	metricTarget = &collectors.Metric{
		Name: "slo_target_ratio", Unit: "ratio", Labels: []string{"objective", "by"},
		Help: "Promised share of good events", Source: "objectives",
	}
	metricGood = &collectors.Metric{
		Name: "slo_good_total", Type: collectors.Counter, Labels: []string{"objective", "by"},
		Help: "Events that kept the promise, since this process began", Source: "indicators",
	}
	metricBad = &collectors.Metric{
		Name: "slo_bad_total", Type: collectors.Counter, Labels: []string{"objective", "by"},
		Help: "Events that broke the promise, since this process began", Source: "indicators",
	}
	metricBurn = &collectors.Metric{
		Name: "slo_burn_rate", Labels: []string{"objective", "by", "window"},
		Help: "Error ratio over the window as a multiple of what the budget allows: at 1 it lasts exactly for its period", Source: "ledger",
	}
	metricRemaining = &collectors.Metric{
		Name: "slo_error_budget_remaining_ratio", Unit: "ratio", Labels: []string{"objective", "by"},
		Help: "Share of the error budget that is left for the events so far; below 0 where it was overspent", Source: "ledger",
	}
	metricCoverage = &collectors.Metric{
		Name: "slo_coverage_ratio", Unit: "ratio", Labels: []string{"objective", "by"},
		Help: "Share of the minutes of the period that were measured", Source: "ledger",
	}
	metricStatus = &collectors.Metric{
		Name: "slo_status", Labels: []string{"objective", "by", "status"},
		Help: "Status of the promise: 1 for the one that holds; the others are absent", Source: "ledger",
	}
)

// sloMetrics is the catalogue of the slo_* series.
func sloMetrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricObjective, metricTarget, metricGood, metricBad, metricBurn, metricRemaining, metricCoverage, metricStatus,
	}
}

// publish puts the series of all judged instances into the store, a Batch for each objective and
// target ("" for those by tenant), and takes those away that are no longer judged.
func (o *objectives) publish(now time.Time) {
	builders := map[collectors.Key]*collectors.Builder{}
	builder := func(objective, target string) *collectors.Builder {
		key := collectors.Key{Collector: "slo:" + objective, Target: target}
		if builders[key] == nil {
			earlier, _ := o.store.Get(key)
			builders[key] = collectors.NewBuilder(key, now).After(earlier)
		}
		return builders[key]
	}
	for i := range o.all {
		obj := &o.all[i]
		builder(obj.Name, "").Set(metricObjective, 1, obj.Name, string(obj.Question), obj.Owner, obj.Window.String())
	}
	for i := range o.judged {
		j := &o.judged[i]
		o.series(builder(j.instance.Objective, j.target), j)
	}
	shown := make(map[collectors.Key]bool, len(builders))
	for _, b := range builders {
		o.store.Put(b.Batch())
		shown[b.Key()] = true
	}
	for key := range o.shown {
		if !shown[key] {
			o.store.Drop(key)
		}
	}
	o.shown = shown
}

func (o *objectives) series(b *collectors.Builder, j *judgement) {
	e, tenant, name, by := &j.evaluation, j.tenant, j.instance.Objective, j.by
	total := o.totals[j.instance]
	b.SetFor(tenant, metricTarget, e.Target.Float(), name, by)
	b.SetFor(tenant, metricGood, float64(total.Good), name, by)
	b.SetFor(tenant, metricBad, float64(total.Bad), name, by)
	b.SetFor(tenant, metricRemaining, e.Budget.Remaining, name, by)
	b.SetFor(tenant, metricCoverage, e.Coverage.Float(), name, by)
	for i, burn := range e.Burn {
		if burn.Covered && !math.IsNaN(burn.Rate) {
			b.SetFor(tenant, metricBurn, burn.Rate, name, by, j.promise.windows[i])
		}
	}
	b.SetFor(tenant, metricStatus, 1, name, by, string(e.Status))
}

// beyond writes the grouping labels other than tenant and target.
func beyond(i slo.Instance) string {
	var pairs []string
	for label, value := range i.Labels() {
		if label != "tenant" && label != "target" {
			pairs = append(pairs, label+"="+value)
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
