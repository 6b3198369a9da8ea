package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func build(t *testing.T, in report.Input) report.Model {
	t.Helper()
	m, err := report.Build(in)
	require.NoError(t, err)
	return m
}

func written(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b))
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	m := build(t, clinics(t))
	for name, write := range map[string]func(io.Writer) error{
		"report.html": m.WriteHTML, "report.json": m.WriteJSON, "report.csv": m.WriteCSV,
	} {
		t.Run(name, func(t *testing.T) {
			got, golden := written(t, write), filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			expected, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(expected), string(got))
		})
	}
}

func TestEqualInputsGiveEqualBytes(t *testing.T) {
	first := build(t, clinics(t))
	paper, page := written(t, first.WritePDF), written(t, first.WriteHTML)
	require.Equal(t, 2, bytes.Count(paper, []byte("(D:20261102053000")), "made and changed when it was issued")
	for range 10 { // often enough for maps to be walked in another order
		again := build(t, clinics(t))
		require.Equal(t, paper, written(t, again.WritePDF))
		require.Equal(t, page, written(t, again.WriteHTML))
	}
}

// TestVerdicts judges one promise of 99% over a month of 30 days.
func TestVerdicts(t *testing.T) {
	whole := func(good, bad uint64) record {
		return func(day int, minutes int64) slo.Tally {
			tally := slo.Tally{Measured: minutes, Expected: minutes}
			if day == 1 {
				tally.Counts = slo.Counts{Good: good, Bad: bad}
			}
			return tally
		}
	}
	for name, tc := range map[string]struct {
		record                     record
		verdict                    report.Verdict
		achieved, budget, coverage string
	}{
		"all is well":             {whole(1000, 0), report.Kept, "100%", "0%", "100%"},
		"a quarter is left":       {whole(9925, 75), report.Kept, "99.250%", "75.0%", "100%"},
		"less than a quarter":     {whole(9924, 76), report.AtRisk, "99.240%", "76.0%", "100%"},
		"exactly on target":       {whole(9900, 100), report.AtRisk, "99.000%", "100.0%", "100%"},
		"one event over":          {whole(9_899_999, 100_001), report.Broken, "98.999%", "100.1%", "100%"},
		"nothing but failures":    {whole(0, 5), report.Broken, "0.000%", "10,000%", "100%"},
		"nothing happened":        {whole(0, 0), report.Untested, "–", "–", "100%"},
		"hardly measured":         {unseen(whole(1000, 0), 2, 30), report.NotEnoughData, "100%", "0%", "3%"},
		"half of it measured":     {unseen(whole(1000, 0), 16, 30), report.Kept, "100%", "0%", "50%"},
		"one failure in billions": {whole(8_999_999_999, 1), report.Kept, "99.999%", "0.0%", "100%"},
	} {
		t.Run(name, func(t *testing.T) {
			in := single(t, tc.record)
			r := build(t, in).Tiers[0].Rows[0]
			require.Equal(t, tc.verdict, r.Verdict)
			require.Equal(t, []string{tc.achieved, tc.budget, tc.coverage}, []string{r.Achieved(), r.Budget(), r.Coverage()})
		})
	}
}

// single is a platform with one tenant and one promise.
func single(t *testing.T, r record) report.Input {
	t.Helper()
	month := report.Month{Year: 2026, Month: time.September}
	_, end := month.Bounds()
	return report.Input{
		Month: month, Issued: end, Tenants: []report.Tenant{{Name: "north", Tier: "shared"}},
		Objectives: objectives(t, "name: jobs\nquestion: healthy\ntitle: Jobs finish\n"+
			"indicator: {threshold: {metric: age_seconds, op: <=, value: 1m}}\ntargets: 99%\n"),
		Days: days(month, 31, map[slo.Instance]record{of("jobs", "north"): r}),
	}
}

func TestAnswers(t *testing.T) {
	broken, narrow, dark := steady(on(1000, 3)), steady(on(400, 3)), unseen(steady(never), 2, 30)
	idle := func(_ int, minutes int64) slo.Tally { return slo.Tally{Measured: minutes, Expected: minutes} }
	for name, tc := range map[string]struct {
		records  []record
		verdict  report.Verdict
		sentence string
	}{
		"nothing promised": {nil, report.NotEnoughData, "It cannot be said: nothing that bears on this was measured in this month."},
		"one kept":         {[]record{steady(never)}, report.Kept, "Yes: the one promise that could be judged was kept."},
		"all kept":         {[]record{steady(never), steady(never)}, report.Kept, "Yes: all 2 promises that could be judged were kept."},
		"one narrowly": {
			[]record{steady(never), narrow},
			report.AtRisk,
			"Yes, but narrowly: all 2 promises that could be judged were kept, and 1 of them with less than a quarter of the error budget left, for b.",
		},
		"broken": {
			[]record{broken, steady(never), broken, narrow, dark},
			report.Broken,
			"Not everywhere: 2 of 4 promises were broken, for a and c; 1 more was kept only narrowly; 1 more had too little data to be judged.",
		},
		"broken for many": {
			[]record{broken, broken, broken, broken, broken},
			report.Broken,
			"Not everywhere: 5 of 5 promises were broken, for a, b, c and 2 more.",
		},
		"nothing happened": {
			[]record{idle},
			report.NotEnoughData,
			"It cannot be said: nothing happened in this month that could have kept or broken a promise.",
		},
		"one had nothing to do": {[]record{idle, steady(never)}, report.Kept, "Yes: the one promise that could be judged was kept."},
		"all in the dark":       {[]record{dark}, report.NotEnoughData, "It cannot be said: 1 promise was measured for too little of the month, for a."},
		"one in the dark": {
			[]record{steady(never), dark},
			report.NotEnoughData,
			"It cannot be said for all: the one promise that could be judged was kept, but 1 more had too little data, for b.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, records := single(t, steady(never)), map[slo.Instance]record{}
			for i, r := range tc.records {
				records[of("jobs", string(rune('a'+i)))] = r
			}
			in.Days = days(in.Month, 31, records)
			answers := build(t, in).Answers
			require.Len(t, answers, 5)
			require.Equal(t, tc.verdict, answers[0].Verdict)
			require.Equal(t, tc.sentence, answers[0].Sentence)
			require.Equal(t, report.NotEnoughData, answers[1].Verdict, "a question without promises is not answered with yes")
		})
	}
}

func TestOrder(t *testing.T) {
	m := build(t, clinics(t))
	var tiers []string
	rank := map[report.Verdict]int{report.Broken: 0, report.AtRisk: 1, report.NotEnoughData: 2, report.Kept: 3, report.Untested: 4}
	for _, tier := range m.Tiers {
		tiers = append(tiers, tier.Name)
		for i, r := range tier.Rows[1:] {
			require.LessOrEqual(t, rank[tier.Rows[i].Verdict], rank[r.Verdict], "%s %s", tier.Name, r.Instance)
		}
	}
	require.Equal(t, []string{"dedicated", "shared", ""}, tiers, "what has no tier comes last")
	require.Equal(t, "bertha", m.Tiers[0].Rows[0].Subject)
	require.Equal(t, "99.9% to 99.95%", m.Tiers[0].Promises[0].Targets(), "the tier's own target, and clara's")
	require.Equal(t, "99% to 99.5%", m.Tiers[1].Promises[0].Targets(), "the default, and elisabeth's")
	require.Equal(t, "99%", m.Tiers[1].Promises[1].Targets())

	worst := m.WorstDays[0]
	require.Equal(t, "2026-10-14 390 of 1,440 87.2%", worst.Day+" "+worst.Failed()+" "+worst.Budget())
}

func TestMonthInProgress(t *testing.T) {
	in := clinics(t)
	in.Issued, in.Days = in.Month.Edges()[10].Add(time.Hour), in.Days[:10]
	m := build(t, in)
	require.True(t, m.Open)
	require.Contains(t, m.Period, "in progress, as of 11 October 2026 01:00 CEST")
	require.Contains(t, string(written(t, m.WriteHTML)), "Its numbers are not final")
	require.NotEmpty(t, written(t, m.WritePDF))
}

func TestEmptyMonth(t *testing.T) {
	in := clinics(t)
	in.Days, in.Closed = nil, nil
	m := build(t, in)
	for _, a := range m.Answers {
		require.Equal(t, report.NotEnoughData, a.Verdict)
	}
	page := string(written(t, m.WriteHTML))
	require.Contains(t, page, "No promise has a record in this month.")
	require.Contains(t, page, "Nothing was measured.")
	var asJSON map[string]any
	require.NoError(t, json.Unmarshal(written(t, m.WriteJSON), &asJSON))
	require.NotEmpty(t, written(t, m.WritePDF))
}

// TestNamesAreOnlyNames plants names that a browser, a spreadsheet or a typesetter could misread.
func TestNamesAreOnlyNames(t *testing.T) {
	in := single(t, steady(never))
	names := []string{`<script>alert(1)</script>`, `=HYPERLINK("x")`, "emoji-😀-clinic", "клиника", strings.Repeat("long", 60)}
	records := map[slo.Instance]record{}
	for _, name := range names {
		records[of("jobs", name)] = steady(on(500, 2))
	}
	in.Platform, in.Days = strings.Repeat("A platform of many words ", 12), days(in.Month, 31, records)
	m := build(t, in)

	page := string(written(t, m.WriteHTML))
	require.NotContains(t, page, "<script")
	require.Contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;")

	lines, err := csv.NewReader(bytes.NewReader(written(t, m.WriteCSV))).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 1+len(names))
	for _, line := range lines[1:] {
		require.NotEqual(t, byte('='), line[2][0], "a formula")
	}
	require.NotEmpty(t, written(t, m.WritePDF))
}

func TestPageNeedsNothingElse(t *testing.T) {
	page := string(written(t, build(t, clinics(t)).WriteHTML))
	for _, outside := range []string{"http:", "https:", "<script", "<link", "@import", "url(", "src="} {
		require.NotContains(t, page, outside)
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*report.Input)
		wrong  string
	}{
		"no month":               {func(in *report.Input) { in.Month = report.Month{} }, "month is not set"},
		"no time of issue":       {func(in *report.Input) { in.Issued = time.Time{} }, "time of issue is not set"},
		"days of another month":  {func(in *report.Input) { in.Month.Month = time.December }, "is not that day"},
		"days of another zone":   {func(in *report.Input) { in.Month.Zone = time.UTC }, "is not that day in UTC"},
		"too many days":          {func(in *report.Input) { in.Days = append(in.Days, in.Days[0]) }, "32 days given, the month has 31"},
		"an objective two times": {func(in *report.Input) { in.Objectives = append(in.Objectives, in.Objectives[0]) }, `"login" stands twice`},
	} {
		t.Run(name, func(t *testing.T) {
			in := clinics(t)
			tc.change(&in)
			_, err := report.Build(in)
			require.ErrorContains(t, err, tc.wrong)
		})
	}
}

// TestNoDataIsReadAsTheObjectiveSays counts the minutes that nobody measured as failures, where that is promised.
func TestNoDataIsReadAsTheObjectiveSays(t *testing.T) {
	in := single(t, unseen(steady(never), 10, 12))
	require.Equal(t, "100%", build(t, in).Tiers[0].Rows[0].Achieved())
	in.Objectives[0].NoData = slo.NoDataBad
	r := build(t, in).Tiers[0].Rows[0]
	require.Equal(t, "90.000%", r.Achieved())
	require.Equal(t, report.Broken, r.Verdict)
}
