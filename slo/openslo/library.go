package openslo

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
)

// library holds every object that was read, by kind and name.
type library struct {
	files     []string
	documents []document
	named     map[name]document
	counts    map[string]int // of each kind
}

type name struct{ kind, name string }

func newLibrary() library { return library{named: map[name]document{}, counts: map[string]int{}} }

func (l *library) number(file string) int { return slices.Index(l.files, file) }

// document is one object.
type document struct {
	object
	version dialect
	kind    string
	meta    metadata
	spec    value
}

// dialect is a version of OpenSLO.
type dialect string

// The dialects.
const (
	v1      dialect = "openslo/v1"
	v1alpha dialect = "openslo/v1alpha"
	v2alpha dialect = "openslo.com/v2alpha"
)

// kinds are the objects that a version has.
func (d dialect) kinds() []string {
	if d == v1alpha {
		return []string{"SLO", "Service"}
	}
	return []string{"SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"}
}

// file reads one file into the library.
func (r *reader) file(number int, f File) {
	r.files = append(r.files, f.Name)
	if first := slices.Index(r.files, f.Name); first < number {
		r.fault(slo.Position{File: f.Name, Line: 1, Column: 1}, "", "this file is given twice; give it once")
		return
	}
	nodes, err := parse(f)
	if err != nil {
		r.fault(err.at, "", err.text)
	}
	for _, n := range nodes {
		r.root(value{r: r, node: n, file: f.Name, present: true})
	}
}

// root reads a document, a list of documents, or a Kubernetes List of them.
func (r *reader) root(v value) {
	switch {
	case v.node.Kind == yaml.SequenceNode:
		for _, item := range v.items() {
			item.path = ""
			r.document(item)
		}
	case v.peek("kind") == "List":
		list, _ := v.mapping("apiVersion", "kind", "metadata", "items")
		for _, item := range list.at("items").items() {
			item.path = ""
			r.document(item)
		}
	default:
		r.document(v)
	}
}

func (r *reader) document(v value) {
	doc, ok := v.mapping("apiVersion", "kind", "metadata", "spec")
	if !ok {
		return
	}
	d := document{object: doc, kind: doc.at("kind").text(), spec: doc.at("spec")}
	d.version, ok = version(doc.at("apiVersion"))
	kind := doc.at("kind")
	switch {
	case !ok || d.kind == "":
		return
	case d.kind == "BudgetAdjustment":
		kind.warnf("budget adjustments are left out; write an exclusion instead")
		return
	case !slices.Contains(d.version.kinds(), d.kind):
		kind.failf("%s has no kind %q; the kinds are %s", d.version, d.kind, strings.Join(d.version.kinds(), ", "))
		return
	}
	d.meta = readMetadata(doc.at("metadata"), d.version)
	key := name{d.kind, d.meta.name}
	if other, twice := r.named[key]; twice && d.meta.name != "" {
		doc.at("metadata").failf("%s %q stands twice; the other is at %s; rename one", d.kind, d.meta.name, other.position())
		return
	}
	r.named[key] = d
	r.counts[d.kind]++
	r.documents = append(r.documents, d)
}

func version(v value) (dialect, bool) {
	text := v.text()
	switch dialect(text) {
	case v1, v1alpha, v2alpha:
		return dialect(text), true
	case "openslo/v2alpha":
		v.warnf("this is read as %s, as the version is called", v2alpha)
		return v2alpha, true
	}
	if text == "" {
		return "", false
	}
	v.failf("%q is no version of OpenSLO that is known here; write %s, %s or %s", text, v1, v1alpha, v2alpha)
	return "", false
}

// metadata names an object.
type metadata struct {
	value
	name, displayName string
	labels            map[string]string // the first value where there are several
	notes             annotations
}

func readMetadata(v value, version dialect) metadata {
	m := metadata{value: v, labels: map[string]string{}, notes: annotations{value: v}}
	o, ok := v.mapping("name", "displayName", "labels", "annotations")
	if !ok {
		return m
	}
	m.name, m.displayName = o.at("name").text(), o.at("displayName").optional()
	if version == v2alpha && m.displayName != "" {
		o.at("displayName").warnf("%s has no displayName here; it is read all the same", v2alpha)
	}
	for key, label := range o.at("labels").entries() {
		if label.node.Kind == yaml.SequenceNode {
			for i, item := range label.items() {
				if text := item.text(); i == 0 {
					m.labels[key] = text
				}
			}
			continue
		}
		m.labels[key] = label.optional()
	}
	m.notes = readAnnotations(o.at("annotations"))
	return m
}

// refer finds the object that a reference names.
func (r *reader) refer(v value, kind string) (document, bool) {
	text := v.text()
	if text == "" {
		return document{}, false
	}
	d, ok := r.named[name{kind, text}]
	if !ok {
		v.failf("there is no %s %q among the documents; %s", kind, text, r.suggest(kind))
	}
	return d, ok
}

func (r *reader) suggest(kind string) string {
	var all []string
	for key := range r.named {
		if key.kind == kind && key.name != "" {
			all = append(all, key.name)
		}
	}
	if all == nil {
		return "read the file that holds it too"
	}
	slices.Sort(all)
	return "there are " + strings.Join(all, ", ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
