package scrape

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/wardround/wardround/collectors"
)

// input is one series that rules read.
type input struct {
	labels labels.Labels
	value  float64
}

// view is what one visit shows to the rule sets.
type view struct {
	at        time.Time
	inputs    map[*feed][]input
	owners    *attribution
	technical func(label string) bool
	lacking   func(family string) bool // an endpoint that did not answer may have said more of it
}

// derivation is what one rule set remembers of a target between visits. It belongs to the one
// visit under way.
type derivation struct {
	set      *ruleSet
	counters map[*term]map[uint64]reading       // of the series that are counters, by their labels
	counted  map[*collectors.Metric]groupValues // our own counters
	since    map[string]time.Time               // since when what is no finding yet, or is one, has been so
}

// reading is a counter's value when it was last seen.
type reading struct {
	value float64
	at    time.Time
}

// forgotten is how long a counter may be away before it counts as another one.
const forgotten = time.Hour

func newDerivation(set *ruleSet) *derivation {
	return &derivation{
		set: set, counters: map[*term]map[uint64]reading{},
		counted: map[*collectors.Metric]groupValues{}, since: map[string]time.Time{},
	}
}

// group is the labels of a derived series.
type group struct {
	tenant string
	values string // joined by groupMark
}

const groupMark = "\x00"

type groupValues map[group]float64

// derive writes the set's metrics from what the pages say. What a page that is lacking may have
// said is not made up: metrics that need it are unavailable.
func (d *derivation) derive(b *collectors.Builder, v view) {
	since := map[string]time.Time{}
	for _, r := range d.set.rules {
		values, whole := d.apply(r, v)
		if !whole {
			b.Unavailable(r.metric.Name, collectors.ReasonUnreachable, errLacking)
		}
		for g, value := range values {
			b.SetFor(g.tenant, r.metric, value, g.labels(r.metric)...)
		}
		d.find(b, r.metric, values, since)
	}
	d.since = since
	d.forget(v.at)
}

var errLacking = errors.New("an endpoint that may say more did not answer")

func (g group) compare(o group) int {
	return cmp.Or(strings.Compare(g.tenant, o.tenant), strings.Compare(g.values, o.values))
}

func (g group) labels(m *collectors.Metric) []string {
	if len(m.Labels) == 0 {
		return nil
	}
	return strings.Split(g.values, groupMark)
}

// apply is a rule's values. whole is false where a family that it reads is lacking: of a state
// nothing is said then, and a counter stands still.
func (d *derivation) apply(r *rule, v view) (values groupValues, whole bool) {
	values, whole = groupValues{}, true
	if r.metric.Type == collectors.Counter {
		if d.counted[r.metric] == nil {
			d.counted[r.metric] = groupValues{}
		}
		values = d.counted[r.metric]
	}
	for _, t := range r.terms {
		if v.lacking(t.feed.family) || (t.join != nil && v.lacking(t.join.family)) {
			whole = false
			continue
		}
		d.applyTerm(t, r.metric, values, v)
	}
	if !whole && r.metric.Type != collectors.Counter {
		return nil, false
	}
	return values, whole
}

func (d *derivation) applyTerm(t *term, m *collectors.Metric, values groupValues, v view) {
	others := joined(t, v.inputs)
	began := d.counters[t] == nil
	for _, in := range v.inputs[t.feed] {
		value := in.value
		if t.take == takeIncrease {
			value = d.increase(t, in, v.at, began)
		}
		g, ok := t.group(m, in.labels, v)
		if !ok {
			continue
		}
		value, ok = t.meet(value, in.labels, others)
		t.collect(values, g, value, ok)
	}
}

// joined are the other series of a term's join, by the labels on which they join.
func joined(t *term, inputs map[*feed][]input) map[string]float64 {
	if t.join == nil {
		return nil
	}
	others := make(map[string]float64, len(inputs[t.join]))
	for _, in := range inputs[t.join] {
		if t.does == joinOver || in.value > 0 {
			others[joinKey(in.labels, t.on)] = in.value
		}
	}
	return others
}

func joinKey(all labels.Labels, on []string) string {
	parts := make([]string, len(on))
	for i, label := range on {
		parts[i] = all.Get(label)
	}
	return strings.Join(parts, groupMark)
}

// meet is a series' value after the join, and whether it meets the term's conditions.
func (t *term) meet(value float64, all labels.Labels, others map[string]float64) (float64, bool) {
	if t.join != nil {
		other, there := others[joinKey(all, t.on)]
		switch {
		case t.does == joinOver && (!there || other <= 0):
			return math.NaN(), false
		case t.does == joinOver:
			value /= other
		case there != (t.does == joinWith):
			return 0, false
		}
	}
	return value, t.is.met(value)
}

// group is the derived series that a series belongs to.
func (t *term) group(m *collectors.Metric, all labels.Labels, v view) (group, bool) {
	values := make([]string, len(m.Labels))
	for i, label := range m.Labels {
		if slices.Contains(t.by, label) {
			values[i] = all.Get(label)
			if !v.technical(values[i]) {
				return group{}, false
			}
			continue
		}
		values[i] = t.fixed[label]
	}
	return group{v.owners.tenant(all), strings.Join(values, groupMark)}, true
}

// collect adds a series to its group. One that does not meet the conditions makes a sum or count
// of zero: that there is nothing is known then. A quotient that cannot be had is nothing.
func (t *term) collect(values groupValues, g group, value float64, met bool) {
	before, there := values[g]
	switch {
	case math.IsNaN(value), t.take == takeMax && !met:
		return
	case !met:
		values[g] = before
	case t.take == takeCount:
		values[g] = before + 1
	case t.take == takeMax && there:
		values[g] = max(before, value)
	default:
		values[g] = before + value
	}
}

// increase is how much a counter grew since it was last seen. All of it where the counter is new
// though others were watched before: it began between two visits.
func (d *derivation) increase(t *term, in input, at time.Time, began bool) float64 {
	if d.counters[t] == nil {
		d.counters[t] = map[uint64]reading{}
	}
	key := in.labels.Hash()
	last, known := d.counters[t][key]
	d.counters[t][key] = reading{in.value, at}
	switch {
	case began && !known:
		return 0
	case !known || in.value < last.value:
		return in.value
	}
	return in.value - last.value
}

func (d *derivation) forget(now time.Time) {
	for _, readings := range d.counters {
		maps.DeleteFunc(readings, func(_ uint64, r reading) bool { return now.Sub(r.at) > forgotten })
	}
}

// find tells what has been wrong for long enough, and notes in since what is wrong at all.
func (d *derivation) find(b *collectors.Builder, m *collectors.Metric, values groupValues, since map[string]time.Time) {
	for _, f := range d.set.findings {
		if f.Metric != m.Name {
			continue
		}
		for _, g := range slices.SortedFunc(maps.Keys(values), group.compare) {
			value := values[g]
			if !f.concerns(m, g) || !f.is.met(value) {
				continue
			}
			key := f.Name + groupMark + g.tenant + groupMark + g.values
			began, lasts := d.since[key]
			if !lasts {
				began = b.At()
			}
			since[key] = began
			if b.At().Sub(began) >= time.Duration(f.For) {
				b.Find(collectors.Finding{Tenant: g.tenant, Name: f.Name, Question: f.Question, Severity: f.Severity, Text: f.text(m, g, value)})
			}
		}
	}
}

func (f findingRule) concerns(m *collectors.Metric, g group) bool {
	values := g.labels(m)
	for i, label := range m.Labels {
		if want, asked := f.Labels[label]; asked && want != values[i] {
			return false
		}
	}
	return true
}

func (f findingRule) text(m *collectors.Metric, g group, value float64) string {
	fill := []string{
		"{value}", strconv.FormatFloat(value, 'f', -1, 64),
		"{percent}", strconv.FormatFloat(math.Floor(100*value), 'f', -1, 64),
	}
	for i, value := range g.labels(m) {
		fill = append(fill, "{"+m.Labels[i]+"}", value)
	}
	return strings.NewReplacer(fill...).Replace(f.Text)
}
