package collectortest

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
)

// Peer is what became of one metric of another exporter.
type Peer struct {
	Theirs  string `yaml:"theirs"`
	Verdict string `yaml:"verdict"`        // kept, corrected or left out
	Ours    string `yaml:"ours,omitempty"` // what it was corrected to
	Why     string `yaml:"why,omitempty"`  // required unless it was kept
}

// Peers reads a list of them and holds it to our catalogue: what was kept is in it under the same
// name, what was corrected under the one that the list says, what was left out is not in it.
func Peers(t testing.TB, file string, catalogue collectors.Catalogue) []Peer {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var peers []Peer
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&peers))
	require.NotEmpty(t, peers)
	ours, seen := map[string]bool{}, map[string]bool{}
	for _, m := range catalogue {
		ours[m.Name] = true
	}
	for _, p := range peers {
		require.False(t, seen[p.Theirs], "%s stands there twice", p.Theirs)
		seen[p.Theirs] = true
		require.True(t, p.Verdict == "kept" || p.Why != "", "%s: nothing says why", p.Theirs)
		require.Equal(t, p.Verdict == "corrected", p.Ours != "", "%s: what it is corrected to, and only then", p.Theirs)
		switch p.Verdict {
		case "kept":
			require.True(t, ours[p.Theirs], "%s is said to be kept", p.Theirs)
		case "corrected":
			require.NotEqual(t, p.Theirs, p.Ours)
			require.True(t, ours[p.Ours], "%s is said to be %s", p.Theirs, p.Ours)
		case "left out":
			require.False(t, ours[p.Theirs], "%s is said to be left out", p.Theirs)
		default:
			require.Fail(t, "no verdict", "%s: %q", p.Theirs, p.Verdict)
		}
	}
	return peers
}
