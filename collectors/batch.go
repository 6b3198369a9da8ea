package collectors

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Batch is what one visit brought back. It is immutable: a later visit's Batch replaces it whole.
type Batch struct {
	Key      Key
	At       time.Time
	Families []Family // sorted by name, no family empty
	Findings []Finding

	countedSince time.Time // see Builder.CountedSince
}

// Family is the samples of one metric, sorted by their labels, no two alike.
type Family struct {
	Metric  *Metric
	Samples []Sample
}

// Sample is one series' value. What a page is made of stands first: a hundred thousand of them
// are read for each.
type Sample struct {
	block  string
	Value  float64
	Suffix string   // "", or "_bucket", "_sum", "_count" of a histogram
	Tenant string   // "" where the fact belongs to no single tenant
	Values []string // the values of Metric.Labels, in their order; "" means the label is absent
	LE     string   // upper bound, for "_bucket" only
}

// Block is the sample's labels as /metrics writes them between the braces: target, tenant, then
// the metric's own labels in their declared order. It is made once, when the Batch is. What is not
// valid UTF-8 is replaced: one such value would make Prometheus refuse the whole page.
func (s *Sample) Block() string { return s.block }

// Series is a sample seen with its labels by name.
type Series struct {
	target string
	metric *Metric
	sample *Sample
	since  time.Time
}

// Get returns a label's value, "" if it is absent.
func (s Series) Get(label string) string {
	switch label {
	case "target":
		return s.target
	case "tenant":
		return s.sample.Tenant
	case "le":
		return s.sample.LE
	}
	if i := slices.Index(s.metric.Labels, label); i >= 0 {
		return s.sample.Values[i]
	}
	return ""
}

// Name is the full name of the series, with a histogram's suffix.
func (s Series) Name() string { return s.metric.Name + s.sample.Suffix }

// Value is the series' value.
func (s Series) Value() float64 { return s.sample.Value }

// Created is when a counter, or what a histogram counts, was zero; the zero time where that is not
// known, and for what is neither.
func (s Series) Created() time.Time {
	if s.metric.Type != Counter && s.metric.Type != Histogram {
		return time.Time{}
	}
	return s.since
}

// Block is the series' labels as /metrics writes them.
func (s Series) Block() string { return s.sample.block }

// Each calls yield for every series of the Batch whose family wanted accepts.
func (b *Batch) Each(wanted func(family string) bool, yield func(Series)) {
	for i := range b.Families {
		f := &b.Families[i]
		if !wanted(f.Metric.Name) {
			continue
		}
		for j := range f.Samples {
			yield(Series{target: b.Key.Target, metric: f.Metric, sample: &f.Samples[j], since: b.countedSince})
		}
	}
}

// amended is the Batch with the families of a later one in place of its own.
func (b *Batch) amended(later *Batch) *Batch {
	families := slices.Clone(later.Families)
	for _, f := range b.Families {
		if !slices.ContainsFunc(later.Families, func(l Family) bool { return l.Metric == f.Metric }) {
			families = append(families, f)
		}
	}
	slices.SortFunc(families, byName)
	return &Batch{Key: b.Key, At: b.At, countedSince: b.countedSince, Families: families, Findings: append(slices.Clip(b.Findings), later.Findings...)}
}

func byName(x, y Family) int { return strings.Compare(x.Metric.Name, y.Metric.Name) }

// Len is the number of samples.
func (b *Batch) Len() int {
	n := 0
	for i := range b.Families {
		n += len(b.Families[i].Samples)
	}
	return n
}

// Builder gathers one visit's samples, findings and notes. A collector owns it for the length of
// its Collect call only.
type Builder struct {
	key      Key
	at       time.Time
	families map[*Metric][]Sample
	findings []Finding
	notes    []string
	since    time.Time
	before   *Batch
	plain    map[string]string // tenant -> block of the samples that have no labels of their own
}

// NewBuilder returns an empty Builder for a visit that begins at the given time.
func NewBuilder(key Key, at time.Time) *Builder {
	return &Builder{key: key, at: at, families: map[*Metric][]Sample{}, plain: map[string]string{}}
}

// After says what an earlier visit to the same key brought; nil for nothing. Series that are
// brought again keep their labels as they were written then, so that neither writing nor
// comparing them costs anything.
func (b *Builder) After(earlier *Batch) *Builder {
	b.before = earlier
	return b
}

// CountedSince says that the visit's counters are the collector's own, and that they were all zero
// at the given time: what they hold happened since.
func (b *Builder) CountedSince(at time.Time) { b.since = at }

// Key is what is being visited.
func (b *Builder) Key() Key { return b.key }

// At is when the visit began.
func (b *Builder) At() time.Time { return b.at }

// Set records a value of the visited tenant, or of the target where no tenant is visited.
// Values that are not numbers are dropped: what is unknown is absent, never NaN.
func (b *Builder) Set(m *Metric, value float64, labels ...string) {
	b.SetFor(b.key.Tenant, m, value, labels...)
}

// SetFor records a value attributed to a tenant; "" where it belongs to none.
func (b *Builder) SetFor(tenant string, m *Metric, value float64, labels ...string) {
	if math.IsNaN(value) {
		return
	}
	b.add(m, Sample{Tenant: tenant, Values: labels, Value: value})
}

// Distribution is the state of a histogram: Counts[i] observations were at most Bounds[i] (each
// counted in its own bucket only, not cumulated), Over were above the last bound.
type Distribution struct {
	Bounds []float64
	Counts []uint64
	Over   uint64
	Sum    float64
}

// SetHistogram records a histogram attributed to a tenant; "" where it belongs to none.
func (b *Builder) SetHistogram(tenant string, m *Metric, d Distribution, labels ...string) {
	var total uint64
	for i, bound := range d.Bounds {
		total += d.Counts[i]
		le := strconv.FormatFloat(bound, 'f', -1, 64)
		if !strings.Contains(le, ".") {
			le += ".0"
		}
		b.add(m, Sample{Suffix: "_bucket", Tenant: tenant, Values: labels, LE: le, Value: float64(total)})
	}
	total += d.Over
	b.add(m, Sample{Suffix: "_bucket", Tenant: tenant, Values: labels, LE: "+Inf", Value: float64(total)})
	b.add(m, Sample{Suffix: "_count", Tenant: tenant, Values: labels, Value: float64(total)})
	b.add(m, Sample{Suffix: "_sum", Tenant: tenant, Values: labels, Value: d.Sum})
}

func (b *Builder) add(m *Metric, s Sample) {
	if len(s.Values) != len(m.Labels) {
		panic(fmt.Sprintf("collectors: %s takes the labels %v, got %d values", m.Name, m.Labels, len(s.Values)))
	}
	s.block = b.block(m, &s)
	b.families[m] = append(b.families[m], s)
}

// block is the sample's labels, written anew or found in the Batch before.
func (b *Builder) block(m *Metric, s *Sample) string {
	for _, known := range b.earlier(m) {
		if known.alike(s) {
			return known.block
		}
	}
	if len(s.Values) > 0 || s.LE != "" {
		return renderBlock(b.key.Target, m, s)
	}
	block, ok := b.plain[s.Tenant]
	if !ok {
		block = renderBlock(b.key.Target, m, s)
		b.plain[s.Tenant] = block
	}
	return block
}

// earlier are the samples of the Batch before among which to look: all of a small family, and of
// a large one the few about the place where the next would stand.
func (b *Builder) earlier(m *Metric) []Sample {
	if b.before == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(b.before.Families, m.Name, func(f Family, name string) int {
		return strings.Compare(f.Metric.Name, name)
	})
	if !found || b.before.Families[i].Metric != m {
		return nil
	}
	samples := b.before.Families[i].Samples
	if len(samples) <= smallFamily {
		return samples
	}
	next := min(len(b.families[m]), len(samples))
	return samples[max(0, next-smallFamily/2):min(len(samples), next+smallFamily/2)]
}

const smallFamily = 16

func (s *Sample) alike(o *Sample) bool {
	return s.Tenant == o.Tenant && s.LE == o.LE && s.Suffix == o.Suffix && slices.Equal(s.Values, o.Values)
}

func renderBlock(target string, m *Metric, s *Sample) string {
	var out strings.Builder
	label := func(name, value string) {
		if value == "" {
			return
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		out.WriteString(name)
		out.WriteString(`="`)
		_, _ = labelEscaper.WriteString(&out, strings.ToValidUTF8(value, "\ufffd"))
		out.WriteByte('"')
	}
	label("target", target)
	label("tenant", s.Tenant)
	for i, name := range m.Labels {
		label(name, s.Values[i])
	}
	label("le", s.LE)
	return out.String()
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// Notef adds a line to the round's log, which operators read on the status page. Only technical
// facts belong there.
func (b *Builder) Notef(format string, args ...any) {
	if len(b.notes) < maxNotes {
		b.notes = append(b.notes, fmt.Sprintf(format, args...))
	}
}

const maxNotes = 50

// Unavailable says that one indicator could not be had on this visit, and why, while the rest of
// the visit went well: a missing grant, a missing column, a locked table.
func (b *Builder) Unavailable(indicator string, why Reason, err error) {
	b.Set(metricUnavailable, 1, b.key.Collector, indicator, string(why))
	b.Notef("%s unavailable (%s): %v", indicator, why, err)
}

// Find records something that is wrong with a tenant or target, in words that a person on call
// understands. A text without a full stop gets one, so that pages show sentences only.
func (b *Builder) Find(f Finding) {
	if f.Text != "" && !strings.HasSuffix(f.Text, ".") {
		f.Text += "."
	}
	if f.Tenant == "" {
		f.Tenant = b.key.Tenant
	}
	b.findings = append(b.findings, f)
}

// Batch seals what was gathered. The Builder must not be used afterwards. Of two samples with the
// same labels the first is kept: one duplicate would make Prometheus refuse the whole page.
func (b *Builder) Batch() *Batch {
	b.renderFindings()
	batch := &Batch{Key: b.key, At: b.at, countedSince: b.since, Findings: b.findings, Families: make([]Family, 0, len(b.families))}
	for m, samples := range b.families {
		sortSamples(samples)
		kept := slices.CompactFunc(samples, func(x, y Sample) bool {
			return x.block == y.block && x.Suffix == y.Suffix
		})
		if dropped := len(samples) - len(kept); dropped > 0 {
			b.Notef("%s: %d samples with the labels of another were dropped", m.Name, dropped)
		}
		batch.Families = append(batch.Families, Family{Metric: m, Samples: kept})
	}
	slices.SortFunc(batch.Families, byName)
	return batch
}

// sortSamples orders by labels, except that a histogram's buckets keep the order of their bounds,
// in which they were added.
func sortSamples(samples []Sample) {
	slices.SortStableFunc(samples, func(x, y Sample) int {
		if x.Suffix == "_bucket" && y.Suffix == "_bucket" && x.Tenant == y.Tenant && slices.Equal(x.Values, y.Values) {
			return 0
		}
		if c := strings.Compare(x.Tenant, y.Tenant); c != 0 {
			return c
		}
		if c := slices.Compare(x.Values, y.Values); c != 0 {
			return c
		}
		return strings.Compare(x.Suffix, y.Suffix)
	})
}
