package openslo

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// documents are the files of a folder in testdata.
func documents(t testing.TB, folder string) map[string]File {
	t.Helper()
	all := map[string]File{}
	for _, form := range []string{"*.yaml", "*.json"} {
		paths, err := filepath.Glob(filepath.Join("testdata", folder, form))
		require.NoError(t, err)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			all[path] = File{filepath.Base(path), data}
		}
	}
	require.NotEmpty(t, all)
	return all
}

func goldenFile(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) + ".golden" }

func warnings(all []Warning) string {
	var text strings.Builder
	for _, w := range all {
		text.WriteString(w.String() + "\n")
	}
	return text.String()
}

func TestWhatIsReadIsSaidInOurWords(t *testing.T) {
	for path, file := range documents(t, "good") {
		t.Run(file.Name, func(t *testing.T) {
			result, err := Read([]File{file})
			require.NoError(t, err)
			var text bytes.Buffer
			require.NoError(t, WriteNative(&text, result.Objectives))
			text.WriteString("\n# Policies\n")
			require.NoError(t, WriteNativePolicies(&text, result.Policies))
			golden(t, goldenFile(path), text.String()+"\n# Warnings\n"+warnings(result.Warnings))

			throughNative(t, result)
			documents := write(t, result.Objectives)
			valid(t, documents)
			again, err := Read([]File{{"again.yaml", documents}})
			require.NoError(t, err, string(documents))
			require.Empty(t, again.Warnings)
			require.Empty(t, cmp.Diff(result.Objectives, again.Objectives, same()))
			require.Empty(t, cmp.Diff(result.Policies, again.Policies, same()))
		})
	}
}

func TestWhatCannotBeReadIsSaidWhereAndWhy(t *testing.T) {
	for path, file := range documents(t, "bad") {
		t.Run(file.Name, func(t *testing.T) {
			result, err := Read([]File{file})
			require.Error(t, err)
			require.Empty(t, result.Objectives)
			golden(t, goldenFile(path), err.Error()+"\n\n# Warnings\n"+warnings(result.Warnings))
		})
	}
}

func TestTheWrittenCatalogue(t *testing.T) {
	result, err := Read([]File{documents(t, "good")["testdata/good/references.yaml"]})
	require.NoError(t, err)
	golden(t, "testdata/written.golden", string(write(t, result.Objectives)))
}
