package indicator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// counter is a process that counts, restarts and may say since when it counts.
type counter struct {
	value float64
	began time.Time
}

// TestNothingIsLost feeds counters that restart at random, are late, vanish for
// a while and come anew, and compares what was counted with what happened, as
// far as it could be seen: a process that restarts takes along what it counted
// after its last look.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(20) {
		for _, dated := range []bool{false, true} {
			t.Run(fmt.Sprint(seed, dated), func(t *testing.T) { history{rand.New(rand.NewPCG(seed, 1)), dated}.play(t) })
		}
	}
}

// history is one random past. Where counters are dated they may restart at any
// time and come into being while they are watched; else a restart must show.
type history struct {
	*rand.Rand
	dated bool
}

func (h history) play(t *testing.T) {
	e := newEngine(t, objectives)
	processes := make([][2]counter, 4)
	var want, got slo.Counts
	for n := range 500 {
		at := noon.Add(time.Duration(n) * time.Minute)
		if h.dated && h.IntN(100) == 0 {
			processes = append(processes, [2]counter{{began: at.Add(-time.Second)}, {began: at.Add(-time.Second)}})
		}
		for p := range processes {
			if n > 0 && h.IntN(10) == 0 {
				continue // not looked at in this minute
			}
			good, bad := h.live(&processes[p], at)
			if n > 0 {
				want = want.Add(slo.Counts{Good: good, Bad: bad})
			}
			h.show(e, at, fmt.Sprint("web", p), processes[p])
		}
		for _, d := range e.Drain(at) {
			got = got.Add(d.Counts)
		}
	}
	require.Positive(t, want.Bad)
	require.Equal(t, want, got)
}

// live lets a process count, after a restart perhaps, and says what is new.
func (h history) live(p *[2]counter, at time.Time) (good, bad uint64) {
	grown := [2]float64{float64(h.IntN(100)), float64(h.IntN(3))}
	if h.IntN(50) == 0 && (h.dated || p[0].value > grown[0] && p[1].value > grown[1]) {
		p[0], p[1] = counter{began: at.Add(-2 * time.Second)}, counter{began: at.Add(-2 * time.Second)}
	}
	for k := range p {
		p[k].value += grown[k]
	}
	return uint64(grown[0]), uint64(grown[1])
}

func (h history) show(e *Engine, at time.Time, source string, p [2]counter) {
	for k, outcome := range []string{"ok", "down"} {
		labels := row{"tenant", "a", "outcome", outcome}
		if h.dated {
			e.Observe(at, source, "checks_total", born{labels, p[k].began}, p[k].value)
		} else {
			e.Observe(at, source, "checks_total", labels, p[k].value)
		}
	}
}

// TestScaledIsTheNearestEvent compares a composite's minute with whole-number
// arithmetic.
func TestScaledIsTheNearestEvent(t *testing.T) {
	for n := uint64(1); n < 3000; n++ {
		for bad := range n + 1 {
			want := (2*bad*slo.CompositeScale + n) / (2 * n)
			got := scaled(float64(bad) / float64(n))
			if got.Bad != want || got.Total() != slo.CompositeScale {
				require.Equal(t, want, got.Bad, "%d of %d", bad, n)
			}
		}
	}
}
