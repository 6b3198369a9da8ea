package indicator

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/wardround/wardround/slo"
)

// Labels are the labels of one series.
type Labels interface {
	// Get is a label's value, "" where it is absent.
	Get(label string) string
	// Block is all labels in one string, always the same for the same series:
	// it tells the series of one metric and source apart.
	Block() string
}

// Options bound an Engine.
type Options struct {
	// MaxInstances is how many instances may exist at once; samples of further
	// ones are counted in Stats.OverLimit and else ignored.
	MaxInstances int
	// Expiry is how long a series may be unseen and still be the same one.
	// What a counter did in a longer gap cannot be put into one minute, so it
	// begins anew. A series that its source has not shown for so long, while
	// it showed others, is gone; a source that is silent altogether keeps its
	// instances, which have no data, until it is forgotten.
	Expiry time.Duration
}

// DefaultOptions are 50,000 instances and an hour.
func DefaultOptions() Options { return Options{MaxInstances: 50_000, Expiry: time.Hour} }

func (o Options) validate() error {
	if o.MaxInstances <= 0 {
		return errors.New("indicator: MaxInstances must be above 0")
	}
	if o.Expiry < time.Minute {
		return errors.New("indicator: Expiry must be a minute at least")
	}
	return nil
}

// Stats are what an Engine holds and what it could not use, since it was made.
type Stats struct {
	Series    int
	Instances int
	// Refused samples were no whole, finite, positive counts or not numbers.
	Refused uint64
	// Unattributed samples lack a label that their objective groups by.
	Unattributed uint64
	// OverLimit samples belong to instances beyond Options.MaxInstances.
	OverLimit uint64
}

// Engine counts. It is safe for concurrent use.
type Engine struct {
	opts Options

	mu         sync.Mutex
	objectives map[string]*tracked
	metrics    map[string]*metric
	families   map[string]bool
	sources    map[string]*source
	generation int
	instances  int
	stats      Stats
	key        []byte // scratch, so that looking a series up allocates nothing
}

// metric is one wanted metric: who wants it and the series seen.
type metric struct {
	inputs []*input
	series map[string]*series
}

// source is where samples come from.
type source struct {
	name  string
	seen  time.Time
	round time.Time // of its last round, for which it rests
	rests time.Time // until then it need not be seen: its next round is not due
}

// series is one raw series of one source.
type series struct {
	source     *source
	generation int // of the feeds; an older one means objectives have changed
	feeds      []feed
	last       uint64 // of a counter
	counted    bool   // last is set
	seen       time.Time
}

// feed is one instance that a series counts for.
type feed struct {
	to   *instance
	role role
}

// New makes an Engine for objectives. It fails where Check does.
func New(objectives []slo.Objective, opts Options) (*Engine, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	e := &Engine{opts: opts, sources: map[string]*source{}}
	return e, e.Update(objectives)
}

// Update replaces the objectives. Those that still measure the same for the
// same groups keep their counts; on an error nothing has changed.
func (e *Engine) Update(objectives []slo.Objective) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := make(map[string]*tracked, len(objectives))
	metrics := map[string]*metric{}
	families := map[string]bool{}
	var errs []error
	for _, o := range objectives {
		t := e.objectives[o.Name].or(o)
		all, err := inputs(t)
		errs = append(errs, err)
		if kept[o.Name] != nil {
			errs = append(errs, fmt.Errorf("%s: objective %q stands twice", o.Position, o.Name))
		}
		kept[o.Name] = t
		for _, in := range all {
			if in == nil {
				continue
			}
			m := metrics[in.metric]
			if m == nil {
				m = &metric{series: map[string]*series{}}
				metrics[in.metric] = m
			}
			m.inputs = append(m.inputs, in)
			families[in.metric], families[family(in.metric)] = true, true
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	e.adopt(objectives, kept, metrics)
	e.objectives, e.metrics, e.families = kept, metrics, families
	return nil
}

// adopt carries series over and gives unchanged objectives their new settings.
func (e *Engine) adopt(objectives []slo.Objective, kept map[string]*tracked, metrics map[string]*metric) {
	for name, m := range metrics {
		if old := e.metrics[name]; old != nil {
			m.series = old.series
		}
	}
	e.generation++
	e.instances = 0
	for _, o := range objectives {
		t := kept[o.Name]
		t.objective = o
		e.instances += len(t.instances)
	}
}

// Wants says whether any objective reads a metric or a family of this name.
func (e *Engine) Wants(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.families[name]
}

// Observe counts one sample of a source, such as a collector's target. All
// samples of one round carry the same source and time. The time is that of
// looking, not of the visit that the sample stems from: ages grow by the clock.
func (e *Engine) Observe(at time.Time, source, name string, labels Labels, value float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.metrics[name]
	if m == nil {
		return
	}
	if math.IsNaN(value) {
		e.stats.Refused++
		return
	}
	s := e.find(m, source, labels)
	if at.Sub(s.seen) > e.opts.Expiry && at.Sub(s.source.rests) > e.opts.Expiry {
		s.counted = false
	}
	s.seen, s.source.seen = at, at
	var delta uint64
	var known, asked bool
	for _, f := range s.feeds {
		if f.role == gauge {
			f.to.judge(source, at, f.to.of.objective.Indicator.Threshold.Good(value, at))
			continue
		}
		if !asked {
			delta, known = e.delta(s, value)
			asked = true
		}
		if known {
			f.to.count(f.role, delta)
		}
	}
}

// Rest says that a source has told all that it was to tell, in its round of the
// given time, until its next round is due: minutes until then were watched, and
// what they hold no events of did not happen. A source that is asked once in
// many hours covers these hours, one that misses its round stops covering, and
// a series that was not in the round is not covered.
func (e *Engine) Rest(source string, round, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.sources[source]; s != nil {
		s.round, s.rests = round, until
	}
}

// exactFloat is where floats stop holding every whole number.
const exactFloat = 1 << 53

// delta is what a counter grew by since it was last seen; known is false at
// first sight.
func (e *Engine) delta(s *series, value float64) (grown uint64, known bool) {
	if !(value >= 0 && value <= exactFloat) {
		e.stats.Refused++
		return 0, false
	}
	now := uint64(value)
	last, counted := s.last, s.counted
	s.last, s.counted = now, true
	if now < last {
		return now, counted
	}
	return now - last, counted
}

// find is the series of a source, known to the instances that it feeds.
func (e *Engine) find(m *metric, source string, labels Labels) *series {
	e.key = append(append(append(e.key[:0], source...), 0), labels.Block()...)
	s := m.series[string(e.key)]
	if s == nil {
		s = &series{source: e.source(source)}
		m.series[string(e.key)] = s
	}
	if s.generation == e.generation {
		return s
	}
	s.generation = e.generation
	s.feeds = s.feeds[:0]
	for _, in := range m.inputs {
		if !in.matches(labels) {
			continue
		}
		to, ok := e.instance(in.of, labels)
		if !ok {
			s.generation-- // asked again at its next sample
			continue
		}
		s.feeds = append(s.feeds, feed{to, in.role})
	}
	return s
}

func (e *Engine) source(name string) *source {
	if e.sources[name] == nil {
		e.sources[name] = &source{name: name}
	}
	return e.sources[name]
}

// Forget drops all series of a source that is gone, such as a removed target,
// and the instances that nothing feeds any more.
func (e *Engine) Forget(source string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop(func(s *series) bool { return s.source.name == source })
	delete(e.sources, source)
}

// drop removes series, then instances that no other one feeds.
func (e *Engine) drop(gone func(*series) bool) {
	for _, m := range e.metrics {
		for key, s := range m.series {
			if gone(s) {
				delete(m.series, key)
				continue
			}
			for _, f := range s.feeds {
				f.to.fed = true
			}
		}
	}
	for _, t := range e.objectives {
		e.instances -= t.prune()
	}
}

// Drain ends a minute: it answers what each instance that was seen, or whose
// sources rest, did since the last Drain, sorted by instance, and drops series
// that are gone.
func (e *Engine) Drain(minute time.Time) []slo.Delta {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch(minute)
	deltas := make([]slo.Delta, 0, e.instances)
	for _, name := range sorted(e.objectives) {
		deltas = e.objectives[name].drain(deltas)
	}
	alive := minute.Add(-e.opts.Expiry)
	e.drop(func(s *series) bool { return s.seen.Before(alive) && !s.source.seen.Before(alive) })
	return deltas
}

// watch marks the instances of which a source rests.
func (e *Engine) watch(minute time.Time) {
	for _, m := range e.metrics {
		for _, s := range m.series {
			if s.source.rests.Before(minute) || !s.seen.Equal(s.source.round) {
				continue
			}
			for _, f := range s.feeds {
				f.to.measured = true
			}
		}
	}
}

// Instances are those that exist now, sorted.
func (e *Engine) Instances() []slo.Instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]slo.Instance, 0, e.instances)
	for _, name := range sorted(e.objectives) {
		for _, i := range e.objectives[name].inOrder() {
			all = append(all, i.id)
		}
	}
	return all
}

// Stats are the Engine's numbers about itself.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Instances = e.instances
	for _, m := range e.metrics {
		s.Series += len(m.series)
	}
	return s
}
