package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// busyServer is a Redis with keys in 20 databases, on which 200 commands were called.
func busyServer(b *testing.B) *platform.Redis {
	b.Helper()
	r, err := platform.StartRedis(b.Context(), platform.RedisOptions{Settings: map[string]string{"databases": "32", "maxmemory": "1gb"}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, r.Remove()) })
	for db := range 20 {
		client := administrator(r, db)
		require.NoError(b, client.ConfigSet(b.Context(), "requirepass", "").Err())
		for i := range 100 {
			require.NoError(b, client.Set(b.Context(), fmt.Sprint("key", i), "x", time.Hour).Err())
		}
		require.NoError(b, client.Close())
	}
	client := administrator(r, 0)
	defer client.Close()
	names, err := client.Do(b.Context(), "command", "list").StringSlice()
	require.NoError(b, err)
	for _, name := range names {
		switch name { // that wait, end the server or take over the connection
		case "shutdown", "monitor", "subscribe", "psubscribe", "ssubscribe", "sync", "psync", "debug", "replconf", "quit", "auth", "hello", "failover", "reset", "multi", "exec", "wait", "client", "acl":
			continue
		}
		if !strings.Contains(name, "|") {
			_ = client.Do(b.Context(), name, "key1", "1", "1").Err() // most fail; that is counted too
		}
	}
	return r
}

// BenchmarkRound is a whole visit, and what it costs the server's one thread.
func BenchmarkRound(b *testing.B) {
	r := busyServer(b)
	s, err := New(Config{Name: "cache", Address: r.Addr()})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	var last *collectors.Batch
	round := func() {
		builder := collectors.NewBuilder(s.Visit().Key, time.Now()).After(last)
		if err := s.Collect(b.Context(), builder); err != nil {
			b.Fatal(err)
		}
		last = builder.Batch()
	}
	round()
	before := serverTime(last)
	b.ReportAllocs()
	rounds := 0
	for b.Loop() {
		round()
		rounds++
	}
	for cmd, seconds := range serverTime(last) {
		name := strings.NewReplacer("|", "-").Replace(cmd)
		b.ReportMetric((seconds-before[cmd])*1e6/float64(rounds), "server-µs("+name+")/op")
	}
	b.ReportMetric(float64(last.Len()), "series")
}

// serverTime is the time that our commands have taken on the server.
func serverTime(batch *collectors.Batch) map[string]float64 {
	all := map[string]float64{}
	batch.Each(func(name string) bool { return name == metricCommandSeconds.Name }, func(s collectors.Series) {
		switch cmd := s.Get("cmd"); cmd {
		case "info", "config|get", "slowlog|len", "latency|latest":
			all[cmd] = s.Value()
		}
	})
	return all
}

// BenchmarkParse is our part of it: one INFO of 200 commands and 20 databases into a page.
func BenchmarkParse(b *testing.B) {
	r := busyServer(b)
	client := administrator(r, 0)
	defer client.Close()
	var text strings.Builder
	for _, section := range []string{"default", "commandstats", "latencystats"} {
		part, err := client.Info(b.Context(), section).Result()
		require.NoError(b, err)
		text.WriteString(part)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		info, err := parse(text.String())
		if err != nil {
			b.Fatal(err)
		}
		build(false, func(p page) { p.emit(info) })
	}
}

// BenchmarkGrowth is the median of all slopes of a full window.
func BenchmarkGrowth(b *testing.B) {
	g := &growth{}
	for i := range growthMost {
		g.note(moment.Add(time.Duration(i)*10*time.Second), usedMemory(float64(i%7), "one"))
	}
	b.ReportAllocs()
	for b.Loop() {
		g.rate()
	}
}
