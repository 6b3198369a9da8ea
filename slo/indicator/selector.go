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
	// The counters, whose growth is added up by role.
	goodEvents role = iota
	badEvents
	allEvents
	infEvents // of a histogram, by its last bucket
	counterRoles

	// Values that are judged one by one.
	gauge
	success
	duration

	// A bucket's bound makes it goodEvents, infEvents or nothing.
	bucket
)

func (r role) counter() bool { return r < counterRoles }

// covers says whether a series of the role speaks of minutes without samples.
func (r role) covers() bool {
	return r == allEvents || r == infEvents || r == gauge || r == success
}

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

// reads is what a series means to the input; ok is false where it means
// nothing.
func (in *input) reads(l Labels) (r role, ok bool) {
	if !in.matches(l) {
		return 0, false
	}
	if in.role == bucket {
		return bucketRole(in.of.objective.Indicator.Histogram, l.Get(model.BucketLabel))
	}
	return in.role, true
}

// Check says what is wrong with an objective's selectors, as file:line:column,
// what, and what to do. New and Update refuse what CheckAll refuses.
func Check(o *slo.Objective) error {
	_, err := inputs(&tracked{objective: *o})
	return err
}

// inputs reads the selectors of an objective.
func inputs(t *tracked) ([]*input, error) {
	var all []*input
	var errs []error
	add := func(r role, s slo.Selector, suffix string) *input {
		if s.Text == "" {
			return nil
		}
		in, err := newInput(t, r, s, suffix)
		all, errs = append(all, in), append(errs, err)
		return in
	}
	if e := t.objective.Indicator.Events; e != nil {
		add(goodEvents, e.Good, "")
		add(badEvents, e.Bad, "")
		add(allEvents, e.Total, "")
	}
	if h := t.objective.Indicator.Histogram; h != nil {
		if in := add(bucket, h.Metric, "_bucket"); in != nil {
			errs = append(errs, in.checkBuckets(h.Metric))
			add(allEvents, h.Metric, "_count")
		}
	}
	if g := t.objective.Indicator.Threshold; g != nil {
		add(gauge, g.Metric, "")
	}
	if p := t.objective.Indicator.Probe; p != nil {
		add(success, p.Success, "")
		add(duration, p.Duration, "")
	}
	return all, errors.Join(errs...)
}

// checkBuckets refuses what would tell a histogram's buckets apart: only within
// may.
func (in *input) checkBuckets(s slo.Selector) error {
	if slices.ContainsFunc(in.matchers, func(m *labels.Matcher) bool { return m.Name == model.BucketLabel }) {
		return fmt.Errorf("%s: leave le out of %s; within chooses the bucket", s.Position, s.Text)
	}
	if slices.Contains(in.of.objective.By, model.BucketLabel) {
		return fmt.Errorf("%s: a histogram cannot be grouped by le; each bucket would be an instance", s.Position)
	}
	return nil
}

func newInput(t *tracked, r role, s slo.Selector, suffix string) (*input, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s.Text)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is no PromQL selector: %w", s.Position, s.Text, err)
	}
	named := func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel }
	i := slices.IndexFunc(matchers, named)
	if i < 0 || matchers[i].Type != labels.MatchEqual {
		return nil, fmt.Errorf(`%s: %s names no metric; write metric{label="value"}`, s.Position, s.Text)
	}
	name := matchers[i].Value + suffix
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
