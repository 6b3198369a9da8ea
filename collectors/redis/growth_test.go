package redis

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// seen is a growth after a visit each minute, given the used mebibytes.
func seen(used ...float64) *growth {
	g := &growth{}
	for i, n := range used {
		g.note(moment.Add(time.Duration(i-len(used)+1)*time.Minute), usedMemory(n, "one"))
	}
	return g
}

func usedMemory(mebibytes float64, run string) reading {
	return reading{
		"used_memory": strconv.FormatFloat(mebibytes*(1<<20), 'f', 0, 64), "run_id": run, "redis_version": "7.0.15",
		"maxmemory": strconv.Itoa(100 << 20), "maxmemory_policy": "noeviction", "mem_not_counted_for_evict": "0",
	}
}

func TestGrowthIsRobust(t *testing.T) {
	cases := map[string]struct {
		used []float64
		want float64 // MiB a minute; -1 for not known
	}{
		"too few":           {[]float64{1, 2, 3, 4}, -1},
		"steady":            {[]float64{10, 11, 12, 13, 14, 15}, 1},
		"at rest":           {[]float64{10, 10, 10, 10, 10, 10}, 0},
		"shrinks":           {[]float64{20, 18, 16, 14, 12}, -2},
		"a burst":           {[]float64{10, 10, 10, 60, 10, 10, 10}, 0},
		"a burst at last":   {[]float64{10, 10, 10, 10, 10, 10, 60}, 0},
		"grows, with burst": {[]float64{10, 11, 62, 13, 14, 15, 16}, 1},
		"sawtooth at rest":  {[]float64{10, 14, 12, 10, 14, 12, 10, 14, 12, 10}, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rate, known := seen(c.used...).rate()
			if c.want == -1 && name == "too few" {
				require.False(t, known)
				return
			}
			require.True(t, known)
			require.InDelta(t, c.want, rate*60/(1<<20), 1e-9)
		})
	}
}

func TestGrowthForgets(t *testing.T) {
	g := seen(10, 20, 30, 40, 50)
	g.note(moment.Add(time.Minute), usedMemory(1, "another life"))
	_, known := g.rate()
	require.False(t, known, "what another process used says nothing")

	g = seen(make([]float64, 100)...)
	require.Len(t, g.seen, 16, "fifteen minutes and the moment itself")
	for i := range 1000 {
		g.note(moment.Add(time.Duration(i)*time.Second), usedMemory(float64(i), "one"))
	}
	require.Len(t, g.seen, growthMost)

	g = seen(10, 20, 30, 40, 50)
	g.note(moment.Add(time.Minute), reading{"run_id": "one"})
	require.Len(t, g.seen, 5, "what is not told is not remembered as nothing")
}

// TestFullIn asks when memory is full: at 100 MiB, and 1 MiB a minute.
func TestFullIn(t *testing.T) {
	page := func(g *growth, last float64) *collectors.Batch {
		return build(false, func(p page) { p.growth(usedMemory(last, "one"), g) })
	}
	batch := page(seen(45, 46, 47, 48, 49, 50), 50)
	require.Contains(t, shown(batch), "redis_memory_full_in_seconds 3000\n")
	require.Contains(t, shown(batch), "redis_memory_growth_bytes_per_second 17476.266666666666\n")
	require.Len(t, batch.Findings, 1)
	require.Equal(t, "Redis has 50 MiB left and fills them in 50m0s as it has grown of late: then it refuses writes.", batch.Findings[0].Text)

	batch = page(seen(25, 26, 27, 28, 29, 30), 30)
	require.Contains(t, shown(batch), "redis_memory_full_in_seconds 4200\n")
	require.Empty(t, batch.Findings, "more than an hour is no risk")

	for name, g := range map[string]*growth{"at rest": seen(50, 50, 50, 50, 50), "shrinks": seen(54, 53, 52, 51, 50), "not known": seen(49, 50)} {
		require.NotContains(t, shown(page(g, 50)), "redis_memory_full_in_seconds", name)
	}
}

// TestGrowthOverVisits sees a real visit's numbers come in.
func TestGrowthOverVisits(t *testing.T) {
	r := start(t, map[string]string{"maxmemory": "64mb"})
	s := server(t, Config{Address: r.Addr(), Password: password})
	var batch *collectors.Batch
	for i := range 6 {
		do(t, r, "SET", "filler"+strconv.Itoa(i), string(make([]byte, 100_000)))
		b := collectors.NewBuilder(s.Visit().Key, moment.Add(time.Duration(i)*time.Minute))
		require.NoError(t, s.Collect(t.Context(), b))
		batch = b.Batch()
	}
	require.Len(t, linesWith(shown(batch), "redis_memory_full_in_seconds "), 1)
	require.Len(t, linesWith(shown(batch), "redis_memory_growth_bytes_per_second "), 1)
}
