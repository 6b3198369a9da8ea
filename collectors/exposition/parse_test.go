package exposition

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// brought is every series that the batches of a Store bring, by its labels as Prometheus prints them.
func brought(store *collectors.Store) map[string]float64 {
	all := map[string]float64{}
	for _, b := range store.All() {
		for _, f := range b.Families {
			for _, s := range f.Samples {
				named := map[string]string{"__name__": f.Metric.Name, "target": b.Key.Target, "tenant": s.Tenant}
				for i, label := range f.Metric.Labels {
					named[label] = s.Values[i]
				}
				builder := labels.NewBuilder(labels.FromMap(named)) // which drops empty labels
				all[builder.Labels().String()] = s.Value
			}
		}
	}
	return all
}

// parsed is every gauge and counter that the client library reads on a page of text. One that
// stands there twice is an error.
func parsed(t testing.TB, page string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	require.NoError(t, err, page)
	all := map[string]float64{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			named := map[string]string{"__name__": name}
			for _, pair := range metric.GetLabel() {
				named[pair.GetName()] = pair.GetValue()
			}
			series := labels.FromMap(named).String()
			require.NotContains(t, all, series)
			all[series] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return all
}

// samples is a page without its comments, which are all in which the two formats differ.
func samples(page string) string {
	var out strings.Builder
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestClientLibraryReadsTheText(t *testing.T) {
	_, page := get(t, serving(t, platform(), ownMetrics(t)), "", "gzip")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	require.NoError(t, err)
	require.Len(t, families, 6)
	for _, m := range []*collectors.Metric{overdue, jobs, waits, reads, up} {
		require.Equal(t, strings.ToUpper(m.Type.String()), families[m.Name].GetType().String())
		require.Equal(t, m.Help, families[m.Name].GetHelp())
	}
	waited := families[waits.Name].GetMetric()[0].GetHistogram()
	require.Equal(t, uint64(6), waited.GetSampleCount())
	require.InDelta(t, 99.5, waited.GetSampleSum(), 0)
	require.Len(t, waited.GetBucket(), 3)
	require.Equal(t, dto.MetricType_COUNTER, families["wardround_config_reloads_total"].GetType())
}

func TestBothFormatsHaveTheSameSamples(t *testing.T) {
	e := serving(t, platform(), nil)
	_, text := get(t, e, "", "gzip")
	_, open := get(t, e, openMetrics, "gzip")
	require.Equal(t, samples(text), samples(open))
	require.NotEqual(t, text, open)
}

func TestValues(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 1: "1", -1: "-1", 42: "42", 1763759962: "1763759962", 1e6: "1000000", 999999999999999: "999999999999999",
		1e15: "1e+15", -1e15: "-1e+15", 1 << 62: "4.611686018427388e+18", 0.1: "0.1", -2.5: "-2.5", 1e-9: "1e-09",
		1763759962.25: "1.76375996225e+09", math.MaxFloat64: "1.7976931348623157e+308", 5e-324: "5e-324",
		math.Inf(1): "+Inf", math.Inf(-1): "-Inf",
	} {
		require.Equal(t, want, string(appendValue(nil, value)))
	}
}

// addPages seeds a fuzz test with tenants, labels and values that are hard to write and to read.
func addPages(f *testing.F) {
	f.Helper()
	f.Add("north", "pending", "root", 1.0, "south", "done", "", 2.5)
	f.Add("", `a"b`, `c\`, math.Inf(1), "", "line\nfeed", "\t", math.Inf(-1))
	f.Add("north", "x", "y", math.Copysign(0, -1), "north", "x", "y", 1e300)
	f.Add("}", "{", ",", 1e15, "=", "# EOF", "\x00", 1e-300)
	f.Add("1", "} 1", `"} 1`, 0.1, "ключ", "日本", "\u2028", 123456789.0)
}

func FuzzPage(f *testing.F) {
	addPages(f)
	f.Fuzz(func(t *testing.T, t1, a1, b1 string, v1 float64, t2, a2, b2 string, v2 float64) {
		for _, text := range []string{t1, a1, b1, t2, a2, b2} {
			if !utf8.ValidString(text) {
				return // no label value for Prometheus
			}
		}
		store := collectors.NewStore()
		store.Put(batch(cluster, func(b *collectors.Builder) {
			b.SetFor(t1, jobs, v1, a1, b1)
			b.SetFor(t2, jobs, v2, a2, b2)
			b.SetFor(t2, overdue, v1)
			b.SetFor(t1, reads, v2)
		}))
		e := serving(t, store, nil)
		_, text := get(t, e, "", "gzip")
		if diff := cmp.Diff(brought(store), parsed(t, text)); diff != "" {
			t.Fatal(diff)
		}
		_, open := get(t, e, openMetrics, "gzip")
		require.Equal(t, samples(text), samples(open))
	})
}
