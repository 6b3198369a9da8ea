package exposition

import (
	"errors"
	"io"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// broughtWithSuffix is every series that the batches of a Store bring, by its labels as Prometheus prints them.
func broughtWithSuffix(store *collectors.Store) map[string]float64 {
	all := map[string]float64{}
	for _, b := range store.All() {
		for _, f := range b.Families {
			for _, s := range f.Samples {
				named := map[string]string{
					"__name__": f.Metric.Name + s.Suffix, "target": b.Key.Target, "tenant": s.Tenant, "le": s.LE,
				}
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

// readByPrometheus is every series that Prometheus reads on a page. One that stands there twice is an error.
func readByPrometheus(t testing.TB, page, contentType string) map[string]float64 {
	t.Helper()
	parser, err := textparse.New([]byte(page), contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	require.NoError(t, err)
	all := map[string]float64{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, page)
		if entry == textparse.EntrySeries {
			var l labels.Labels
			parser.Labels(&l)
			require.NotContains(t, all, l.String())
			_, _, all[l.String()] = parser.Series()
		}
	}
}

func TestPrometheusReadsWhatWasBrought(t *testing.T) {
	store := platform()
	e := serving(t, store, nil)
	for _, accept := range []string{"text/plain;version=0.0.4", openMetrics} {
		for _, encoding := range []string{"", "gzip"} {
			w, page := get(t, e, accept, encoding)
			require.Empty(t, cmp.Diff(broughtWithSuffix(store), readByPrometheus(t, page, w.Header().Get("Content-Type"))))
		}
	}
}

func TestTypesAndUnitsInOpenMetrics(t *testing.T) {
	_, page := get(t, serving(t, platform(), nil), openMetrics, "gzip")
	parser := textparse.NewOpenMetricsParser([]byte(page), labels.NewSymbolTable())
	types, units := map[string]model.MetricType{}, map[string]string{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			types[string(name)] = kind
		case textparse.EntryUnit:
			name, unit := parser.Unit()
			units[string(name)] = string(unit)
		}
	}
	require.Equal(t, map[string]model.MetricType{
		"odoo_cron_overdue_seconds": "gauge", "odoo_queue_jobs": "gauge", "odoo_wait_seconds": "histogram",
		"pg_stat_database_blks_read_bytes": "counter", "pg_up": "gauge",
	}, types)
	require.Equal(t, map[string]string{
		"odoo_cron_overdue_seconds": "seconds", "odoo_wait_seconds": "seconds", "pg_stat_database_blks_read_bytes": "bytes",
	}, units)
}

func FuzzPrometheusReads(f *testing.F) {
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
			b.SetHistogram(t1, waits, collectors.Distribution{Bounds: []float64{1, 2.5}, Counts: []uint64{1, 2}, Sum: v2}, b2)
		}))
		e := serving(t, store, nil)
		want := broughtWithSuffix(store)
		for _, accept := range []string{"text/plain;version=0.0.4", openMetrics} {
			w, page := get(t, e, accept, "gzip")
			if diff := cmp.Diff(want, readByPrometheus(t, page, w.Header().Get("Content-Type")), cmp.Comparer(sameValue)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// sameValue also holds of what is not a number, which a histogram's sum may be.
func sameValue(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
