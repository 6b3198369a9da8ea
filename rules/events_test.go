package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// TestRounds says what each kind of indicator makes of single rounds and slices, and of histograms: where nothing is
// wanted, nothing may be said.
func TestRounds(t *testing.T) {
	const probe = "probe: {success: up, duration: took_seconds, within: 2}"
	const histogram = "histogram: {metric: wait_seconds, within: 1}"
	cases := []struct {
		name, indicator, asks string
		series                [][2]string // and values
		minute                string
		want                  []float64
	}{
		{"in time", probe, roundGood, [][2]string{{"up", "1x30"}, {"took_seconds", "2x30"}}, "20m", []float64{1}},
		{"too late", probe, roundGood, [][2]string{{"up", "1x30"}, {"took_seconds", "2.1x30"}}, "20m", []float64{0}},
		{"failed in time", probe, roundGood, [][2]string{{"up", "0x30"}, {"took_seconds", "1x30"}}, "20m", []float64{0}},
		{"failed without a duration", probe, roundGood, [][2]string{{"up", "0x30"}}, "20m", []float64{0}},
		{"no duration", probe, roundGood, [][2]string{{"up", "1x30"}}, "20m", nil},
		{"no outcome", probe, roundGood, [][2]string{{"took_seconds", "9x30"}}, "20m", nil},
		{"one of two without a duration", probe, roundGood, [][2]string{{`up{n="1"}`, "1x30"}, {`up{n="2"}`, "1x30"}, {`took_seconds{n="1"}`, "1x30"}}, "20m", nil},
		{"one of two too late", probe, roundGood, [][2]string{{`up{n="1"}`, "1x30"}, {`up{n="2"}`, "1x30"}, {`took_seconds{n="1"}`, "3x30"}}, "20m", []float64{0}},
		{"an outcome that is no outcome", "probe: {success: up}", roundGood, [][2]string{{"up", "2x30"}}, "20m", []float64{0}},
		{"a bound as Prometheus writes it", histogram, goodIncrease, [][2]string{{`wait_seconds_bucket{le="1.0"}`, "0+30x30"}, {"wait_seconds_count", "0+40x30"}}, "20m", []float64{150}},
		{"all that there was", histogram, totalIncrease, [][2]string{{`wait_seconds_bucket{le="1"}`, "0+30x30"}, {"wait_seconds_count", "0+40x30"}}, "20m", []float64{200}},
		{"no bucket at the bound", histogram, totalIncrease, [][2]string{{`wait_seconds_bucket{le="10"}`, "0+30x30"}, {"wait_seconds_count", "0+40x30"}}, "20m", nil},
		{"one of two without a bucket", histogram, goodIncrease, [][2]string{{`wait_seconds_bucket{le="1",n="1"}`, "0+30x30"}, {`wait_seconds_count{n="1"}`, "0+40x30"}, {`wait_seconds_count{n="2"}`, "0+40x30"}}, "20m", nil},
		{"a slice with a bad round", slices15, sliceGood, [][2]string{{"queue", "0x20 9 0x40"}}, "29m", []float64{0}},
		{"a slice without", slices15, sliceGood, [][2]string{{"queue", "0x14 9x14 0x40"}}, "44m", []float64{1}},
		{"between slices", slices15, totalIncrease, [][2]string{{"queue", "0x60"}}, "40m", []float64{0}},
		{"a slice that has ended", slices15, totalIncrease, [][2]string{{"queue", "0x60"}}, "44m", []float64{1}},
		{"a slice is no more than one event", slices15, totalIncrease, [][2]string{{"queue", "0x60"}}, "47m", []float64{1}},
	}
	dir, test := t.TempDir(), testFile{EvaluationInterval: "1m"}
	for i, c := range cases {
		o := parse(t, "name: o\nquestion: healthy\ntitle: O\nby: []\nindicator: {"+c.indicator+"}\ntargets: 90%\npolicy: tickets\n")[0]
		files, err := Generate([]slo.Objective{o}, Options{Source: FromSeries})
		require.NoError(t, err)
		s := scenario{Name: c.name, Interval: "1m", Exprs: []exprTest{{Expr: c.asks, EvalTime: c.minute}}}
		for _, in := range c.series {
			s.Series = append(s.Series, inputSeries{in[0], in[1]})
		}
		for _, v := range c.want {
			s.Exprs[0].Samples = append(s.Exprs[0].Samples, expectedSample{selectorText(c.asks, map[string]string{objectiveLabel: "o"}), v})
		}
		one := test
		one.RuleFiles, one.Tests = []string{fmt.Sprintf("%d.yaml", i)}, []scenario{s}
		content, err := encode("", one)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, one.RuleFiles[0]), files[0].Content, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.test", i)), content, 0o600))
	}
	promtool(t, "test", dir, ".test")
}

const slices15 = "threshold: {metric: queue, op: <=, value: 3, slice: 15m}"
