package collectors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnceMakesEachVisitOnce(t *testing.T) {
	var asked atomic.Int64
	count := collecting(func(context.Context, *Builder) error { asked.Add(1); return nil })
	bad := collecting(func(context.Context, *Builder) error { return errors.New("no such thing") })
	o := DefaultOptions()
	o.Store = NewStore()
	failures, err := Once(t.Context(), o, []Visit{
		{Key: Key{"test", "a", ""}, Collector: count}, {Key: Key{"test", "b", "x"}, Collector: bad},
	})
	require.NoError(t, err)
	require.Len(t, failures, 1)
	require.ErrorContains(t, failures[Key{"test", "b", "x"}], "no such thing")
	require.EqualValues(t, 1, asked.Load())
	_, ok := o.Store.Get(Key{"test", "a", ""})
	require.True(t, ok)
}

func TestCatalogueOfRoundsIsValid(t *testing.T) {
	require.NoError(t, Metrics().Validate())
}

func TestBatchIsSortedAndWithoutDuplicates(t *testing.T) {
	jobs := &Metric{Name: "odoo_jobs", Labels: []string{"channel", "state"}, Help: "Jobs", Source: "queue_job"}
	b := NewBuilder(Key{"odoo", "main", "north"}, time.Now())
	b.Set(jobs, 2, "root", "pending")
	b.Set(jobs, 3, "root.\"x\"\n", "")
	b.Set(jobs, 9, "root", "pending")
	b.Set(jobs, math.NaN(), "nan", "")
	b.SetFor("south", jobs, 1, "root", "done")
	b.SetFor("south", jobs, 1, "bad \xff utf-8", "")
	batch := b.Batch()
	require.Equal(t, `odoo_jobs{target="main",tenant="north",channel="root",state="pending"} 2
odoo_jobs{target="main",tenant="north",channel="root.\"x\"\n"} 3
odoo_jobs{target="main",tenant="south",channel="bad � utf-8"} 1
odoo_jobs{target="main",tenant="south",channel="root",state="done"} 1
`, render(batch))
	require.Panics(t, func() { NewBuilder(Key{}, time.Now()).Set(jobs, 1, "only one") })
}

// render is the plainest possible exposition, independent of the real one.
func render(b *Batch) string {
	var out strings.Builder
	b.Each(func(string) bool { return true }, func(s Series) {
		fmt.Fprintf(&out, "%s{%s} %v\n", s.Name(), s.Block(), s.Value())
	})
	return out.String()
}

func TestCountersOfTheCollectorKnowWhenTheyWereZero(t *testing.T) {
	checks := &Metric{Name: "test_checks_total", Type: Counter, Help: "Checks", Source: "test"}
	took := &Metric{Name: "test_seconds", Type: Histogram, Help: "Took", Source: "test"}
	up := &Metric{Name: "test_up", Help: "Whether", Source: "test"}
	began := time.Now()
	b := NewBuilder(Key{"test", "a", ""}, began.Add(time.Minute))
	b.Set(checks, 1)
	b.Set(up, 1)
	b.SetHistogram("", took, Distribution{Bounds: []float64{1}, Counts: []uint64{2}})
	b.CountedSince(began)
	created := map[string]time.Time{}
	all := func(string) bool { return true }
	b.Batch().Each(all, func(s Series) { created[s.Name()] = s.Created() })
	require.Equal(t, map[string]time.Time{
		"test_checks_total": began, "test_up": {},
		"test_seconds_bucket": began, "test_seconds_sum": began, "test_seconds_count": began,
	}, created)
}

func TestFindingsAreSentences(t *testing.T) {
	b := NewBuilder(Key{"odoo", "main", "north"}, time.Now())
	b.Find(Finding{Name: "whole", Text: "One mail waits."})
	b.Find(Finding{Name: "open", Text: "One mail waits"})
	b.Find(Finding{Name: "mute"})
	var texts []string
	for _, f := range b.Batch().Findings {
		texts = append(texts, f.Text)
	}
	require.Equal(t, []string{"One mail waits.", "One mail waits.", ""}, texts)
}
