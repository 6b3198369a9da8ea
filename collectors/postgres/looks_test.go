package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// TestLooksAreSpared: while all is quiet there is a look at statements in each second round. What
// ran in between is counted at the next, over the time of both, and somebody who waits has one in
// each round.
func TestLooksAreSpared(t *testing.T) {
	majors(t, func(t *testing.T, server *platform.Postgres) {
		clinic := server.DatabaseForTest(t, "")
		c := monitored(t, server, Options{Tenants: tenantsOf(t, map[string]string{"north": clinic})})
		at := time.Now().Truncate(time.Minute)
		var b *collectors.Batch
		looked := func() bool {
			at = at.Add(time.Minute)
			builder := collectors.NewBuilder(collectors.Key{Collector: "postgres_use", Target: "main"}, at)
			require.NoError(t, c.use.Collect(t.Context(), builder))
			b = builder.Batch()
			requireAbsent(t, b, "wardround_indicator_unavailable")
			_, there := value(b, "pg_stat_statements_entries")
			require.True(t, there)
			return c.use.looks.at.Equal(at)
		}
		seconds := func() (now, before float64) {
			n := &c.use.neighbours
			for _, consumer := range n.consumers {
				if consumer.name == clinic {
					now = 60 * consumer.window.mean(n.round, 1)[executionTime]
					before = 2*60*consumer.window.mean(n.round, 2)[executionTime] - now
				}
			}
			return now, before
		}
		require.True(t, looked(), "the first")
		require.True(t, looked(), "the first that tells what was done")
		run(t, server, clinic, "SELECT pg_sleep(0.4)")
		require.False(t, looked())
		_, counted := value(b, "pg_database_statements_calls_total", "tenant", "north")
		require.False(t, counted)
		require.True(t, looked())
		requireValue(t, b, 1, "pg_database_statements_calls_total", "tenant", "north")
		now, before := seconds()
		require.InDelta(t, 0.2, now, 0.1, "half of it in each of the two rounds")
		require.InDelta(t, now, before, 1e-9)
		require.False(t, looked())
		requireValue(t, b, 1, "pg_database_statements_calls_total", "tenant", "north")
		now, _ = seconds()
		require.InDelta(t, 0.2, now, 0.1, "it is taken to go on")
		require.True(t, looked())
		now, before = seconds()
		require.Zero(t, now+before, "as was found out, it did not")
		c.use.looks.waited = true
		require.True(t, looked())
		require.False(t, looked())
		c.hangUp()
		require.True(t, looked(), "on a new connection")
		require.False(t, looked())
	})
}

// TestStirred: who takes more than usual of anything, now or in the last round, is looked at.
func TestStirred(t *testing.T) {
	for name, test := range map[string]struct {
		last, now usage
		want      bool
	}{
		"as usual":                     {usage{activeTime: 1}, usage{activeTime: 1}, false},
		"busier now":                   {usage{activeTime: 1}, usage{activeTime: 9}, true},
		"reads more now":               {usage{activeTime: 1}, usage{activeTime: 1, blockReads: 9000}, true},
		"a little of next to nothing":  {usage{activeTime: 1}, usage{activeTime: 1, tempBytes: 1e6}, false},
		"wrote more in the last round": {usage{activeTime: 1, walBytes: 9e7}, usage{activeTime: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var n neighbours
			take := func(u usage) {
				n.take(map[uint32]databaseUse{1: {usage: u}, 2: {usage: usage{activeTime: 1}}}, [resourceNumber]bool{})
			}
			take(usage{activeTime: 9, walBytes: 9e7})
			require.False(t, n.stirred(map[uint32]databaseUse{1: {usage: usage{activeTime: 9}}}), "nothing is known to be unusual")
			n = neighbours{}
			for range windowRounds * leastShares {
				take(usage{activeTime: 1})
				n.remember()
			}
			take(test.last)
			now := map[uint32]databaseUse{1: {usage: test.now}, 2: {usage: usage{activeTime: 1}}, 3: {usage: usage{}}}
			require.Equal(t, test.want, n.stirred(now))
			r := &useRound{useMemory: &useMemory{neighbours: n, looks: looks{known: true}}, databases: now}
			require.Equal(t, !test.want, r.mayRest())
		})
	}
}
