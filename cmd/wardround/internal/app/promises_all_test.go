package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// TestEachPromiseIsBrokenSomewhere: who adds one to the catalogue shows it to fire and to reset as well.
func TestEachPromiseIsBrokenSomewhere(t *testing.T) {
	broken := map[string]bool{}
	for _, a := range ailments {
		broken[a.promise] = true
	}
	for _, a := range append(breakdowns(), crowding()...) {
		broken[a.promise] = true
	}
	all, err := slo.Catalogue()
	require.NoError(t, err)
	for i := range all {
		name := all[i].Name
		require.True(t, broken[name], "%s must be among the ailments or the breakdowns", name)
		delete(broken, name)
	}
	require.Empty(t, broken, "the catalogue does not have these")
}
