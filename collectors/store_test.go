package collectors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStoreKeepsTheNewestBatchOfEachKeyInOrder(t *testing.T) {
	store := NewStore()
	first := &Batch{Key: Key{Collector: "odoo", Target: "main", Tenant: "b"}, At: time.Unix(1, 0)}
	newer := &Batch{Key: first.Key, At: time.Unix(2, 0)}
	cluster := &Batch{Key: Key{Collector: "postgres", Target: "main"}}
	tenant := &Batch{Key: Key{Collector: "odoo", Target: "main", Tenant: "a"}}
	other := &Batch{Key: Key{Collector: "redis", Target: "cache"}}
	for _, b := range []*Batch{first, tenant, newer, cluster, other} {
		store.Put(b)
	}
	require.Equal(t, []*Batch{other, cluster, tenant, newer}, store.All())

	got, ok := store.Get(first.Key)
	require.True(t, ok)
	require.Same(t, newer, got)

	store.Drop(first.Key)
	_, ok = store.Get(first.Key)
	require.False(t, ok)
	require.Equal(t, []*Batch{other, cluster, tenant}, store.All())
}

func TestStoreGenerationGrowsWithChangesOnly(t *testing.T) {
	store := NewStore()
	key := Key{Collector: "redis", Target: "cache"}
	before := store.Generation()
	store.Drop(key)
	require.Equal(t, before, store.Generation())
	store.Put(&Batch{Key: key})
	afterPut := store.Generation()
	require.Greater(t, afterPut, before)
	_, shown := store.Snapshot()
	require.Equal(t, afterPut, shown)
	store.Drop(key)
	require.Greater(t, store.Generation(), afterPut)
}
