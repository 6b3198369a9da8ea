package collectortest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/wardround/wardround/collectors"
)

// content judges what a successful visit brought.
func (s Suite) content(log collectors.Log, b *collectors.Batch) error {
	if b.Len() == 0 {
		return errors.New("a successful visit brought no sample")
	}
	return errors.Join(s.wanted(b), s.judged(log, b))
}

// judged judges what any visit wrote; b is nil where that is nothing.
func (s Suite) judged(log collectors.Log, b *collectors.Batch) error {
	var errs []error
	for _, note := range log.Notes {
		errs = append(errs, s.silent("note", note))
	}
	if b == nil {
		return errors.Join(errs...)
	}
	errs = append(errs, s.catalogued(b), lint(b))
	for _, f := range b.Findings {
		errs = append(errs, finding(f), s.silent("finding "+f.Name, f.Text))
	}
	return errors.Join(errs...)
}

// catalogued says which samples the package's catalogue does not announce, and which values
// cannot be meant.
func (s Suite) catalogued(b *collectors.Batch) error {
	allowed := slices.Concat(s.Catalogue, collectors.Metrics())
	var errs []error
	for _, f := range b.Families {
		if !slices.Contains(allowed, f.Metric) {
			errs = append(errs, fmt.Errorf("%s is not in the catalogue", f.Metric.Name))
		}
		for _, sample := range f.Samples {
			if problem := implausible(f.Metric, sample, b.At); problem != "" {
				errs = append(errs, fmt.Errorf("%s{%s} %v: %s", f.Metric.Name, sample.Block(), sample.Value, problem))
			}
			errs = append(errs, s.silent(f.Metric.Name, sample.Block()))
		}
	}
	return errors.Join(errs...)
}

// implausible says what cannot be meant about a sample, "" if it may be right. A moment out of
// this century or in the future is milliseconds, or an age; a long label is somebody's text.
func implausible(m *collectors.Metric, s collectors.Sample, now time.Time) string {
	for _, value := range s.Values {
		if !utf8.ValidString(value) || len(value) > longestLabel || strings.ContainsAny(value, "\n\r\x00") {
			return fmt.Sprintf("label value %q is not a technical name", value)
		}
	}
	switch {
	case m.Type == collectors.Counter && s.Value < 0:
		return "a counter below zero"
	case strings.HasSuffix(m.Name, "_timestamp_seconds") && (s.Value < beginning || s.Value > float64(now.AddDate(10, 0, 0).Unix())):
		return "not a moment in seconds since 1970"
	}
	return ""
}

const (
	longestLabel = 200       // bytes
	beginning    = 946684800 // the year 2000, in seconds since 1970
)

// wanted says which families that must be there are not.
func (s Suite) wanted(b *collectors.Batch) error {
	var errs []error
	for _, name := range s.Want {
		if !slices.ContainsFunc(b.Families, func(f collectors.Family) bool { return f.Metric.Name == name }) {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		}
	}
	return errors.Join(errs...)
}

// silent says whether a canary is in the text of something that people or programs will see.
func (s Suite) silent(where, text string) error {
	for _, canary := range s.Canaries {
		if strings.Contains(text, canary) {
			return fmt.Errorf("%s shows the canary %q: %s", where, canary, text)
		}
	}
	return nil
}

// finding judges one finding: whoever reads it must know what, how bad, and whose question it is.
func finding(f collectors.Finding) error {
	questions := []collectors.Question{
		collectors.Healthy, collectors.Protected, collectors.Controlled, collectors.Contained, collectors.Recoverable,
	}
	severities := []collectors.Severity{collectors.Critical, collectors.Warning, collectors.Info}
	switch {
	case f.Name == "" || strings.ToLower(f.Name) != f.Name || strings.ContainsAny(f.Name, " -."):
		return fmt.Errorf("finding %q: the name must be lower case words joined by underscores", f.Name)
	case !slices.Contains(questions, f.Question):
		return fmt.Errorf("finding %s answers none of the five questions: %q", f.Name, f.Question)
	case !slices.Contains(severities, f.Severity):
		return fmt.Errorf("finding %s has no severity: %q", f.Name, f.Severity)
	case f.Text == "":
		return fmt.Errorf("finding %s says nothing", f.Name)
	}
	return nil
}

// lint asks the Prometheus linter about the Batch's page.
func lint(b *collectors.Batch) error {
	problems, err := promlint.New(bytes.NewReader(Text(b))).Lint()
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	var errs []error
	for _, p := range problems {
		errs = append(errs, fmt.Errorf("%s: %s", p.Metric, p.Text))
	}
	return errors.Join(errs...)
}

var helpEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

// Text writes a Batch in the Prometheus text format, one family after the other: what tests
// compare with golden files.
func Text(b *collectors.Batch) []byte {
	var page bytes.Buffer
	for _, f := range b.Families {
		fmt.Fprintf(&page, "# HELP %s %s\n# TYPE %s %s\n",
			f.Metric.Name, helpEscaper.Replace(f.Metric.Help), f.Metric.Name, f.Metric.Type)
		for _, sample := range f.Samples {
			fmt.Fprintf(&page, "%s%s{%s} %v\n", f.Metric.Name, sample.Suffix, sample.Block(), sample.Value)
		}
	}
	return page.Bytes()
}
