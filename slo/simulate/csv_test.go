package simulate

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// read collects a table; minutes are valid only until the next.
func read(text string) ([]Minute, error) {
	var all []Minute
	for m, err := range ReadCSV("history.csv", strings.NewReader(text)) {
		if err != nil {
			return all, err
		}
		all = append(all, Minute{m.At, append([]slo.Delta(nil), m.Deltas...)})
	}
	return all, nil
}

func TestReadCSV(t *testing.T) {
	got, err := read(`minute,objective,tenant,zone,good,bad,carried
2026-03-01T00:00:00Z,login,st-anna,,5,1,
2026-03-01T00:00:00Z,login,"Berg, Süd",b,7,0,true
2026-03-01T00:00:00Z,jobs,,,1,0,false
2026-03-01T00:01:00Z,,,,,,
2026-03-01T02:02:00+02:00,login,st-anna,,6,0,
`)
	require.NoError(t, err)
	anna := slo.NewInstance("login", slo.Label{Name: "tenant", Value: "st-anna"})
	south := slo.NewInstance("login", slo.Label{Name: "zone", Value: "b"}, slo.Label{Name: "tenant", Value: "Berg, Süd"})
	require.Equal(t, []Minute{
		{at(0), []slo.Delta{
			{Instance: anna, Counts: slo.Counts{Good: 5, Bad: 1}},
			{Instance: south, Counts: slo.Counts{Good: 7}, Carried: true},
			{Instance: slo.NewInstance("jobs"), Counts: slo.Counts{Good: 1}},
		}},
		{at(1), nil},
		{at(2), []slo.Delta{{Instance: anna, Counts: slo.Counts{Good: 6}}}},
	}, got)

	got, err = read("minute,objective,good,bad\n")
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestReadCSVFaults(t *testing.T) {
	const head = "minute,objective,tenant,good,bad\n"
	const row = "2026-03-01T00:01:00Z,login,a,1,0\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "history.csv:1:1: the file is empty"},
		{"too few columns", "minute,objective,good\n", "history.csv:1:18: the head ends here"},
		{"only one", "minute\n", "history.csv:1:1: the head ends here"},
		{"carried alone", "carried\n", "history.csv:1:1: this column"},
		{"wrong order", "minute,objective,bad,good\n", `history.csv:1:18: this column is "bad" and must be good`},
		{"wrong first", "time,objective,good,bad\n", `history.csv:1:1: this column is "time" and must be minute`},
		{"no label", "minute,objective,a-b,good,bad\n", `history.csv:1:18: "a-b" is not a label name`},
		{"label twice", "minute,objective,a,a,good,bad\n", "history.csv:1:20: label a stands twice"},
		{"no time", head + "yesterday,login,a,1,0\n", `history.csv:2:1: "yesterday" is not a time`},
		{"seconds", head + "2026-03-01T00:01:30Z,login,a,1,0\n", "history.csv:2:1: 2026-03-01T00:01:30Z is not a whole minute"},
		{"not sorted", head + row + "2026-03-01T00:00:00Z,login,a,1,0\n", "history.csv:3:1: 2026-03-01T00:00:00Z does not come after"},
		{"same minute in other words", head + row + "2026-03-01T01:01:00+01:00,login,b,1,0\n", "history.csv:3:1: "},
		{"twice in a minute", head + row + row, `history.csv:3:22: login{tenant="a"} stands in this minute twice`},
		{"no objective", head + "2026-03-01T00:01:00Z,,a,1,0\n", "history.csv:2:22: the objective is missing"},
		{"no count", head + "2026-03-01T00:01:00Z,login,a,,0\n", `history.csv:2:30: "" is not a count`},
		{"negative", head + "2026-03-01T00:01:00Z,login,a,1,-1\n", `history.csv:2:32: "-1" is not a count`},
		{"fraction", head + "2026-03-01T00:01:00Z,login,a,1.5,0\n", `history.csv:2:30: "1.5" is not a count`},
		{"more than can be", head + "2026-03-01T00:01:00Z,login,a,18446744073709551615,0\n", "history.csv:2:30: "},
		{"too few fields", head + row + "2026-03-01T00:01:00Z,login\n", "history.csv:3:1: wrong number of fields"},
		{"quotes", head + "2026-03-01T00:01:00Z,lo\"gin,a,1,0\n", "history.csv:2:24: bare \""},
		{"carried", "minute,objective,good,bad,carried\n2026-03-01T00:01:00Z,login,1,0,yes\n", `history.csv:2:32: "yes" is neither true nor false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.text)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestReadCSVStops: who has seen enough is not handed more.
func TestReadCSVStops(t *testing.T) {
	text := "minute,objective,good,bad\n2026-03-01T00:00:00Z,a,1,0\n2026-03-01T00:01:00Z,a,1,0\nnot read any more\n"
	for m, err := range ReadCSV("history.csv", strings.NewReader(text)) {
		require.NoError(t, err)
		require.Equal(t, at(0), m.At)
		break
	}
	gone := errors.New("the disk is gone")
	_, err := Load(ReadCSV("history.csv", iotest.ErrReader(gone)))
	require.ErrorIs(t, err, gone)
}

// FuzzReadCSV: whatever is read can be replayed or is refused with its place.
func FuzzReadCSV(f *testing.F) {
	f.Add("minute,objective,tenant,good,bad\n2026-03-01T00:01:00Z,login,a,1,0\n2026-03-01T00:03:00Z,login,a,1,2\n")
	f.Add("minute,objective,good,bad,carried\n2026-03-01T00:01:00Z,login,1,0,true\n2026-03-01T00:02:00Z,,,,\n")
	f.Add("minute,objective\n\"")
	o := promise(f, "targets: 99%", "no_data: carry")
	f.Fuzz(func(t *testing.T, text string) {
		minutes, err := read(text)
		if err != nil {
			require.Regexp(t, `^history\.csv:\d+:\d+: `, err.Error())
			return
		}
		h := NewHistory("login")
		for _, m := range minutes {
			if err := h.Add(m.At, m.Deltas); err != nil {
				return // too long
			}
		}
		if len(h.Instances("login")) > 0 && h.length < 1<<16 {
			replayed(t, h, Options{}, Variant{"v", o})
		}
	})
}
