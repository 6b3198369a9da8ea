package indicator

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// role is what a series means to an indicator.
type role uint8

const (
	goodEvents role = iota
	badEvents
	allEvents
	gauge
)

// input is one selector of one objective, ready to match.
type input struct {
	of       *tracked
	role     role
	metric   string
	matchers []*labels.Matcher
}

// matches says whether a series of the input's metric has the labels asked for.
func (in *input) matches(l Labels) bool {
	for _, m := range in.matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// Check says what is wrong with an objective's selectors, as file:line:column,
// what, and what to do. New and Update refuse what Check refuses.
func Check(o *slo.Objective) error {
	_, err := inputs(&tracked{objective: *o})
	return err
}

// inputs reads the selectors of an objective.
func inputs(t *tracked) ([]*input, error) {
	var all []*input
	var errs []error
	add := func(r role, s slo.Selector) {
		if s.Text == "" {
			return
		}
		in, err := newInput(t, r, s)
		all, errs = append(all, in), append(errs, err)
	}
	if e := t.objective.Indicator.Events; e != nil {
		add(goodEvents, e.Good)
		add(badEvents, e.Bad)
		add(allEvents, e.Total)
	}
	if g := t.objective.Indicator.Threshold; g != nil {
		add(gauge, g.Metric)
	}
	return all, errors.Join(errs...)
}

func newInput(t *tracked, r role, s slo.Selector) (*input, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s.Text)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is no PromQL selector: %w", s.Position, s.Text, err)
	}
	named := func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel }
	i := slices.IndexFunc(matchers, named)
	if i < 0 || matchers[i].Type != labels.MatchEqual {
		return nil, fmt.Errorf(`%s: %s names no metric; write metric{label="value"}`, s.Position, s.Text)
	}
	name := matchers[i].Value
	return &input{of: t, role: r, metric: name, matchers: slices.DeleteFunc(matchers, named)}, nil
}

// family is the name under which a metric's series are grouped: that of the
// histogram where the metric is a part of one.
func family(metric string) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, found := strings.CutSuffix(metric, suffix); found {
			return base
		}
	}
	return metric
}
