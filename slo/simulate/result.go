package simulate

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// Number is a figure that need not be known: NaN, which is null in JSON and empty
// in CSV.
type Number float64

// MarshalJSON writes null for what is not known.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// raise makes the number the larger of itself and another; what is not known is
// less than anything.
func (n *Number) raise(other float64) {
	if cmp.Compare(other, float64(*n)) > 0 {
		*n = Number(other)
	}
}

// Seconds is a length of time.
type Seconds int64

func seconds(d time.Duration) Seconds { return Seconds(d / time.Second) }

// String is the length as 3d4h.
func (s Seconds) String() string { return slo.FormatDuration(time.Duration(s) * time.Second) }

// Result is what a replay showed.
type Result struct {
	// HistoryFrom is where the history begins. A window that reaches further back
	// holds what there is of it.
	HistoryFrom time.Time `json:"history_from"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	// Every is the time between two looks.
	Every Seconds `json:"every_seconds"`
	// Unwatched is how much of the time nobody looked.
	Unwatched Seconds   `json:"unwatched_seconds"`
	Variants  []Outcome `json:"variants"`
}

// Outcome is how one variant would have gone.
type Outcome struct {
	Variant   string `json:"variant"`
	Objective string `json:"objective"`
	// Targets are the default one and those of tiers and tenants in one line.
	Targets     string     `json:"targets"`
	Window      string     `json:"window"`
	Policy      string     `json:"policy"`
	NoData      slo.NoData `json:"no_data"`
	MinCoverage slo.Ratio  `json:"min_coverage"`

	// Pages, Tickets and Infos are how many alerts fired, of all names.
	Pages   int `json:"pages"`
	Tickets int `json:"tickets"`
	Infos   int `json:"infos"`
	// Incidents are stretches in which at least one page of an instance stood:
	// how often somebody is woken where faster pages silence slower ones.
	Incidents int `json:"incidents"`
	// Ended is how many instances ran out of budget at some time.
	Ended int `json:"budgets_ended"`
	// Exhausted and Judged are sums over all instances.
	Exhausted Seconds `json:"exhausted_seconds"`
	Judged    Seconds `json:"judged_seconds"`
	// Statuses are shares of Judged.
	Statuses map[slo.Status]Number `json:"status_ratios"`

	// Alerts are in the order in which they started.
	Alerts []Alert `json:"alerts"`
	// Instances are all of the objective, worst first.
	Instances []InstanceOutcome `json:"instances"`
}

// Alert is one that fired.
type Alert struct {
	Instance slo.Instance `json:"instance"`
	// Name is the alert's: ErrorBudgetBurn and so on.
	Name     string       `json:"alert"`
	Severity slo.Severity `json:"severity"`
	// LongWindow is that of a burn-rate pair, "" for other alerts.
	LongWindow string    `json:"long_window,omitempty"`
	Started    time.Time `json:"started"`
	// Resolved is zero where it still stood at the end.
	Resolved time.Time `json:"resolved,omitzero"`
	// Frozen is how much of the time too little was measured to resolve it.
	Frozen Seconds `json:"frozen_seconds"`
	// PeakBurnRate is the highest of the long window, of burn-rate alerts alone.
	PeakBurnRate Number `json:"peak_burn_rate"`
	// PeakConsumedRatio is the highest share of the budget, 1 being all of it, of
	// alerts about exhausted budgets alone.
	PeakConsumedRatio Number `json:"peak_consumed_ratio"`
}

// InstanceOutcome is how one instance would have gone.
type InstanceOutcome struct {
	Instance slo.Instance `json:"instance"`
	Tier     string       `json:"tier,omitempty"`
	Target   slo.Ratio    `json:"target"`
	// Judged is how long it was there and watched.
	Judged Seconds `json:"judged_seconds"`
	Pages  int     `json:"pages"`
	// Incidents are as in Outcome.
	Incidents int `json:"incidents"`
	// EndedAt is when the budget was first exhausted, zero if it never was.
	EndedAt   time.Time `json:"budget_ended_at,omitzero"`
	Exhausted Seconds   `json:"exhausted_seconds"`
	// Status and all below are those of the last look. The budget is that of the
	// events in the window so far.
	Status        slo.Status `json:"status"`
	ConsumedRatio Number     `json:"budget_consumed_ratio"`
	CoverageRatio Number     `json:"coverage_ratio"`
	Good          uint64     `json:"good_events"`
	Bad           uint64     `json:"bad_events"`
	// Periods are those of a calendar window, in their order.
	Periods []Period `json:"periods,omitempty"`

	ticks  [5]int64 // looks by status, in the order of slo.Statuses
	alerts []Alert
}

// Period is one of a calendar window and how it ended.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Through is the last look; before To where the replay ended within it, or
	// nobody watched its end.
	Through time.Time `json:"through"`
	// ConsumedRatio is of the budget of the events so far, ProratedRatio of that
	// of the whole period.
	ConsumedRatio Number `json:"budget_consumed_ratio"`
	ProratedRatio Number `json:"prorated_consumed_ratio"`
}

// result puts the outcomes of all instances together.
func (r *run) result() *Result {
	result := &Result{
		HistoryFrom: r.history.From(), From: r.opts.From.UTC(), To: r.opts.To.UTC(), Every: seconds(r.opts.Every),
		Unwatched: Seconds(60 * r.history.unwatched(r.from, r.to)),
	}
	for i, v := range r.opts.Variants {
		result.Variants = append(result.Variants, outcome(v, r.outcomes[i]))
	}
	return result
}

// outcome adds up the instances of one variant.
func outcome(v Variant, instances []InstanceOutcome) Outcome {
	o := Outcome{
		Variant: v.Name, Objective: v.Objective.Name, Targets: targets(v.Objective.Targets),
		Window: v.Objective.Window.String(), Policy: v.Objective.Policy.Name,
		NoData: v.Objective.NoData, MinCoverage: v.Objective.MinCoverage,
		Statuses: map[slo.Status]Number{}, Alerts: []Alert{},
	}
	ticks, all := [5]int64{}, int64(0)
	for _, i := range instances {
		if i.Instance == (slo.Instance{}) {
			continue // of another objective
		}
		for k, n := range i.ticks {
			ticks[k] += n
			all += n
		}
		o.add(i)
	}
	for k, status := range slo.Statuses() {
		o.Statuses[status] = Number(float64(ticks[k]) / float64(all))
	}
	slices.SortFunc(o.Instances, worst)
	slices.SortFunc(o.Alerts, func(a, b Alert) int {
		return cmp.Or(a.Started.Compare(b.Started), a.Instance.Compare(b.Instance),
			cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.LongWindow, b.LongWindow))
	})
	return o
}

// add counts one instance in.
func (o *Outcome) add(i InstanceOutcome) {
	for _, a := range i.alerts {
		switch a.Severity {
		case slo.Page:
			o.Pages++
		case slo.Ticket:
			o.Tickets++
		case slo.Info:
			o.Infos++
		}
	}
	if !i.EndedAt.IsZero() {
		o.Ended++
	}
	o.Incidents += i.Incidents
	o.Exhausted += i.Exhausted
	o.Judged += i.Judged
	o.Alerts = append(o.Alerts, i.alerts...)
	o.Instances = append(o.Instances, i)
}

func rank(a Alert) int { return slices.Index(slo.Severities(), a.Severity) }

// worst orders by how long there was no budget, then by how much of it was spent,
// then by pages.
func worst(a, b InstanceOutcome) int {
	return cmp.Or(
		cmp.Compare(b.Exhausted, a.Exhausted),
		cmp.Compare(b.ConsumedRatio, a.ConsumedRatio), // not known is last
		cmp.Compare(b.Pages, a.Pages),
		a.Instance.Compare(b.Instance),
	)
}

// targets are "99.9%", or "99.9%, dedicated 99.95%, tenant north 99.99%".
func targets(t slo.Targets) string {
	all := []string{t.Default.String()}
	for _, tier := range slices.Sorted(maps.Keys(t.ByTier)) {
		all = append(all, tier+" "+t.ByTier[tier].String())
	}
	for _, tenant := range slices.Sorted(maps.Keys(t.ByTenant)) {
		all = append(all, "tenant "+tenant+" "+t.ByTenant[tenant].String())
	}
	return strings.Join(all, ", ")
}
