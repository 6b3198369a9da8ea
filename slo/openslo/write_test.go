package openslo

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// promised is an objective that can be written.
func promised(t *testing.T) slo.Objective {
	t.Helper()
	all, err := slo.ParseObjectives("a.yaml", []byte("name: a\nquestion: healthy\ntitle: A\nindicator: {events: {good: g, total: t}}\ntargets: 99.9%\n"))
	require.NoError(t, err)
	return all[0]
}

func TestWhatCannotBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*slo.Objective)
		want   string
	}{
		"no name":          {func(o *slo.Objective) { o.Name = "" }, "this is not a name"},
		"no indicator":     {func(o *slo.Objective) { o.Indicator.Events = nil }, "it measures nothing"},
		"no selector":      {func(o *slo.Objective) { o.Indicator.Events.Good.Text = "sum(g)" }, "sum(g) is no plain selector"},
		"no PromQL":        {func(o *slo.Objective) { o.Indicator.Events.Total.Text = "t{" }, "it is not PromQL"},
		"source":           {func(o *slo.Objective) { o.Indicator.Source = "A B" }, `"A B" cannot name a data source`},
		"policy":           {func(o *slo.Objective) { o.Policy.Pairs = nil }, `its policy "default" has no pairs`},
		"window":           {func(o *slo.Objective) { o.Window.Rolling = slo.Day + time.Second }, "no whole minutes"},
		"both windows":     {func(o *slo.Objective) { o.Window.Calendar = slo.Week }, "either rolls or follows"},
		"zone":             {func(o *slo.Objective) { o.Window = slo.Window{Calendar: slo.Week, Zone: time.FixedZone("Odd", 60)} }, `the zone "Odd"`},
		"absent member":    {func(o *slo.Objective) { o.Indicator = composite("b") }, `its member "b" is not among the objectives`},
		"nested composite": {func(o *slo.Objective) { o.Indicator = composite("a") }, `its member "a" is not among the objectives`},
		"histogram": {func(o *slo.Objective) {
			o.Indicator = slo.Indicator{Histogram: &slo.Histogram{Metric: slo.Selector{Text: `{a="b"}`}, Within: 1}}
		}, "names no metric"},
	} {
		t.Run(name, func(t *testing.T) {
			o := promised(t)
			c.change(&o)
			var text bytes.Buffer
			require.ErrorContains(t, Write(&text, []slo.Objective{o}), c.want)
			require.Empty(t, text.String(), "all or nothing")
		})
	}
}

func composite(members ...string) slo.Indicator {
	c := &slo.Composite{Method: slo.Mean, Delayed: slo.NoDataIgnore}
	for _, m := range members {
		c.Of = append(c.Of, slo.Member{Objective: m, Weight: 1})
	}
	return slo.Indicator{Composite: c}
}

func TestNamesThatMeanTwoThingsAreNotWritten(t *testing.T) {
	a, b := promised(t), promised(t)
	var text bytes.Buffer
	require.ErrorContains(t, Write(&text, []slo.Objective{a, b}), `write objective "a": an objective of this name stands already`)
	b.Name = "b"
	b.Policy.Pairs = slices.Clone(b.Policy.Pairs)
	b.Policy.Pairs[0].Share++
	require.ErrorContains(t, Write(&text, []slo.Objective{a, b}), `AlertPolicy "default-30d-page-1h" would stand twice`)
	b.Policy.Name = "other"
	require.NoError(t, Write(&text, []slo.Objective{a, b}))
	require.Error(t, Write(broken{}, []slo.Objective{a}))
	require.Error(t, WriteNative(broken{}, []slo.Objective{a}))
	require.Error(t, WriteNativePolicies(broken{}, []slo.Policy{a.Policy}))
}

// broken is a full disk.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFilesReferToEachOther(t *testing.T) {
	whole := documents(t, "good")["testdata/good/references.yaml"]
	want, err := Read([]File{whole})
	require.NoError(t, err)
	var parts []File
	for i, part := range strings.Split("\n"+strings.TrimPrefix(string(whole.Data), "#"), "\n- ")[1:] {
		parts = append([]File{{"part" + string(rune('a'+i)) + ".yaml", []byte("- " + part)}}, parts...)
	}
	require.Len(t, parts, 8)
	got, err := Read(parts)
	require.NoError(t, err)
	require.Equal(t, want.Objectives[0].Indicator.String(), got.Objectives[0].Indicator.String())
	require.Equal(t, want.Policies[0].Pairs, got.Policies[0].Pairs)
	require.Equal(t, "parta.yaml:1:3", got.Objectives[0].Position.String())
	require.Equal(t, "partb.yaml:7:66", got.Objectives[0].Indicator.Events.Bad.Position.String())

	_, err = Read(append(parts, parts[0]))
	require.EqualError(t, err, "parth.yaml:1:1: this file is given twice; give it once")
}

func TestNothingPromisesNothing(t *testing.T) {
	for _, file := range []File{{"a.yaml", nil}, {"a.yaml", []byte("# nothing\n---\n")}, {"a.json", []byte(" null [] ")}} {
		result, err := Read([]File{file})
		require.NoError(t, err)
		require.Empty(t, result)
	}
	var text bytes.Buffer
	require.NoError(t, Write(&text, nil))
	require.NoError(t, WriteNative(&text, nil))
	require.Empty(t, text.String())
}

func TestABurnRateIsTheShareThatItSpends(t *testing.T) {
	const form = `
apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: s
  indicator: {metadata: {name: a}, spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: a}}}}}
  timeWindow: [{duration: WINDOW, isRolling: true}]
  objectives: [{op: gt, value: 1, target: 0.999}]
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: p}
      spec:
        conditions:
          - {kind: AlertCondition, metadata: {name: c}, spec: {severity: page, condition: {threshold: BURN, lookbackWindow: SHORT}}}
          - {kind: AlertCondition, metadata: {name: d}, spec: {severity: page, condition: {threshold: BURN, lookbackWindow: LONG}}}
`
	for _, c := range []struct {
		name, window, burn, short, long string
		share                           slo.Ratio
		limit                           float64
		rounded                         bool
	}{
		{"the default page", "30d", "14.4", "5m", "1h", 20_000_000, 14.4, false},
		{"the default ticket", "30d", "1", "6h", "3d", 100_000_000, 1, false},
		{"four weeks", "4w", "13.44", "5m", "1h", 20_000_000, 13.44, false},
		{"four weeks, as if 30 days", "28d", "14.4", "5m", "1h", 21_428_571, 14.399999712, true},
		{"a quarter", "90d", "43.2", "1m", "60m", 20_000_000, 43.2, false},
		{"more digits than a float has", "1d", "0.24000000000000000000000000", "1m", "1h", 10_000_000, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.NewReplacer("WINDOW", c.window, "BURN", c.burn, "SHORT", c.short, "LONG", c.long).Replace(form)
			result, err := Read([]File{{"a.yaml", []byte(text)}})
			require.NoError(t, err)
			pair := result.Objectives[0].Policy.Pairs[0]
			require.Equal(t, c.share, pair.Share)
			require.Equal(t, c.limit, pair.Limit(result.Objectives[0].Window.Nominal()).Float())
			require.Less(t, pair.Short, pair.Long)
			require.Equal(t, c.rounded, strings.Contains(warnings(result.Warnings), "this is rounded"))
		})
	}
}

func TestNames(t *testing.T) {
	for theirs, ours := range map[string]string{
		"My_SLO.v1": "my-slo-v1", "already-ours": "already-ours", "-a--b-": "a-b", "9s": "slo-9s", "é": "", "": "", "a/b|c": "a-b-c",
	} {
		require.Equal(t, ours, kebab(theirs), theirs)
		require.Equal(t, ours, kebab(ours), "ours stay")
	}
	long := strings.Repeat("long-", 20)
	require.Len(t, dnsName(long), 63)
	require.NotEqual(t, dnsName(long), dnsName(long+"er"))
	require.Equal(t, "short", dnsName("short"))
}

func TestEveryAnnotationIsUsed(t *testing.T) {
	used := map[string]bool{}
	find := func(text string) {
		for _, m := range regexp.MustCompile(`wardround\.io/([a-z-]+):`).FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
	}
	for seed := range uint64(40) {
		find(string(write(t, randomObjectives(t, rand.New(rand.NewPCG(seed, 1))))))
	}
	for _, file := range documents(t, "good") {
		find(string(file.Data))
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(Annotations())), slices.Collect(maps.Keys(used)))
}
