package collectors

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPausedBudgetHoldsEverybodyAndResumesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := NewBudget(1)
		var visited atomic.Int64
		r, _ := startRounds(t, nil)
		require.NoError(t, r.Set([]Visit{{Key: Key{"test", "t", ""}, Budget: budget, Collector: collecting(func(context.Context, *Builder) error {
			visited.Add(1)
			return nil
		})}}))
		budget.Pause(time.Hour, Because(ReasonConnections, errors.New("53300")))
		pass(10 * time.Minute)
		require.Zero(t, visited.Load())
		require.Equal(t, ReasonConnections, r.Status()[0].Logs[0].Reason)
		budget.Resume()
		pass(10 * time.Minute)
		require.GreaterOrEqual(t, visited.Load(), int64(9), "waiting was not held against the target")
	})
}
