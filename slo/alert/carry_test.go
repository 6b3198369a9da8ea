package alert

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	alertapi "github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// relabelled is a condition after a reload that changed one of its labels.
func relabelled(c Condition, label, value string) Condition {
	c.Labels = withoutEmpty(c.Labels)
	c.Labels[label] = value
	return c
}

// owned is the condition that burn makes, of an objective that somebody owns.
func owned(owner string) Condition { return relabelled(burn("north", "page", "1h"), OwnerLabel, owner) }

// lines say each transition of an alert by one of its labels.
func lines(steps []Transition, label string) []string {
	var all []string
	for _, s := range steps {
		all = append(all, fmt.Sprintf("%s %s>%s %s", s.Alert.Labels[label], s.From, s.To, s.Reason))
	}
	return all
}

// TestCarry changes each label that a reload may change, and those that make another alert.
func TestCarry(t *testing.T) {
	tests := []struct {
		label   string
		carries bool
	}{
		{OwnerLabel, true},
		{QuestionLabel, true},
		{TierLabel, true},
		{ClusterLabel, true},
		{TenantLabel, false},
		{"target", false},
		{ObjectiveLabel, false},
		{SeverityLabel, false},
		{LongWindowLabel, false},
		{NameLabel, false},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			for _, values := range [][2]string{{"a", "b"}, {"", "b"}, {"a", ""}} {
				book := Book{Forget: time.Hour}
				before := relabelled(burn("north", "page", "1h"), tt.label, values[0])
				after := relabelled(before, tt.label, values[1])
				before.For, after.For = 2*time.Minute, 2*time.Minute
				for minute := range 3 {
					book.Step(at(float64(minute)), []Condition{holds(before)})
				}
				steps := lines(book.Step(at(3), []Condition{holds(after)}), tt.label)
				if !tt.carries {
					require.Equal(t, []string{values[1] + " inactive>pending ", values[0] + " firing>frozen no longer reported"}, steps)
					continue
				}
				require.Equal(t, []string{
					values[0] + " firing>resolved its labels changed", values[1] + " inactive>firing its labels changed",
				}, steps)
				stands, ended := book.Alerts()[0], book.Alerts()[1]
				require.Equal(t, withoutEmpty(after.Labels), stands.Labels)
				require.Equal(t, []time.Time{at(0), at(2), {}}, []time.Time{stands.ActiveSince, stands.StartsAt, stands.EndsAt})
				require.Equal(t, withoutEmpty(before.Labels), ended.Labels)
				require.Equal(t, []time.Time{at(2), at(3)}, []time.Time{ended.StartsAt, ended.EndsAt})
				require.Empty(t, book.Step(at(4), []Condition{holds(after)}))
				book.Step(at(18), []Condition{holds(after)})
				require.Len(t, book.Alerts(), 1, "the old one has been told for its retention")
			}
		})
	}
}

func TestCarryHistories(t *testing.T) {
	tests := []struct {
		name    string
		wait    time.Duration
		history string // letters as in report; a capital, ! or _ is the same of the second owner
		want    []string
	}{
		{
			"the wait goes on", 3 * time.Minute, "hhHH",
			[]string{"0 a inactive>pending", "2 a pending>inactive its labels changed", "2 b inactive>pending its labels changed", "3 b pending>firing"},
		},
		{
			"absent in between", 0, "h.H",
			[]string{"0 a inactive>firing", "1 a firing>frozen no longer reported", "2 a frozen>resolved its labels changed", "2 b inactive>firing its labels changed"},
		},
		{
			"a wait that was interrupted begins anew", 2 * time.Minute, "h.HHH",
			[]string{
				"0 a inactive>pending", "1 a pending>frozen no longer reported", "2 a frozen>inactive its labels changed",
				"2 b inactive>pending its labels changed", "4 b pending>firing",
			},
		},
		{
			"unknown", 0, "h!H",
			[]string{"0 a inactive>firing", "1 a firing>resolved its labels changed", "1 b inactive>frozen its labels changed", "2 b frozen>firing"},
		},
		{"over at that moment", 0, "h_", []string{"0 a inactive>firing", "1 a firing>resolved"}},
		{"over before", 0, "h-H", []string{"0 a inactive>firing", "1 a firing>resolved", "2 b inactive>firing"}},
		{
			"and back", 0, "hHh",
			[]string{
				"0 a inactive>firing", "1 a firing>resolved its labels changed", "1 b inactive>firing its labels changed",
				"2 b firing>resolved its labels changed", "2 a resolved>firing its labels changed",
			},
		},
	}
	for _, tt := range tests {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, " ", restarts), func(t *testing.T) {
				book := Book{Forget: 5 * time.Minute}
				var got []string
				for minute, letter := range tt.history {
					c := owned("a")
					if at := slices.Index([]rune("H!_"), letter); at >= 0 {
						c, letter = owned("b"), []rune("h?-")[at]
					}
					c.For = tt.wait
					for _, s := range book.Step(at(float64(minute)), report(c, letter)) {
						line := fmt.Sprintf("%d %s %s>%s", minute, s.Alert.Labels[OwnerLabel], s.From, s.To)
						if s.Reason != "" {
							line += " " + s.Reason
						}
						got = append(got, line)
					}
					requireSane(t, book, at(float64(minute)))
					if restarts {
						book = restarted(t, book)
					}
				}
				require.Equal(t, tt.want, got)
			})
		}
	}
}

// TestCarryKeepsReported has two alerts that differ in their owner alone: as long as both are reported, they are two.
func TestCarryKeepsReported(t *testing.T) {
	book := Book{Forget: time.Hour}
	both := []Condition{holds(owned("a")), holds(owned("b"))}
	book.Step(at(0), both[:1])
	require.Equal(t, []string{"b inactive>firing "}, lines(book.Step(at(1), both), OwnerLabel))
	require.Equal(t, at(1), book.alerts[fingerprint(both[1].Labels)].StartsAt)
	require.Equal(t, []string{"a firing>resolved its labels changed"}, lines(book.Step(at(2), both[1:]), OwnerLabel))
	require.Equal(t, at(1), book.alerts[fingerprint(both[1].Labels)].StartsAt, "it has a life of its own")
}

// TestCarryOfItsOwn lets instances without a tenant be told apart by tier or cluster: one that is absent for a moment is
// not taken for the other.
func TestCarryOfItsOwn(t *testing.T) {
	for _, label := range []string{TierLabel, ClusterLabel} {
		book := Book{Forget: time.Hour}
		one := relabelled(relabelled(burn("", "page", "1h"), label, "a"), TenantLabel, "")
		other := relabelled(one, label, "b")
		book.Step(at(0), []Condition{holds(one)})
		require.Equal(t, []string{"b inactive>firing ", "a firing>frozen no longer reported"},
			lines(book.Step(at(1), []Condition{holds(other)}), label))
	}
}

// TestCarryTold shows what Alertmanager is told: the new labels with the old start, and the end of the old ones until
// their retention is over.
func TestCarryTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		began := time.Now()
		r.tick(t, holds(owned("a")))
		r.minutes(t, 2, holds(owned("a")))
		r.servers[0].taken()
		r.minutes(t, 16, holds(owned("b")))
		ends, last := 0, ""
		for _, a := range of(r.servers[0].taken(), BurnName) {
			require.Equal(t, began, time.Time(a.StartsAt))
			if last = a.Labels[OwnerLabel]; last == "a" {
				require.Equal(t, began.Add(3*time.Minute), time.Time(a.EndsAt))
				ends++
			}
		}
		require.Equal(t, 15, ends)
		require.Equal(t, "b", last)
	})
}

// TestCarryFold lets all tenants of a fold change hands, but for one that is not found again at first: the fold goes on
// under its new labels, and no tenant is told.
func TestCarryFold(t *testing.T) {
	of := func(owner string, tenants int) []Condition {
		all := fleet(tenants, below(10))
		for i := range all {
			all[i].Labels[OwnerLabel] = owner
		}
		return all
	}
	for _, restarts := range []bool{false, true} {
		book := Book{Forget: 5 * time.Minute, Folding: ofClusters(12)}
		book.Step(at(0), of("a", 12))
		if restarts {
			book = restarted(t, book)
		}
		for minute := 1; minute < 4; minute++ {
			steps := book.Step(at(float64(minute)), of("b", []int{0, 9, 12, 12}[minute]))
			fold, told := standing(&book)
			require.True(t, fold)
			require.Empty(t, told)
			stands := foldOn(&book)
			require.Equal(t, "b", stands.Labels[OwnerLabel])
			require.Equal(t, at(0), stands.StartsAt)
			for _, a := range book.Alerts() {
				if a.State == Firing && a.Labels[OwnerLabel] == "b" && !a.isFold() && a.Labels[TenantLabel] != "" {
					require.Equal(t, stands.Fingerprint(), a.FoldedInto)
				}
				if a.State == Resolved && a.isFold() {
					require.Equal(t, []any{"a", at(1)}, []any{a.Labels[OwnerLabel], a.EndsAt})
				}
			}
			if minute == 3 {
				require.Empty(t, steps)
			}
		}
	}
}

// TestCarryCluster moves tenants to another cluster while the fold of the first one speaks for them.
func TestCarryCluster(t *testing.T) {
	moved := func(n int, cluster string) []Condition {
		all := fleet(20, below(20))
		for i := range n {
			all[i] = relabelled(all[i], ClusterLabel, cluster)
		}
		return all
	}
	tests := []struct {
		name    string
		n       int
		cluster string
		told    int
	}{
		{"one, to where nothing is folded", 1, "pg-2", 1},
		{"one, to no cluster", 1, "", 1},
		{"half of them, each cluster with a fold", 10, "pg-2", 0},
		{"all, which is another name of the same", 20, "pg-2", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := Book{Forget: 5 * time.Minute, Folding: ofClusters(20)}
			book.Step(at(0), moved(0, ""))
			book = restarted(t, book)
			book.Step(at(1), moved(tt.n, tt.cluster))
			fold, told := standing(&book)
			require.True(t, fold)
			require.Len(t, told, tt.told)
			for _, a := range book.Alerts() {
				if a.State == Firing && !a.isFold() {
					require.Equal(t, at(0), a.StartsAt)
				}
				require.False(t, a.State == Resolved && !a.isFold() && !a.Withheld, "nobody was told of it")
			}
			require.Empty(t, book.Step(at(2), moved(tt.n, tt.cluster)))
		})
	}
}

// TestForgetOverRestarts starts again and again while a condition is absent: its wait goes on.
func TestForgetOverRestarts(t *testing.T) {
	dir, log := t.TempDir(), new(bytes.Buffer)
	unknown := owned("a")
	unknown.Unknown = true
	for minute, conditions := range [][]Condition{{holds(owned("a"))}, {unknown}, {}, {}, {unknown}, {}, {}, {}, {}, {}} {
		e := openEngine(t, dir, log)
		e.Evaluate(t.Context(), at(float64(minute)), conditions)
		require.Equal(t, Firing, e.Alerts()[0].State, "minute %d", minute)
	}
	e := openEngine(t, dir, log)
	steps := e.Evaluate(t.Context(), at(10), nil)
	require.Equal(t, []string{"a frozen>resolved what it spoke of is gone"}, lines(steps, OwnerLabel))
}

// TestAlertmanagerCarry takes a change of owner, with a restart in between, through a real Alertmanager.
func TestAlertmanagerCarry(t *testing.T) {
	receiver := newHook(t)
	server := platform.AlertmanagerForTest(t, receiver.config())
	dir := t.TempDir()
	first := newDaemon(t, dir, server)
	first.evaluate(t, holds(owned("a")))
	eventually(t, func() bool { return shownBy(t, server)["north"] != nil }, "it arrives")
	before := shownBy(t, server)["north"]
	first.stop()

	second := newDaemon(t, dir, server)
	second.evaluate(t, holds(owned("b")))
	eventually(t, func() bool {
		shown := shownBy(t, server)
		return len(shown) == 2 && shown["north"] != nil && shown["north"].Labels[OwnerLabel] == "b"
	}, "it goes on under its new labels")
	eventually(t, func() bool { return activeIn(t, server) == 2 }, "the old one is over: the Watchdog and one alert stand")
	require.Equal(t, before.StartsAt, shownBy(t, server)["north"].StartsAt)
}

// activeIn counts what the Alertmanager shows as active.
func activeIn(t *testing.T, server *platform.Monitor) int {
	t.Helper()
	c := clientTo(t, Alertmanager{URL: server.URL()})
	answer, err := c.api.GetAlerts(alertapi.NewGetAlertsParamsWithContext(t.Context()))
	require.NoError(t, err)
	return len(answer.Payload)
}

func TestCarryLeaves(t *testing.T) {
	t.Run("an absence behind, which adds up with no later one", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute}
		book.Step(at(0), []Condition{holds(owned("a"))})
		book.Step(at(1), nil)
		book.Step(at(4), []Condition{holds(owned("b"))})
		book.Step(at(5), nil)
		book.Step(at(8), nil)
		require.Equal(t, Frozen, book.Alerts()[0].Shown())
	})
	t.Run("an earlier life to the labels that it had", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute}
		book.Step(at(0), []Condition{holds(owned("a"))})
		book.Step(at(1), []Condition{owned("a")})
		for minute, owner := range []string{"a", "b"} {
			c := holds(owned(owner))
			c.For = time.Hour
			book.Step(at(float64(2+minute)), []Condition{c})
		}
		waits, ended := book.Alerts()[0], book.Alerts()[1]
		require.Equal(t, Pending, waits.State)
		require.Zero(t, waits.StartsAt)
		require.Zero(t, waits.EndsAt)
		require.Equal(t, at(1), ended.EndsAt)
	})
	t.Run("what is unknown standing", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute}
		book.Step(at(0), []Condition{holds(owned("a"))})
		unknown := owned("b")
		unknown.Unknown = true
		book.Step(at(1), []Condition{unknown})
		require.Equal(t, Frozen, book.Alerts()[0].Shown())
		require.Equal(t, "b", book.Alerts()[0].Labels[OwnerLabel])
	})
	t.Run("what was told before a fold told", func(t *testing.T) {
		book := Book{Forget: 5 * time.Minute, Folding: ofClusters(10)}
		book.Step(at(0), fleet(10, below(3)))
		book.Step(at(1), fleet(10, below(10)))
		all := fleet(10, below(10))
		for i := range all {
			all[i].Labels[OwnerLabel] = "b"
		}
		book.Step(at(2), all)
		_, told := standing(&book)
		require.Equal(t, []string{"t000", "t001", "t002"}, told)
	})
}
