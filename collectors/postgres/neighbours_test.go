package postgres

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// scene is rounds that did not need a server: what each database used, and what shows that they wait.
type scene struct {
	cluster *Cluster
	memory  *useMemory
}

func newScene(t *testing.T, o Options) *scene {
	t.Helper()
	o.Tenants = tenantsOf(t, map[string]string{"north": "north", "south": "south", "large": "large"})
	config := configFor(primary, "postgres")
	config.Cores = 4
	return &scene{cluster: clusterForTest(t, config, o), memory: &useMemory{}}
}

// round is one round, with so many sessions at work and connections that there can be.
func (s *scene) round(used map[string]databaseUse, working int, limit float64) *collectors.Batch {
	b := collectors.NewBuilder(collectors.Key{Collector: "postgres_use", Target: "main"}, t0)
	r := &useRound{
		round:     &round{Builder: b, cluster: s.cluster, tenants: s.cluster.options.Tenants.Current()},
		useMemory: s.memory, databases: map[uint32]databaseUse{}, limit: limit,
	}
	s.memory.working = [2]int{working, 0}
	for i, name := range []string{"north", "south", "large"} {
		use := used[name]
		use.name = name
		r.databases[uint32(i+1)] = use
	}
	s.memory.neighbours.take(r.databases, r.lacking)
	r.judge()
	s.memory.neighbours.remember()
	return b.Batch()
}

func namedIn(b *collectors.Batch) (names []string) {
	b.Each(func(f string) bool { return f == "pg_noisy_neighbour" }, func(s collectors.Series) {
		names = append(names, s.Get("tenant")+" "+s.Get("resource"))
	})
	return names
}

func active(sessions float64) databaseUse { return databaseUse{usage: usage{activeTime: sessions}} }

func connected(n float64) databaseUse {
	return databaseUse{usage: usage{activeTime: 0.1, connectionSlots: n}}
}

// paced is a database whose statements take so many times as long as usual.
func paced(sessions, factor float64) databaseUse {
	return databaseUse{usage: usage{activeTime: sessions}, pace: pace{calls: 50, usual: 1, seconds: factor}}
}

func TestWhoIsNamed(t *testing.T) {
	calm := map[string]databaseUse{"north": active(0.2), "south": active(0.2), "large": active(2)}
	for name, test := range map[string]struct {
		before, now map[string]databaseUse
		working     int
		limit       float64
		options     Options
		want        []string
	}{
		"more sessions than processors": {calm, map[string]databaseUse{"north": active(6), "south": active(0.2), "large": active(2)}, 8, 100, Options{}, []string{"north active_time"}},
		"processors for all":            {calm, map[string]databaseUse{"north": active(6), "south": active(0.2), "large": active(2)}, 4, 100, Options{}, nil},
		"nobody is there to wait":       {calm, map[string]databaseUse{"north": active(6)}, 8, 100, Options{}, nil},
		"always the largest":            {calm, map[string]databaseUse{"north": active(0.2), "south": active(0.2), "large": active(9)}, 9, 100, Options{}, nil},
		"most of next to nothing": {
			map[string]databaseUse{"north": paced(0.01, 1), "south": paced(0.01, 1)},
			map[string]databaseUse{"north": paced(0.2, 3), "south": paced(0.02, 3)},
			0, 100,
			Options{},
			nil,
		},
		"slower statements of others": {
			calm,
			map[string]databaseUse{"north": paced(2, 1), "south": paced(0.4, 2.5), "large": paced(2, 2)},
			4, 100,
			Options{},
			[]string{"north active_time"},
		},
		"its own statements are slower": {
			calm, map[string]databaseUse{"north": paced(6, 9), "south": paced(0.2, 1), "large": paced(1, 1.2)}, 4, 100, Options{}, nil,
		},
		"two at once": {
			calm,
			map[string]databaseUse{"north": active(6), "south": active(6), "large": active(1)},
			12, 100,
			Options{},
			[]string{"north active_time", "south active_time"},
		},
		"connections": {
			map[string]databaseUse{"north": connected(10), "south": connected(10), "large": connected(40)},
			map[string]databaseUse{"north": connected(47), "south": connected(10), "large": connected(40)},
			1, 100,
			Options{},
			[]string{"north connections"},
		},
		"connections are taken by others": {
			map[string]databaseUse{"north": active(0.1), "south": active(0.1), "large": connected(95)},
			map[string]databaseUse{"north": active(5), "south": active(0.1), "large": connected(95)},
			1, 100,
			Options{},
			nil,
		},
		"clients wait in a pooler": {
			calm,
			map[string]databaseUse{"north": active(3), "south": active(0.2), "large": active(2)},
			4, 100,
			Options{PoolWaiting: func(tenant string) int { return map[string]int{"south": 2}[tenant] }},
			[]string{"north active_time"},
		},
		"only its own clients wait": {
			calm,
			map[string]databaseUse{"north": active(3), "south": active(0.2), "large": active(2)},
			4, 100,
			Options{PoolWaiting: func(tenant string) int { return map[string]int{"north": 2}[tenant] }},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, test.options)
			for i := range windowRounds * leastShares {
				b := s.round(test.before, 1, 100)
				require.Empty(t, namedIn(b))
				_, known := value(b, "pg_noisy_neighbours")
				require.Equal(t, i >= windowRounds*leastShares, known)
			}
			named := namedIn(s.round(test.now, test.working, test.limit))
			named = append(named, namedIn(s.round(test.now, test.working, test.limit))...)
			slices.Sort(named)
			require.Equal(t, test.want, slices.Compact(named))
			for range 3 {
				require.Empty(t, namedIn(s.round(test.before, 1, 100)), "at once nobody, when it is over")
			}
		})
	}
}

func TestFindingSaysWhoTakesWhatAndWhoWaits(t *testing.T) {
	s := newScene(t, Options{})
	calm := map[string]databaseUse{"north": active(0.2), "south": active(0.2), "large": active(2)}
	for range windowRounds * leastShares {
		s.round(calm, 1, 100)
	}
	b := s.round(map[string]databaseUse{"north": paced(10, 5), "south": paced(0.2, 3.26), "large": paced(2, 4)}, 12, 100)
	require.Equal(t, []collectors.Finding{{
		Tenant: "north", Name: "noisy_neighbour", Question: collectors.Contained, Severity: collectors.Warning,
		Text: "database north takes 70 % of the cluster's time that sessions are active, usually at most 8 %, " +
			"while 12 sessions work on 4 processors, and the statements of others take 4.0 times as long as they usually do.",
	}}, b.Findings)
	requireValue(t, b, 1, "pg_neighbours_waiting", "cause", "statements")
	requireValue(t, b, 0, "pg_neighbours_waiting", "cause", "pooler")
	got, _ := value(b, "pg_tenant_share_ratio", "tenant", "north", "resource", "active_time")
	require.InDelta(t, (10+4*0.2)/(10+0.2+2+4*2.4), got, 1e-9)
}

// TestHabit: what goes on for most of a day becomes usual, and what came now and then does not.
func TestHabit(t *testing.T) {
	s := newScene(t, Options{})
	calm := map[string]databaseUse{"north": active(0.2), "south": active(0.2), "large": active(2)}
	noisy := map[string]databaseUse{"north": active(8), "south": active(0.2), "large": active(2)}
	named := func(use map[string]databaseUse, working, rounds int) (n int) {
		for range rounds {
			n += len(namedIn(s.round(use, working, 100)))
		}
		return n
	}
	require.Zero(t, named(calm, 9, keptShares*windowRounds))
	for range 5 {
		require.InDelta(t, 20, named(noisy, 9, 20), 1)
		require.Zero(t, named(calm, 9, 100))
	}
	require.InDelta(t, 14*60, named(noisy, 9, 24*60), 60, "as long as others wait, for most of a day")
	require.Zero(t, named(noisy, 9, 100))

	require.Zero(t, named(calm, 9, keptShares*windowRounds))
	require.Zero(t, named(noisy, 1, 160), "while nobody waits")
	require.Zero(t, named(noisy, 9, 100), "and so it has become usual")
}

// TestForgetsWhoIsGone: databases that are dropped leave nothing, and one that is made anew under
// a name begins without history.
func TestForgetsWhoIsGone(t *testing.T) {
	var n neighbours
	for range windowRounds * leastShares {
		n.take(map[uint32]databaseUse{1: {name: "clinic"}, 2: {name: "other"}}, [resourceNumber]bool{})
		n.remember()
	}
	require.True(t, n.consumers[1].past[activeTime].enough())
	n.take(map[uint32]databaseUse{3: {name: "clinic"}, 2: {name: "other"}}, [resourceNumber]bool{})
	require.Len(t, n.consumers, 2)
	require.False(t, n.consumers[3].past[activeTime].enough())
}

// TestNoHistoryOfWhatIsNotKnown: where statements cannot be read, their shares are no zeros.
func TestNoHistoryOfWhatIsNotKnown(t *testing.T) {
	var n neighbours
	for range windowRounds * 2 {
		n.take(map[uint32]databaseUse{1: {name: "clinic"}}, [resourceNumber]bool{executionTime: true})
		n.remember()
	}
	require.Zero(t, n.consumers[1].past[executionTime].n)
	require.Equal(t, 2, n.consumers[1].past[activeTime].n)
}

func TestUsualShare(t *testing.T) {
	var h history
	for range keptShares * 9 / 10 {
		h.add(0.1)
	}
	for range keptShares / 10 {
		h.add(1)
	}
	require.InDelta(t, 0.1, h.usual(), 0.005)
	h.add(1)
	h.add(1)
	require.InDelta(t, 1, h.usual(), 0.005)
	for range keptShares {
		h.add(0.5)
	}
	require.InDelta(t, 0.5, h.usual(), 0.005, "a day later it is forgotten")
}

func TestPaceComparesStatementsWithThemselves(t *testing.T) {
	var p pace
	p.compare(amounts{amountCalls: 100, amountSeconds: 10}, amounts{amountCalls: 20, amountSeconds: 6})
	factor, enough := p.slowdown()
	require.True(t, enough)
	require.InDelta(t, 3, factor, 1e-9)
	p.compare(amounts{amountCalls: 100, amountSeconds: 10}, amounts{amountCalls: 1, amountSeconds: 3600})
	factor, _ = p.slowdown()
	require.InDelta(t, 7/2.1, factor, 1e-9, "one wait does not make all slow")
	p.compare(amounts{amountCalls: 3, amountSeconds: 10}, amounts{amountCalls: 20, amountSeconds: 600})
	after, _ := p.slowdown()
	require.InDelta(t, factor, after, 0, "too new to have an average")
	_, enough = (pace{calls: 19, usual: 1, seconds: 5}).slowdown()
	require.False(t, enough)
}
