package rules

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// label is one equality of a selector.
type label struct{ name, value string }

// series selects by name and labels.
func series(name string, equal ...label) *parser.VectorSelector {
	v := &parser.VectorSelector{Name: name}
	for _, l := range equal {
		v.LabelMatchers = append(v.LabelMatchers, labels.MustNewMatcher(labels.MatchEqual, l.name, l.value))
	}
	return v
}

// selector reads what an objective's indicator says. Only a plain selector can be put into every place a rule needs it.
func selector(text string) (*parser.VectorSelector, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return nil, fmt.Errorf("read selector %q: %w", text, err)
	}
	v, ok := expr.(*parser.VectorSelector)
	if !ok || v.OriginalOffset != 0 || v.Timestamp != nil || v.StartOrEnd != 0 {
		return nil, fmt.Errorf("read selector %q: write name{label=\"value\"} and nothing else", text)
	}
	for _, m := range v.LabelMatchers { // {__name__="up"} names a metric, too
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			v.Name = m.Value
		}
	}
	return v, nil
}

// oneOf is the matcher of a label that has one of these values.
func oneOf(name string, values []string) *labels.Matcher {
	var quoted []string
	for _, v := range values {
		quoted = append(quoted, regexp.QuoteMeta(v))
	}
	return labels.MustNewMatcher(labels.MatchRegexp, name, strings.Join(quoted, "|"))
}

func number(value float64) parser.Expr { return &parser.NumberLiteral{Val: value} }

// over is the selector with a range.
func over(v *parser.VectorSelector, window time.Duration) parser.Expr {
	return &parser.MatrixSelector{VectorSelector: v, Range: window}
}

func call(function string, args ...parser.Expr) parser.Expr {
	return &parser.Call{Func: parser.Functions[function], Args: args}
}

// by aggregates and keeps these labels.
func by(op parser.ItemType, keep []string, expr parser.Expr) parser.Expr {
	return &parser.AggregateExpr{Op: op, Grouping: keep, Expr: expr}
}

// without aggregates and drops these labels.
func without(op parser.ItemType, drop []string, expr parser.Expr) parser.Expr {
	return &parser.AggregateExpr{Op: op, Grouping: drop, Without: true, Expr: expr}
}

// binary joins two expressions on all labels they share.
func binary(left parser.Expr, op parser.ItemType, right parser.Expr) *parser.BinaryExpr {
	return &parser.BinaryExpr{Op: op, LHS: enclosed(left, op, false), RHS: enclosed(right, op, true)}
}

// compared is 1 where the comparison holds and 0 elsewhere.
func compared(left parser.Expr, op parser.ItemType, right parser.Expr) parser.Expr {
	b := binary(left, op, right)
	b.ReturnBool = true
	return b
}

// on joins two expressions by these labels alone.
func on(left parser.Expr, op parser.ItemType, keys []string, right parser.Expr) *parser.BinaryExpr {
	b := binary(left, op, right)
	b.VectorMatching = &parser.VectorMatching{Card: parser.CardOneToOne, MatchingLabels: keys, On: true}
	return b
}

// ignoring joins two expressions by all labels they share but these.
func ignoring(left parser.Expr, op parser.ItemType, drop []string, right parser.Expr) *parser.BinaryExpr {
	b := binary(left, op, right)
	b.VectorMatching = &parser.VectorMatching{Card: parser.CardManyToMany, MatchingLabels: drop}
	return b
}

// taking joins many on the left with one on the right and takes a label from there.
func taking(left parser.Expr, op parser.ItemType, keys []string, take string, right parser.Expr) parser.Expr {
	b := on(left, op, keys, right)
	b.VectorMatching.Card = parser.CardManyToOne
	b.VectorMatching.Include = []string{take}
	return b
}

// enclosed puts an operand into parentheses where its text would be read otherwise: syntax trees know no precedence.
func enclosed(operand parser.Expr, op parser.ItemType, right bool) parser.Expr {
	inner, ok := operand.(*parser.BinaryExpr)
	if !ok || precedence(inner.Op) > precedence(op) || inner.Op == op && !right {
		return operand
	}
	return &parser.ParenExpr{Expr: operand}
}

// precedence is higher for what binds tighter. All operators used here group to the left.
func precedence(op parser.ItemType) int {
	switch op {
	case parser.LOR:
		return 1
	case parser.LAND, parser.LUNLESS:
		return 2
	case parser.ADD, parser.SUB:
		return 4
	case parser.MUL, parser.DIV, parser.MOD:
		return 5
	}
	return 3 // comparisons
}

// text writes the expression for people, after the parser has agreed that it is one.
func text(expr parser.Expr) (string, error) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr.String())
	if err != nil {
		return "", fmt.Errorf("expression %s: %w", expr, err)
	}
	pretty := parsed.Pretty(0)
	if strings.HasPrefix(pretty, " ") { // a first line that is indented is hard to read in YAML, for encoders too
		pretty = (&parser.ParenExpr{Expr: parsed}).Pretty(0)
	}
	return pretty, nil
}
