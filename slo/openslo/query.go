package openslo

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// query is a PromQL expression that is a selector or one in a known wrapping.
type query struct {
	selector string
	// by are the labels it groups by, sorted; grouped says whether it groups at
	// all.
	by      []string
	grouped bool
	// fold is the aggregation around it: sum, min, max or "".
	fold string
	// rate is the function around a counter: rate, increase or "".
	rate string
	// age says that it is the time since the selected timestamp.
	age bool
}

// placeholder is a range that some tool fills in: [{{.window}}], [$window].
var placeholder = regexp.MustCompile(`\[\s*(\{\{\s*\.?\w+\s*\}\}|\$\{?\w+\}?)\s*\]`)

const queryForms = `write a selector such as http_requests_total{code!~"5.."}, or it within rate, increase or sum by (…)`

// readQuery takes the wrapping off a selector.
func readQuery(text string) (query, error) {
	text = placeholder.ReplaceAllString(text, "[5m]")
	expr, err := newParser().ParseExpr(text)
	if err != nil {
		return query{}, fmt.Errorf("it is not PromQL: %w; %s", err, queryForms)
	}
	var q query
	if err := q.open(expr, text); err != nil {
		return query{}, err
	}
	return q, nil
}

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// open looks into one layer.
func (q *query) open(expr parser.Expr, text string) error {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return q.open(e.Expr, text)
	case *parser.VectorSelector:
		return q.choose(e, text)
	case *parser.AggregateExpr:
		return q.aggregate(e, text)
	case *parser.Call:
		return q.call(e, text)
	case *parser.BinaryExpr:
		return q.difference(e, text)
	}
	return fmt.Errorf("%s cannot be reduced to series that are counted one by one; %s", expr, queryForms)
}

func (q *query) choose(s *parser.VectorSelector, text string) error {
	switch {
	case s.OriginalOffset != 0 || s.OriginalOffsetExpr != nil || s.Timestamp != nil || s.StartOrEnd != 0:
		return fmt.Errorf("%s asks for another time; leave offset and @ out", s)
	case s.Anchored || s.Smoothed:
		return fmt.Errorf("%s asks for interpolation; leave anchored and smoothed out", s)
	}
	if !slices.ContainsFunc(s.LabelMatchers, naming) {
		return fmt.Errorf(`%s names no metric; write metric{label="value"}`, s)
	}
	q.selector = asWritten(s, text)
	return nil
}

// naming says whether a matcher is the metric's name.
func naming(m *labels.Matcher) bool {
	return m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual
}

// asWritten is the selector in its author's own spelling: the whole text where
// it is nothing else.
func asWritten(s *parser.VectorSelector, text string) string {
	whole := strings.TrimSpace(text)
	if _, err := newParser().ParseMetricSelector(whole); err == nil {
		return whole
	}
	from, to := int(s.PosRange.Start), int(s.PosRange.End)
	if from >= 0 && from < to && to <= len(text) {
		part := strings.TrimSpace(text[from:to])
		if expr, err := newParser().ParseExpr(part); err == nil && expr.String() == s.String() {
			return part
		}
	}
	return s.String()
}

func (q *query) aggregate(e *parser.AggregateExpr, text string) error {
	q.fold = e.Op.String()
	switch {
	case e.Op != parser.SUM && e.Op != parser.MAX && e.Op != parser.MIN:
		return fmt.Errorf("%s of series cannot be taken back to the series; %s", q.fold, queryForms)
	case e.Without:
		return errors.New("without says which labels not to group by; name those to group by: sum by (tenant) (…)")
	case q.grouped:
		return errors.New("it groups twice; group once")
	}
	q.grouped = true
	q.by = slices.Compact(slices.Sorted(slices.Values(e.Grouping)))
	return q.open(e.Expr, text)
}

func (q *query) call(e *parser.Call, text string) error {
	name := e.Func.Name
	if name != "rate" && name != "increase" {
		return fmt.Errorf("%s() cannot be taken back to the series; %s", name, queryForms)
	}
	q.rate = name
	counter, ok := e.Args[0].(*parser.MatrixSelector)
	if !ok {
		return fmt.Errorf("%s is not over a plain selector; %s", e, queryForms)
	}
	return q.open(counter.VectorSelector, text)
}

// difference reads time() - timestamp.
func (q *query) difference(e *parser.BinaryExpr, text string) error {
	now, isCall := e.LHS.(*parser.Call)
	since := e.RHS
	for paren, ok := since.(*parser.ParenExpr); ok; paren, ok = since.(*parser.ParenExpr) {
		since = paren.Expr
	}
	selector, plain := since.(*parser.VectorSelector)
	if e.Op != parser.SUB || !isCall || now.Func.Name != "time" || !plain {
		return fmt.Errorf("%s computes; only time() - a timestamp may be computed; %s", e, queryForms)
	}
	q.age = true
	return q.choose(selector, text)
}
