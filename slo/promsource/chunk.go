package promsource

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// series is one raw series of a chunk, as the Engine asks for it.
type series struct {
	name   string
	block  string // all labels
	kept   []string
	values points // the next one first
}

// Get is indicator.Labels'. kept holds name, value, name, value.
func (s *series) Get(label string) string {
	for i := 0; i < len(s.kept); i += 2 {
		if s.kept[i] == label {
			return s.kept[i+1]
		}
	}
	return ""
}

// Block is indicator.Labels'.
func (s *series) Block() string { return s.block }

// newSeries keeps of the labels those that are read, and all of them as one
// string by which the series is known.
func newSeries(one stream, keep []string) *series {
	s := &series{name: one.Metric[model.MetricNameLabel], values: one.Values}
	var block strings.Builder
	for _, name := range slices.Sorted(maps.Keys(one.Metric)) {
		value := one.Metric[name]
		block.WriteString(name + "\xff" + value + "\xff")
		if _, read := slices.BinarySearch(keep, name); read {
			s.kept = append(s.kept, name, value)
		}
	}
	s.block = block.String()
	return s
}

// chunk is what a stretch of time holds of all that is asked for.
type chunk struct {
	series   []*series
	samples  int
	warnings []string
}

// fetch reads the stretch [from, to). What several queries bring is in it once.
func (s *Source) fetch(ctx context.Context, p *plan, from, to time.Time) (_ *chunk, err error) {
	ctx, span := s.opts.Tracer.Start(ctx, "read source", trace.WithAttributes(
		attribute.String("source", s.config.Name),
		attribute.String("from", from.Format(time.RFC3339)), attribute.String("to", to.Format(time.RFC3339))))
	all := &chunk{}
	defer func() {
		if err != nil {
			span.SetStatus(codes.Error, string(ReasonOf(err)))
		}
		span.SetAttributes(attribute.Int("series", len(all.series)), attribute.Int("samples", all.samples))
		span.End()
	}()
	seen := map[string]bool{}
	for _, q := range p.queries {
		warnings, err := s.client.samples(ctx, q, from, to, func(one stream) error {
			next := newSeries(one, p.labels)
			if seen[next.block] {
				return nil
			}
			seen[next.block] = true
			next.values = since(from, next.values)
			all.series = append(all.series, next)
			all.samples += len(next.values)
			return s.fits(all)
		})
		if err != nil {
			return nil, fmt.Errorf("ask source %s for %s at %s: %w", s.config.Name, q.over(to.Sub(from)), to.Format(time.RFC3339), err)
		}
		all.warnings = append(all.warnings, warnings...)
	}
	return all, nil
}

// fits ends a chunk that is too large to be held.
func (s *Source) fits(c *chunk) error {
	if len(c.series) > s.config.MaxSeries {
		return failed(ReasonTooMuch, "more than %d series: narrow the selectors, or raise max_series", s.config.MaxSeries)
	}
	if c.samples > s.config.MaxSamples {
		return failed(ReasonTooMuch, "more than %d samples: narrow the selectors, or raise max_samples", s.config.MaxSamples)
	}
	return nil
}

// since cuts samples off that are before from: some servers answer those of the
// instant at which a range begins, others do not.
func since(from time.Time, values points) points {
	for len(values) > 0 && values[0].at < from.UnixMilli() {
		values = values[1:]
	}
	return values
}
