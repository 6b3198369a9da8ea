package scrape

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/wardround/wardround/collectors"
)

const (
	total       = "_total"
	bucketLabel = "le"
)

// kinds are the types that a family can be declared to have.
var kinds = map[string]collectors.Type{
	"gauge": collectors.Gauge, "counter": collectors.Counter, "histogram": collectors.Histogram,
}

// selection is a Selection made ready.
type selection struct {
	Selection
	where []condition
}

func newSelection(s Selection) (*selection, error) {
	where, err := patterns(s.Where)
	return &selection{Selection: s, where: where}, err
}

func (s *selection) chooses(family string) bool {
	return slices.ContainsFunc(s.Names, func(pattern string) bool {
		match, err := path.Match(pattern, family)
		return err == nil && match
	})
}

// declared are the families of one target: those that are named from the start, those that a
// wildcard chose from when they are first seen. What a family was declared as, it stays.
type declared struct {
	taken collectors.Catalogue // of this daemon
	limit int                  // of families that wildcards chose

	mu     sync.Mutex
	byName map[string]*collectors.Metric
	list   collectors.Catalogue
	chosen int // by wildcards
}

// expect declares a family that is named: with the type that is given, else with the one that
// its name says.
func (d *declared) expect(name string, s *selection) {
	kind, given := kinds[s.Type]
	if !given && strings.HasSuffix(name, total) {
		kind = collectors.Counter
	}
	if _, why := d.admissible(name, kind); why == "" {
		d.declare(name, kind, s)
	}
}

// metric is the family's declaration, made now where a wildcard meets it for the first time; else
// why its series cannot be served.
func (d *declared) metric(name string, kind collectors.Type, s *selection) (m *collectors.Metric, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.byName[name]; m != nil {
		if m.Type != kind {
			return nil, skipType
		}
		return m, ""
	}
	if _, why := d.admissible(name, kind); why != "" {
		return nil, why
	}
	if d.chosen >= d.limit {
		return nil, skipFamilies
	}
	d.chosen++
	return d.declare(name, kind, s), ""
}

func (d *declared) declare(name string, kind collectors.Type, s *selection) *collectors.Metric {
	m := &collectors.Metric{
		Name: name, Type: kind, Labels: served(s.Labels),
		Help:   "As the scraped endpoint says, under its own name", // its own words are not ours to repeat
		Source: "a scraped endpoint",
	}
	if ours, _ := d.admissible(name, kind); ours != nil { // one family on the page has one header
		m.Help, m.Unit = ours.Help, ours.Unit
	}
	d.byName[name] = m
	d.list = append(d.list, m)
	return m
}

// served are the labels under the names that they get beside the two that the builder adds.
func served(labels []string) []string {
	names := slices.Clone(labels)
	for i, name := range names {
		if name == "target" || name == "tenant" {
			names[i] = "exported_" + name
		}
	}
	return names
}

var familyName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// admissible says why no family may have this name and type; and which of ours has the same name,
// as both have it from the same established exporter.
func (d *declared) admissible(name string, kind collectors.Type) (ours *collectors.Metric, why string) {
	if !familyName.MatchString(name) || (kind == collectors.Counter) != strings.HasSuffix(name, total) {
		return nil, skipName
	}
	if strings.HasPrefix(name, "wardround_") || strings.HasPrefix(name, "slo_") {
		return nil, skipTaken
	}
	i := slices.IndexFunc(d.taken, func(m *collectors.Metric) bool { return m.Name == name })
	if i < 0 {
		return nil, ""
	}
	ours = d.taken[i]
	if ours.Type != kind || slices.ContainsFunc(ownDomains, func(domain string) bool { return strings.HasPrefix(name, domain) }) {
		return nil, skipTaken
	}
	return ours, ""
}

// ownDomains are the names under which nobody else may bring a family that this daemon has:
// promises are judged by them.
var ownDomains = []string{"odoo_", "backup_", "change_", "kubernetes_", "probe_"}
