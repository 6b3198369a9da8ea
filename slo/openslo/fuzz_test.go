package openslo

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// survives holds that whatever is read can be written in both forms, and is the
// same when these are read.
func survives(t *testing.T, file File) {
	result, err := Read([]File{file})
	if err != nil {
		return
	}
	throughNative(t, result)
	var text bytes.Buffer
	if err := Write(&text, result.Objectives); err != nil {
		require.ErrorContains(t, err, "is not among the objectives", "%s", file.Data)
		return
	}
	valid(t, text.Bytes())
	again, err := Read([]File{{"again.yaml", text.Bytes()}})
	require.NoError(t, err, text.String())
	require.Empty(t, again.Warnings, text.String())
	require.Empty(t, cmp.Diff(result.Objectives, again.Objectives, same()), text.String())
}

func seeds(f *testing.F, form string) {
	f.Helper()
	for _, folder := range []string{"good", "bad"} {
		for path, file := range documents(f, folder) {
			if filepath.Ext(path) == form {
				f.Add(file.Data)
			}
		}
	}
}

func FuzzReadYAML(f *testing.F) {
	seeds(f, ".yaml")
	f.Add([]byte("apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec:\n  service: s\n  indicator: {metadata: {name: a}, spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: a}}}}}\n  objectives: [{op: gt, value: 1, target: 0.99}]\n"))
	f.Add([]byte("a: &a [*a]\n<<: {x: y}\n? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) { survives(t, File{"fuzz.yaml", data}) })
}

func FuzzReadJSON(f *testing.F) {
	seeds(f, ".json")
	f.Add([]byte(`{"apiVersion":"openslo/v1alpha","kind":"SLO","metadata":{"name":"a"},"spec":{"service":"s","indicator":{"thresholdMetric":{"query":"a"}},"objectives":[{"op":"lt","value":1,"target":0.9}]}}`))
	f.Add([]byte(`{"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "\\\""}, "spec": null} [] 5 "`))
	f.Fuzz(func(t *testing.T, data []byte) { survives(t, File{"fuzz.json", data}) })
}

// FuzzQuery holds that what is taken out of a query is a selector itself.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{
		`sum by (a) (rate(x{b="c"}[5m]))`, `time() - max_over(x)`, `max(time() - (x))`, `{__name__="x"}`,
		`increase((x)[{{.window}}])`, `# comment` + "\n" + `x`, `x # comment`, `{"a.b", c='d'}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := readQuery(text)
		if err != nil {
			return
		}
		again, err := readQuery(q.selector)
		require.NoError(t, err)
		require.Equal(t, query{selector: q.selector}, again)
	})
}
