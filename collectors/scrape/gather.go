package scrape

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wardround/wardround/collectors"
)

// gathering turns the samples of all pages into series of ours, each at most once.
type gathering struct {
	scraper *Scraper
	owners  *attribution
	skipped map[string]int
	cells   map[*collectors.Metric]map[string]*cell
	order   []*cell
}

// cell is one series, or one histogram, in the making.
type cell struct {
	metric *collectors.Metric
	tenant string
	values []string
	value  float64
	parts  map[string]float64 // of a histogram: by bound, and _sum and _count
}

func (g *gathering) add(s sample) {
	m, why := g.scraper.declared.metric(s.family, s.kind, s.selection)
	if why != "" {
		g.skipped[why]++
		return
	}
	c, isNew, why := g.cell(m, s)
	switch {
	case why == drop: // as the configuration says
	case why != "":
		g.skipped[why]++
	case s.kind == collectors.Histogram:
		if !c.part(s) {
			g.skipped[skipDuplicate]++
		}
	case isNew:
		c.value = s.value
	case s.selection.Combine == sum && s.kind == collectors.Gauge:
		c.value += s.value
	case s.selection.Combine == most && s.kind == collectors.Gauge:
		c.value = max(c.value, s.value)
	default:
		g.skipped[skipDuplicate]++
	}
}

// cell finds or makes the place of a sample among the series; or says why it has none.
func (g *gathering) cell(m *collectors.Metric, s sample) (c *cell, isNew bool, why string) {
	tenant := g.owners.tenant(s.labels)
	if tenant == "" && g.scraper.config.Unattributed == drop {
		return nil, false, drop
	}
	values := make([]string, len(m.Labels))
	for i, label := range s.selection.Labels {
		values[i] = s.labels.Get(label)
		if !g.scraper.technical(values[i]) {
			return nil, false, skipLabel
		}
	}
	if g.cells[m] == nil {
		g.cells[m] = map[string]*cell{}
	}
	key := tenant + "\x00" + strings.Join(values, "\x00")
	if c := g.cells[m][key]; c != nil {
		return c, false, ""
	}
	if len(g.order) >= g.scraper.config.MaxSeries {
		return nil, false, skipSeries
	}
	c = &cell{metric: m, tenant: tenant, values: values}
	g.cells[m][key] = c
	g.order = append(g.order, c)
	return c, true, ""
}

// technical says whether a label value can be a technical name: short text without line breaks.
func (s *Scraper) technical(value string) bool {
	return len(value) <= s.config.MaxLabelLength && utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl)
}

// part adds one line of a histogram; false where it was there already.
func (c *cell) part(s sample) bool {
	name := s.suffix
	if s.suffix == "_bucket" {
		name = s.labels.Get(bucketLabel)
	}
	if _, twice := c.parts[name]; twice {
		return false
	}
	if c.parts == nil {
		c.parts = map[string]float64{}
	}
	c.parts[name] = s.value
	return true
}

// emit writes what was gathered and returns how many series that were.
func (g *gathering) emit(b *collectors.Builder) int {
	n := 0
	for _, c := range g.order {
		if c.parts == nil {
			b.SetFor(c.tenant, c.metric, c.value, c.values...)
			n++
			continue
		}
		d, ok := c.distribution()
		if !ok {
			g.skipped[skipBuckets] += len(c.parts)
			continue
		}
		b.SetHistogram(c.tenant, c.metric, d, c.values...)
		n += len(c.parts)
	}
	return n
}

// distribution is the histogram that the parts make; false where they do not add up.
func (c *cell) distribution() (collectors.Distribution, bool) {
	bounds := make([]float64, 0, len(c.parts))
	by := map[float64]float64{}
	for name, value := range c.parts {
		if strings.HasPrefix(name, "_") {
			continue
		}
		bound, err := strconv.ParseFloat(name, 64)
		if _, twice := by[bound]; err != nil || twice || math.IsNaN(bound) {
			return collectors.Distribution{}, false
		}
		by[bound] = value
		if !math.IsInf(bound, 1) {
			bounds = append(bounds, bound)
		}
	}
	slices.Sort(bounds)
	all, ended := by[math.Inf(1)]
	count, counted := c.parts["_count"]
	if !ended || (counted && count != all) {
		return collectors.Distribution{}, false
	}
	d := collectors.Distribution{Bounds: bounds, Counts: make([]uint64, len(bounds)), Sum: c.parts["_sum"]}
	var below float64
	for i, bound := range append(bounds, math.Inf(1)) {
		if by[bound] < below || by[bound] != math.Trunc(by[bound]) || by[bound] > maxCount {
			return collectors.Distribution{}, false
		}
		if i < len(bounds) {
			d.Counts[i] = uint64(by[bound] - below)
		} else {
			d.Over = uint64(by[bound] - below)
		}
		below = by[bound]
	}
	return d, true
}

// maxCount is the largest number below which every whole number is exact.
const maxCount = 1 << 53
