package redis

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func read(t *testing.T, name string) reading {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	require.NoError(t, err)
	r, err := parse(string(text))
	require.NoError(t, err)
	return r
}

// build is the batch of a page that write fills, of a single server.
func build(compat bool, write func(page)) *collectors.Batch {
	b := collectors.NewBuilder(collectors.Key{Collector: "redis", Target: "cache"}, moment)
	p := page{Builder: b, compat: compat, remarks: &remarks{}, tenants: map[int]string{1: "rosenhof"}}
	write(p)
	p.remarks.tell(b)
	return b.Batch()
}

// TestGolden reads what real servers answered.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name   string
		compat bool
	}{{"primary", false}, {"primary", true}, {"replica", true}, {"replica-link-down", false}, {"busy", true}} {
		golden := c.name
		if c.compat {
			golden += "-compat"
		}
		t.Run(golden, func(t *testing.T) {
			r := read(t, c.name)
			got := collectortest.Text(build(c.compat, func(p page) {
				p.emit(r)
				p.rule(r, rule{{3600, 1}, {300, 100}, {60, 10000}})
			}))
			path := filepath.Join("testdata", golden+".metrics")
			if *update {
				require.NoError(t, os.WriteFile(path, got, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), string(got)))
		})
	}
}

func TestFindings(t *testing.T) {
	full := func(used, exempt, policy string) map[string]string {
		return map[string]string{
			"maxmemory": "67108864", "maxmemory_policy": policy,
			"used_memory": used, "mem_not_counted_for_evict": exempt,
		}
	}
	cases := map[string]struct {
		change map[string]string
		want   []string // name question severity: text
	}{
		"all is well":            {nil, nil},
		"full but evicts":        {full("67108864", "0", "allkeys-lru"), nil},
		"not nearly full":        {full("60000000", "0", "noeviction"), nil},
		"buffers do not count":   {full("67108864", "7000000", "noeviction"), nil},
		"no limit":               {map[string]string{"maxmemory": "0", "maxmemory_policy": "noeviction"}, nil},
		"nearly full":            {full("61000000", "0", "noeviction"), []string{"redis_memory_nearly_full contained warning: Redis uses 90 % of its 64 MiB and evicts nothing: writes will be refused when it is full."}},
		"full":                   {full("67108864", "0", "noeviction"), []string{"redis_memory_nearly_full contained critical: Redis has used up its 64 MiB and evicts nothing: it refuses writes."}},
		"snapshot fails":         {map[string]string{"rdb_last_bgsave_status": "err"}, []string{"redis_persistence_failing protected critical: Redis cannot keep its data on disk: the last snapshot failed."}},
		"append-only file fails": {map[string]string{"aof_last_write_status": "err", "aof_last_bgrewrite_status": "err"}, []string{"redis_persistence_failing protected critical: Redis cannot keep its data on disk: the last write to the append-only file and the last rewrite of the append-only file failed."}},
		"link down": {
			map[string]string{"role": "slave", "master_host": "10.0.0.1", "master_port": "6379", "master_link_status": "down", "master_link_down_since_seconds": "90"},
			[]string{"redis_replica_link_down protected critical: The replica has been without its primary 10.0.0.1:6379 for 1m30s: what is written there is not copied."},
		},
		"link never up": {
			map[string]string{"role": "slave", "master_host": "10.0.0.1", "master_port": "6379", "master_link_status": "down", "master_link_down_since_seconds": "-1"},
			[]string{"redis_replica_link_down protected critical: The replica has been without its primary 10.0.0.1:6379: what is written there is not copied."},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := read(t, "primary")
			for field, value := range c.change {
				r[field] = value
			}
			batch := build(false, func(p page) { p.emit(r) })
			var got []string
			for _, f := range batch.Findings {
				got = append(got, strings.Join([]string{f.Name, string(f.Question), string(f.Severity) + ":", f.Text}, " "))
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestRefusals counts what was refused between two visits to one life of a server.
func TestRefusals(t *testing.T) {
	says := func(run, count string) reading { return reading{"run_id": run, "errorstat_OOM": "count=" + count} }
	var f refusals
	for i, step := range []struct {
		r    reading
		want float64
	}{
		{says("one", "7"), 0},
		{says("one", "7"), 0},
		{says("one", "9"), 2},
		{says("one", "1"), 0},
		{says("one", "2"), 1},
		{says("two", "5"), 0},
		{reading{"run_id": "two"}, 0},
		{says("two", "1"), 1},
	} {
		require.InDelta(t, step.want, f.since(step.r), 0, i)
	}
	batch := build(false, func(p page) {
		p.oom = 1
		p.findMemory(reading{"maxmemory": "67108864", "used_memory": "60000000", "maxmemory_policy": "volatile-lru"})
		p.refused(reading{"maxmemory": "67108864", "used_memory": "60000000", "role": "master"}, nil)
	})
	require.Len(t, batch.Findings, 1)
	require.Equal(t, collectors.Critical, batch.Findings[0].Severity)
	require.Contains(t, shown(batch), refuses("memory", 1))
}

func TestFieldsInBaseUnitsAndWithTheirSign(t *testing.T) {
	r := reading{
		"total_eviction_exceeded_time": "1500", "latest_fork_usec": "870", "expired_stale_perc": "25.00",
		"mem_fragmentation_bytes": "-4096", "rdb_last_bgsave_time_sec": "-1", "used_memory": "12", "loading": "x",
	}
	got := map[string]float64{}
	build(false, func(p page) { p.fields(r, fields) }).Each(
		func(string) bool { return true }, func(s collectors.Series) { got[s.Name()] = s.Value() })
	require.Equal(t, map[string]float64{
		"redis_eviction_exceeded_seconds_total": 1.5,
		"redis_latest_fork_duration_seconds":    870 * 1e-6,
		"redis_expired_stale_ratio":             0.25,
		"redis_mem_fragmentation_bytes":         -4096,
		"redis_memory_used_bytes":               12,
	}, got)
}

func TestRule(t *testing.T) {
	cases := map[string]struct {
		rule, changes, status, saving string
		saved                         int // seconds ago
		want                          string
	}{
		"none":                 {rule: "", want: "redis_rdb_enabled 0"},
		"no change":            {rule: "60 10000 3600 1", changes: "0", want: "redis_rdb_enabled 1 redis_rdb_rule_seconds 3600"},
		"not yet due":          {rule: "60 10000 3600 1", changes: "9999", saved: 3000, want: "redis_rdb_due_timestamp_seconds in 600 redis_rdb_enabled 1 redis_rdb_rule_seconds 3600"},
		"due by the busiest":   {rule: "60 10000 3600 1", changes: "10000", saved: 90, want: "redis_rdb_due_timestamp_seconds in -30 redis_rdb_enabled 1 redis_rdb_rule_seconds 3600"},
		"late":                 {rule: "3600 1", changes: "1", saved: 3661, want: "redis_rdb_due_timestamp_seconds in -61 redis_rdb_enabled 1 redis_rdb_rule_seconds 3600 redis_snapshot_overdue"},
		"late, being written":  {rule: "3600 1", changes: "1", saved: 3661, saving: "1", want: "redis_rdb_due_timestamp_seconds in -61 redis_rdb_enabled 1 redis_rdb_rule_seconds 3600"},
		"late, failing":        {rule: "3600 1", changes: "1", saved: 3661, status: "err", want: "redis_rdb_due_timestamp_seconds in -61 redis_rdb_enabled 1 redis_rdb_rule_seconds 3600"},
		"not known since when": {rule: "3600 1", changes: "1", saved: -1, want: "redis_rdb_enabled 1 redis_rdb_rule_seconds 3600"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parsed, err := parseRule(c.rule)
			require.NoError(t, err)
			r := reading{"rdb_changes_since_last_save": c.changes, "rdb_last_bgsave_status": "ok", "rdb_bgsave_in_progress": "0"}
			if c.saved >= 0 {
				r["rdb_last_save_time"] = strconv.FormatInt(moment.Unix()-int64(c.saved), 10)
			}
			if c.status != "" {
				r["rdb_last_bgsave_status"] = c.status
			}
			if c.saving != "" {
				r["rdb_bgsave_in_progress"] = c.saving
			}
			batch := build(false, func(p page) { p.rule(r, parsed) })
			var got []string
			batch.Each(func(name string) bool { return strings.HasPrefix(name, "redis_") }, func(s collectors.Series) {
				if s.Name() == metricDue.Name {
					got = append(got, fmt.Sprintf("%s in %v", s.Name(), s.Value()-float64(moment.Unix())))
					return
				}
				got = append(got, fmt.Sprintf("%s %v", s.Name(), s.Value()))
			})
			for _, f := range batch.Findings {
				got = append(got, f.Name)
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func TestParseRule(t *testing.T) {
	for text, want := range map[string]string{
		"3600":   "pairs of seconds and changes",
		"3600 x": "is not a rule for snapshots",
		"-1 1":   "is not a rule for snapshots",
	} {
		_, err := parseRule(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestParseRefusesWhatIsNotRedis(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "a web page": "<html>\nredis: no\n"} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(text)
			require.ErrorContains(t, err, "redis_version")
		})
	}
}

func TestNumber(t *testing.T) {
	r := reading{"n": "1.5", "p": "41.68%", "ok": "ok", "err": "err", "up": "up", "down": "down", "none": "-1", "word": "x", "inf": "inf"}
	for name, want := range map[string]float64{"n": 1.5, "p": 41.68, "ok": 1, "err": 0, "up": 1, "down": 0, "none": -1} {
		require.Equal(t, want, r.number(name), name)
	}
	for _, name := range []string{"word", "inf", "absent"} {
		require.True(t, math.IsNaN(r.number(name)), name)
	}
}

func TestNumberedKeepsTheOrderOfNumbers(t *testing.T) {
	r := reading{"db10": "keys=1", "db2": "keys=1", "db": "x", "dbsize": "3", "db0x": "4"}
	var got []string
	for name := range r.numbered("db") {
		got = append(got, name)
	}
	require.Equal(t, []string{"db2", "db10"}, got)
}

func TestBytes(t *testing.T) {
	for n, want := range map[float64]string{512: "512 B", 1536: "1.5 KiB", 67108864: "64 MiB", 4 << 30: "4 GiB", 4 << 40: "4096 GiB"} {
		require.Equal(t, want, bytes(n))
	}
}
