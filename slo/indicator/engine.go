package indicator

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wardround/wardround/slo"
)

// Options bound an Engine.
type Options struct {
	// Source is whose objectives are counted: "" counts those that are measured
	// by Wardround's own rounds, a name those that read the Prometheus-compatible
	// API of that name. Objectives of other sources are ignored.
	Source string
	// MaxInstances is how many instances may exist at once. Samples of further
	// ones are ignored, take no memory and are counted in Stats.OverLimit;
	// Problems names their objectives.
	MaxInstances int
	// MaxSeries is how many series of one metric are followed, in the same way.
	MaxSeries int
	// Expiry is how long a series may be unseen and still be the same one.
	// What a counter did in a longer gap cannot be put into one minute, so it
	// begins anew. A series that its source has not shown for so long, while
	// it showed others, is gone; a source that is silent altogether keeps its
	// instances, which have no data, until it is forgotten.
	Expiry time.Duration
	// Lookback is how long a sample covers the minutes after it, for sources that
	// cannot say when they Rest: twice the interval of a scrape that jitters. 0
	// covers none but the sample's own minute.
	Lookback time.Duration
}

// DefaultOptions are Wardround's own rounds, 50,000 instances, 250,000 series of
// each metric, and an hour.
func DefaultOptions() Options {
	return Options{MaxInstances: 50_000, MaxSeries: 250_000, Expiry: time.Hour}
}

func (o Options) validate() error {
	if o.MaxInstances <= 0 {
		return errors.New("indicator: MaxInstances must be above 0")
	}
	if o.MaxSeries <= 0 {
		return errors.New("indicator: MaxSeries must be above 0")
	}
	if o.Expiry < time.Minute {
		return errors.New("indicator: Expiry must be a minute at least")
	}
	if o.Lookback < 0 || o.Lookback > o.Expiry {
		return errors.New("indicator: Lookback must be between 0 and Expiry")
	}
	return nil
}

// Engine counts. It is safe for concurrent use and has no clock: all times are
// its caller's, who may as well replay the past, minute after minute.
type Engine struct {
	opts   Options
	rounds sync.RWMutex // held for reading by the rounds under way

	mu         sync.Mutex
	objectives map[string]*tracked
	order      []*tracked // by name
	metrics    map[string]*metric
	families   map[string]bool
	sources    map[string]*source
	lastSource uint32
	generation uint32
	instances  int
	stats      Stats
	began      int64 // the first sample's time, in nanoseconds as all such
	latest     int64 // the latest time that was heard of

	// Scratch, so that looking a series up allocates nothing.
	key   []byte
	feeds []feed
}

// metric is one wanted metric: who wants it and the series seen.
type metric struct {
	name    string
	inputs  []*input
	series  map[string]*series
	since   int64           // counters that began before may have been counted, or were not watched
	bounds  map[string]bool // of its buckets so far: whether an input reads them
	buckets bool            // an input reads it as the buckets of a histogram
	others  bool            // an input reads it as something else
	over    recent          // series were refused
}

// New makes an Engine for objectives. It fails where CheckAll does.
func New(objectives []slo.Objective, opts Options) (*Engine, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	e := &Engine{opts: opts, sources: map[string]*source{}}
	return e, e.Update(objectives)
}

// Update replaces the objectives, which slo.Link has joined. Those that still
// measure the same for the same groups keep their counts; on an error nothing
// has changed.
func (e *Engine) Update(objectives []slo.Objective) error {
	if err := CheckAll(objectives); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := map[string]*tracked{}
	metrics := map[string]*metric{}
	families := map[string]bool{}
	for _, o := range of(e.opts.Source, objectives) {
		t := e.objectives[o.Name].or(o)
		kept[o.Name] = t
		all, err := inputs(t)
		if err != nil {
			return err
		}
		for _, in := range all {
			m := metrics[in.metric]
			if m == nil {
				m = e.metric(in.metric)
				metrics[in.metric] = m
			}
			m.inputs = append(m.inputs, in)
			m.buckets = m.buckets || in.role == bucket
			m.others = m.others || in.role != bucket
			families[in.metric], families[family(in.metric)] = true, true
		}
	}
	e.objectives, e.metrics, e.families = kept, metrics, families
	e.adopt(objectives)
	return nil
}

// metric is made anew, with the series that it had.
func (e *Engine) metric(name string) *metric {
	m := &metric{name: name, series: map[string]*series{}, since: e.latest, bounds: map[string]bool{}}
	if old := e.metrics[name]; old != nil {
		m.series, m.since = old.series, old.since
	}
	return m
}

// adopt gives unchanged objectives their new settings and composites their
// members.
func (e *Engine) adopt(objectives []slo.Objective) {
	e.generation++
	e.instances = 0
	e.order = e.order[:0]
	for _, o := range objectives {
		if t := e.objectives[o.Name]; t != nil {
			t.adopt(o, e.objectives)
			e.order = append(e.order, t)
			e.instances += len(t.instances)
		}
	}
	slices.SortFunc(e.order, byName)
}

// Wants says whether any objective reads a metric or a family of this name.
func (e *Engine) Wants(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.families[name]
}

// Instances are those that exist now, sorted.
func (e *Engine) Instances() []slo.Instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]slo.Instance, 0, e.instances)
	for _, t := range e.order {
		for _, i := range t.inOrder() {
			all = append(all, i.id)
		}
	}
	return all
}

// CheckAll says what is wrong with objectives together: what Check says of each,
// names that stand twice, and composites whose members an Engine cannot bring
// together.
func CheckAll(objectives []slo.Objective) error {
	var errs []error
	byName := make(map[string]*slo.Objective, len(objectives))
	for i := range objectives {
		o := &objectives[i]
		if byName[o.Name] != nil {
			errs = append(errs, fmt.Errorf("%s: objective %q stands twice", o.Position, o.Name))
		}
		byName[o.Name] = o
		errs = append(errs, Check(o))
	}
	for i := range objectives {
		if c := objectives[i].Indicator.Composite; c != nil {
			errs = append(errs, checkMembers(c, byName))
		}
	}
	return errors.Join(errs...)
}
