package pgbouncer

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

var moment0 = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)

// twoClusters has clinic_north on one server and clinic_south on another.
func twoClusters() Config {
	c := configFor("127.0.0.1:6432")
	c.Servers = map[string]string{"10.0.0.6:5432": "other"}
	return c
}

func tenantsOfTwo(t testing.TB) *collectors.Tenants {
	t.Helper()
	set, err := collectors.NewTenants([]collectors.Tenant{
		{Name: "north", Postgres: "main", Database: "clinic_north"},
		{Name: "south", Postgres: "other", Database: "clinic_south"},
		{Name: "decoy", Postgres: "main", Database: "clinic_south"},
		{Name: "another", Postgres: "main", Database: "alias"},
	})
	require.NoError(t, err)
	return set
}

func emitted(t testing.TB, r *reading, c Config) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(collectors.Key{Collector: "pgbouncer", Target: "pool"}, moment0)
	r.emit(b, c, tenantsOfTwo(t))
	return b.Batch()
}

// TestVersions asks consoles of other versions over the wire.
func TestVersions(t *testing.T) {
	for _, version := range []string{"1.7.2", "1.25.0"} {
		t.Run(version, func(t *testing.T) {
			c := twoClusters()
			c.DSN = configFor(record(t, version).serve(t)).DSN
			registry := collectors.NewRegistry()
			registry.Replace(tenantsOfTwo(t))
			s, err := New(c, Options{Tenants: registry})
			require.NoError(t, err)
			batch := collect(t, s)
			got := append(collectortest.Text(batch), strings.Join(findings(batch), "\n")+"\n"...)
			require.NotContains(t, string(got), "CANARY")
			path := filepath.Join("testdata", version+".metrics")
			if *update {
				require.NoError(t, os.WriteFile(path, got, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), string(got)))
		})
	}
}

func TestWaits(t *testing.T) {
	b := emitted(t, record(t, "1.25.0").reading(), twoClusters())
	pool := []string{"tenant", "north", "database", "north", "user", "odoo"}
	requireValue(t, b, 4.2, "pgbouncer_pools_client_maxwait_seconds", pool...) // of two threads the longer
	requireValue(t, b, 12, "pgbouncer_pools_client_waiting_connections", pool...)
	requireValue(t, b, 22, "pgbouncer_pools_used", pool...)
	requireValue(t, b, 1.1, "pgbouncer_pools_used_ratio", pool...)
	requireValue(t, b, 0.35, "pgbouncer_pools_client_maxwait_seconds", "tenant", "south")
	requireValue(t, b, 1, "pgbouncer_databases_connections_used_ratio", "tenant", "south")
	requireValue(t, b, 0.95, "pgbouncer_databases_client_connections_used_ratio", "tenant", "south")
	requireValue(t, b, 0.8, "pgbouncer_users_connections_used_ratio", "user", "odoo")
	requireValue(t, b, 0.94, "pgbouncer_client_connections_used_ratio")

	b = emitted(t, record(t, "1.7.2").reading(), twoClusters())
	requireValue(t, b, 7, "pgbouncer_pools_client_maxwait_seconds", pool...)
	requireValue(t, b, 5000, "pgbouncer_stats_totals_queries_pooled_total", "tenant", "north")
}

func TestFindings(t *testing.T) {
	const row = "north\todoo\t18\t3\t19\t0\t1\t1\t0\t7\ttransaction"
	pools := func(text string) recording { return record(t, "1.7.2").with(t, "POOLS", row, text) }
	cases := map[string]struct {
		recording recording
		want      []string
	}{
		"waits long": {pools(row), []string{"north pgbouncer_clients_waiting contained critical: tenant north: 3 clients wait for a connection, the longest for 7.0 s; pool 20 of 20 used."}},
		"waits":      {pools("north\todoo\t18\t1\t19\t0\t1\t0\t0\t2\ttransaction"), []string{"north pgbouncer_clients_waiting contained warning: tenant north: 1 client waits for a connection, the longest for 2.0 s; pool 19 of 20 used."}},
		"a moment":   {pools("north\todoo\t18\t1\t19\t0\t1\t1\t0\t0\ttransaction"), nil},
		"nobody":     {pools("north\todoo\t18\t0\t19\t0\t1\t1\t0\t7\ttransaction"), nil},
		"stranger": {
			pools("lost\todoo\t18\t3\t0\t0\t0\t0\t1\t7\ttransaction"),
			[]string{" pgbouncer_clients_waiting contained critical: database lost: 3 clients wait for a connection, the longest for 7.0 s; 1 used."},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all := findings(emitted(t, c.recording.reading(), twoClusters()))
			all = slices.DeleteFunc(all, func(f string) bool { return strings.Contains(f, "pgbouncer_limit_nearly_reached") })
			require.ElementsMatch(t, c.want, all)
		})
	}
}

func TestTenants(t *testing.T) {
	b := emitted(t, record(t, "1.25.0").reading(), twoClusters())
	alias := []string{"name", "alias", "database", "clinic_south", "tenant", "south"}
	requireValue(t, b, 10, "pgbouncer_databases_current_connections", alias...) // by where it leads, not by what it is called
	requireValue(t, b, 0, "pgbouncer_databases_unattributed")
	require.NotContains(t, page(b), `tenant="decoy"`)
	require.NotContains(t, page(b), `tenant="another"`)
	require.NotRegexp(t, `(name|database)="pgbouncer"`, page(b), "the console is nobody's database")

	c := twoClusters()
	c.Servers = nil
	b = emitted(t, record(t, "1.25.0").reading(), c)
	require.Contains(t, page(b), `tenant="decoy"`)

	c.Postgres = "elsewhere"
	b = emitted(t, record(t, "1.25.0").reading(), c)
	requireValue(t, b, 2, "pgbouncer_databases_unattributed")
	requireValue(t, b, 22, "pgbouncer_databases_current_connections", "name", "north", "tenant", "")
}

// TestStrangers is a wildcard under which somebody connects with names that he makes up.
func TestStrangers(t *testing.T) {
	r := record(t, "1.25.0")
	r.tables["DATABASES"] = append(r.tables["DATABASES"], "Jane Miller\t10.0.0.5\t5432\tJane Miller\t\t20\t0\t5\t3600\t\t\t0\t0\t0\t1\t0\t0\t1")
	for i := range 299 {
		r.tables["DATABASES"] = append(r.tables["DATABASES"], fmt.Sprintf("made_up_%d\t10.0.0.5\t5432\tmade_up_%d\t\t20\t0\t5\t3600\t\t\t0\t0\t0\t1\t0\t0\t1", i, i))
		r.tables["POOLS"] = append(r.tables["POOLS"], fmt.Sprintf("made_up_%d\todoo\t1%s\ttransaction\t\t0", i, strings.Repeat("\t0", 12)))
	}
	b := emitted(t, r.reading(), twoClusters())
	requireValue(t, b, 300, "pgbouncer_databases_unattributed")
	require.Equal(t, mostStrangers, strings.Count(page(b), "\npgbouncer_databases_paused{name=\"made_up"))
	require.Equal(t, mostStrangers, strings.Count(page(b), "\npgbouncer_pools_used{database=\"made_up"))
	require.NotContains(t, page(b), "Miller")
	requireValue(t, b, 12, "pgbouncer_pools_client_waiting_connections", "tenant", "north")
}

// TestSeveralProcesses is a port that several processes share: whose counters these are is not known.
func TestSeveralProcesses(t *testing.T) {
	shared := record(t, "1.25.0").with(t, "CONFIG", "so_reuseport\t0", "so_reuseport\t1")
	cases := map[string]struct {
		recording recording
		port      bool
		want      bool // counters
	}{
		"one process":        {record(t, "1.25.0"), true, true},
		"at a shared port":   {shared, true, false},
		"at its own socket":  {shared, false, true},
		"restarts, no peers": {shared.with(t, "CONFIG", "peer_id\t2", "peer_id\t0"), true, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := c.recording.reading()
			r.shared = c.port
			b := emitted(t, r, twoClusters())
			_, counted := value(b, "pgbouncer_stats_totals_queries_pooled_total", "tenant", "north")
			require.Equal(t, c.want, counted)
			_, said := value(b, "wardround_indicator_unavailable", "indicator", "stats")
			require.Equal(t, !c.want, said)
			requireValue(t, b, 12, "pgbouncer_pools_client_waiting_connections", "tenant", "north")
		})
	}
}

func TestListsSocketsOnlyWhileTheyAreFew(t *testing.T) {
	r := record(t, "1.25.0")
	require.True(t, r.reading().worthAsking("CLIENTS"))
	require.True(t, r.reading().worthAsking("SERVERS"))
	full := r.with(t, "LISTS", "used_clients\t95", "used_clients\t2001").with(t, "LISTS", "used_servers\t30", "used_servers\t2001")
	require.False(t, full.reading().worthAsking("CLIENTS"))
	require.False(t, full.reading().worthAsking("SERVERS"))
	require.False(t, newReading("1.25.0").worthAsking("CLIENTS"), "how many there are is not known")

	b := emitted(t, r.reading(), twoClusters())
	requireValue(t, b, 2, "pgbouncer_clients", "tenant", "north", "user", "odoo", "state", "waiting")
	requireValue(t, b, 1, "pgbouncer_servers_close_needed", "database", "north")
	requireValue(t, b, float64(time.Date(2026, 11, 21, 18, 25, 28, 0, time.UTC).Unix()), "pgbouncer_servers_oldest_connect_timestamp_seconds", "database", "north")
	_, known := value(b, "pgbouncer_servers_oldest_connect_timestamp_seconds", "database", "alias")
	require.False(t, known, "CET may be any of several zones")
}

func TestMissingTableLeavesTheOthers(t *testing.T) {
	for what := range record(t, "1.25.0").tables {
		t.Run(what, func(t *testing.T) {
			r := record(t, "1.25.0").reading()
			delete(r.tables, what)
			r.take(what, table{}, collectors.Because(collectors.ReasonOther, errLocked))
			b := emitted(t, r, twoClusters())
			requireValue(t, b, 1, "wardround_indicator_unavailable", "indicator", strings.ToLower(what))
			requireValue(t, b, 1, "pgbouncer_up")
			if what != "POOLS" {
				requireValue(t, b, 4.2, "pgbouncer_pools_client_maxwait_seconds", "database", "north")
			}
			if what != "DATABASES" {
				requireValue(t, b, 22, "pgbouncer_databases_current_connections", "name", "north")
			}
		})
	}
}

func TestCommandsByVersion(t *testing.T) {
	for version, want := range map[string]bool{"1.18.0": false, "1.19.1": true, "1.25.0": true, "1.26rc1": true, "2.0.0": true, "": true} {
		require.Equal(t, want, has(version, "STATE"), version)
		require.True(t, has(version, "POOLS"), version)
	}
}

func TestNumber(t *testing.T) {
	cells := asTable([]string{"n\tbig\tnegative\tinf\tnan\thex\tpadded\tempty\ttext", "12\t18446744073709551615\t-1\tinf\tnan\t0x10\t        9\t\tabc"})
	for line := range cells.each() {
		require.Equal(t, 12.0, line.number("n"))
		require.Equal(t, 12.0, line.number("gone", "n", "big"))
		require.Equal(t, float64(math.MaxUint64), line.number("big"))
		for _, column := range []string{"negative", "inf", "nan", "hex", "padded", "empty", "text", "gone"} {
			require.True(t, math.IsNaN(line.number(column)), column)
		}
	}
}

// TestPeer holds what was said of each metric of pgbouncer_exporter against the catalogue.
func TestPeer(t *testing.T) {
	require.Greater(t, len(collectortest.Peers(t, "peer.yaml", Metrics())), 50)
}

func FuzzReading(f *testing.F) {
	for _, version := range []string{"1.7.2", "1.25.0"} {
		for what, lines := range record(f, version).tables {
			f.Add(what, strings.Join(lines, "\n"))
		}
	}
	tenants, recorded := tenantsOfTwo(f), record(f, "1.25.0")
	f.Fuzz(func(t *testing.T, what, text string) {
		r := recorded.reading()
		r.take(what, asTable(strings.Split(text, "\n")), nil)
		b := collectors.NewBuilder(collectors.Key{Collector: "pgbouncer", Target: "pool"}, moment0)
		r.emit(b, twoClusters(), tenants)
		for _, family := range b.Batch().Families {
			for _, s := range family.Samples {
				require.False(t, math.IsNaN(s.Value) || math.IsInf(s.Value, 0) || s.Value < 0, "%s{%s} %v", family.Metric.Name, s.Block(), s.Value)
			}
		}
	})
}
