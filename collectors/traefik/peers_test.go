package traefik

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/collectortest"
)

var familyOf = regexp.MustCompile(`(?m)^(traefik_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{| )`)

// Every family that real Traefiks show must have become something, or have a reason.
func TestEveryMetricOfTraefiksIsAccountedFor(t *testing.T) {
	accounted := map[string]bool{}
	for _, p := range collectortest.Peers(t, "peers.yaml", Metrics()) {
		accounted[p.Theirs] = true
	}
	seen := 0
	for _, page := range []string{"ward.metrics", "clinic-after.metrics"} {
		for _, found := range familyOf.FindAllStringSubmatch(recorded(t, page), -1) {
			require.True(t, accounted[found[1]], "%s: nothing became of it", found[1])
			seen++
		}
	}
	require.Greater(t, seen, 500)
}
