package redis

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// TestSettings follows a change, and looks for what must never be told.
func TestSettings(t *testing.T) {
	r := start(t, map[string]string{"masterauth": "CANARY-masterauth", "maxmemory": "64mb", "save": "900 1"})
	s := server(t, Config{Address: r.Addr(), Password: password})
	_, known := s.Settings()
	require.False(t, known, "nothing was asked yet")
	text := shown(collect(t, s))
	require.Contains(t, text, `redis_config_value{key="maxmemory"} 6.7108864e+07`)
	require.Contains(t, text, `redis_config_client_output_buffer_limit_bytes{class="pubsub",limit="hard"} 3.3554432e+07`)
	require.Contains(t, text, `redis_config_client_output_buffer_limit_overcome_seconds{class="slave",limit="soft"} 60`)

	before, known := s.Settings()
	require.True(t, known)
	require.Equal(t, "67108864", before["maxmemory"])
	require.Equal(t, "900 1", before["save"])
	require.Greater(t, len(before), 30)
	for name, value := range before {
		require.NotContains(t, name+value, "CANARY")
		require.NotContains(t, []string{"requirepass", "masterauth", "masteruser", "dir", "bind", "tls-key-file-pass", "aclfile"}, name)
	}

	do(t, r, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	collect(t, s)
	after, _ := s.Settings()
	changed := slices.Collect(maps.Keys(after))
	changed = slices.DeleteFunc(changed, func(name string) bool { return before[name] == after[name] })
	require.Equal(t, []string{"maxmemory-policy"}, changed)
	require.Equal(t, "noeviction", before["maxmemory-policy"], "what was told does not change under its reader")

	require.NoError(t, r.Kill())
	require.Error(t, s.Collect(t.Context(), builder(s)))
	again, known := s.Settings()
	require.True(t, known)
	require.Equal(t, after, again, "a server that is down has not changed its settings")
}

// TestSettingsOneByOne is how servers before 7.0 are asked.
func TestSettingsOneByOne(t *testing.T) {
	r := platform.RedisForTest(t, platform.RedisOptions{})
	dial, err := dialer(nil)
	require.NoError(t, err)
	l := newLink(r.Addr(), 0, login{}, dial)
	defer func() { require.NoError(t, l.close()) }()
	all := map[int]map[string]string{}
	commands := map[int]int{}
	for _, major := range []int{6, 7} {
		require.NoError(t, l.visit(t.Context(), func(ctx context.Context, client *goredis.Client) error {
			pipe := client.Pipeline()
			read := askSettings(ctx, pipe, major)
			commands[major] = pipe.Len()
			if err := exec(ctx, pipe); err != nil {
				return err
			}
			got, err := read()
			all[major] = got
			return err
		}))
	}
	require.Equal(t, all[7], all[6])
	require.Equal(t, map[int]int{6: len(settings), 7: 1}, commands)
}

// TestSettingsOfASet names the node with each, and keeps those of one that is down.
func TestSettingsOfASet(t *testing.T) {
	nodes := platform.RedisClusterForTest(t, 2, map[string]string{"cluster-require-full-coverage": "no"})
	s := server(t, Config{Addresses: []string{nodes[0].Addr()}, Cluster: true})
	eventually(t, s, `redis_up{node="`+nodes[0].Addr()+`"} 1`, `redis_up{node="`+nodes[1].Addr()+`"} 1`)
	before, known := s.Settings()
	require.True(t, known)
	require.Equal(t, "no", before["cluster-require-full-coverage@"+nodes[1].Addr()])

	require.NoError(t, nodes[1].Kill())
	eventually(t, s, `redis_up{node="`+nodes[1].Addr()+`"} 0`)
	after, known := s.Settings()
	require.True(t, known)
	require.Equal(t, before, after)
}

// TestNumbersOfSettingsOnly leaves out words, and nonsense.
func TestNumbersOfSettingsOnly(t *testing.T) {
	text := shown(build(false, func(p page) {
		p.settings(map[string]string{"maxmemory": "12", "save": "900 1", "appendfsync": "everysec", "client-output-buffer-limit": "normal 1 2 3 pubsub x"})
	}))
	require.Equal(t, []string{`redis_config_value{key="maxmemory"} 12`}, linesWith(text, "redis_config_value{"))
	require.Equal(t, 2, strings.Count(text, "\nredis_config_client_output_buffer_limit_bytes{"))
}

// TestSpikes makes one: a command that takes longer than the threshold.
func TestSpikes(t *testing.T) {
	r := start(t, map[string]string{"latency-monitor-threshold": "5", "enable-debug-command": "yes"})
	do(t, r, "DEBUG", "SLEEP", "0.02")
	s := server(t, Config{Address: r.Addr(), Password: password, Compat: true})
	text := shown(collect(t, s))
	require.Contains(t, text, `redis_latency_spike_duration_seconds{event_name="command"} 0.0`)
	require.Contains(t, text, `redis_latency_spike_max_seconds{event_name="command"} 0.0`)
	require.Contains(t, text, `redis_latency_spike_timestamp_seconds{event_name="command"} 1.7`)
	require.Contains(t, text, `redis_latency_spike_last{event_name="command"} 1.7`)
	require.Contains(t, text, "redis_slowlog_length 1\n", "it was slow too")

	odd := shown(build(false, func(p page) {
		p.spikes([]any{"x", []any{"short"}, []any{int64(1), int64(2), int64(3), int64(4)}, []any{"two words", int64(1), int64(2), int64(3)}, []any{"fork", "x", int64(7), nil}})
	}))
	require.Equal(t, []string{`redis_latency_spike_duration_seconds{event_name="fork"} 0.007`}, linesWith(odd, "redis_latency_spike_"))
}
