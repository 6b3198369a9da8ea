package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// unbroken are the promises of the catalogue that no test breaks on a real server, and why.
var unbroken = map[string]string{
	"partner-calls-succeed": "partners' calls are read every five minutes: to see some that fail, and then others, takes ten",
	"partner-calls-fast":    "the same calls",
}

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
		_, excused := unbroken[name]
		require.NotEqual(t, broken[name], excused, "%s must be among the ailments, the breakdowns, or those that are not broken, and only once", name)
		delete(broken, name)
	}
	require.Empty(t, broken, "the catalogue does not have these")
}
