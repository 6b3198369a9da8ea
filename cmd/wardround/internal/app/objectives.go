package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
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
	evident    func(at time.Time, kind, who string, payload any) // puts on record
	owing      func(source string) bool                          // whether it has more to tell of the past
	unread     func() []indicator.Problem                        // what keeps sources from being read wholly
	began      time.Time

	mu      sync.Mutex // one evaluation at a time; guards what follows
	all     []slo.Objective
	targets map[string]bool             // that are configured
	grace   time.Duration               // for late data of a calendar period
	sources map[string]string           // of objectives that are not measured by our own rounds
	totals  map[slo.Instance]slo.Counts // since this process began: the slo_*_total counters
	shown   map[collectors.Key]bool     // the Batches of slo_* series that stand in the store
	roster  roster
	judged  []judgement           // at the last tick, in memory that the next one uses again
	shot    []slo.Evaluation      // the same for others to keep, made when first asked for
	loud    map[slo.Instance]bool // at the last tick; nil before the first
	problem string                // what the log said last about the ledger
	closing string                // and about closing periods
	unwell  []indicator.Problem   // what it said last about indicators
}

// observe hands a Batch, as of a time, to the indicators that want some of it.
func (o *objectives) observe(seen collectors.Observation) {
	if t, known := o.tenants.Current().ByName(seen.Batch.Key.Tenant); known && t.Staging {
		return // nothing is promised about a copy
	}
	source := seen.Batch.Key.String()
	defer o.indicators.Round()()
	var current collectors.Series // one for all, so that none is allocated
	seen.Batch.Each(o.indicators.Wants, func(s collectors.Series) {
		current = s
		o.indicators.Observe(seen.At, source, s.Name(), &current, s.Value())
	})
	if seen.Failed {
		o.indicators.Fail(source, seen.At, seen.Next)
		return
	}
	o.indicators.Rest(source, seen.At, seen.Next)
}

// replace makes these the promises from now on; what still measures the same goes on counting, the others begin a new history. On an error nothing has changed.
func (o *objectives) replace(c *config.Config) error {
	all := c.Objectives
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := indicator.CheckAll(all); err != nil {
		return err
	}
	back := func(err error) error {
		_, redefined := o.ledger.Define(o.all)
		return errors.Join(err, redefined, o.ledger.Watch(ledger.Windows(o.all)))
	}
	renewed, err := o.ledger.Define(all)
	if err != nil {
		return err
	}
	if err := o.ledger.Watch(ledger.Windows(all)); err != nil {
		return back(err)
	}
	if err := o.indicators.Update(all); err != nil {
		return back(err)
	}
	o.ledger.SetLags(lags(c))
	for _, name := range renewed {
		o.logger.Warn("the objective measures something else than before: its record begins anew, the earlier one is kept", "objective", name)
	}
	o.all, o.targets, o.grace, o.sources = all, targetNames(c), c.Ledger.Grace, measuredIn(all)
	return nil
}

// measuredIn are the sources of objectives by their names, "" left out. A composite is measured
// where its members are.
func measuredIn(objectives []slo.Objective) map[string]string {
	all := map[string]string{}
	for i := range objectives {
		if source := objectives[i].Indicator.Source; source != "" {
			all[objectives[i].Name] = source
		}
	}
	for i := range objectives {
		if c := objectives[i].Indicator.Composite; c != nil && all[c.Of[0].Objective] != "" {
			all[objectives[i].Name] = all[c.Of[0].Objective]
		}
	}
	return all
}

// lags are how late the minutes of objectives are on record that a source measures.
func lags(c *config.Config) map[string]time.Duration {
	bySource := make(map[string]time.Duration, len(c.Sources))
	for _, s := range c.Sources {
		bySource[s.Name] = s.Lag()
	}
	all := map[string]time.Duration{}
	for name, source := range measuredIn(c.Objectives) {
		all[name] = bySource[source]
	}
	return all
}

// except lays exclusions, and no others, over the record.
func (o *objectives) except(all []slo.Exclusion) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ledger.SetExclusions(all, o.tier)
}

// tier is that of an instance's tenant.
func (o *objectives) tier(i slo.Instance) string {
	tenant, _ := o.tenants.Current().ByName(i.Tenant())
	return tenant.Tier
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

// sayClosing does the same for periods that should be closed. They are tried again.
func (o *objectives) sayClosing(err error) {
	now := ""
	if err != nil {
		now = kind(err)
	}
	if err != nil && now != o.closing {
		o.logger.Error("a calendar period cannot be closed yet", "error", err)
	}
	o.closing = now
}

// sayProblems logs why an objective is not measured, or not wholly, when that begins or changes.
func (o *objectives) sayProblems() {
	now := o.indicators.Problems()
	if o.unread != nil {
		now = append(now, o.unread()...)
	}
	for name, n := range o.roster.strangers {
		now = append(now, indicator.Problem{Objective: name, Text: fmt.Sprintf("%d instances are of tenants that are not configured, and are not judged", n)})
	}
	for _, p := range now {
		if !slices.Contains(o.unwell, p) {
			o.logger.Warn("an objective is not measured as it should be", "objective", p.Objective, "problem", p.Text)
		}
	}
	o.unwell = now
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
	o.mu.Lock()
	defer o.mu.Unlock()
	o.judge()
	o.publish(time.Now())
}

// evaluated is what was judged last. The caller may keep it and must not change it.
func (o *objectives) evaluated() ([]slo.Objective, []slo.Evaluation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shot == nil {
		o.shot = copied(o.judged)
	}
	return o.all, o.shot
}
