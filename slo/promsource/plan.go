package promsource

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// plan is what is asked of a source for its objectives. It never changes; an
// update makes a new one, by which readers see that they have to begin anew.
type plan struct {
	objectives []slo.Objective // of all sources: composites look for their members
	names      []string        // of those that the source measures, sorted
	queries    []query
	labels     []string        // that an objective reads; others are dropped
	slices     []time.Duration // that thresholds judge by
}

func newPlan(source string, objectives []slo.Objective) (*plan, error) {
	p := &plan{objectives: objectives}
	keep := map[string]bool{}
	var errs []error
	for _, o := range objectives {
		if o.Indicator.Source != source {
			continue
		}
		needed, err := wanted(&o)
		errs = append(errs, err)
		p.names = append(p.names, o.Name)
		p.queries = append(p.queries, queriesFor(needed)...)
		if t := o.Indicator.Threshold; t != nil && t.Slice > 0 {
			p.slices = append(p.slices, t.Slice)
		}
		for _, name := range o.By {
			keep[name] = true
		}
		for _, m := range slices.Concat(needed...) {
			keep[m.Name] = true
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("plan queries to source %s: %w", source, err)
	}
	for _, o := range objectives {
		if c := o.Indicator.Composite; c != nil && len(c.Of) > 0 && slices.Contains(p.names, c.Of[0].Objective) {
			p.names = append(p.names, o.Name) // it goes where its members go
		}
	}
	slices.Sort(p.names)
	delete(keep, model.MetricNameLabel)
	p.labels = slices.Sorted(maps.Keys(keep))
	p.queries = withoutParts(p.queries)
	return p, nil
}

// begins is from when samples have to be read so that the minute from comes out
// as if all before had been read: no series is remembered for longer than gap,
// nor any verdict for longer than its slice.
func (p *plan) begins(from time.Time, gap time.Duration) time.Time {
	begin := slo.Minute(from.Add(-gap)).Add(-time.Minute)
	for _, length := range p.slices {
		begin = earlier(begin, from.Add(-time.Duration(from.UnixNano()%int64(length))))
	}
	return begin
}

// query asks for the series of some metrics that have some labels.
type query struct {
	metrics  []string // sorted
	matchers []*labels.Matcher
}

// counts are what an engine would count for the plan, one line for each of its
// objectives, sorted. Two plans with the same lines give the same minutes.
func (p *plan) counts() []string {
	var all []string
	for _, o := range p.objectives {
		if _, ours := slices.BinarySearch(p.names, o.Name); ours {
			all = append(all, fmt.Sprintf("%s: %s by %q, without data %s", o.Name, o.Indicator, o.By, o.NoData))
		}
	}
	slices.Sort(all)
	return all
}

// queriesFor asks for the series of one indicator: in one query where its
// selectors have something in common.
func queriesFor(selectors [][]*labels.Matcher) []query {
	var all []query
next:
	for _, matchers := range selectors {
		q := newQuery(matchers)
		for i := range all {
			if both, ok := all[i].union(q); ok {
				all[i] = both
				continue next
			}
		}
		all = append(all, q)
	}
	return all
}

func newQuery(matchers []*labels.Matcher) query {
	var q query
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			q.metrics = []string{m.Value}
		} else {
			q.matchers = append(q.matchers, m)
		}
	}
	return q
}

// union asks for both at once by what both ask of the labels. ok is false where
// that is nothing, although one of them asks for something: it would bring
// series without number that nobody wants.
func (q query) union(other query) (both query, ok bool) {
	both.metrics = slices.Concat(q.metrics, other.metrics)
	slices.Sort(both.metrics)
	both.metrics = slices.Compact(both.metrics)
	for _, m := range q.matchers {
		if other.has(m) {
			both.matchers = append(both.matchers, m)
		}
	}
	if len(both.matchers) > 0 {
		return both, true
	}
	sameMetric := slices.Equal(q.metrics, other.metrics)
	anyLabels, bothAny := len(q.matchers)*len(other.matchers) == 0, len(q.matchers)+len(other.matchers) == 0
	return both, bothAny || sameMetric && anyLabels
}

func (q query) has(m *labels.Matcher) bool {
	return slices.ContainsFunc(q.matchers, func(mine *labels.Matcher) bool { return mine.String() == m.String() })
}

// holds says whether all that other asks for comes with q.
func (q query) holds(other query) bool {
	for _, name := range other.metrics {
		if !slices.Contains(q.metrics, name) {
			return false
		}
	}
	return !slices.ContainsFunc(q.matchers, func(m *labels.Matcher) bool { return !other.has(m) })
}

// withoutParts drops queries that another one holds.
func withoutParts(all []query) []query {
	var kept []query
	for i, q := range all {
		part := slices.ContainsFunc(kept, func(k query) bool { return k.holds(q) }) ||
			slices.ContainsFunc(all[i+1:], func(later query) bool { return later.holds(q) && !q.holds(later) })
		if !part {
			kept = append(kept, q)
		}
	}
	return kept
}

// over is the query as PromQL for a stretch of time.
func (q query) over(stretch time.Duration) string {
	selector := &parser.VectorSelector{LabelMatchers: slices.Clone(q.matchers)}
	if len(q.metrics) == 1 {
		selector.Name = q.metrics[0]
	} else {
		quoted := make([]string, len(q.metrics))
		for i, name := range q.metrics {
			quoted[i] = regexp.QuoteMeta(name)
		}
		selector.LabelMatchers = append(selector.LabelMatchers,
			labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, strings.Join(quoted, "|")))
	}
	return (&parser.MatrixSelector{VectorSelector: selector, Range: stretch}).String()
}
