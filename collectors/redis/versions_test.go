package redis

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/collectortest"
)

// pageOf is what a recording becomes, as text without the target.
func pageOf(t *testing.T, recording string, compat bool) string {
	t.Helper()
	r := read(t, recording)
	return shown(build(compat, func(p page) { p.emit(r) }))
}

// TestVersions reads servers that know less, more or other things than Redis 7.0: what they have
// is told, what they lack is left out, what nobody knows is ignored.
func TestVersions(t *testing.T) {
	cases := map[string]struct{ want, without []string }{
		"redis-2.8": {
			want: []string{
				"redis_memory_used_bytes 1.003936e+06\n", "redis_client_longest_output_list 4\n", "redis_client_biggest_input_buf 5\n",
				`redis_connected_slave_lag_bytes{slave_ip="10.0.0.2",slave_port="6379",slave_state="online"} 10` + "\n",
				`redis_db_keys{db="db0"} 2` + "\n",
			},
			without: []string{"redis_memory_max_bytes", "redis_memory_headroom", "redis_start_time", "redis_maxmemory_policy", "10.0.0.3", "redis_db_avg_ttl", "redis_rdb_last_bgsave_duration"},
		},
		"redis-8": {
			want: []string{
				`redis_instance_info{role="master",redis_version="8.2.1",redis_mode="cluster",os="Linux 6.8.0-40-generic x86_64",maxmemory_policy="noeviction"} 1` + "\n",
				`redis_connected_slave_lag_seconds{slave_ip="fe80::1",slave_port="6379",slave_state="online"} 1` + "\n",
				`redis_db_keys_with_expiring_items{db="db0"} 1` + "\n", "redis_expired_subkeys_total 12\n",
				"redis_active_time_main_thread_seconds_total 12.5\n", `redis_errors_total{err="other"} 7` + "\n",
			},
			without: []string{"OVERFLOW", "distrib", "lookahead"},
		},
		"valkey-8": {
			want: []string{
				`redis_instance_info{role="master",redis_version="7.2.4",redis_mode="standalone",os="Linux 6.1.0-18-amd64 x86_64",maxmemory_policy="volatile-lru",valkey_version="8.0.1"} 1` + "\n",
				`redis_module_info{name="json",ver="10002"} 1` + "\n", `redis_module_info{name="search",ver="10001"} 1` + "\n",
				"redis_eventloop_duration_seconds_total 261.482066\n", "redis_eventloop_commands_duration_seconds_total 4.662723\n",
				"redis_replicas_waiting_psync 1\n", "redis_memory_headroom_bytes 3.630904e+06\n", `redis_db_keys_with_expiring_items{db="db0"} 1` + "\n",
				"redis_lazyfreed_objects_total 7\n", "redis_start_time_seconds 1.772271602e+09\n",
			},
			without: []string{"io_threaded_freed", "redis_second_repl_offset", "release_stage"},
		},
		"keydb-6": {
			want: []string{
				"redis_server_threads 2\n", "redis_long_lock_waits_total 6\n", `redis_db_keys_cached{db="db0"} 26496` + "\n",
				"redis_storage_provider_read_misses_total 4\n",
				`redis_master_link_up{master_host="10.0.0.1",master_port="6379"} 1` + "\n",
				`redis_master_link_up{master_host="10.0.0.2",master_port="6379"} 0` + "\n",
				`redis_master_link_down_timestamp_seconds{master_host="10.0.0.2",master_port="6379"} 1.77236631e+09` + "\n",
				`finding="redis_replica_link_down"`,
			},
			without: []string{"lock_contention", "unavailable\n", "redis_memory_headroom", "mvcc"},
		},
	}
	for recording, c := range cases {
		t.Run(recording, func(t *testing.T) {
			text := pageOf(t, recording, false)
			for _, line := range c.want {
				require.Contains(t, text, line)
			}
			for _, part := range c.without {
				require.NotContains(t, text, part)
			}
		})
	}
}

// TestEveryMetricIsSound writes each metric once, as Prometheus's linter wants it: without compat.
func TestEveryMetricIsSound(t *testing.T) {
	odd := map[string]bool{}
	for _, f := range compat {
		odd[f.metric.Name] = true
	}
	for _, m := range Metrics() {
		odd[m.Name] = odd[m.Name] || strings.HasPrefix(m.Help, "Use ")
	}
	batch := build(false, func(p page) {
		for _, m := range Metrics() {
			if !odd[m.Name] {
				p.Set(m, 1, make([]string, len(m.Labels))...)
			}
		}
	})
	problems, err := promlint.New(strings.NewReader(string(collectortest.Text(batch)))).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestOthersWordsStayOut is a recording in which scripts answered errors that begin with a name.
func TestOthersWordsStayOut(t *testing.T) {
	for _, compat := range []bool{false, true} {
		text := pageOf(t, "busy", compat)
		require.Contains(t, text, `redis_errors_total{err="other"} 2`+"\n")
		require.Contains(t, text, `redis_errors_total{err="WRONGTYPE"} 1`+"\n")
		for _, word := range []string{"CANARY", "Smith", "/srv/redis"} {
			require.NotContains(t, text, word)
		}
	}
}
