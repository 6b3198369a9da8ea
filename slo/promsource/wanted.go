package promsource

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wardround/wardround/slo"
)

// wanted are the raw series that an objective's indicator reads.
func wanted(o *slo.Objective) ([][]*labels.Matcher, error) {
	var all [][]*labels.Matcher
	var errs []error
	for _, s := range o.Indicator.Selectors() {
		matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s.Text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is no PromQL selector: %w", s.Position, s.Text, err))
			continue
		}
		if h := o.Indicator.Histogram; h != nil {
			all = append(all, buckets(matchers, h.Within))
			continue
		}
		all = append(all, matchers)
	}
	return all, errors.Join(errs...)
}

// buckets are the series of a histogram that tell how many observations there
// were and how many were within a bound.
func buckets(histogram []*labels.Matcher, within float64) []*labels.Matcher {
	var all []*labels.Matcher
	for _, m := range histogram {
		if m.Name == model.MetricNameLabel {
			m = labels.MustNewMatcher(m.Type, m.Name, m.Value+"_bucket")
		}
		all = append(all, m)
	}
	return append(all, labels.MustNewMatcher(labels.MatchRegexp, model.BucketLabel, spellings(within)+`|\+Inf`))
}

// spellings fit a bound as clients write it: 1, 1.0, 1.00, 1e+00.
func spellings(bound float64) string {
	plain := strconv.FormatFloat(bound, 'f', -1, 64)
	zeros := `0*`
	if !strings.Contains(plain, ".") {
		zeros = `(\.0*)?`
	}
	short := strconv.FormatFloat(bound, 'g', -1, 64)
	return regexp.QuoteMeta(plain) + zeros + "|" + regexp.QuoteMeta(short)
}
