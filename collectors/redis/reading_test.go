package redis

import (
	"flag"
	"math"
	"os"
	"path/filepath"
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

func build(emit func(*collectors.Builder)) *collectors.Batch {
	b := collectors.NewBuilder(collectors.Key{Collector: "redis", Target: "cache"}, moment)
	emit(b)
	return b.Batch()
}

// TestGolden reads what real servers answered.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name   string
		compat bool
	}{{"primary", false}, {"primary", true}, {"replica", true}, {"replica-link-down", false}} {
		golden := c.name
		if c.compat {
			golden += "-compat"
		}
		t.Run(golden, func(t *testing.T) {
			got := collectortest.Text(build(func(b *collectors.Builder) {
				read(t, c.name).emit(b, c.compat)
				emitRule(b, "3600 1 300 100 60 10000")
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
		"nearly full":            {full("61000000", "0", "noeviction"), []string{"redis_memory_nearly_full contained warning: Redis uses 90 % of its 64 MiB and evicts nothing: writes will be refused when it is full"}},
		"full":                   {full("67108864", "0", "noeviction"), []string{"redis_memory_nearly_full contained critical: Redis has used up its 64 MiB and evicts nothing: it refuses writes"}},
		"snapshot fails":         {map[string]string{"rdb_last_bgsave_status": "err"}, []string{"redis_persistence_failing protected critical: Redis cannot keep its data on disk: the last snapshot failed"}},
		"append-only file fails": {map[string]string{"aof_last_write_status": "err", "aof_last_bgrewrite_status": "err"}, []string{"redis_persistence_failing protected critical: Redis cannot keep its data on disk: the last write to the append-only file and the last rewrite of the append-only file failed"}},
		"link down": {
			map[string]string{"role": "slave", "master_host": "10.0.0.1", "master_port": "6379", "master_link_status": "down", "master_link_down_since_seconds": "90"},
			[]string{"redis_replica_link_down protected critical: The replica has been without its primary 10.0.0.1:6379 for 1m30s: what is written there is not copied"},
		},
		"link never up": {
			map[string]string{"role": "slave", "master_host": "10.0.0.1", "master_port": "6379", "master_link_status": "down", "master_link_down_since_seconds": "-1"},
			[]string{"redis_replica_link_down protected critical: The replica has been without its primary 10.0.0.1:6379: what is written there is not copied"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := read(t, "primary")
			for field, value := range c.change {
				r[field] = value
			}
			batch := build(func(b *collectors.Builder) { r.emit(b, false) })
			var got []string
			for _, f := range batch.Findings {
				got = append(got, strings.Join([]string{f.Name, string(f.Question), string(f.Severity) + ":", f.Text}, " "))
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestFieldsInBaseUnitsAndWithTheirSign(t *testing.T) {
	r := reading{
		"total_eviction_exceeded_time": "1500", "latest_fork_usec": "870", "expired_stale_perc": "25.00",
		"mem_fragmentation_bytes": "-4096", "rdb_last_bgsave_time_sec": "-1", "used_memory": "12", "loading": "x",
	}
	got := map[string]float64{}
	build(func(b *collectors.Builder) { r.emitFields(b, fields) }).Each(
		func(string) bool { return true }, func(s collectors.Series) { got[s.Name()] = s.Value() })
	require.Equal(t, map[string]float64{
		"redis_eviction_exceeded_seconds_total": 1.5,
		"redis_latest_fork_duration_seconds":    870 * 1e-6,
		"redis_expired_stale_ratio":             0.25,
		"redis_mem_fragmentation_bytes":         -4096,
		"redis_memory_used_bytes":               12,
	}, got)
}

func TestEmitRule(t *testing.T) {
	cases := map[string]string{
		"":                        "redis_rdb_enabled 0",
		"300 100":                 "redis_rdb_enabled 1 redis_rdb_rule_seconds 300",
		"60 10000 3600 1 300 100": "redis_rdb_enabled 1 redis_rdb_rule_seconds 3600",
	}
	for rule, want := range cases {
		t.Run(rule, func(t *testing.T) {
			var got []string
			for line := range strings.Lines(string(collectortest.Text(build(func(b *collectors.Builder) { emitRule(b, rule) })))) {
				if !strings.HasPrefix(line, "#") {
					got = append(got, strings.TrimSpace(strings.Replace(line, `{target="cache"}`, "", 1)))
				}
			}
			require.Equal(t, want, strings.Join(got, " "))
		})
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
