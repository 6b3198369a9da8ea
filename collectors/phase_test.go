package collectors

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThousandTenantsSpreadEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		perSecond := make([]int, 60)
		r, _ := startRounds(t, nil)
		var visits []Visit
		for i := range 1000 {
			visits = append(visits, Visit{
				Key: Key{"odoo", "main", fmt.Sprintf("tenant_%04d", i)},
				Collector: collecting(func(context.Context, *Builder) error {
					mu.Lock()
					defer mu.Unlock()
					perSecond[time.Now().Second()]++
					return nil
				}),
			})
		}
		require.NoError(t, r.Set(visits))
		pass(time.Minute)
		total, most := 0, 0
		for _, n := range perSecond {
			total += n
			most = max(most, n)
		}
		require.Equal(t, 1000, total, "everyone once")
		require.Less(t, most, 40, "no second holds more than its share of 17 by much")
	})
}

func TestPhaseIsStableAndPerInterval(t *testing.T) {
	key := Key{"odoo", "main", "north"}
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	first := nextDue(key, time.Minute, now)
	require.Equal(t, first, nextDue(key, time.Minute, now.Add(10*time.Millisecond)))
	require.Equal(t, first.Add(time.Minute), nextDue(key, time.Minute, first))
	require.Equal(t, first, nextDue(key, time.Minute, first.Add(-time.Nanosecond)))
}
