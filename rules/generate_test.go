package rules

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// write generates files for the objectives into a folder of the test.
func write(t *testing.T, objectives []slo.Objective, o Options) string {
	t.Helper()
	files, err := Generate(objectives, o)
	require.NoError(t, err)
	dir := t.TempDir()
	for _, f := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o600))
	}
	return dir
}

func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
	return string(out), err
}

// TestCatalogue lets promtool check and test the rules of every shipped objective, from both sources.
func TestCatalogue(t *testing.T) {
	objectives, err := slo.Catalogue()
	require.NoError(t, err)
	for _, source := range []Source{FromDaemon, FromSeries} {
		t.Run(string(source), func(t *testing.T) {
			t.Parallel()
			dir := write(t, objectives, Options{Source: source, Labels: map[string]string{"platform": "clinics"}})
			rules, err := filepath.Glob(filepath.Join(dir, "*.rules.yaml"))
			require.NoError(t, err)
			require.Len(t, rules, len(objectives))
			out, err := promtool(t, append([]string{"check", "rules"}, rules...)...)
			require.NoError(t, err, out)
			tests, err := filepath.Glob(filepath.Join(dir, "*.test.yaml"))
			require.NoError(t, err)
			out, err = promtool(t, append([]string{"test", "rules"}, tests...)...)
			require.NoError(t, err, out)
		})
	}
}
