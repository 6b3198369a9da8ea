package alert

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// A history is one letter a minute: h holds, - does not, ? unknown, . not reported.
func report(c Condition, letter rune) []Condition {
	switch letter {
	case 'h':
		c.Holds = true
	case '?':
		c.Unknown, c.Holds = true, true
	case '.':
		return nil
	}
	return []Condition{c}
}

func TestBookStep(t *testing.T) {
	tests := []struct {
		name    string
		wait    time.Duration
		history string
		want    []string
	}{
		{"holds at once fires at once", 0, "-h", []string{"1 inactive>firing"}},
		{"fires once, resolves once", 0, "hhh--", []string{"0 inactive>firing", "3 firing>resolved"}},
		{"waits for its For", 2 * time.Minute, "hhhh", []string{"0 inactive>pending", "2 pending>firing"}},
		{"too short to fire", 2 * time.Minute, "hh-", []string{"0 inactive>pending", "2 pending>inactive"}},
		{"unknown begins nothing", 0, "???", nil},
		{"unknown does not resolve", 0, "h??h", []string{"0 inactive>firing", "1 firing>frozen", "3 frozen>firing"}},
		{"unknown does not fire", 2 * time.Minute, "h????", []string{"0 inactive>pending", "1 pending>frozen"}},
		{
			"after unknown the wait begins anew", 2 * time.Minute, "hh?hhh",
			[]string{"0 inactive>pending", "2 pending>frozen", "3 frozen>pending", "5 pending>firing"},
		},
		{"ends while nobody could see", 0, "h?-", []string{"0 inactive>firing", "1 firing>frozen", "2 frozen>resolved"}},
		{
			"pending ends while nobody could see", time.Hour, "h?-",
			[]string{"0 inactive>pending", "1 pending>frozen", "2 frozen>inactive"},
		},
		{"not reported is frozen", 0, "h..h", []string{"0 inactive>firing", "1 firing>frozen", "3 frozen>firing"}},
		{
			"long not reported is gone", 0, "h.......",
			[]string{"0 inactive>firing", "1 firing>frozen", "6 frozen>resolved what it spoke of is gone"},
		},
		{
			"short absences do not add up", 0, "h...h...h...h",
			[]string{
				"0 inactive>firing", "1 firing>frozen", "4 frozen>firing", "5 firing>frozen", "8 frozen>firing",
				"9 firing>frozen", "12 frozen>firing",
			},
		},
		{"fires again after it was resolved", 0, "h-h", []string{"0 inactive>firing", "1 firing>resolved", "2 resolved>firing"}},
		{
			"pending again, then not", 2 * time.Minute, "hhh-h-",
			[]string{"0 inactive>pending", "2 pending>firing", "3 firing>resolved", "4 resolved>pending", "5 pending>resolved"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := Book{Forget: 5 * time.Minute}
			c := burn("north", "page", "1h")
			c.For = tt.wait
			var got []string
			for minute, letter := range tt.history {
				for _, step := range book.Step(at(float64(minute)), report(c, letter)) {
					require.Equal(t, at(float64(minute)), step.At)
					line := fmt.Sprintf("%d %s>%s", minute, step.From, step.To)
					if step.To != Frozen && step.Reason != "" {
						line += " " + step.Reason
					}
					got = append(got, line)
				}
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestBookTimes(t *testing.T) {
	t.Run("start is the first firing and stays", func(t *testing.T) {
		book := Book{Forget: time.Hour}
		c := burn("north", "page", "1h")
		c.For = time.Minute
		for minute, letter := range "hh?.hh" {
			book.Step(at(float64(minute)), report(c, letter))
		}
		a := book.Alerts()[0]
		require.Equal(t, at(0), a.ActiveSince)
		require.Equal(t, at(1), a.StartsAt)
		require.Zero(t, a.EndsAt)
	})
	t.Run("a resolved alert is kept for its retention", func(t *testing.T) {
		book := Book{Forget: time.Minute}
		c := burn("north", "page", "1h")
		book.Step(at(0), []Condition{holds(c)})
		book.Step(at(1), []Condition{c})
		book.Step(at(15.9), []Condition{c})
		require.Equal(t, at(1), book.Alerts()[0].EndsAt)
		book.Step(at(16), []Condition{c})
		require.Empty(t, book.Alerts())
	})
	t.Run("pending again keeps telling how it was resolved, for the retention", func(t *testing.T) {
		book := Book{Forget: time.Minute}
		c := burn("north", "page", "1h")
		book.Step(at(0), []Condition{holds(c)})
		book.Step(at(1), []Condition{c})
		c.For = time.Hour
		book.Step(at(2), []Condition{holds(c)})
		require.Equal(t, Pending, book.Alerts()[0].State)
		require.Equal(t, at(1), book.Alerts()[0].EndsAt)
		book.Step(at(16), []Condition{holds(c)})
		require.Zero(t, book.Alerts()[0].StartsAt)
		require.Zero(t, book.Alerts()[0].EndsAt)
	})
	t.Run("a clock turned back leaves no time in the future", func(t *testing.T) {
		book := Book{Forget: time.Minute}
		c := burn("north", "page", "1h")
		book.Step(at(600), []Condition{holds(c)})
		book.Step(at(0), []Condition{holds(c)})
		require.Equal(t, at(0), book.Alerts()[0].StartsAt)
		book.Step(at(1), []Condition{c})
		require.Equal(t, at(1), book.Alerts()[0].EndsAt)
	})
}

func TestBookReports(t *testing.T) {
	t.Run("annotations follow the evaluation, and stay while nothing is known", func(t *testing.T) {
		var book Book
		c := burn("north", "page", "1h")
		book.Step(at(0), []Condition{holds(c)})
		c.Annotations = map[string]string{"summary": "worse", "empty": ""}
		book.Step(at(1), []Condition{holds(c)})
		book.Step(at(2), []Condition{{Labels: c.Labels, Unknown: true}})
		require.Equal(t, map[string]string{"summary": "worse"}, book.Alerts()[0].Annotations)
	})
	t.Run("empty labels count as absent", func(t *testing.T) {
		var book Book
		c := holds(burn("north", "page", "1h"))
		book.Step(at(0), []Condition{c})
		with := burn("north", "page", "1h")
		with.Labels["target"] = ""
		require.Equal(t, Resolved, book.Step(at(1), []Condition{with})[0].To)
		require.NotContains(t, book.Alerts()[0].Labels, "target")
	})
	t.Run("reported twice holds if one holds", func(t *testing.T) {
		var book Book
		c := burn("north", "page", "1h")
		steps := book.Step(at(0), []Condition{c, holds(c), {Labels: c.Labels, Unknown: true}})
		require.Len(t, steps, 1)
		require.Equal(t, Firing, steps[0].To)
	})
	t.Run("gravest first", func(t *testing.T) {
		var book Book
		book.Step(at(0), []Condition{
			holds(burn("a", "info", "3d")), holds(burn("b", "ticket", "1d")), watchdog(), holds(burn("c", "page", "1h")),
		})
		var got []string
		for _, a := range book.Alerts() {
			got = append(got, a.Severity())
		}
		require.Equal(t, []string{"page", "ticket", "info", "none"}, got)
	})
}

// TestBookPause lets nobody look for a day, as a suspended machine does: what held before and holds after need not have
// held in between.
func TestBookPause(t *testing.T) {
	const day = 24 * 60
	late := burn("north", "page", "1h")
	late.For = 15 * time.Minute
	t.Run("a wait begins anew", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute}
		book.Step(at(0), []Condition{holds(late)})
		require.Empty(t, book.Step(at(day), []Condition{holds(late)}))
		book = restarted(t, book)
		require.Empty(t, book.Step(at(2*day), []Condition{holds(late)}), "over a restart too")
		for minute := range 15 {
			require.Empty(t, book.Step(at(float64(2*day+minute)), []Condition{holds(late)}))
		}
		require.Len(t, book.Step(at(2*day+15), []Condition{holds(late)}), 1)
	})
	t.Run("a short pause is none", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute}
		for _, minute := range []float64{0, 5, 10} {
			book.Step(at(minute), []Condition{holds(late)})
		}
		require.Equal(t, Firing, book.Step(at(15), []Condition{holds(late)})[0].To)
	})
	t.Run("what is not found at once is not gone", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute}
		c := burn("north", "page", "1h")
		book.Step(at(0), []Condition{holds(c)})
		book.Step(at(1), nil)
		book.Step(at(day), nil)
		require.Equal(t, Frozen, book.Alerts()[0].Shown())
		book.Step(at(day+5), nil)
		require.Equal(t, Resolved, book.Alerts()[0].Shown())
	})
	t.Run("what fires stands on", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute}
		c := burn("north", "page", "1h")
		book.Step(at(0), []Condition{holds(c)})
		c.Unknown = true
		book.Step(at(day), []Condition{c})
		c.Unknown = false
		book.Step(at(day+3), []Condition{holds(c)})
		require.Equal(t, at(0), book.Alerts()[0].StartsAt)
	})
}

func TestBookSuspect(t *testing.T) {
	change := "17.0.4 was rolled out at 08:58"
	book := Book{Folding: ofClusters(5), Suspect: func(labels map[string]string, since time.Time) string {
		if labels[TenantLabel] == "t000" {
			return ""
		}
		require.Equal(t, at(0), since)
		return change
	}}
	book.Step(at(0), fleet(5, below(5)))
	for _, a := range book.Alerts() {
		suspect, there := a.Annotations[SuspectAnnotation]
		require.Equal(t, a.Labels[TenantLabel] != "t000", there)
		require.Equal(t, there, suspect == change)
		require.NotContains(t, a.Labels, SuspectAnnotation)
	}
	change = ""
	book.Step(at(1), fleet(5, below(5)))
	for _, a := range book.Alerts() {
		require.NotContains(t, a.Annotations, SuspectAnnotation)
	}
}

// naive says from the whole history alone whether the alert fires after its last letter.
func naive(history string, wait, forget int) bool {
	firing, held, absent := false, 0, 0
	for _, letter := range history {
		if letter == '.' {
			absent++
		} else {
			absent = 0
		}
		switch {
		case letter == 'h':
			held++
		case letter == '?':
			held = 0
		case letter == '-':
			firing, held = false, 0
		case absent > forget:
			firing, held = false, 0
		default:
			held = 0
		}
		firing = firing || held > wait
	}
	return firing
}

// TestBookAgainstNaive steps random histories, with restarts in between, and compares with the naive view of all of it.
func TestBookAgainstNaive(t *testing.T) {
	random := rand.New(rand.NewPCG(20260302, 1))
	for round := range 3000 {
		wait, forget := random.IntN(4), 1+random.IntN(4)
		book := Book{Forget: time.Duration(forget) * time.Minute}
		c := burn("north", "page", "1h")
		c.For = time.Duration(wait) * time.Minute
		var history strings.Builder
		for minute := range 60 {
			letter := rune("hhh--?."[random.IntN(7)])
			history.WriteRune(letter)
			book.Step(at(float64(minute)), report(c, letter))
			if random.IntN(5) == 0 {
				book = restarted(t, book)
			}
			want := naive(history.String(), wait, forget)
			require.Equal(t, want, isFiring(book), "round %d: %s wait %d forget %d", round, history.String(), wait, forget)
			requireSane(t, book, at(float64(minute)))
		}
	}
}

// TestBookClockSteps lets the wall clock jump about: no alert may ever have a time in the future or end before it starts.
func TestBookClockSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(20260302, 2))
	for range 500 {
		book := Book{Forget: 3 * time.Minute}
		c := burn("north", "page", "1h")
		c.For = time.Duration(random.IntN(3)) * time.Minute
		for range 60 {
			now := at(float64(random.IntN(120)))
			book.Step(now, report(c, rune("hh-?."[random.IntN(5)])))
			requireSane(t, book, now)
		}
	}
}

func isFiring(b Book) bool {
	for _, a := range b.Alerts() {
		if a.State == Firing {
			return true
		}
	}
	return false
}

func requireSane(t *testing.T, b Book, now time.Time) {
	t.Helper()
	for _, a := range b.Alerts() {
		for name, at := range map[string]time.Time{"active": a.ActiveSince, "starts": a.StartsAt, "ends": a.EndsAt} {
			require.False(t, at.After(now), "%s lies in the future: %+v", name, a)
		}
		if a.State == Firing {
			require.NotZero(t, a.StartsAt)
			require.Zero(t, a.EndsAt)
		}
		if a.State == Resolved {
			require.False(t, a.EndsAt.Before(a.StartsAt), "ends before it starts: %+v", a)
		}
	}
}

// restarted is the book as the next run finds it.
func restarted(t *testing.T, b Book) Book {
	t.Helper()
	content, err := encodeState(b.stepped, b.Alerts())
	require.NoError(t, err)
	alerts, stepped, err := decodeState(content)
	require.NoError(t, err)
	again := Book{Forget: b.Forget, Folding: b.Folding, alerts: alerts, stepped: stepped}
	require.Empty(t, cmp.Diff(b.Alerts(), again.Alerts(), cmpopts.IgnoreUnexported(Alert{})))
	return again
}

func TestAlertJSON(t *testing.T) {
	var book Book
	book.Step(at(0), []Condition{holds(burn("north", "page", "1h"))})
	content, err := json.Marshal(book.Alerts()[0])
	require.NoError(t, err)
	require.NotContains(t, string(content), "ends_at", "an alert that stands has no end")
	require.Regexp(t, `^[0-9a-f]{16}$`, book.Alerts()[0].Fingerprint())
}
