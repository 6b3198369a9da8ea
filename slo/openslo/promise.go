package openslo

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"

	"github.com/wardround/wardround/slo"
)

// promise is one SLO while it becomes objectives.
type promise struct {
	*reader
	doc    document
	spec   object
	notes  annotations
	method string
	// base is what all its objectives share.
	base slo.Objective
}

func (d dialect) sloKeys() []string {
	inline, ref := d.indicatorKeys()
	keys := []string{"description", "service", inline, ref, "budgetingMethod", "timeWindow", "objectives", "alertPolicies"}
	switch d {
	case v1alpha:
		return []string{"description", "service", inline, "budgetingMethod", "timeWindows", "objectives"}
	case v2alpha:
		return append(keys, "serviceRef")
	}
	return keys
}

func (d dialect) objectiveKeys() []string {
	inline, ref := d.indicatorKeys()
	if d == v1alpha {
		return []string{"displayName", "op", "value", "target", "timeSliceTarget", "ratioMetrics"}
	}
	return []string{
		"displayName", "labels", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow",
		inline, ref, "compositeWeight",
	}
}

// promises are the objectives that an SLO holds.
func (r *reader) promises(d document) []slo.Objective {
	p := &promise{reader: r, doc: d, notes: d.meta.notes}
	var ok bool
	if p.spec, ok = d.spec.mapping(d.version.sloKeys()...); !ok {
		return nil
	}
	p.shared()
	var items []object
	for _, item := range p.spec.at("objectives").items() {
		if o, ok := item.mapping(d.version.objectiveKeys()...); ok {
			items = append(items, o)
		}
	}
	if len(items) == 0 {
		p.spec.at("objectives").failf("an SLO promises something; write an objective with its target")
		return nil
	}
	var all []slo.Objective
	if p.isComposite(items) {
		all = p.composite(items)
	} else {
		all = p.plain(items)
	}
	p.alerts(all)
	return all
}

// shared reads what stands above the objectives.
func (p *promise) shared() {
	meta := p.doc.meta
	p.base = slo.Objective{
		Title:       cmp.Or(meta.displayName, meta.name),
		Description: p.spec.at("description").optional(),
		NoData:      slo.NoDataIgnore,
		MinCoverage: slo.One / 2,
		LowTraffic:  slo.LowTraffic{MinBad: 2, BudgetSpent: true},
		Position:    p.doc.position(),
		Owner:       p.owner(),
	}
	name := meta.at("name")
	if full := p.notes.get("name"); full != "" {
		if p.base.Name = full; kebab(full) != full {
			p.notes.keys["name"].failf("%q is not a name; write small letters, digits and hyphens", full)
		}
	} else {
		p.base.Name = name.ours(meta.name)
	}
	p.base.Window = p.window()
	p.notes.promise(&p.base)
	if p.base.Question == "" {
		p.base.Question = slo.Healthy
		meta.warnf("which of the five questions this answers is not said; healthy is assumed; add the annotation %squestion", prefix)
	}
	method := p.spec.at("budgetingMethod")
	p.method = method.word("Occurrences", "Timeslices", "RatioTimeslices")
	switch {
	case !method.present:
		method.warnf("this is missing; Occurrences is assumed")
	case p.method == "RatioTimeslices":
		method.failf("RatioTimeslices are a mean of ratios, in which quiet times weigh as much as busy ones; write Occurrences or Timeslices")
	}
	if p.method != "Timeslices" {
		p.method = "Occurrences"
	}
}

// at is a key of the metadata.
func (m metadata) at(key string) value {
	for k, v := range m.entries() {
		if k == key {
			return v
		}
	}
	return m.value
}

// owner is who the annotation, the labels or the service say it is.
func (p *promise) owner() string {
	service := p.spec.at("service")
	if ref := p.spec.at("serviceRef"); ref.present {
		ref.warnf("the key is called service; it is read all the same")
		service = ref
	}
	text := service.text()
	d, known := p.named[name{"Service", text}]
	if !known && text != "" && p.counts["Service"] > 0 {
		service.warnf("there is no Service %q among the documents", text)
	}
	if v, said := p.notes.keys["owner"]; said {
		return v.optional()
	}
	of := p.doc.meta.labels
	return cmp.Or(of["owner"], of["team"], d.meta.labels["owner"], d.meta.labels["team"], text)
}

// plain are the objectives of an SLO that measures one thing.
func (p *promise) plain(items []object) []slo.Objective {
	p.notes.unused("a composite", "composite", "members", "delayed", "target")
	if len(items) > 1 && p.notes.get("name") != "" {
		p.notes.keys["name"].failf("the names of %d objectives cannot be one; leave this out", len(items))
	}
	var shared *sli
	if p.doc.version != v1alpha || p.spec.at("indicator").present {
		if shared = p.measured(p.spec); shared == nil {
			return nil
		}
	}
	var all []slo.Objective
	for i, o := range items {
		s := shared
		if ratio := o.at("ratioMetrics"); ratio.present && shared != nil {
			ratio.failf("indicator and ratioMetrics exclude each other; keep one")
		} else if shared == nil {
			s = p.alphaRatio(o)
		}
		if s == nil {
			return nil
		}
		all = append(all, p.objective(o, s, p.title(items, i)))
	}
	return all
}

// alphaRatio reads the ratio that v1alpha keeps with each objective.
func (p *promise) alphaRatio(o object) *sli {
	r, ok := o.at("ratioMetrics").mapping("good", "total", "incremental", "counter")
	if !ok {
		return nil
	}
	s := r.ratio(v1alpha)
	if s == nil {
		return nil
	}
	for _, key := range []string{"incremental", "counter"} {
		if on, said := r.at(key).flag(); said {
			s.counter, s.counts = on, true
		}
	}
	return s
}

// names are a promise's name and title.
type names struct{ name, title string }

// title names the objective with an index: as its SLO where it is alone.
func (p *promise) title(items []object, i int) names {
	display := items[i].at("displayName").optional()
	if len(items) == 1 {
		if p.doc.meta.displayName == "" && display != "" && p.notes.get("title") == "" {
			return names{p.base.Name, display}
		}
		return names{p.base.Name, p.base.Title}
	}
	suffix := kebab(display)
	for j, other := range items {
		if j != i && kebab(other.at("displayName").optional()) == suffix {
			suffix = ""
		}
	}
	number := strconv.Itoa(i + 1)
	return names{p.base.Name + "-" + cmp.Or(suffix, number), p.base.Title + ": " + cmp.Or(display, number)}
}

// objective is one promise of an SLO.
func (p *promise) objective(o object, s *sli, as names) slo.Objective {
	made := p.base
	made.Name, made.Title = as.name, as.title
	made.Indicator = p.indicator(s, o)
	made.Targets.Default = p.target(o)
	if by, said := s.grouping(); made.By == nil {
		made.By = append([]string{}, by...)
		if !said {
			p.doc.meta.warnf("nothing is said of grouping; all series together make one instance; add the annotation %sby, such as tenant", prefix)
		}
	}
	slices.Sort(made.By)
	return made
}

// target reads target or targetPercent.
func (p *promise) target(o object) slo.Ratio {
	whole, percent := o.at("target"), o.at("targetPercent")
	switch {
	case whole.present && percent.present:
		percent.failf("target and targetPercent exclude each other; keep one")
	case whole.present:
		if n, ok := whole.number(); ok {
			return whole.target(n)
		}
	case percent.present:
		if n, ok := percent.number(); ok {
			return percent.target(n.Quo(n, big.NewRat(100, 1)))
		}
	default:
		whole.failf("there is no target; write target: 0.999 or targetPercent: 99.9")
	}
	return 0
}
