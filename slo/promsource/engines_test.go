package promsource

import (
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/indicator"
)

// ailing is a history with all that an engine cannot use: one instance too many,
// logins without a bucket for the bound, and a counter that is not a number.
func ailing(minutes int) *history {
	h := generate(7, minutes)
	kept := h.series[:0]
	for _, r := range h.series {
		if r.labels["le"] == "0.5" {
			continue
		}
		if r.labels["__name__"] == "requests_total" && r.labels["code"] == "200" {
			for i := range r.points {
				r.points[i].value = math.NaN()
			}
		}
		kept = append(kept, r)
	}
	h.series = kept
	return h
}

// texts are problems in one string each.
func texts(all []indicator.Problem) []string {
	var lines []string
	for _, p := range all {
		lines = append(lines, p.Objective+": "+p.Text)
	}
	return lines
}

// TestProblems says what an engine cannot use, and counts on when a stretch is
// begun anew with another engine.
func TestProblems(t *testing.T) {
	s, err := New(fleet("http://fleet.example"), promises(t), Options{Logger: slog.New(slog.DiscardHandler), MaxInstances: 8})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	s.client.http.Transport = &fakeAPI{history: ailing(60)}
	require.Empty(t, s.Problems())
	require.Zero(t, s.Stats())

	_, err = s.Read(t.Context(), at(20), at(30), discard)
	require.NoError(t, err)
	all := strings.Join(texts(s.Problems()), "\n")
	require.Contains(t, all, "login: the source has no bucket of login_seconds that ends at 0.5", all)
	require.Contains(t, all, "there are 8 instances already, the most that are allowed", all)
	before := s.Stats()
	require.Equal(t, 8, before.Instances)
	require.Greater(t, before.Series, 8)
	require.NotZero(t, before.Refused)
	require.NotZero(t, before.OverLimit)

	_, err = s.Read(t.Context(), at(40), at(50), discard)
	require.NoError(t, err)
	require.Greater(t, s.Stats().Refused, before.Refused+before.Refused/2, "those of the first stretch are not forgotten")

	require.NoError(t, s.Update(promises(t)[2:3]))
	_, err = s.Read(t.Context(), at(50), at(55), discard)
	require.NoError(t, err)
	require.Empty(t, texts(s.Problems()), "the objective that is left has none")
	require.Equal(t, 3, s.Stats().Instances)
}

// TestProblemsWhileFollowing are those of the present and, as long as it is
// caught up, of the past, each once; a Follower that has stopped has none.
func TestProblemsWhileFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := follow(t, 30, 120, func(w *ward, _ *Config) {
			w.api.history = ailing(120)
			w.api.history.shift(time.Now().Add(-30 * time.Minute))
		})
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		s := w.opts.Source
		require.Len(t, s.Problems(), 1)
		present := s.Stats()
		require.Equal(t, 9, present.Instances)
		require.NotZero(t, present.Refused)

		past := newReader(s)
		_, err := past.step(t.Context(), w.next.Add(-10*time.Minute), w.next.Add(-5*time.Minute), discard)
		require.NoError(t, err)
		require.Len(t, s.engines.inUse, 2)
		require.Len(t, s.Problems(), 1, "both have the same")
		require.Equal(t, 9, s.Stats().Instances)
		both := s.Stats()
		require.Greater(t, both.Refused, present.Refused)
		s.engines.drop(past)
		require.Equal(t, both.Refused, s.Stats().Refused)

		w.stop()
		require.Empty(t, s.Problems())
		require.Equal(t, both.Refused, s.Stats().Refused)
		require.NoError(t, s.Backfill(t.Context(), w.next.Add(-10*time.Minute), w.next, discard, func(Progress) {
			require.Len(t, s.Problems(), 1)
		}))
		require.Empty(t, s.engines.inUse)
	})
}

// TestProblemsOfThePast end with it.
func TestProblemsOfThePast(t *testing.T) {
	s := sourceOver(t, &fakeAPI{history: ailing(60)}, fleet("http://fleet.example"))
	f, err := NewFollower(FollowerOptions{Source: s, Record: discard, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	f.next, f.owed = at(59), []slo.Span{{From: at(20), To: at(50)}}
	f.catchUp(t.Context())
	require.NotEmpty(t, f.owed)
	require.Len(t, s.Problems(), 1)
	for len(f.owed) > 0 {
		f.catchUp(t.Context())
	}
	require.Empty(t, s.Problems())
}
