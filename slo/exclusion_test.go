package slo

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// vectors reads cases from testdata.
func vectors[T any](t testing.TB, file string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	dec.KnownFields(true)
	var all []T
	require.NoError(t, dec.Decode(&all))
	require.NotEmpty(t, all)
	return all
}

func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

func TestSpans(t *testing.T) {
	for _, c := range vectors[struct {
		Name, Exclusion, From, To string
		Spans                     []string
	}](t, "exclusions.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			all, err := ParseExclusions("x.yaml", []byte(c.Exclusion))
			require.NoError(t, err)
			got := []string{}
			for _, s := range all[0].Spans(utc(t, c.From), utc(t, c.To)) {
				got = append(got, s.From.UTC().Format(time.RFC3339)+" "+s.To.UTC().Format(time.RFC3339))
			}
			require.Equal(t, c.Spans, got)
		})
	}
}

func TestFaultsOfExclusionsAreAllNamed(t *testing.T) {
	data, err := os.ReadFile("testdata/exclusion_faults.yaml")
	require.NoError(t, err)
	_, err = ParseExclusions("exclusion_faults.yaml", data)
	require.Error(t, err)
	golden(t, "exclusion_faults.golden", err.Error()+"\n")
}

func TestExclusionDefaults(t *testing.T) {
	all, err := ParseExclusions("x.yaml", []byte(`
id: patch-night
scope: {objectives: [login], tenants: [st-anna], tiers: [shared]}
from: 2026-07-01 02:00
to: 2026-07-01T02:00:00Z
zone: Europe/Berlin
category: correction
approver: Head of operations
reason: >
  The probe's host
  had no network.
`))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]Exclusion{{
		ID: "patch-night", Scope: Scope{[]string{"login"}, []string{"st-anna"}, []string{"shared"}},
		From: utc(t, "2026-07-01T00:00:00Z"), To: utc(t, "2026-07-01T02:00:00Z"), Zone: "Europe/Berlin",
		Mode: Remove, Category: Correction, Approver: "Head of operations", Reason: "The probe's host had no network.",
	}}, all))
}

func TestScope(t *testing.T) {
	i := NewInstance("login", Label{"tenant", "st-anna"})
	for _, c := range []struct {
		name  string
		scope Scope
		want  bool
	}{
		{"everything", Scope{}, true},
		{"the objective", Scope{Objectives: []string{"mail", "login"}}, true},
		{"another objective", Scope{Objectives: []string{"mail"}}, false},
		{"the tenant", Scope{Tenants: []string{"st-anna"}}, true},
		{"another tenant", Scope{Tenants: []string{"st-berta"}}, false},
		{"the tier", Scope{Tiers: []string{"shared"}}, true},
		{"another tier", Scope{Tiers: []string{"dedicated"}}, false},
		{"both must fit", Scope{Objectives: []string{"login"}, Tiers: []string{"dedicated"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.scope.Applies(i, "shared")) })
	}
}

func TestExclusionSurvivesJSON(t *testing.T) {
	all, err := ParseExclusions("x.yaml", []byte(`{id: a, scope: {tiers: [shared]}, from: 2026-03-28 02:30, duration: 1h, rule: FREQ=DAILY,
zone: Europe/Berlin, mode: as_good, category: maintenance, approver: ops, reason: patches, announced: 2026-02-20 09:00}`))
	require.NoError(t, err)
	data, err := json.Marshal(all[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"a","scope":{"tiers":["shared"]},"from":"2026-03-28T02:30:00+01:00","to":"2026-03-28T03:30:00+01:00",
"rule":"FREQ=DAILY","zone":"Europe/Berlin","mode":"as_good","category":"maintenance","approver":"ops","reason":"patches","announced":"2026-02-20T09:00:00+01:00"}`, string(data))
	var back Exclusion
	require.NoError(t, json.Unmarshal(data, &back))
	require.Empty(t, cmp.Diff(all[0], back))
	require.NoError(t, back.Validate())
	from := utc(t, "2026-03-28T00:00:00Z")
	require.Empty(t, cmp.Diff(all[0].Spans(from, from.Add(30*Day)), back.Spans(from, from.Add(30*Day))), "it recurs in its zone, not at the offset that was written")

	err = (&Exclusion{}).Validate()
	require.EqualError(t, err, `id: "" is not an id; write letters, digits, dots and hyphens, 100 at most
mode: "" is none of remove, as_good
category: "" is none of maintenance, correction, third_party, exercise
approver: this is empty; say it for those who read the report
reason: this is empty; say it for those who read the report
from: write a time of the years 2000 to 2199`)
}

// TestSpansOfPartsEqualTheWhole asks for random stretches of random rules: what
// a stretch excludes is the same minutes, however it is asked for.
func TestSpansOfPartsEqualTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	rules := []string{"", "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY", "FREQ=HOURLY;INTERVAL=5", "FREQ=MONTHLY;COUNT=3", "FREQ=YEARLY", "FREQ=DAILY;UNTIL=20260401T000000Z"}
	zones := []string{"", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Cairo"}
	begin := utc(t, "2026-01-01T00:00:00Z")
	for range 120 {
		from := begin.Add(time.Duration(r.IntN(100*24*60)) * time.Minute)
		x := Exclusion{
			ID: "a", From: from, To: from.Add(time.Duration(1+r.IntN(120)) * time.Minute), Rule: rules[r.IntN(len(rules))], Zone: zones[r.IntN(len(zones))],
			Mode: Remove, Category: Maintenance, Approver: "ops", Reason: "r", Announced: begin.Add(time.Duration(r.IntN(100)) * Day),
		}
		if x.Validate() != nil {
			continue // the hour that is skipped is no time of the rule
		}
		to := begin.Add(365 * Day)
		whole := x.Spans(begin, to)
		middle := begin.Add(time.Duration(r.IntN(365*24*60)) * time.Minute)
		require.Equal(t, minutesOf(t, whole), minutesOf(t, x.Spans(begin, middle))+minutesOf(t, x.Spans(middle, to)), "%+v", x)
		for i, s := range whole {
			require.True(t, s.From.Before(s.To) && !s.From.Before(begin) && !s.To.After(to))
			require.False(t, s.From.Before(x.Announced) && !x.From.Before(x.Announced))
			if i > 0 {
				require.True(t, s.From.After(whole[i-1].To), "there is a gap between them")
			}
		}
	}
}

func minutesOf(t *testing.T, all []Span) (sum time.Duration) {
	t.Helper()
	for _, s := range all {
		sum += s.To.Sub(s.From)
	}
	return sum
}

func FuzzExclusion(f *testing.F) {
	for _, file := range []string{"exclusions.yaml", "exclusion_faults.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(f, err)
		f.Add(string(data), "FREQ=DAILY", int64(0))
	}
	for _, rule := range []string{"FREQ=MONTHLY;BYDAY=-5MO;BYSETPOS=366", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=TU", "FREQ=WEEKLY;BYDAY=SU;UNTIL=20260301"} {
		f.Add("{}", rule, int64(1))
	}
	f.Fuzz(func(t *testing.T, text, rule string, minute int64) {
		all, err := ParseExclusions("fuzz.yaml", []byte(text))
		if err == nil {
			for i := range all {
				require.NoError(t, all[i].Validate())
			}
		}
		from := noon.Add(time.Duration(minute%1_000_000) * time.Minute)
		x := Exclusion{ID: "a", From: from, To: from.Add(time.Minute), Rule: rule, Zone: "Europe/Berlin", Mode: Remove, Category: Correction, Approver: "ops", Reason: "r"}
		if x.Validate() != nil {
			return
		}
		for _, s := range x.Spans(from, from.Add(366*Day)) {
			require.True(t, s.From.Before(s.To))
		}
	})
}

// BenchmarkSpans is the dearest exclusion there may be, asked for a month.
func BenchmarkSpans(b *testing.B) {
	from := time.Date(firstYear, time.January, 1, 0, 0, 0, 0, time.UTC)
	x := Exclusion{ID: "a", From: from, To: from.Add(time.Minute), Rule: "FREQ=HOURLY", Zone: "Europe/Berlin", Mode: Remove, Category: Correction, Approver: "ops", Reason: "r"}
	require.NoError(b, x.Validate())
	for b.Loop() {
		x.Spans(noon, noon.Add(30*Day))
	}
}
