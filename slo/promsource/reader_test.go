package promsource

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// TestAnyChunking cuts stretches in random ways, with small and large chunks,
// restarts and failures between: always the minutes of the oracle come out.
func TestAnyChunking(t *testing.T) {
	for seed := range uint64(25) {
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
