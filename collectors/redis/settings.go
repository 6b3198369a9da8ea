package redis

import (
	"context"
	"maps"
	"math"
	"strings"

	"github.com/redis/go-redis/v9"
)

// settings are those that are asked for, by name: what decides how the server behaves when
// something goes wrong. Passwords, files and addresses are not among them.
var settings = strings.Fields(`
	active-expire-effort activedefrag appendfsync appendonly auto-aof-rewrite-min-size auto-aof-rewrite-percentage
	client-output-buffer-limit cluster-node-timeout cluster-require-full-coverage databases hz io-threads
	latency-monitor-threshold latency-tracking lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-user-del
	maxclients maxmemory maxmemory-policy maxmemory-samples min-replicas-max-lag min-replicas-to-write
	no-appendfsync-on-rewrite protected-mode repl-backlog-size repl-diskless-sync repl-timeout replica-ignore-maxmemory
	replica-read-only replica-serve-stale-data save slowlog-log-slower-than slowlog-max-len stop-writes-on-bgsave-error
	tcp-keepalive timeout tls-auth-clients tls-protocols`)

// askSettings adds the question for the settings to a pipeline: one command where the server takes
// many names at once, which Redis does from 7.0 on.
func askSettings(ctx context.Context, pipe redis.Pipeliner, major int) func() (map[string]string, error) {
	var asked []*redis.MapStringStringCmd
	ask := func(names ...string) {
		arguments := []any{"config", "get"}
		for _, name := range names {
			arguments = append(arguments, name)
		}
		cmd := redis.NewMapStringStringCmd(ctx, arguments...)
		asked = append(asked, cmd)
		_ = pipe.Process(ctx, cmd) // queued only; the answer has the error
	}
	if major >= 7 {
		ask(settings...)
	} else {
		for _, name := range settings {
			ask(name)
		}
	}
	return func() (map[string]string, error) {
		all := map[string]string{}
		for _, cmd := range asked {
			got, err := cmd.Result()
			if err != nil {
				return nil, err
			}
			maps.Copy(all, got)
		}
		return all, nil
	}
}

// settings writes those that are numbers, and the limits of what may wait for clients.
func (p page) settings(all map[string]string) {
	for name, value := range all {
		p.set(metricSetting, parseNumber(value), name)
	}
	limits := strings.Fields(all["client-output-buffer-limit"])
	for ; len(limits) >= 4; limits = limits[4:] {
		class := technical(limits[0])
		p.set(metricBufferLimit, parseNumber(limits[1]), class, "hard")
		p.set(metricBufferLimit, parseNumber(limits[2]), class, "soft")
		p.set(metricBufferSeconds, parseNumber(limits[3]), class, "soft")
	}
}

// spikes writes the last and the longest spike of each kind: name, moment, both in milliseconds.
func (p page) spikes(latest []any) {
	for _, entry := range latest {
		event, ok := entry.([]any)
		if !ok || len(event) < 4 {
			continue
		}
		name, _ := event[0].(string)
		if name = technical(name); name == "" {
			continue
		}
		at := whole(event[1])
		p.set(metricSpikeAt, at, name)
		p.set(metricSpike, whole(event[2])/1e3, name)
		p.set(metricSpikeMax, whole(event[3])/1e3, name)
		if p.compat {
			p.set(metricSpikeLast, at, name)
		}
	}
}

func whole(value any) float64 {
	n, ok := value.(int64)
	if !ok {
		return math.NaN()
	}
	return float64(n)
}
