package promsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// ward is a Follower on the fake clock, which begins at the year 2000, and what
// it records. It refuses a minute that comes twice.
type ward struct {
	*Follower
	t       *testing.T
	api     *fakeAPI
	log     bytes.Buffer
	minutes map[time.Time][]string
	order   []time.Time // of the minutes as they came
	missing []slo.Span
	asked   []slo.Span
	busy    bool
	stop    func()
}

// follow starts a Follower over a history that began some minutes ago.
func follow(t *testing.T, ago, lasts int, prepare func(*ward, *Config)) *ward {
	h := generate(11, lasts)
	h.shift(time.Now().Add(-time.Duration(ago) * time.Minute))
	c := fleet("http://fleet.example")
	w := &ward{t: t, api: &fakeAPI{history: h, now: time.Now}, minutes: map[time.Time][]string{}}
	if prepare != nil {
		prepare(w, &c)
	}
	s := sourceOver(t, w.api, c)
	f, err := NewFollower(FollowerOptions{
		Source: s, Record: w.record, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		Missing: func(_ context.Context, from, to time.Time) ([]slo.Span, error) {
			w.asked = append(w.asked, slo.Span{From: from, To: to})
			return w.missing, nil
		},
	})
	require.NoError(t, err)
	w.Follower = f
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	w.stop = func() { cancel(); require.NoError(t, <-ended) }
	return w
}

func (w *ward) record(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
	require.False(w.t, w.busy, "a Follower never overlaps itself")
	w.busy = true
	defer func() { w.busy = false }()
	for minute, deltas := range minutes {
		require.NotEmpty(w.t, deltas, "minute %s has nothing to record", minute)
		require.Nil(w.t, w.minutes[minute], "minute %s comes twice", minute)
		w.minutes[minute] = lines(minute, deltas)
		w.order = append(w.order, minute)
		taken++
	}
	return taken, nil
}

// requireAll compares what was recorded with the oracle.
func (w *ward) requireAll(from, to time.Time) {
	w.t.Helper()
	var got []string
	for minute := from; minute.Before(to); minute = minute.Add(time.Minute) {
		got = append(got, w.minutes[minute]...)
	}
	want := w.api.history.recount(from, to, time.Duration(w.config.Gap), time.Duration(w.config.Lookback))
	require.NotEmpty(w.t, want)
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		w.t.Fatalf("minutes differ (-oracle +recorded):\n%s", diff)
	}
}

// TestFollow records each minute once it is due, and no sooner.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UTC()
		w := follow(t, 30, 120, nil)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.Empty(t, w.order, "samples may still come")
		require.Equal(t, []slo.Span{{From: began.Add(-time.Minute - 7*24*time.Hour), To: began.Add(-time.Minute)}}, w.asked)
		for minute := range 20 {
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Len(t, w.order, minute+1)
			status := w.Status()
			require.Equal(t, began.Add(time.Duration(minute)*time.Minute), status.Through)
			require.Equal(t, 119*time.Second, status.Lag)
			require.NoError(t, status.Error)
			require.Greater(t, status.Series, int64(20))
			require.NotZero(t, status.Samples)
			require.Equal(t, 59*time.Second, time.Since(status.LastSuccess))
		}
		w.stop()
		w.requireAll(began.Add(-time.Minute), began.Add(19*time.Minute))
		require.Empty(t, w.log.String())
	})
}

// TestFollowWithinLag has on record what Lag promises, with the minute to spare in
// which a slower source would be read, and no other.
func TestFollowWithinLag(t *testing.T) {
	for delay, lag := range map[string]time.Duration{
		"0s": time.Minute, "1s": 2 * time.Minute, "1m": 2 * time.Minute, "90s": 3 * time.Minute, "2m": 3 * time.Minute, "5m1ms": 7 * time.Minute,
	} {
		t.Run(delay, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := follow(t, 30, 120, func(_ *ward, c *Config) { require.NoError(t, c.Delay.Set(delay)) })
				require.Equal(t, lag, w.config.Lag())
				time.Sleep(10 * time.Minute)
				spare := time.Duration(math.MaxInt64)
				for range 20 {
					synctest.Wait()
					spare = min(spare, w.Status().Through.Sub(slo.Minute(time.Now()).Add(-lag)))
					time.Sleep(6 * time.Second)
				}
				require.Equal(t, time.Minute, spare)
				w.stop()
			})
		})
	}
}

// TestFollowAfterOutage has the source away for a day. What is due when it comes
// back is recorded at once, then all that was missed, each minute once; and it is
// said once that it was away, and once that it is back.
func TestFollowAfterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UTC()
		w := follow(t, 30, 1600, nil)
		time.Sleep(10*time.Minute + time.Second)
		var tries atomic.Int64
		away := func(w http.ResponseWriter, _ *http.Request) {
			tries.Add(1)
			http.Error(w, "gone", http.StatusServiceUnavailable)
		}
		w.api.instead(away)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.ErrorContains(t, w.Status().Error, "503 Service Unavailable")
		require.Greater(t, w.Status().Lag, 24*time.Hour)
		require.Less(t, tries.Load(), int64(1600), "tries less and less often")
		before := len(w.order)

		w.api.instead(nil)
		time.Sleep(90 * time.Second)
		synctest.Wait()
		require.NoError(t, w.Status().Error)
		logged := w.log.String()
		tries.Store(0)
		w.api.instead(away)
		time.Sleep(61 * time.Second)
		require.Greater(t, tries.Load(), int64(1), "a new failure is tried again soon")
		w.stop()
		present := time.Now().Add(-151*time.Second - 2*time.Minute).Truncate(time.Minute).UTC()
		require.WithinRange(t, w.order[before], present, present.Add(time.Minute), "the present is first, though tried up to 72 seconds late")
		require.Equal(t, began.Add(9*time.Minute), w.order[before+1], "then what was missed first")
		w.requireAll(began.Add(-time.Minute), time.Now().Add(-2*time.Minute).Truncate(time.Minute).UTC())
		status := w.Status()
		require.Zero(t, status.Owed)
		require.Equal(t, 1, strings.Count(logged, "cannot read the present"), w.log.String())
		require.Equal(t, 1, strings.Count(w.log.String(), "reads the present again"))
		require.Equal(t, 1, strings.Count(w.log.String(), "catches up what was missed"))
	})
}

// TestFollowAfterRestart catches up what the record lacks, while the present goes
// on although the past cannot be read.
func TestFollowAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		span := func(from, to int) slo.Span {
			return slo.Span{From: now.Add(time.Duration(from) * time.Minute), To: now.Add(time.Duration(to) * time.Minute)}
		}
		var pastIsBack atomic.Bool
		w := follow(t, 300, 600, func(w *ward, _ *Config) {
			w.missing = []slo.Span{span(-250, -200), span(-150, -4), span(-3, -1)}
			w.api.instead(func(rw http.ResponseWriter, r *http.Request) {
				if !pastIsBack.Load() && time.Since(timeOf(r.FormValue("time"))) > 15*time.Minute {
					http.Error(rw, "blocks cannot be read", http.StatusInternalServerError)
					return
				}
				w.api.serve(rw, r)
			})
		})
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		w.requireAll(now.Add(-3*time.Minute), now.Add(4*time.Minute))
		require.Len(t, w.order, 7)
		require.ErrorContains(t, w.Status().Error, "blocks cannot be read")
		require.Equal(t, 196*time.Minute, w.Status().Owed)
		pastIsBack.Store(true)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		w.stop()
		require.Zero(t, w.Status().Owed)
		require.NoError(t, w.Status().Error)
		for _, s := range []slo.Span{span(-250, -200), span(-150, -4), span(-3, 9)} {
			w.requireAll(s.From, s.To)
		}
		require.Len(t, w.order, 50+146+12, "and no other minute")
	})
}

// TestFollowOfNothing gets over days in which the source has nothing, and records
// none of them.
func TestFollowOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		w := follow(t, 30, 60, func(w *ward, _ *Config) {
			w.missing = []slo.Span{{From: now.Add(-6 * slo.Day), To: now.Add(-20 * time.Minute)}}
		})
		time.Sleep(50*time.Minute + time.Second)
		synctest.Wait()
		require.Zero(t, w.Status().Owed)
		require.Equal(t, now.Add(49*time.Minute), w.Status().Through, "nothing is news, too")
		w.stop()
		w.requireAll(now.Add(-30*time.Minute), now.Add(-20*time.Minute))
		w.requireAll(now.Add(-time.Minute), now.Add(49*time.Minute))
		require.NotContains(t, w.order, now.Add(40*time.Minute))
	})
}

// TestFollowForgetsWhatIsTooOld catches up no more than CatchUp.
func TestFollowForgetsWhatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		w := follow(t, 300, 400, func(w *ward, c *Config) {
			w.missing = []slo.Span{{From: now.Add(-5 * time.Hour), To: now.Add(-2 * time.Hour)}}
			require.NoError(t, c.CatchUp.Set("3h"))
		})
		time.Sleep(time.Second)
		synctest.Wait()
		w.stop()
		require.Equal(t, now.Add(-3*time.Hour-time.Minute), w.order[0])
		require.Len(t, w.order, 61)
	})
}

// TestFollowOverClockSteps: a clock that was ahead and is set back leaves nothing
// out and doubles nothing. The Follower is asked by hand, for the clock of a test
// only goes ahead.
func TestFollowOverClockSteps(t *testing.T) {
	var log bytes.Buffer
	s := sourceOver(t, &fakeAPI{history: generate(11, 100)}, fleet("http://fleet.example"))
	f, err := NewFollower(FollowerOptions{Source: s, Record: discard, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	f.next = at(60)
	f.follow(t.Context(), at(62))
	f.follow(t.Context(), at(400)) // ten hours ahead, where there is nothing
	for len(f.owed) > 0 {
		f.config.CatchUp = f.config.CatchUp * 10
		f.catchUp(t.Context())
	}
	require.Equal(t, at(400), f.next)
	require.Equal(t, at(100), f.last, "the lookback covers what follows the last sample")
	f.stepBack(t.Context(), at(63))
	require.Equal(t, at(101), f.next, "what has been recorded is not recorded again")
	f.stepBack(t.Context(), at(63))
	require.Equal(t, 1, strings.Count(log.String(), "the clock was set back"))
}

// TestFollowUpdates takes new objectives over, which count from the next minute
// on as if they had always been there.
func TestFollowUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		w := follow(t, 30, 120, nil)
		time.Sleep(5*time.Minute + time.Second)
		broken := promises(t)
		broken[0].Indicator.Events.Total.Text = "{"
		require.Error(t, w.opts.Source.Update(broken))
		require.Len(t, w.opts.Source.Objectives(), 3)
		require.NoError(t, w.opts.Source.Update(promises(t)[:1]))
		time.Sleep(3 * time.Minute)
		require.NoError(t, w.opts.Source.Update(promises(t)))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		w.stop()
		w.requireAll(now.Add(-time.Minute), now.Add(4*time.Minute))
		w.requireAll(now.Add(7*time.Minute), now.Add(10*time.Minute))
		require.Len(t, w.minutes[now.Add(5*time.Minute)], 3)
	})
}

// TestFollowWithoutRecord says that it cannot know what is missing.
func TestFollowWithoutRecord(t *testing.T) {
	damaged := errors.New("damaged")
	f, err := NewFollower(FollowerOptions{
		Source: sourceOver(t, &fakeAPI{}, fleet("http://fleet.example")), Record: discard, Logger: slog.New(slog.DiscardHandler),
		Missing: func(context.Context, time.Time, time.Time) ([]slo.Span, error) { return nil, damaged },
	})
	require.NoError(t, err)
	require.ErrorIs(t, f.Run(t.Context()), damaged)
}

// TestBackfillGivesUp on what will not pass at once, on what may pass in the end.
func TestBackfillGivesUp(t *testing.T) {
	for status, within := range map[int]time.Duration{http.StatusBadRequest: 0, http.StatusServiceUnavailable: givenUp} {
		synctest.Test(t, func(t *testing.T) {
			s := sourceOver(t, &fakeAPI{answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }}, fleet("http://fleet.example"))
			began := time.Now()
			err := s.Backfill(t.Context(), at(0), at(60), discard, func(Progress) {})
			require.ErrorContains(t, err, "backfill stopped at 2026-03-11T12:00:00Z")
			require.ErrorContains(t, err, fmt.Sprint(status))
			require.InDelta(t, within, time.Since(began), float64(2*slowest))
		})
	}
}

// timeOf is the instant of a query.
func timeOf(text string) time.Time {
	var seconds float64
	if _, err := fmt.Sscan(text, &seconds); err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000))
}
