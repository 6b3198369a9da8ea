package scrape

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
)

//go:embed rules/*.yaml
var ruleFiles embed.FS

// ruleSets are the built-in rule sets by name.
var ruleSets = map[string]*ruleSet{"kubernetes": mustLoad("rules/kubernetes.yaml")}

// ruleSet is a file of rules/ made ready. It is immutable.
type ruleSet struct {
	rules    []*rule
	findings []findingRule
	feeds    map[string][]*feed // by family
}

// rule derives one metric.
type rule struct {
	metric *collectors.Metric
	terms  []*term
}

// term is one way in which series become a rule's values.
type term struct {
	feed  *feed
	join  *feed // nil where none
	does  string
	on    []string
	is    comparison
	take  string
	fixed map[string]string // values of the rule's labels
	by    []string          // labels of the series that are the rule's too
}

// feed is a part of a family that rules read.
type feed struct {
	family string
	where  []condition
}

// What a term takes of the series that meet its conditions, and what a join does.
const (
	takeSum      = "sum"
	takeCount    = "count"
	takeMax      = "max"
	takeIncrease = "increase" // since the last visit, added to a counter of ours

	joinOver    = "over"    // divide by the other's value
	joinWith    = "with"    // only where there is another above zero
	joinWithout = "without" // only where there is none
)

// findingRule says when a derived series is a finding, and in which words.
type findingRule struct {
	Name     string              `yaml:"name"`
	Metric   string              `yaml:"metric"`
	Labels   map[string]string   `yaml:"labels"`
	Is       string              `yaml:"is"`
	For      model.Duration      `yaml:"for"`
	Question collectors.Question `yaml:"question"`
	Severity collectors.Severity `yaml:"severity"`
	Text     string              `yaml:"text"` // {value}, {percent} and {label} of each label are filled in
	is       comparison
}

// The file's shape.
type (
	fileOfRules struct {
		Metrics  []fileMetric  `yaml:"metrics"`
		Findings []findingRule `yaml:"findings"`
	}
	fileMetric struct {
		Name   string     `yaml:"name"`
		Type   string     `yaml:"type"`
		Unit   string     `yaml:"unit"`
		Labels []string   `yaml:"labels"`
		Help   string     `yaml:"help"`
		From   []fileTerm `yaml:"from"`
	}
	fileTerm struct {
		fileFeed `yaml:",inline"`
		Join     *fileJoin         `yaml:"join"`
		Is       string            `yaml:"is"`
		Take     string            `yaml:"take"`
		Set      map[string]string `yaml:"set"`
		By       []string          `yaml:"by"`
	}
	fileJoin struct {
		fileFeed `yaml:",inline"`
		Do       string   `yaml:"do"`
		On       []string `yaml:"on"`
	}
	fileFeed struct {
		Family string            `yaml:"family"`
		Where  map[string]string `yaml:"where"`
	}
)

// mustLoad reads a file of the program itself: a fault in it is a fault of the build.
func mustLoad(name string) *ruleSet {
	text, err := ruleFiles.ReadFile(name)
	if err != nil {
		panic(err)
	}
	set, err := loadRules(text)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return set
}

func loadRules(text []byte) (*ruleSet, error) {
	var file fileOfRules
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	set := &ruleSet{feeds: map[string][]*feed{}}
	for _, m := range file.Metrics {
		r, err := set.newRule(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		set.rules = append(set.rules, r)
	}
	for _, f := range file.Findings {
		is, err := parseComparison(f.Is)
		if err != nil {
			return nil, fmt.Errorf("finding %s: %w", f.Name, err)
		}
		if !slices.ContainsFunc(set.rules, func(r *rule) bool { return r.metric.Name == f.Metric }) {
			return nil, fmt.Errorf("finding %s: there is no metric %q", f.Name, f.Metric)
		}
		f.is = is
		set.findings = append(set.findings, f)
	}
	return set, nil
}

func (set *ruleSet) newRule(m fileMetric) (*rule, error) {
	kind, known := kinds[m.Type]
	if !known {
		return nil, fmt.Errorf("type %q", m.Type)
	}
	r := &rule{}
	var sources []string
	for _, ft := range m.From {
		t, err := set.newTerm(m, kind, ft)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ft.Family, err)
		}
		r.terms = append(r.terms, t)
		if !slices.Contains(sources, ft.Family) {
			sources = append(sources, ft.Family)
		}
	}
	r.metric = &collectors.Metric{
		Name: m.Name, Type: kind, Unit: m.Unit, Labels: m.Labels, Help: m.Help, Source: strings.Join(sources, ", "),
	}
	return r, nil
}

func (set *ruleSet) newTerm(m fileMetric, kind collectors.Type, ft fileTerm) (*term, error) {
	t := &term{take: ft.Take, fixed: ft.Set, by: ft.By}
	if !slices.Contains([]string{takeSum, takeCount, takeMax, takeIncrease}, t.take) || (t.take == takeIncrease) != (kind == collectors.Counter) {
		return nil, fmt.Errorf("take %q does not make a %s", t.take, kind)
	}
	for _, label := range m.Labels {
		if _, fixed := t.fixed[label]; fixed == slices.Contains(t.by, label) {
			return nil, fmt.Errorf("label %s must be either in set or in by", label)
		}
	}
	var err error
	if t.is, err = parseComparison(ft.Is); err != nil {
		return nil, err
	}
	if t.feed, err = set.newFeed(ft.fileFeed); err != nil || ft.Join == nil {
		return t, err
	}
	if !slices.Contains([]string{joinOver, joinWith, joinWithout}, ft.Join.Do) || len(ft.Join.On) == 0 {
		return nil, fmt.Errorf("join must do over, with or without, on labels")
	}
	t.does, t.on = ft.Join.Do, ft.Join.On
	t.join, err = set.newFeed(ft.Join.fileFeed)
	return t, err
}

func (set *ruleSet) newFeed(f fileFeed) (*feed, error) {
	if f.Family == "" {
		return nil, errors.New("the family is missing")
	}
	where, err := patterns(f.Where)
	if err != nil {
		return nil, err
	}
	made := &feed{family: f.Family, where: where}
	set.feeds[f.Family] = append(set.feeds[f.Family], made)
	return made, nil
}

// comparison is a condition on a value; the zero value is always met.
type comparison struct {
	operator string
	value    float64
}

func parseComparison(text string) (comparison, error) {
	operator, number, found := strings.Cut(text, " ")
	if text == "" {
		return comparison{}, nil
	}
	value, err := strconv.ParseFloat(number, 64)
	if !found || err != nil || !slices.Contains([]string{">", ">=", "<", "<=", "=="}, operator) {
		return comparison{}, fmt.Errorf("%q is no comparison", text)
	}
	return comparison{operator, value}, nil
}

func (c comparison) met(value float64) bool {
	switch c.operator {
	case ">":
		return value > c.value
	case ">=":
		return value >= c.value
	case "<":
		return value < c.value
	case "<=":
		return value <= c.value
	case "==":
		return value == c.value
	}
	return true
}
