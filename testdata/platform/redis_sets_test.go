package platform_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

func TestRedisCluster(t *testing.T) {
	nodes := platform.RedisClusterForTest(t, 3, nil)
	require.NoError(t, nodes[2].Command(t.Context(), "SET foo 1"), "slot 12182 is in the last third")
	require.ErrorContains(t, nodes[0].Command(t.Context(), "SET foo 1"), "MOVED 12182 "+nodes[2].Addr())
}

func TestSentinelMakesAReplicaThePrimary(t *testing.T) {
	primary := platform.RedisForTest(t, platform.RedisOptions{})
	replica := platform.RedisForTest(t, platform.RedisOptions{ReplicaOf: primary})
	sentinel := platform.SentinelForTest(t, platform.SentinelOptions{Master: "cache", Primary: primary, Quorum: 1})
	require.NoError(t, sentinel.Command(t.Context(), "SENTINEL CKQUORUM cache"))
	require.ErrorContains(t, replica.Command(t.Context(), "SET a 1"), "READONLY")

	require.Eventually(t, func() bool { // the Sentinel learns of the replica from the primary
		return sentinel.Command(t.Context(), "SENTINEL FAILOVER cache") == nil
	}, soon, often)
	require.Eventually(t, func() bool { return replica.Command(t.Context(), "SET a 1") == nil }, soon, often)
}
