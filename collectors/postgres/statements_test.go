package postgres

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/testdata/platform"
)

// TestConformanceOfUseAndSizes judges the visits beside the round as the round itself is judged,
// with a statement on the server whose text, tables and names are nobody's business.
func TestConformanceOfUseAndSizes(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	run(t, primary, clinic, `CREATE TABLE "`+canary+`"("`+canary+`" text)`, `SELECT '`+canary+`' AS "`+canary+`" FROM "`+canary+`"`,
		`SELECT pg_sleep(0.2), 2 AS "`+canary+`" /* `+canary+` */`)
	role := roleForTest(t, primary, "IN ROLE pg_monitor")
	visit := func(collector string, change func(t *testing.T, c *Config)) collectortest.Maker {
		return func(t *testing.T, logger *slog.Logger) collectors.Visit {
			config := configFor(primary, role)
			if change != nil {
				change(t, &config)
			}
			cluster := clusterForTest(t, config, Options{Logger: logger, StateDir: t.TempDir()})
			for _, v := range cluster.Visits() {
				if v.Key.Collector == collector {
					v.Timeout = time.Second
					return v
				}
			}
			require.Fail(t, "there is no such visit", collector)
			return collectors.Visit{}
		}
	}
	through := func(fault func(*platform.Wire)) func(*testing.T, *Config) {
		return func(t *testing.T, c *Config) {
			wire := platform.Proxy(t, primary.Addr())
			fault(wire)
			c.DSN = promconfig.Secret(strings.Replace(string(c.DSN), primary.Addr(), wire.Addr(), 1))
		}
	}
	for collector, want := range map[string][]string{
		"postgres_use":   {"pg_sessions_working", "pg_stat_statements_entries", "pg_stat_statements_dealloc_total"},
		"postgres_sizes": {"pg_database_size_bytes", "pg_database_size_measured_timestamp_seconds"},
	} {
		t.Run(collector, func(t *testing.T) {
			collectortest.Run(t, collectortest.Suite{
				Catalogue: Metrics(), New: visit(collector, nil), Want: want, Canaries: []string{canary, primary.Password},
				Broken: map[string]collectortest.Broken{
					"refused": {Reason: collectors.ReasonUnreachable, New: visit(collector, through((*platform.Wire).Cut))},
					"hangs":   {Reason: collectors.ReasonTimeout, New: visit(collector, through((*platform.Wire).Hang))},
					"wrong password": {Reason: collectors.ReasonAuth, New: visit(collector, func(_ *testing.T, c *Config) {
						c.Password = canary
					})},
				},
			})
		})
	}
}

// TestVisitsOfAStandby are none beside the round: what is used of it says nothing of tenants' work.
func TestVisitsOfAStandby(t *testing.T) {
	config := configFor(primary, "postgres")
	require.Len(t, clusterForTest(t, config, Options{}).Visits(), 3)
	config.StandbyOf, config.Name = "main", "replica"
	require.Len(t, clusterForTest(t, config, Options{}).Visits(), 1)
}

// told is the server's answer with one statement a line: database, query, calls, seconds.
func told(lines ...[4]float64) table {
	t := table{columns: map[string]int{"userid": 0, "user": 1, "dbid": 2, "queryid": 3, "amount0": 4, "amount1": 5}}
	for _, line := range lines {
		text := [][]byte{[]byte("10"), []byte("odoo")}
		for _, v := range line {
			text = append(text, strconv.AppendFloat(nil, v, 'f', -1, 64))
		}
		t.rows = append(t.rows, text)
	}
	return t
}

func TestStatementsAreCountedOneByOne(t *testing.T) {
	const restarted = "later"
	for name, test := range map[string]struct {
		before, now []table
		started     string
		want        float64 // calls
	}{
		"more":              {[]table{told([4]float64{1, 7, 100, 5})}, []table{told([4]float64{1, 7, 130, 6})}, "", 30},
		"a new one":         {[]table{told([4]float64{1, 7, 100, 5})}, []table{told([4]float64{1, 7, 100, 5}, [4]float64{1, 8, 4, 1})}, "", 4},
		"one that was lost": {[]table{told([4]float64{1, 7, 100, 5}, [4]float64{1, 8, 9, 1})}, []table{told([4]float64{1, 7, 101, 5})}, "", 1},
		"one that came back": {
			[]table{told([4]float64{1, 7, 100, 5}, [4]float64{1, 8, 9, 1})},
			[]table{told([4]float64{1, 7, 100, 5}), told([4]float64{1, 7, 100, 5}, [4]float64{1, 8, 11, 1})},
			"", 11,
		},
		"one that began anew": {[]table{told([4]float64{1, 7, 100, 5})}, []table{told([4]float64{1, 7, 3, 1})}, "", 3},
		"all lost":            {[]table{told([4]float64{1, 7, 100, 5})}, []table{told(), told([4]float64{1, 7, 2, 1})}, "", 2},
		"another database":    {[]table{told([4]float64{1, 7, 100, 5})}, []table{told([4]float64{1, 7, 100, 5}, [4]float64{2, 7, 100, 5})}, "", 0},
		"the server was started anew": {
			[]table{told([4]float64{1, 7, 100, 5})}, []table{told([4]float64{1, 7, 900, 50})}, restarted, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := statements{slots: slots{size: 5}}
			for _, table := range test.before {
				_, err := s.take(table, "")
				require.NoError(t, err)
			}
			for _, table := range test.now {
				_, err := s.take(table, test.started)
				require.NoError(t, err)
			}
			got := 0.0
			if total := s.databases[1]; total != nil {
				got = total[amountCalls]
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestTooManyStatements(t *testing.T) {
	var s statements
	_, err := s.take(table{rows: make([][][]byte, mostStatements+1)}, "")
	require.ErrorContains(t, err, "lower pg_stat_statements.max")
}

// held are the queries that have slots.
func (s *statements) held() map[int64]bool {
	held := map[int64]bool{}
	for _, h := range s.slots.holders {
		held[h.query] = true
	}
	return held
}

func TestSlots(t *testing.T) {
	s := statements{slots: slots{size: 2}}
	seconds := map[float64]float64{1: 0, 2: 0, 3: 0}
	calls := 0.0
	rounds := func(n int, more map[float64]float64) {
		t.Helper()
		for range n {
			calls++
			var lines [][4]float64
			for query := range seconds {
				seconds[query] += more[query]
				lines = append(lines, [4]float64{1, query, calls, seconds[query]})
			}
			_, err := s.take(told(lines...), "")
			require.NoError(t, err)
		}
	}
	rounds(1, nil)
	require.Empty(t, s.held(), "nothing ran yet")
	rounds(20, map[float64]float64{1: 5, 2: 3, 3: 2})
	require.Equal(t, map[int64]bool{1: true, 2: true}, s.held())
	rounds(50, map[float64]float64{1: 5, 2: 2, 3: 2.9})
	require.Equal(t, map[int64]bool{1: true, 2: true}, s.held(), "not clearly outdone")
	rounds(50, map[float64]float64{1: 5, 2: 2, 3: 4})
	require.Equal(t, map[int64]bool{1: true, 3: true}, s.held())
	total := s.slots.holders[0].total[amountSeconds]
	require.InDelta(t, 20*5+50*5+50*5, total, 1e-6, "of which all is told, also from before it had a slot")

	delete(seconds, 3)
	rounds(3, map[float64]float64{1: 5, 2: 0.1})
	require.Equal(t, map[int64]bool{1: true, 3: true}, s.held(), "forgotten by the server, and not yet outdone")
	rounds(60, map[float64]float64{1: 5, 2: 0.1})
	require.Equal(t, map[int64]bool{1: true, 2: true}, s.held())
	require.Len(t, s.entries, 2, "what the server has forgotten is forgotten")

	s.slots.size = 1
	rounds(1, map[float64]float64{1: 5, 2: 0.1})
	require.Equal(t, map[int64]bool{1: true}, s.held(), "fewer slots")

	s.slots.drop(func(database uint32) bool { return database == 1 })
	require.Empty(t, s.held())
	_, err := s.take(told(), "")
	require.NoError(t, err)
	require.Empty(t, s.entries, "nothing is left of a database that is gone")
}

func TestEvictionsAreCounted(t *testing.T) {
	var e evictions
	require.Zero(t, e.take(40), "what was before is not counted")
	require.Equal(t, 2.0, e.take(42))
	require.Equal(t, 1.0, e.take(1), "after a reset")
	require.Equal(t, 3.0, e.total)
}
