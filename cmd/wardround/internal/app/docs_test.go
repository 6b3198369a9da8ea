package app

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var update = flag.Bool("update", false, "write the generated parts of documents anew")

const promises = "../../../../slo/README.md"

// TestPromisesAreDocumented compares the tables of the document with the code, and reads its
// examples.
func TestPromisesAreDocumented(t *testing.T) {
	data, err := os.ReadFile(promises)
	require.NoError(t, err)
	text := string(data)
	want := between(t, between(t, text, "catalogue", catalogueTable(t)), "series", seriesTable())
	if *update {
		require.NoError(t, os.WriteFile(promises, []byte(want), 0o644))
	}
	require.Equal(t, want, text, "run the test with -update")
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	require.Len(t, examples, 3)
	for _, promise := range examples[:2] {
		_, err = slo.ParseObjectives("README.md", []byte(promise[1]))
		require.NoError(t, err)
	}
	_, err = slo.ParseExclusions("README.md", []byte(examples[2][1]))
	require.NoError(t, err)
}

// between puts a part between the marks of its name.
func between(t *testing.T, text, name, part string) string {
	t.Helper()
	before, rest, found := strings.Cut(text, "<!-- "+name+" -->\n")
	require.True(t, found, name)
	_, after, found := strings.Cut(rest, "<!-- end -->")
	require.True(t, found, name)
	return before + "<!-- " + name + " -->\n" + part + "<!-- end -->" + after
}

func catalogueTable(t *testing.T) string {
	t.Helper()
	all, err := slo.Catalogue()
	require.NoError(t, err)
	var table strings.Builder
	table.WriteString("| objective | question | what is good | shared | dedicated |\n|---|---|---|---|---|\n")
	for _, q := range slo.Questions() {
		for _, o := range all {
			if o.Question == q {
				good := strings.ReplaceAll(fmt.Sprint(o.Indicator), "|", `\|`) // which else ends a cell, in code too
				fmt.Fprintf(&table, "| `%s`: %s | %s | `%s` | %s | %s |\n", o.Name, o.Title, q, good, o.Targets.Of(slo.Instance{}, "shared"), o.Targets.Of(slo.Instance{}, "dedicated"))
			}
		}
	}
	return table.String()
}

func seriesTable() string {
	var table strings.Builder
	table.WriteString("| series | labels | says |\n|---|---|---|\n")
	for _, m := range sloMetrics() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", m.Name, strings.Join(m.Labels, ", "), m.Help)
	}
	return table.String()
}
