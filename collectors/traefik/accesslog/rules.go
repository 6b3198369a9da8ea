package accesslog

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

//go:embed workflows.yaml
var builtinWorkflows []byte

//go:embed outcomes.yaml
var builtinOutcomes []byte

const (
	statuses = 600 // below which a status is one
	other    = "other"
)

// rules are workflows and outcomes made ready. They are immutable.
type rules struct {
	workflows []string // names; the first is "other"
	sockets   []bool   // by workflow
	outcomes  []string // names; the first is "other"
	verdicts  []string // by outcome

	entries  []entry // of the workflows, in their order
	paths    *node   // finds them by path
	byStatus [statuses][]ending
}

// entry is one pattern of one workflow. Its path stands in the tree.
type entry struct {
	asked
	workflow int
}

// ending is one entry of the outcomes.
type ending struct {
	asked
	patterns []pattern
	outcome  int
	bare     bool
	unrouted bool
	after    float64 // nanoseconds
}

// asked is what method and host have to be; nil for any.
type asked struct {
	methods []string
	hosts   []string
}

func (a *asked) fits(r *request) bool {
	return (a.methods == nil || slices.ContainsFunc(a.methods, func(m string) bool { return m == string(r.method.bytes) })) &&
		(a.hosts == nil || slices.ContainsFunc(a.hosts, func(h string) bool { return globMatches(h, r.host.bytes) }))
}

// newRules joins the operator's workflows and outcomes, which come first, with the built-in ones.
func newRules(c Config) (*rules, error) {
	var workflows []Workflow
	var outcomes []Outcome
	if err := errors.Join(decode(builtinWorkflows, &workflows), decode(builtinOutcomes, &outcomes)); err != nil {
		return nil, err
	}
	r := &rules{paths: &node{}}
	for _, w := range slices.Concat([]Workflow{{Name: other}}, workflows, c.Workflows) {
		r.workflow(w)
	}
	for _, o := range slices.Concat([]Outcome{{Name: other, Verdict: verdictNone}}, outcomes, c.Outcomes) {
		r.outcome(o)
	}
	for _, w := range slices.Concat(c.Workflows, workflows) {
		if err := r.add(w); err != nil {
			return nil, err
		}
	}
	for _, o := range slices.Concat(c.Outcomes, outcomes) {
		if err := r.ending(o); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func decode(text []byte, to any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	return d.Decode(to)
}

// workflow is the number of a workflow's name. What else an entry says of it is taken from the first
// that has the name: a built-in one cannot be made another.
func (r *rules) workflow(w Workflow) int {
	if i := slices.Index(r.workflows, w.Name); i >= 0 {
		return i
	}
	r.workflows, r.sockets = append(r.workflows, w.Name), append(r.sockets, w.Sockets)
	return len(r.workflows) - 1
}

func (r *rules) outcome(o Outcome) int {
	if i := slices.Index(r.outcomes, o.Name); i >= 0 {
		return i
	}
	r.outcomes, r.verdicts = append(r.outcomes, o.Name), append(r.verdicts, o.Verdict)
	return len(r.outcomes) - 1
}

// add puts an entry of the workflows behind those that are there.
func (r *rules) add(w Workflow) error {
	if len(w.Paths) == 0 {
		w.Paths = []string{"/**"}
	}
	for _, text := range w.Paths {
		patterns, err := parsePatterns(text)
		if err != nil {
			return err
		}
		for _, p := range patterns {
			r.paths.add(p, len(r.entries))
			r.entries = append(r.entries, entry{asked{w.Methods, lower(w.Hosts)}, r.workflow(w)})
		}
	}
	return nil
}

func lower(names []string) []string {
	names = slices.Clone(names)
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return names
}

// classify is the number of the workflow that a request belongs to.
func (r *rules) classify(q *request, path *parts) int {
	found := r.find(r.paths, 0, path, q, len(r.entries))
	if found == len(r.entries) && path.dropLanguage() {
		found = r.find(r.paths, 0, path, q, found)
	}
	if found == len(r.entries) {
		return 0
	}
	return r.entries[found].workflow
}

// find is the first entry before best that fits a request, where the path's parts before depth led
// to the node; best where none does.
func (r *rules) find(n *node, depth int, path *parts, q *request, best int) int {
	for _, e := range n.open {
		if e < best && r.entries[e].fits(q) {
			best = e
		}
	}
	if depth == path.n {
		for _, e := range n.ends {
			if e < best && !path.more && r.entries[e].fits(q) {
				best = e
			}
		}
		return best
	}
	if next := n.next[string(path.part[depth])]; next != nil {
		best = r.find(next, depth+1, path, q, best)
	}
	for i := range n.globs {
		if globMatches(n.globs[i].text, path.part[depth]) {
			best = r.find(n.globs[i].next, depth+1, path, q, best)
		}
	}
	return best
}

func (r *rules) ending(o Outcome) error {
	e := ending{
		asked: asked{o.Methods, lower(o.Hosts)}, outcome: r.outcome(o),
		bare: o.Bare, unrouted: o.Unrouted, after: float64(time.Duration(o.After)),
	}
	for _, text := range o.Paths {
		patterns, err := parsePatterns(text)
		if err != nil {
			return err
		}
		e.patterns = append(e.patterns, patterns...)
	}
	for _, text := range o.Statuses {
		from, to, err := parseStatuses(text)
		if err != nil {
			return err
		}
		for status := from; status <= to; status++ {
			r.byStatus[status] = append(r.byStatus[status], e)
		}
	}
	return nil
}

// parseStatuses reads one status, or two and all between them.
func parseStatuses(text string) (from, to int, err error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || from < 0 || from > to || to >= statuses {
		return 0, 0, fmt.Errorf("%q is neither a status nor two of them such as 400-499", text)
	}
	return from, to, nil
}

// judge is the number of a request's outcome.
func (r *rules) judge(q *request, path *parts, bare bool) int {
	endings := r.byStatus[int(q.status.value)]
	for i := range endings {
		e := &endings[i]
		if e.unrouted && (q.router.there || q.service.there) || e.bare && !bare || q.duration.value < e.after || !e.fits(q) {
			continue
		}
		if e.patterns == nil || slices.ContainsFunc(e.patterns, func(p pattern) bool { return p.matches(path) }) {
			return e.outcome
		}
	}
	return 0
}
