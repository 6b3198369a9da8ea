package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/slo"
)

// Variant is a promise as it could have been: an objective of which anything but
// its name, its grouping and what it measures may differ from the recorded one.
type Variant struct {
	// Name tells variants of an objective apart.
	Name      string
	Objective slo.Objective
}

// Options say what is replayed.
type Options struct {
	// Variants are compared in this order; that of the recorded objective first
	// makes the others easy to read.
	Variants []Variant
	// Tier is the tier of an instance's tenant, which chooses its target; nil is
	// no tier for all.
	Tier func(slo.Instance) string
	// Exclusions are laid over the history, which is that of the raw minutes.
	Exclusions []slo.Exclusion
	// From and To bound what is judged, whole minutes; zero is the beginning and
	// the end of the history. History before From fills the windows.
	From, To time.Time
	// Every is how often is judged, a minute by default and five at most: whoever
	// looks less often cannot say whether an alert held in between.
	Every time.Duration
	// Progress hears how many of all instances are done, each of them once per
	// variant. It is called from several goroutines; nil is nobody.
	Progress func(done, all int)
}

const maxEvery = 5 * time.Minute

// ready fills in defaults and says what is wrong with the options for a history.
func (o Options) ready(h *History) (Options, error) {
	if h.length == 0 {
		return o, errEmpty
	}
	o.Every = cmp.Or(o.Every, time.Minute)
	if o.From.IsZero() || o.From.Before(h.From()) {
		o.From = h.From()
	}
	if o.To.IsZero() || o.To.After(h.To()) {
		o.To = h.To()
	}
	if o.Tier == nil {
		o.Tier = func(slo.Instance) string { return "" }
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	return o, o.validate(h)
}

func (o Options) validate(h *History) error {
	var errs []error
	if len(o.Variants) == 0 {
		errs = append(errs, errors.New("simulate: Variants is empty: name at least one"))
	}
	for i, v := range o.Variants {
		same := func(other Variant) bool { return other.Name == v.Name && other.Objective.Name == v.Objective.Name }
		if v.Name == "" || slices.ContainsFunc(o.Variants[:i], same) {
			errs = append(errs, fmt.Errorf("simulate: Variants[%d]: %q is not a name of its own", i, v.Name))
		}
		if err := v.check(h); err != nil {
			errs = append(errs, fmt.Errorf("variant %q: %w", v.Name, err))
		}
	}
	if o.Every < time.Minute || o.Every > maxEvery || o.Every%time.Minute != 0 {
		errs = append(errs, fmt.Errorf("simulate: Every is %s and must be whole minutes, %s at most", o.Every, slo.FormatDuration(maxEvery)))
	}
	for name, t := range map[string]time.Time{"From": o.From, "To": o.To} {
		if !t.Equal(slo.Minute(t)) {
			errs = append(errs, fmt.Errorf("simulate: %s is %s and must be a whole minute", name, t.Format(time.RFC3339Nano)))
		}
	}
	if !o.From.Before(o.To) {
		errs = append(errs, fmt.Errorf("simulate: nothing lies between From, %s, and To, %s; the history is from %s to %s",
			stamp(o.From), stamp(o.To), stamp(h.From()), stamp(h.To())))
	}
	return errors.Join(errs...)
}

// check says what keeps a variant from being replayed.
func (v *Variant) check(h *History) error {
	o := &v.Objective
	if len(h.Instances(o.Name)) == 0 {
		return fmt.Errorf("the history holds nothing of objective %q", o.Name)
	}
	for _, p := range o.Targets.All() {
		if p.Target <= 0 || p.Target >= slo.One {
			return fmt.Errorf("a target of %s cannot be promised", p.Target)
		}
		if err := o.Policy.Check(p.Target, o.Window.Nominal()); err != nil {
			return err
		}
	}
	if longest := slices.Max(o.BurnWindows()); longest > maxLength {
		return fmt.Errorf("a window of %s is longer than any history", slo.FormatDuration(longest))
	}
	return nil
}

// Run replays a history through all variants. It uses all processors and stops
// early with ctx's error.
func Run(ctx context.Context, h *History, opts Options) (*Result, error) {
	opts, err := opts.ready(h)
	if err != nil {
		return nil, err
	}
	r := newRun(h, opts)
	var next atomic.Int64
	workers := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	for range min(runtime.GOMAXPROCS(0), len(r.series)) {
		workers.Go(func(ctx context.Context) error {
			w := worker{run: r}
			for k := int(next.Add(1)) - 1; k < len(r.series); k = int(next.Add(1)) - 1 {
				if err := w.replay(ctx, k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, fmt.Errorf("replay history: %w", err)
	}
	return r.result(), nil
}

// run is a replay under way: what all workers share and do not change, and a
// place for each outcome.
type run struct {
	history  *History
	opts     Options
	from, to int64 // indexes of what is judged
	every    int64 // minutes
	judges   []*slo.Judge
	series   []*series
	excluded [][]slo.Span // of each exclusion
	// outcomes are by variant and series; Instance is zero where the variant is
	// not about it.
	outcomes [][]InstanceOutcome
	done     atomic.Int64
	all      int
}

func newRun(h *History, opts Options) *run {
	r := &run{
		history: h, opts: opts, every: int64(opts.Every / time.Minute),
		from: h.index(opts.From), to: h.index(opts.To),
	}
	for i := range h.series {
		s := &h.series[i]
		about := func(v Variant) bool { return v.Objective.Name == s.instance.Objective }
		if slices.ContainsFunc(opts.Variants, about) {
			r.series = append(r.series, s)
		}
	}
	slices.SortFunc(r.series, func(a, b *series) int { return a.instance.Compare(b.instance) })
	for i := range opts.Variants {
		o := &opts.Variants[i].Objective
		r.judges = append(r.judges, slo.NewJudge(o))
		r.outcomes = append(r.outcomes, make([]InstanceOutcome, len(r.series)))
		r.all += len(h.Instances(o.Name))
	}
	for i := range opts.Exclusions {
		r.excluded = append(r.excluded, opts.Exclusions[i].Spans(h.From(), h.To()))
	}
	return r
}

// treatments are how an instance's minutes count, nil where all do.
func (r *run) treatments(i slo.Instance, tier string) []treatment {
	var all []treatment
	for k := range r.opts.Exclusions {
		x := &r.opts.Exclusions[k]
		if !x.Scope.Applies(i, tier) {
			continue
		}
		as := removed
		if x.Mode == slo.AsGood {
			as = asGood
		}
		for _, s := range r.excluded[k] {
			if all == nil {
				all = make([]treatment, r.history.length)
			}
			for m := r.history.index(s.From); m < r.history.index(s.To); m++ {
				all[m] = max(all[m], as)
			}
		}
	}
	return all
}
