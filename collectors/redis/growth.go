package redis

import (
	"math"
	"slices"
	"time"
)

// growth remembers how much memory a server used over the last minutes, to tell how fast it grows.
type growth struct {
	run   string // the server's life; numbers of another one are forgotten
	seen  []usage
	pairs []float64 // kept to be filled again
}

type usage struct {
	at   time.Time
	used float64
}

const (
	growthWindow = 15 * time.Minute
	growthLeast  = 2 * time.Minute // less says nothing
	growthFewest = 5               // samples
	growthMost   = 64              // samples: the work is quadratic
)

// note remembers what a reading says.
func (g *growth) note(at time.Time, r reading) {
	used := r.number("used_memory")
	if math.IsNaN(used) {
		return
	}
	if r["run_id"] != g.run {
		g.run, g.seen = r["run_id"], nil
	}
	g.seen = append(g.seen, usage{at, used})
	old := func(u usage) bool { return at.Sub(u.at) > growthWindow }
	g.seen = slices.DeleteFunc(g.seen, old)
	g.seen = g.seen[max(0, len(g.seen)-growthMost):]
}

// rate is the growth in bytes per second: the median of the slopes between all pairs of samples,
// which neither a burst nor a sawtooth of expiring keys moves. False means that it is too early to
// tell.
func (g *growth) rate() (float64, bool) {
	n := len(g.seen)
	if n < growthFewest || g.seen[n-1].at.Sub(g.seen[0].at) < growthLeast {
		return 0, false
	}
	g.pairs = g.pairs[:0]
	for i, a := range g.seen {
		for _, b := range g.seen[i+1:] {
			if seconds := b.at.Sub(a.at).Seconds(); seconds > 0 {
				g.pairs = append(g.pairs, (b.used-a.used)/seconds)
			}
		}
	}
	slices.Sort(g.pairs)
	middle := len(g.pairs) / 2
	if len(g.pairs)%2 == 1 {
		return g.pairs[middle], true
	}
	return (g.pairs[middle-1] + g.pairs[middle]) / 2, true
}

// soon is how far ahead a full memory is worth a word.
const soon = time.Hour

// growth writes how fast memory grows and when that fills it; the latter only while it grows.
func (p page) growth(r reading, g *growth) {
	rate, known := g.rate()
	if !known {
		return
	}
	p.set(metricGrowth, rate)
	headroom, limited := r.headroom()
	if !limited || rate <= 0 {
		return
	}
	left := max(0, headroom) / rate
	p.set(metricFullIn, left)
	if r["maxmemory_policy"] == "noeviction" && headroom > 0 && left < soon.Seconds() {
		p.findSoonFull(time.Duration(left)*time.Second, headroom)
	}
}
