package backup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMemoryOverChangedSettings changes a place as a reload of the configuration does: the new one
// is made before the old one is closed, or is closed itself where the configuration is refused.
func TestMemoryOverChangedSettings(t *testing.T) {
	at := now()
	keep := folder(t.TempDir())
	keep.put(t, "clinic_north.1.sql", []byte(goodScript), at.Add(-time.Hour))
	o := options(t, north)
	config := Config{Name: "nightly", Dumps: &Dumps{In: keep.location(), Path: "{database}.*"}}
	first := place(t, config, o)
	visited(t, first, at)
	const held = `backup_tenant_places{tenant="north"} 1`
	require.Contains(t, page(summed(t, o, nil, at)), held)

	refused := place(t, config, o)
	refused.Close()
	require.Contains(t, page(summed(t, o, nil, at)), held, "the old place stays, and what it said")

	config.Tiers = []string{"dedicated"}
	second := place(t, config, o)
	visited(t, first, at) // was under way
	first.Close()
	require.Equal(t, []string{"nightly"}, o.Memory.Places())
	require.Contains(t, page(summed(t, o, nil, at)), `backup_tenant_places{tenant="north"} 0`, "by the new settings its backups do not belong there")

	config.Tiers = nil
	third := place(t, config, o)
	second.Close()
	require.Contains(t, page(summed(t, o, nil, at)), held, "before the new place was read")
	third.Close()
	require.Empty(t, o.Memory.Places())
	require.NotContains(t, page(summed(t, o, nil, at)), "backup_tenant_places", "a place that was removed is forgotten")
}
