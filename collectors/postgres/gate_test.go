package postgres

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func gateForTest() (*gate, *bytes.Buffer) {
	var lines bytes.Buffer
	g := newGate(2, 90*time.Second, slog.New(slog.NewTextHandler(&lines, nil)))
	g.growing.RandomizationFactor = 0
	return g, &lines
}

// pausedFor waits for the pause to end and says how long that took.
func pausedFor(g *gate) time.Duration {
	began := time.Now()
	for {
		if g.budget.Paused() == nil {
			return time.Since(began)
		}
		time.Sleep(time.Second)
	}
}

func TestGateBacksOffFurtherEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, lines := gateForTest()
		full := errors.New("too many clients")
		for _, seconds := range []time.Duration{10, 15, 23, 34} {
			g.refuse(full)
			g.refuse(full) // the other visitor, refused at the same moment
			require.Equal(t, seconds*time.Second, pausedFor(g))
		}
		require.Equal(t, 1, bytes.Count(lines.Bytes(), []byte("visits paused")), "said once")

		g.admit(time.Now().Add(-time.Hour)) // asked for before the refusal: says nothing
		require.False(t, g.refused.IsZero())
		g.refuse(full)
		time.Sleep(time.Second)
		g.admit(time.Now())
		require.Zero(t, pausedFor(g), "a success resumes the visits")
		g.refuse(full)
		require.Equal(t, 10*time.Second, pausedFor(g), "and the back-off begins anew")
	})
}

func TestGateKeepsTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, lines := gateForTest()
		few := errors.New("2 of 57 connections are free")
		g.spare(true, nil)
		require.Zero(t, pausedFor(g))
		for range 3 {
			g.spare(false, few)
			time.Sleep(time.Minute)
			paused := g.budget.Paused() != nil
			require.True(t, paused, "the next round comes before the pause ends")
		}
		g.admit(time.Now())
		require.NotZero(t, pausedFor(g), "a connection that we got does not lift the pause")
		g.spare(false, few)
		g.spare(true, nil)
		require.Zero(t, pausedFor(g))
		require.Equal(t, 1, bytes.Count(lines.Bytes(), []byte("visits paused")), "said once")
	})
}
