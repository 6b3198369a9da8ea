package alert

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// ofClusters folds tenants that live on clusters of this size.
func ofClusters(tenants int) Folding {
	return Folding{Population: func(string, string) int { return tenants }}
}

// on is a condition of the n-th tenant of a cluster.
func on(cluster string, n int) Condition {
	c := burn(fmt.Sprintf("t%03d", n), "page", "1h")
	c.Labels[ClusterLabel], c.Labels[TierLabel] = cluster, []string{"shared", "dedicated"}[n%2]
	c.Title, c.Gravity = "People can log in", float64(n)
	return c
}

// fleet are the conditions of all tenants of a cluster, of which those hold that are chosen.
func fleet(tenants int, fires func(int) bool) []Condition {
	all := make([]Condition, tenants)
	for n := range all {
		all[n] = on("pg-1", n)
		all[n].Holds = fires(n)
	}
	return all
}

func below(limit int) func(int) bool { return func(n int) bool { return n < limit } }

// standing says whether a fold stands, and which tenants' alerts Alertmanager is told that they fire.
func standing(b *Book) (fold bool, told []string) {
	for _, a := range b.Alerts() {
		switch {
		case a.State != Firing:
		case a.isFold():
			fold = true
		case !a.Withheld && a.Labels[TenantLabel] != "":
			told = append(told, a.Labels[TenantLabel])
		}
	}
	slices.Sort(told)
	return fold, told
}

func TestFold(t *testing.T) {
	tests := []struct {
		name    string
		tenants int
		firing  []int // how many of the first tenants, minute by minute
		folded  string
		told    []int // how many of them Alertmanager is told of
	}{
		{"four are too few, be it all of them", 4, []int{4}, "-", []int{4}},
		{"five of five", 5, []int{5}, "F", []int{0}},
		{"five, but not half", 11, []int{5}, "-", []int{5}},
		{"half of all", 12, []int{6}, "F", []int{0}},
		{"those that were told before are told on", 10, []int{3, 10, 4, 3, 2}, "-FFF-", []int{3, 3, 3, 3, 2}},
		{"it stands with a quarter", 20, []int{10, 5}, "FF", []int{0, 0}},
		{"below a quarter it is over, and what still fires is told", 20, []int{10, 4, 4}, "F--", []int{0, 4, 4}},
		{"it does not begin again below half", 20, []int{10, 4, 9, 10}, "F--F", []int{0, 4, 9, 9}},
		{"what fires later is withheld too", 20, []int{10, 20}, "FF", []int{0, 0}},
		{"all is over at once", 20, []int{20, 0, 0}, "F--", []int{0, 0, 0}},
		{"what was told and fires anew is withheld", 10, []int{1, 0, 10}, "--F", []int{1, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := Book{Forget: 5 * time.Minute, Folding: ofClusters(tt.tenants)}
			for minute, n := range tt.firing {
				book.Step(at(float64(minute)), fleet(tt.tenants, below(n)))
				fold, told := standing(&book)
				require.Equal(t, tt.folded[minute] == 'F', fold, "minute %d", minute)
				require.Len(t, told, tt.told[minute], "minute %d", minute)
				require.Empty(t, book.Step(at(float64(minute)), fleet(tt.tenants, below(n))), "the same again changes nothing")
			}
		})
	}
}

func TestFoldedAlert(t *testing.T) {
	book := Book{Folding: ofClusters(20)}
	conditions := fleet(20, below(12))
	conditions[11].Annotations = map[string]string{RunbookAnnotation: "https://example.test/runbook"}
	steps := book.Step(at(0), conditions)
	require.Len(t, steps, 13)
	fold := steps[12].Alert
	require.Equal(t, map[string]string{
		"alertname": "ErrorBudgetBurn", "objective": "login-works", "question": "healthy", "severity": "page",
		"long_window": "1h", "cluster": "pg-1", "scope": "cluster",
	}, fold.Labels)
	require.Equal(t, map[string]string{
		"summary": "pg-1: People can log in: the error budget burns too fast for 12 of 20 tenants",
		"description": "Look first at what they share. The worst are t011 (11 times too fast), t010 (10 times too fast), " +
			"t009 (9 times too fast), t008 (8 times too fast), t007 (7 times too fast). While this alert stands, the alerts " +
			"of single tenants are kept by the daemon and not told.",
		"affected": "12 of 20",
		"worst_tenants": "t011 (11 times too fast), t010 (10 times too fast), t009 (9 times too fast), " +
			"t008 (8 times too fast), t007 (7 times too fast)",
		"runbook_url": "https://example.test/runbook",
	}, fold.Annotations)
	require.Empty(t, fold.FoldedInto)
	for _, step := range steps[:12] {
		require.Equal(t, Firing, step.To)
		require.True(t, step.Alert.Withheld)
		require.Equal(t, fold.Fingerprint(), step.Alert.FoldedInto, "transitions and the API show it")
	}
	for _, step := range book.Step(at(1), fleet(20, below(5))) {
		require.Equal(t, Resolved, step.To, "of tenants; a quarter is still enough for the fold")
		require.NotEmpty(t, step.Alert.Labels[TenantLabel])
	}
}

// TestFoldKeepsApart lets alerts fire that have nothing in common, or no tenant: none is folded.
func TestFoldKeepsApart(t *testing.T) {
	variants := map[string]func(n int, c *Condition){
		"clusters":   func(n int, c *Condition) { c.Labels[ClusterLabel] = fmt.Sprint("pg-", n%2) },
		"no cluster": func(_ int, c *Condition) { delete(c.Labels, ClusterLabel) },
		"no tenant":  func(n int, c *Condition) { delete(c.Labels, TenantLabel); c.Labels["target"] = fmt.Sprint(n) },
		"objectives": func(n int, c *Condition) { c.Labels[ObjectiveLabel] = fmt.Sprint(n % 2) },
		"severities": func(n int, c *Condition) { c.Labels[SeverityLabel] = []string{"page", "ticket"}[n%2] },
		"windows":    func(n int, c *Condition) { c.Labels[LongWindowLabel] = []string{"1h", "6h"}[n%2] },
		"names":      func(n int, c *Condition) { c.Labels[NameLabel] = []string{BurnName, NoDataName}[n%2] },
	}
	for name, vary := range variants {
		t.Run(name, func(t *testing.T) {
			book := Book{Folding: ofClusters(8)}
			conditions := fleet(8, below(8))
			for n := range conditions {
				vary(n, &conditions[n])
			}
			book.Step(at(0), conditions)
			require.Len(t, book.Alerts(), 8)
		})
	}
}

func TestFoldFrozen(t *testing.T) {
	unknown := func(all []Condition) []Condition {
		for i := range all {
			all[i].Unknown = true
		}
		return all
	}
	book := Book{Forget: 5 * time.Minute, Folding: ofClusters(10)}
	book.Step(at(0), fleet(10, below(10)))
	book.Step(at(1), unknown(fleet(10, below(10))))
	require.Equal(t, Frozen, foldOn(&book).Shown(), "nobody can see")
	book.Step(at(2), nil)
	require.Equal(t, Frozen, foldOn(&book).Shown(), "nobody reports")
	book.Step(at(3), fleet(10, below(10)))
	require.Equal(t, Firing, foldOn(&book).Shown())
	book.Step(at(4), nil)
	book.Step(at(9), nil)
	require.Equal(t, Resolved, foldOn(&book).State, "all of them are gone")

	unsure := Book{Folding: ofClusters(12)}
	unsure.Step(at(0), fleet(12, below(4)))
	five := fleet(12, func(n int) bool { return n >= 4 && n < 9 })
	unsure.Step(at(1), append(unknown(fleet(4, below(4))), five[4:]...))
	require.Nil(t, foldOn(&unsure), "five of twelve fire, and four cannot be seen")

	late := Book{Forget: 5 * time.Minute, Folding: ofClusters(10)}
	for n := range 9 { // one by one, each frozen after it was told
		conditions := unknown(fleet(10, below(10)))
		conditions[n].Holds, conditions[n].Unknown = true, false
		late.Step(at(float64(n)), conditions)
	}
	require.Nil(t, foldOn(&late), "what cannot be seen begins no fold")
}

func foldOn(b *Book) *Alert {
	for _, a := range b.Alerts() {
		if a.isFold() {
			return &a
		}
	}
	return nil
}

// TestFoldAgainstNaive lets random numbers of tenants of random clusters come and go, with restarts in between, and
// compares with a view that knows nothing but who fires at each minute.
func TestFoldAgainstNaive(t *testing.T) {
	random := rand.New(rand.NewPCG(20260302, 4))
	for round := range 100 {
		tenants := 1 + random.IntN(30)
		book := Book{Forget: time.Hour, Folding: ofClusters(tenants)}
		naive := naiveFold{tenants: tenants, told: map[string]bool{}}
		fires := make([]bool, tenants)
		for minute := range 40 {
			share := []float64{0, 0.1, 0.3, 0.6, 1}[random.IntN(5)]
			for n := range fires {
				if random.IntN(3) == 0 {
					fires[n] = random.Float64() < share
				}
			}
			book.Step(at(float64(minute)), fleet(tenants, func(n int) bool { return fires[n] }))
			naive.step(fires)
			fold, told := standing(&book)
			require.Equal(t, naive.stands, fold, "round %d minute %d", round, minute)
			require.Equal(t, slices.Sorted(maps.Keys(naive.told)), told, "round %d minute %d", round, minute)
			if random.IntN(4) == 0 {
				book = restarted(t, book)
			}
		}
	}
}

type naiveFold struct {
	tenants int
	stands  bool
	told    map[string]bool
}

func (f *naiveFold) step(fires []bool) {
	n := 0
	for _, firing := range fires {
		if firing {
			n++
		}
	}
	if f.stands {
		f.stands = n > 0 && float64(n) >= float64(f.tenants)/4
	} else {
		f.stands = n >= 5 && float64(n) >= float64(f.tenants)/2
	}
	for i, firing := range fires {
		tenant := fmt.Sprintf("t%03d", i)
		switch {
		case !firing:
			delete(f.told, tenant)
		case !f.stands:
			f.told[tenant] = true
		}
	}
}

// TestFoldTold shows what arrives: one alert for two hundred tenants, once, and afterwards those that still fire.
func TestFoldTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.engine.book.Folding = ofClusters(200)
		r.tick(t, fleet(200, below(200))...)
		told := of(r.servers[0].taken(), BurnName)
		require.Len(t, told, 1)
		require.Equal(t, ClusterScope, told[0].Labels[ScopeLabel])
		r.minutes(t, 10, fleet(200, below(50))...)
		require.Len(t, of(r.servers[0].taken(), BurnName), 10, "resent, and nothing of the tenants, not even their end")
		r.minutes(t, 1, fleet(200, below(3))...)
		ended := of(r.servers[0].taken(), BurnName)
		require.Len(t, ended, 4)
		for _, a := range ended {
			if a.Labels[ScopeLabel] == ClusterScope {
				require.Equal(t, time.Now(), time.Time(a.EndsAt), "it is over")
				continue
			}
			require.Less(t, a.Labels[TenantLabel], "t003")
			require.Equal(t, time.Now().Add(-11*time.Minute), time.Time(a.StartsAt), "since it fired, not since it is told")
		}
	})
}

// TestFoldRestart opens the state that an engine with a fold left: nothing new is told, and the hysteresis goes on.
func TestFoldRestart(t *testing.T) {
	options := Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Folding: ofClusters(20),
		Cause: func(map[string]string) string { return "pg-1" },
	}
	conditions := func(n int) []Condition {
		all := fleet(20, below(n))
		for i := range all {
			delete(all[i].Labels, ClusterLabel)
		}
		return all
	}
	first, err := Open(options, at(0))
	require.NoError(t, err)
	first.Evaluate(t.Context(), at(0), conditions(12))
	require.Equal(t, "pg-1", foldOn(&first.book).Labels[ClusterLabel])

	second, err := Open(options, at(30))
	require.NoError(t, err)
	for minute, n := range []int{0, 12, 5} {
		reported := conditions(n)
		if minute == 0 {
			reported = nil // nothing is discovered yet
		}
		second.Evaluate(t.Context(), at(float64(30+minute)), reported)
		fold, told := standing(&second.book)
		require.True(t, fold)
		require.Empty(t, told)
		require.Equal(t, at(0), foldOn(&second.book).StartsAt)
	}
}

// TestAlertmanagerOnePage takes a fault of two hundred tenants through a real Alertmanager whose groups are as small as
// can be: one page, over a restart of ours too.
func TestAlertmanagerOnePage(t *testing.T) {
	receiver := newHook(t)
	server := platform.AlertmanagerForTest(t, receiver.config())
	dir := t.TempDir()
	open := func() *daemon {
		d := newDaemon(t, dir, server)
		d.book.Folding = ofClusters(200)
		return d
	}
	first := open()
	first.evaluate(t, fleet(200, below(180))...)
	eventually(t, func() bool { return len(receiver.notes()) == 1 }, "the page")
	first.stop()

	second := open()
	before := time.Now()
	second.evaluate(t)
	second.evaluate(t, fleet(200, below(200))...)
	eventually(t, func() bool {
		shown := shownBy(t, server) // the folded one and the Watchdog have no tenant
		return len(shown) == 1 && time.Time(*shown[""].UpdatedAt).After(before)
	}, "it is told again, and nothing else")
	second.evaluate(t, fleet(200, below(1))...)
	eventually(t, func() bool { return len(receiver.notes()) == 3 }, "it is over, but for one")
	require.ElementsMatch(t, []string{"firing ", "resolved ", "firing t000"}, receiver.notes())
}

func TestEngineCause(t *testing.T) {
	e, err := Open(Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
		Cause: func(labels map[string]string) string { return map[string]string{"north": "pg-1"}[labels[TenantLabel]] },
	}, start)
	require.NoError(t, err)
	own := burn("north", "page", "6h")
	own.Labels[ClusterLabel] = "own"
	e.Evaluate(t.Context(), at(0), []Condition{
		holds(burn("north", "page", "1h")), holds(burn("south", "page", "1h")), holds(own),
	})
	var clusters []string
	for _, a := range e.Alerts() {
		cluster, there := a.Labels[ClusterLabel]
		clusters = append(clusters, fmt.Sprint(a.Labels[TenantLabel], " ", cluster, " ", there))
	}
	slices.Sort(clusters)
	require.Equal(t, []string{"  false", "north own true", "north pg-1 true", "south  false"}, clusters)
}
