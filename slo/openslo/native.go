package openslo

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
)

// number that is written as exactly the text it is.
func plainNumber(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

func floatText(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// nativeObjective is an objective file of Wardround.
type nativeObjective struct {
	Name        string
	Question    slo.Question
	Title       string
	Description string `yaml:",omitempty"`
	Owner       string `yaml:",omitempty"`
	Indicator   nativeIndicator
	By          *labelList `yaml:",omitempty"`
	Targets     any
	Window      any               `yaml:",omitempty"`
	Policy      string            `yaml:",omitempty"`
	NoData      slo.NoData        `yaml:"no_data,omitempty"`
	MinCoverage *slo.Ratio        `yaml:"min_coverage,omitempty"`
	LowTraffic  *nativeLowTraffic `yaml:"low_traffic,omitempty"`
	Links       nativeLinks       `yaml:",omitempty"`
}

// labelList is written on one line.
type labelList []string

// MarshalYAML makes a flow sequence.
func (l labelList) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, label := range l {
		n.Content = append(n.Content, plainText(label))
	}
	return n, nil
}

func plainText(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

type nativeTargets struct {
	Default slo.Ratio
	Tiers   map[string]slo.Ratio `yaml:",inline"`
	Tenants map[string]slo.Ratio `yaml:",omitempty"`
}

type nativeIndicator struct {
	Source    string           `yaml:",omitempty"`
	Events    *nativeEvents    `yaml:",omitempty"`
	Histogram *nativeHistogram `yaml:",omitempty"`
	Threshold *nativeThreshold `yaml:",omitempty"`
	Probe     *nativeProbe     `yaml:",omitempty"`
	Composite *nativeComposite `yaml:",omitempty"`
}

type nativeEvents struct {
	Good  string `yaml:",omitempty"`
	Bad   string `yaml:",omitempty"`
	Total string
}

type nativeHistogram struct {
	Metric string
	Within *yaml.Node
}

type nativeThreshold struct {
	Metric string
	Age    bool        `yaml:",omitempty"`
	Zero   slo.Verdict `yaml:",omitempty"`
	Op     slo.Op
	Value  *yaml.Node
	Slice  string `yaml:",omitempty"`
}

type nativeProbe struct {
	Success  string
	Duration string     `yaml:",omitempty"`
	Within   *yaml.Node `yaml:",omitempty"`
}

type nativeComposite struct {
	Of      []nativeMember
	Method  slo.Method
	Delayed slo.NoData `yaml:",omitempty"`
}

type nativeMember struct {
	Objective string
	Weight    uint64
}

type nativeCalendar struct {
	Calendar slo.Calendar
	Zone     string `yaml:",omitempty"`
	Anchor   int    `yaml:",omitempty"`
}

type nativeLowTraffic struct {
	MinBad      uint64 `yaml:"min_bad"`
	BudgetSpent bool   `yaml:"budget_spent"`
}

type nativeLinks struct {
	Runbook   string `yaml:",omitempty"`
	Dashboard string `yaml:",omitempty"`
}

// WriteNative writes objectives as Wardround's own files have them, one YAML
// document each, below a comment that says where they were read. Reading it with
// slo.ParseObjectives gives the same objectives, but for their positions.
func WriteNative(w io.Writer, objectives []slo.Objective) error {
	documents := make([]any, len(objectives))
	for i := range objectives {
		var n yaml.Node
		if err := n.Encode(native(&objectives[i])); err != nil {
			return fmt.Errorf("write objective %q: %w", objectives[i].Name, err)
		}
		if at := objectives[i].Position; at.File != "" {
			n.HeadComment = "Read from " + at.String()
		}
		documents[i] = &n
	}
	return encode(w, documents)
}

// WriteNativePolicies writes alert policies as Wardround's own files have them.
func WriteNativePolicies(w io.Writer, policies []slo.Policy) error {
	type pair struct {
		Severity    slo.Severity
		Share       slo.Ratio
		Long, Short string
	}
	documents := make([]any, len(policies))
	for i, p := range policies {
		pairs := make([]pair, len(p.Pairs))
		for j, q := range p.Pairs {
			pairs[j] = pair{q.Severity, q.Share, slo.FormatDuration(q.Long), slo.FormatDuration(q.Short)}
		}
		documents[i] = struct {
			Name        string
			Description string `yaml:",omitempty"`
			Pairs       []pair
		}{p.Name, p.Description, pairs}
	}
	return encode(w, documents)
}

// encode writes YAML documents.
func encode(w io.Writer, documents []any) error {
	if len(documents) == 0 {
		return nil
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	for _, d := range documents {
		if err := e.Encode(d); err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
	}
	if err := e.Close(); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return nil
}

// native leaves out what is the default.
func native(o *slo.Objective) nativeObjective {
	n := nativeObjective{
		Name: o.Name, Question: o.Question, Title: o.Title, Description: o.Description, Owner: o.Owner,
		Indicator: nativeKind(o.Indicator), Window: nativeWindow(o.Window), Links: nativeLinks(o.Links),
	}
	if !slices.Equal(o.By, []string{"tenant"}) {
		n.By = (*labelList)(&o.By)
	}
	n.Targets = o.Targets.Default
	if len(o.Targets.ByTier)+len(o.Targets.ByTenant) > 0 {
		n.Targets = nativeTargets{o.Targets.Default, o.Targets.ByTier, o.Targets.ByTenant}
	}
	if o.Policy.Name != "default" {
		n.Policy = o.Policy.Name
	}
	if o.NoData != slo.NoDataIgnore {
		n.NoData = o.NoData
	}
	if o.MinCoverage != slo.One/2 {
		n.MinCoverage = &o.MinCoverage
	}
	if o.LowTraffic != (slo.LowTraffic{MinBad: 2, BudgetSpent: true}) {
		n.LowTraffic = (*nativeLowTraffic)(&o.LowTraffic)
	}
	return n
}

func nativeWindow(w slo.Window) any {
	if w.Calendar == "" {
		if w.Rolling == 30*slo.Day {
			return nil
		}
		return slo.FormatDuration(w.Rolling)
	}
	c := nativeCalendar{Calendar: w.Calendar, Anchor: w.Anchor}
	if w.Zone != nil {
		c.Zone = w.Zone.String()
	}
	return c
}

func nativeKind(in slo.Indicator) nativeIndicator {
	n := nativeIndicator{Source: in.Source}
	if e := in.Events; e != nil {
		n.Events = &nativeEvents{e.Good.Text, e.Bad.Text, e.Total.Text}
	}
	if h := in.Histogram; h != nil {
		n.Histogram = &nativeHistogram{h.Metric.Text, plainNumber(floatText(h.Within))}
	}
	if t := in.Threshold; t != nil {
		n.Threshold = &nativeThreshold{t.Metric.Text, t.Age, t.Zero, t.Op, plainNumber(floatText(t.Value)), ""}
		if t.Slice > 0 {
			n.Threshold.Slice = slo.FormatDuration(t.Slice)
		}
	}
	if p := in.Probe; p != nil {
		n.Probe = &nativeProbe{Success: p.Success.Text, Duration: p.Duration.Text}
		if p.Duration.Text != "" {
			n.Probe.Within = plainNumber(floatText(p.Within))
		}
	}
	if c := in.Composite; c != nil {
		n.Composite = &nativeComposite{Method: c.Method}
		if c.Delayed != slo.NoDataIgnore {
			n.Composite.Delayed = c.Delayed
		}
		for _, m := range c.Of {
			n.Composite.Of = append(n.Composite.Of, nativeMember{m.Objective, m.Weight})
		}
	}
	return n
}
