package exposition

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// families is what all batches say, by metric family. Its owner serializes all use of it.
type families struct {
	byName    map[string]*family
	sorted    []*family
	shapes    map[string]*shape // by collector
	conflicts []string          // what could not be shown, in words
}

// family is one metric family with its series, in the order in which they are served.
type family struct {
	metric  *collectors.Metric // of the first batch that has this family
	lines   []line
	heads   []byte // of all lines, one behind the other: reading them in order is what rendering takes
	filled  int    // lines already met in this update, as long as none moved
	seen    bool   // in this update
	changed bool   // in this update
	moved   bool   // in this update, and not only values changed

	clash    string // what another package says about this name, if it says something else
	hidden   int    // lines that are not served since they repeat another
	shadowed bool   // OpenMetrics' name of this counter is that of another family

	headers map[bool]*piece // by whether it is for OpenMetrics; emptied when out of date
	body    piece           // the lines, unless stale
	stale   bool
}

// line is one series' line: a head and the value. The head is all that stands before the value: the
// family's name, a suffix, the braces with the labels, a space.
type line struct {
	value    float64
	suffix   string
	block    string // as the batch has it: mostly the very same string as in the batch before
	end      uint32 // of its head; the head of the line before ends where it begins
	repeated bool   // an earlier batch has this series: the line is not served
}

// shape is which families the last batch of one collector had: the next one most likely has the
// same, so that no name has to be looked up.
type shape struct {
	metrics  []*collectors.Metric
	families []*family
}

func newFamilies() *families {
	return &families{byName: map[string]*family{}, shapes: map[string]*shape{}}
}

// update takes what the batches say now and reports whether anything differs from before.
func (fs *families) update(batches []*collectors.Batch) bool {
	for _, f := range fs.sorted {
		f.filled, f.seen, f.clash, f.changed, f.moved = 0, false, "", false, false
	}
	clear(fs.shapes)
	for _, b := range batches {
		fs.take(b)
	}
	return fs.settle()
}

func (fs *families) take(b *collectors.Batch) {
	s := fs.shapes[b.Key.Collector]
	if s == nil {
		s = &shape{}
		fs.shapes[b.Key.Collector] = s
	}
	for i := range b.Families {
		of := &b.Families[i]
		if i == len(s.metrics) {
			s.metrics, s.families = append(s.metrics, nil), append(s.families, nil)
		}
		if s.metrics[i] != of.Metric {
			s.metrics[i], s.families[i] = of.Metric, fs.family(of.Metric.Name)
		}
		if f := s.families[i]; f.admit(of.Metric, b.Key) {
			f.take(of.Samples)
		}
	}
}

func (fs *families) family(name string) *family {
	f, ok := fs.byName[name]
	if !ok {
		f = &family{headers: map[bool]*piece{}}
		fs.byName[name] = f
	}
	return f
}

// admit says whether samples of m can stand in this family. The first batch decides what the
// family is; another type under its name would break the page.
func (f *family) admit(m *collectors.Metric, key collectors.Key) bool {
	if !f.seen {
		f.seen = true
		if f.metric != m {
			f.metric = m
			f.truncate()
			clear(f.headers)
		}
	}
	if m == f.metric {
		return true
	}
	switch {
	case m.Type != f.metric.Type:
		f.clash = fmt.Sprintf("%s of %s is a %s, but a %s elsewhere: left out", m.Name, key, m.Type, f.metric.Type)
		return false
	case m.Help != f.metric.Help || m.Unit != f.metric.Unit:
		f.clash = fmt.Sprintf("%s of %s has another help or unit than elsewhere", m.Name, key)
	}
	return true
}

// take compares samples with the lines that stood in their place. From the first one on that is
// another series, the lines are made anew.
func (f *family) take(samples []collectors.Sample) {
	for i := range samples {
		s := &samples[i]
		if !f.moved && (f.filled == len(f.lines) || !f.lines[f.filled].is(s)) {
			f.truncate()
		}
		if f.moved {
			f.heads = appendHead(f.heads, f.metric.Name, s)
			f.lines = append(f.lines, line{value: s.Value, suffix: s.Suffix, block: s.Block(), end: uint32(len(f.heads))})
			continue
		}
		l := &f.lines[f.filled]
		l.block = s.Block() // equal, and lets the batch before go
		if math.Float64bits(l.value) != math.Float64bits(s.Value) {
			l.value, f.changed = s.Value, true
		}
		f.filled++
	}
}

// truncate drops the lines that were not met in this update.
func (f *family) truncate() {
	f.changed, f.moved = true, true
	f.heads = f.heads[:f.begin(f.filled)]
	f.lines = f.lines[:f.filled]
}

func (f *family) begin(i int) uint32 {
	if i == 0 {
		return 0
	}
	return f.lines[i-1].end
}

func (f *family) head(i int) []byte { return f.heads[f.begin(i):f.lines[i].end] }

func appendHead(dst []byte, name string, s *collectors.Sample) []byte {
	dst = appendAll(dst, name, s.Suffix)
	if s.Block() != "" {
		dst = appendAll(dst, "{", s.Block(), "}")
	}
	return append(dst, ' ')
}

// is reports whether a sample is of the line's series.
func (l *line) is(s *collectors.Sample) bool { return l.block == s.Block() && l.suffix == s.Suffix }

// settle ends an update: what no batch has any more goes, what came twice is hidden.
func (fs *families) settle() bool {
	changed := false
	maps.DeleteFunc(fs.byName, func(_ string, f *family) bool { return len(f.lines) == 0 || !f.seen })
	for _, f := range fs.sorted {
		changed = changed || len(f.lines) == 0 || !f.seen
	}
	fs.sorted = slices.AppendSeq(fs.sorted[:0], maps.Values(fs.byName))
	slices.SortFunc(fs.sorted, func(a, b *family) int { return strings.Compare(a.metric.Name, b.metric.Name) })
	fs.conflicts = nil
	for _, f := range fs.sorted {
		f.settle()
		fs.shadow(f)
		changed = changed || f.changed
		if f.clash != "" {
			fs.conflicts = append(fs.conflicts, f.clash)
		}
		if f.hidden > 0 {
			fs.conflicts = append(fs.conflicts, fmt.Sprintf("%s has %d series that two batches bring: the first is shown", f.metric.Name, f.hidden))
		}
	}
	return changed
}

func (f *family) settle() {
	if !f.moved && f.filled < len(f.lines) {
		f.truncate()
	}
	if f.moved {
		f.hideRepeated()
	}
	f.stale = f.stale || f.changed
}

// hideRepeated keeps the first of each series. Lines that ascend cannot repeat each other, which
// is so for most families; only for the others are their series remembered, for as long as it takes.
func (f *family) hideRepeated() {
	f.hidden = 0
	ascending := true
	for i := range f.lines {
		f.lines[i].repeated = false
		ascending = ascending && (i == 0 || bytes.Compare(f.head(i-1), f.head(i)) < 0)
	}
	if ascending {
		return
	}
	shown := make(map[string]struct{}, len(f.lines))
	for i := range f.lines {
		if _, repeated := shown[string(f.head(i))]; repeated {
			f.lines[i].repeated = true
			f.hidden++
		}
		shown[string(f.head(i))] = struct{}{}
	}
}

// shadow notes whether the name that OpenMetrics gives a counter, without _total, is taken.
func (fs *families) shadow(f *family) {
	_, taken := fs.byName[strings.TrimSuffix(f.metric.Name, totalSuffix)]
	shadowed := f.metric.Type == collectors.Counter && taken
	if shadowed != f.shadowed {
		f.shadowed, f.changed = shadowed, true
		clear(f.headers)
	}
}

// names are the names of all families, sorted.
func (fs *families) names() []string {
	names := make([]string, len(fs.sorted))
	for i, f := range fs.sorted {
		names[i] = f.metric.Name
	}
	return names
}
