package traefik

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
)

// peer is a line of peers.yaml.
type peer struct {
	Theirs string `yaml:"theirs"`
	Ours   string `yaml:"ours"`
	Left   string `yaml:"left"`
}

var familyOf = regexp.MustCompile(`(?m)^(traefik_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{| )`)

// Every family that real Traefiks show must have become something, or have a reason.
func TestEveryMetricOfTraefiksIsAccountedFor(t *testing.T) {
	text, err := os.ReadFile("peers.yaml")
	require.NoError(t, err)
	var peers []peer
	require.NoError(t, yaml.Unmarshal(text, &peers))
	accounted := map[string]bool{}
	for _, p := range peers {
		require.NotEqual(t, p.Ours == "", p.Left == "", "%s: ours or left", p.Theirs)
		require.False(t, accounted[p.Theirs], "%s is there twice", p.Theirs)
		accounted[p.Theirs] = true
		if p.Ours != "" {
			require.True(t, slices.ContainsFunc(Metrics(), func(m *collectors.Metric) bool { return m.Name == p.Ours }), "%s is not in the catalogue", p.Ours)
		}
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
