package scrape

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/common/config"
	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/webpage"
)

// Options are what a Scraper is given besides its Config.
type Options struct {
	Tenants  *collectors.Registry // required: only tenants that it knows are named
	Taken    collectors.Catalogue // what the daemon itself brings: such families are not taken over
	Previous *Scraper             // the target before its settings were changed: its counters go on
}

// Scraper is one target as a collectors.Collector.
type Scraper struct {
	config    Config
	tenants   *collectors.Registry
	client    *http.Client
	endpoints []*webpage.Page
	chosen    []*selection
	owners    []tenantRule
	declared  *declared

	visiting sync.Mutex // held during a visit: guards what follows
	memory   *memory
	closed   bool
}

// memory is what a target's visits count and remember.
type memory struct {
	skipped map[string]uint64
	sets    map[string]*derivation
	brings  map[string]map[string]bool // endpoint -> families that rule sets read, when it last answered
}

// atOnce is how many endpoints of one target are asked at the same time.
const atOnce = 4

// New prepares the visits to a target; it connects to nothing yet. The configuration must be
// valid; what cannot be read (certificates) is an error here, not at night.
func New(c Config, o Options) (*Scraper, error) {
	if o.Tenants == nil {
		return nil, errors.New("scrape: Tenants is required")
	}
	client, err := config.NewClientFromConfig(c.HTTP, "scrape")
	if err != nil {
		return nil, collectors.Invalid("http", "%v", err)
	}
	s := &Scraper{
		config: c, tenants: o.Tenants, client: client,
		declared: &declared{taken: o.Taken, limit: c.MaxFamilies, byName: map[string]*collectors.Metric{}},
		memory:   &memory{skipped: map[string]uint64{}, sets: map[string]*derivation{}, brings: map[string]map[string]bool{}},
	}
	if o.Previous != nil {
		o.Previous.visiting.Lock()
		defer o.Previous.visiting.Unlock()
		before := o.Previous.memory // which stays as it is, in case this target is not taken into use
		s.memory = &memory{maps.Clone(before.skipped), before.sets, maps.Clone(before.brings)}
	}
	return s, s.prepare()
}

func (s *Scraper) prepare() error {
	var err error
	if s.owners, err = newTenantRules(s.config.Tenants); err != nil {
		return err
	}
	for _, text := range s.config.URLs {
		e, err := webpage.New(text, s.client, time.Duration(s.config.Timeout), s.config.MaxBytes)
		if err != nil {
			return collectors.Invalid("urls", "%v", err)
		}
		s.endpoints = append(s.endpoints, e)
	}
	for _, f := range s.config.Families {
		chosen, err := newSelection(f)
		if err != nil {
			return err
		}
		s.chosen = append(s.chosen, chosen)
		for _, name := range f.Names {
			if !wild(name) && s.selects(name) == chosen {
				s.declared.expect(name, chosen)
			}
		}
	}
	sets := map[string]*derivation{}
	for _, name := range s.config.Rules {
		if sets[name] = s.memory.sets[name]; sets[name] == nil {
			sets[name] = newDerivation(ruleSets[name])
		}
	}
	s.memory.sets = sets
	return nil
}

// selects is the selection that chooses a family, nil where none does.
func (s *Scraper) selects(family string) *selection {
	for _, chosen := range s.chosen {
		if chosen.chooses(family) {
			return chosen
		}
	}
	return nil
}

func (s *Scraper) wants(family string) want {
	w := want{selection: s.selects(family)}
	for _, d := range s.memory.sets {
		w.feeds = append(w.feeds, d.set.feeds[family]...)
	}
	return w
}

// Name is the target label of the series.
func (s *Scraper) Name() string { return s.config.Name }

// Close ends what the client holds, after a visit under way; visits that follow fail.
func (s *Scraper) Close() {
	s.visiting.Lock()
	defer s.visiting.Unlock()
	s.closed = true
	s.client.CloseIdleConnections()
}

// Visit is the target's place in the rounds.
func (s *Scraper) Visit() collectors.Visit {
	turns := (len(s.endpoints) + atOnce - 1) / atOnce
	return collectors.Visit{
		Key:       collectors.Key{Collector: "scrape", Target: s.config.Name},
		Collector: s, Interval: time.Duration(s.config.Interval),
		Timeout: time.Duration(turns)*time.Duration(s.config.Timeout) + time.Second,
	}
}

// answer is what came of asking one endpoint.
type answer struct {
	page page
	size int
	took time.Duration
	err  error
}

// Collect asks every endpoint and writes what is wanted of their pages. It fails where none of
// them answers; one of several that does not is unavailable.
func (s *Scraper) Collect(ctx context.Context, b *collectors.Builder) error {
	s.visiting.Lock()
	defer s.visiting.Unlock()
	if s.closed {
		return errors.New("the target is no longer watched")
	}
	answers := s.ask(ctx, b.At())
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("scrape %s: %w", s.config.Name, err)
	}
	failed := s.report(b, answers)
	if len(failed) == len(answers) {
		return failed[0]
	}
	s.write(b, answers)
	return nil
}

func (s *Scraper) ask(ctx context.Context, now time.Time) []answer {
	answers := make([]answer, len(s.endpoints))
	work := pool.New().WithMaxGoroutines(atOnce)
	for i, e := range s.endpoints {
		work.Go(func() { answers[i] = s.askOne(ctx, e, now) })
	}
	work.Wait()
	return answers
}

func (s *Scraper) askOne(ctx context.Context, e *webpage.Page, now time.Time) answer {
	began := time.Now()
	body, contentType, err := e.Fetch(ctx)
	a := answer{size: len(body), took: time.Since(began), err: err}
	if err != nil {
		return a
	}
	a.page, err = read(body, contentType, now, s.config.MaxSeries, s.wants)
	if err != nil {
		a.err = fmt.Errorf("read %s: %w", e.Name, err)
	}
	return a
}

// report says how each endpoint is, and returns the failures.
func (s *Scraper) report(b *collectors.Builder, answers []answer) []error {
	var failed []error
	for i, a := range answers {
		name := s.endpoints[i].Name
		if a.err != nil {
			failed = append(failed, a.err)
			b.Set(metricUp, 0, name)
			continue
		}
		b.Set(metricUp, 1, name)
		b.Set(metricDuration, a.took.Seconds(), name)
		b.Set(metricBytes, float64(a.size), name)
		b.Set(metricRead, float64(a.page.series), name)
		s.memory.brings[name] = a.page.met
	}
	if len(failed) < len(answers) {
		for i, a := range answers {
			if a.err != nil {
				b.Unavailable(s.endpoints[i].Name, collectors.ReasonOf(a.err), a.err)
			}
		}
	}
	return failed
}

// write turns the pages into series.
func (s *Scraper) write(b *collectors.Builder, answers []answer) {
	owners := newAttribution(s.owners, s.tenants.Current())
	g := &gathering{scraper: s, owners: owners, skipped: map[string]int{}, cells: map[*collectors.Metric]map[string]*cell{}}
	inputs := map[*feed][]input{}
	for _, a := range answers {
		for _, sample := range a.page.samples {
			g.add(sample)
		}
		for f, more := range a.page.inputs {
			inputs[f] = append(inputs[f], more...)
		}
		for why, n := range a.page.skipped {
			g.skipped[why] += n
		}
	}
	b.Set(metricKept, float64(g.emit(b)))
	for why, n := range g.skipped {
		s.memory.skipped[why] += uint64(n)
		b.Notef("%d series were not served: %s", n, why)
	}
	for _, why := range skipReasons {
		b.Set(metricSkipped, float64(s.memory.skipped[why]), why)
	}
	for _, d := range s.memory.sets {
		d.derive(b, view{b.At(), inputs, owners, s.technical, s.lacking(answers)})
	}
}

// lacking says of which families an endpoint that did not answer may have said more.
func (s *Scraper) lacking(answers []answer) func(family string) bool {
	return func(family string) bool {
		for i, a := range answers {
			if a.err == nil {
				continue
			}
			if brings, known := s.memory.brings[s.endpoints[i].Name]; !known || brings[family] {
				return true
			}
		}
		return false
	}
}
