package indicator

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInstancesAreLimited(t *testing.T) {
	m := &minute{newEngine(t, objectives, func(o *Options) { o.MaxInstances = 2 }), noon}
	m.see("db", "due_timestamp_seconds", 0, "tenant", "a")
	for n := range 5 {
		m.see("pg", "lag_seconds", 1, "target", fmt.Sprint(n))
	}
	require.Equal(t, []string{`due{tenant="a"} 1/0`, `lag{target="0"} 1/0`}, m.next())
	require.Equal(t, Stats{Series: 2, Instances: 2, OverLimit: 4}, m.engine.Stats(), "what is refused takes no memory")
	require.Equal(t, []Problem{{"lag", "there are 2 instances already, the most that are allowed (1 are of due); further ones are not measured"}}, m.engine.Problems())
	m.engine.Forget("pg")
	m.next()
	require.Empty(t, m.engine.Problems())
	m.see("pg", "lag_seconds", 1, "target", "4")
	require.Equal(t, []string{`due{tenant="a"} 1/0 carried`, `lag{target="4"} 1/0`}, m.next(), "there is room again")
}

func TestARefusedSeriesOfAKnownInstanceIsAskedAgain(t *testing.T) {
	text := strings.ReplaceAll(objectives, "lag_seconds", "checks_total")
	m := &minute{newEngine(t, text, func(o *Options) { o.MaxInstances = 1 }), noon}
	see := func(n float64) { m.see("web", "checks_total", n, "tenant", "a", "target", "main") }
	m.see("db", "due_timestamp_seconds", 0, "tenant", "a")
	see(1)
	require.Equal(t, 1, m.engine.Stats().Series)
	m.engine.Forget("db")
	m.next()
	see(1)
	require.Empty(t, m.next(), "login has got the room, lag has none")
	require.Equal(t, 1, m.engine.Stats().Series)
	m.engine.opts.MaxInstances = 2
	see(3)
	see(5)
	require.Equal(t, []string{`lag{target="main"} 1/0`, `login{tenant="a"} 0/4`}, m.next())
}

func TestCompositesAreInstancesToo(t *testing.T) {
	text := objectives + "---\nname: both\nquestion: healthy\ntitle: Both\nindicator: {composite: {of: [due, login]}}\ntargets: 99%\n"
	m := &minute{newEngine(t, text, func(o *Options) { o.MaxInstances = 3 }), noon}
	m.see("db", "due_timestamp_seconds", 0, "tenant", "a")
	m.see("db", "due_timestamp_seconds", 0, "tenant", "b")
	require.Len(t, m.next(), 3)
	require.Equal(t, Stats{Series: 2, Instances: 3}, m.engine.Stats())
	require.Equal(t, []Problem{{"both", "there are 3 instances already, the most that are allowed (2 are of due); further ones are not measured"}}, m.engine.Problems())
	m.engine.opts.MaxInstances = 4
	require.Len(t, m.next(), 4, "there is room for the composite of the other tenant")
	m.engine.Forget("db")
	m.next()
	m.next()
	require.Equal(t, Stats{}, m.engine.Stats())
}

func TestSeriesAreLimited(t *testing.T) {
	m := &minute{newEngine(t, objectives, func(o *Options) { o.MaxSeries = 2 }), noon}
	for n := range 5 {
		m.see("web", "checks_total", 1, "tenant", "a", "user", fmt.Sprint(n))
	}
	for n := range 3 {
		m.see("web", "checks_total", 2, "tenant", "a", "user", fmt.Sprint(n))
	}
	m.see("web", "requests_total", 2, "tenant", "a")
	require.Equal(t, Stats{Series: 3, Instances: 2, OverLimit: 4}, m.engine.Stats())
	want := []Problem{{"login", "checks_total has more than 2 series, the most that are allowed; the others are not counted"}}
	require.Equal(t, want, m.engine.Problems())
	require.Equal(t, []string{`login{tenant="a"} 0/2`}, m.next())
	require.Equal(t, want, m.engine.Problems(), "until a minute passes without")
	m.next()
	require.Empty(t, m.engine.Problems())
}

func TestBucketsThatNobodyReadsTakeNoMemory(t *testing.T) {
	m := &minute{newEngine(t, "name: fast\nquestion: healthy\ntitle: Fast\nindicator: {histogram: {metric: h, within: 2}}\ntargets: 99%\n"), noon}
	for n := range 5000 {
		m.see("web", "h_bucket", 1, "tenant", "a", "le", fmt.Sprint(float64(n)+0.5))
	}
	m.see("web", "h_bucket", 1, "tenant", "a", "le", "2")
	m.see("web", "h_count", 1, "tenant", "a")
	require.Equal(t, Stats{Series: 2, Instances: 1}, m.engine.Stats())
	require.Len(t, m.engine.metrics["h_bucket"].bounds, maxBounds)
}

func TestUnusableSamplesAreCounted(t *testing.T) {
	m := &minute{newEngine(t, objectives), noon}
	for _, value := range []float64{math.NaN(), math.Inf(1), -1, 1 << 54} {
		m.see("web", "checks_total", value, "tenant", "a", "outcome", "ok")
	}
	require.Equal(t, uint64(4), m.engine.Stats().Refused)
	m.see("web", "checks_total", 1, "outcome", "ok")
	require.Equal(t, Stats{Series: 1, Instances: 1, Refused: 4, Unattributed: 2}, m.engine.Stats(), "it is neither good nor all")
}

// TestARoundIsNotSplit drains while rounds are told: each is one event, though
// its series come one after the other.
func TestARoundIsNotSplit(t *testing.T) {
	e := newEngine(t, objectives)
	const rounds = 2000
	var wait sync.WaitGroup
	wait.Go(func() {
		for n := range rounds {
			end := e.Round()
			for _, standby := range []string{"a", "b", "c"} {
				e.Observe(noon.Add(time.Duration(n)), "pg", "lag_seconds", row{"target", "main", "standby", standby}, 1)
			}
			end()
		}
	})
	told := make(chan struct{})
	go func() { wait.Wait(); close(told) }()
	events := uint64(0)
	for done := false; !done; {
		select {
		case <-told:
			done = true
		default:
		}
		for _, d := range e.Drain(noon) {
			events += d.Counts.Total()
		}
	}
	require.Equal(t, uint64(rounds), events)
}
