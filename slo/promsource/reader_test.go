package promsource

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// TestAnyChunking cuts stretches in random ways, with small and large chunks,
// restarts and failures between: always the minutes of the oracle come out.
func TestAnyChunking(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			api := &fakeAPI{history: generate(seed, 180), leftOpen: seed%2 == 0}
			c := fleet("http://fleet.example")
			c.Chunk = model.Duration(time.Duration(1+random.IntN(60)) * time.Minute)
			c.MaxSamples = 1000 + random.IntN(20_000)
			s := sourceOver(t, api, c)
			from, to := at(float64(random.IntN(40))), at(150)
			book := &notebook{t: t, next: from}
			for now := from; now.Before(to); {
				switch random.IntN(4) {
				case 0: // a restart: all that is known is the last recorded minute
					s = sourceOver(t, api, c)
				case 1: // a failure on the way
					failures := random.IntN(3)
					api.answer = func(w http.ResponseWriter, r *http.Request) {
						if failures--; failures < 0 {
							http.Error(w, "gone", http.StatusServiceUnavailable)
							return
						}
						api.serve(w, r)
					}
				}
				until := now.Add(time.Duration(1+random.IntN(70)) * time.Minute)
				if until.After(to) {
					until = to
				}
				next, err := s.Read(t.Context(), now, until, book.record)
				require.Equal(t, err == nil, next.Equal(until))
				require.Equal(t, book.next, next)
				now, api.answer = next, nil
			}
			want := api.history.recount(from, to, time.Duration(c.Gap), time.Duration(c.Lookback))
			slices.Sort(book.lines)
			if diff := cmp.Diff(want, book.lines); diff != "" {
				t.Errorf("minutes differ (-oracle +read):\n%s", diff)
			}
			require.NotEmpty(t, want)
		})
	}
}

// TestAnyChunkingOfAllKinds reads what remembers more than a counter's value:
// slices of the clock, minutes that are carried, probes and composites. Read in
// pieces with restarts between they give what they give in one go.
func TestAnyChunkingOfAllKinds(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			api := &fakeAPI{history: generate(seed, 250)}
			c := fleet("http://fleet.example")
			start := func() *Source {
				s := sourceOver(t, api, c)
				require.NoError(t, s.Update(read(t, "testdata/kinds.yaml")))
				return s
			}
			whole, pieces := &notebook{t: t, next: at(0)}, &notebook{t: t, next: at(0)}
			_, err := start().Read(t.Context(), at(0), at(250), whole.record)
			require.NoError(t, err)
			for now := at(0); now.Before(at(250)); {
				until := earlier(at(250), now.Add(time.Duration(1+random.IntN(50))*time.Minute))
				now, err = start().Read(t.Context(), now, until, pieces.record)
				require.NoError(t, err)
			}
			for _, kind := range []string{"carried{", "hourly{", "uneven{", "probe{", "both{", " carried"} {
				require.Contains(t, fmt.Sprint(whole.lines), kind)
			}
			if diff := cmp.Diff(whole.lines, pieces.lines); diff != "" {
				t.Errorf("minutes differ (-in one go +in pieces):\n%s", diff)
			}
		})
	}
}

// TestOrder shows an engine the samples of all series in the order of time, once,
// whatever queries bring them.
func TestOrder(t *testing.T) {
	s := sourceOver(t, &fakeAPI{history: generate(1, 60)}, fleet("http://fleet.example"))
	p := s.plan.Load()
	p.queries = append(p.queries, query{metrics: []string{"lag_seconds", "requests_total"}})
	c, err := s.fetch(t.Context(), p, at(0), at(60))
	require.NoError(t, err)
	require.Len(t, c.series, 6*6, "what two queries bring is there once")
	r := newReader(s)
	total := 0
	for end := at(1); !end.After(at(60)); end = end.Add(time.Minute) {
		r.collect(c.series, end)
		require.True(t, slices.IsSortedFunc(r.round, func(a, b sample) int { return int(a.at - b.at) }))
		total += len(r.round)
	}
	require.Equal(t, c.samples, total)
}

// TestNothingIsLeftOut hands out no minute of which nothing is known, and goes on
// with the first that was not taken, be others between.
func TestNothingIsLeftOut(t *testing.T) {
	h := generate(3, 60)
	for _, s := range h.series {
		s.points = slices.DeleteFunc(s.points, func(p point) bool { return p.at >= at(15).UnixMilli() && p.at < at(35).UnixMilli() })
	}
	s := sourceOver(t, &fakeAPI{history: h}, fleet("http://fleet.example"))
	full := errors.New("no space left")
	room, handed, got := 0, 0, []string(nil)
	record := func(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
		for minute, deltas := range minutes {
			require.NotEmpty(t, deltas, minute)
			handed++
			if taken == room {
				return taken, full
			}
			got = append(got, lines(minute, deltas)...)
			taken++
		}
		return taken, nil
	}
	next, err := s.Read(t.Context(), at(-300), at(-60), record)
	require.NoError(t, err)
	require.Equal(t, at(-60), next)
	require.Zero(t, handed)
	for now := at(-10); now.Before(at(90)); now = next {
		room++
		next, err = s.Read(t.Context(), now, at(90), record)
		require.Equal(t, err == nil, next.Equal(at(90)))
		require.True(t, err == nil || errors.Is(err, full))
		require.False(t, next.After(at(17)) && next.Before(at(35)), "%s has nothing", next)
	}
	slices.Sort(got)
	want := h.recount(at(-10), at(90), time.Duration(s.config.Gap), time.Duration(s.config.Lookback))
	require.Empty(t, cmp.Diff(want, got))
}
