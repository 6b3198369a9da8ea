package redis

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// rows reads a table of testdata; every row has as many columns as the table.
func rows(t *testing.T, name string, columns int) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var all [][]string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, row, columns, line)
		all = append(all, row)
	}
	require.NotEmpty(t, all)
	return all
}

func metricNamed(name string) *collectors.Metric {
	for _, m := range Metrics() {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// TestEveryMetricOfThePeer holds the table of redis_exporter's metrics against the catalogue.
func TestEveryMetricOfThePeer(t *testing.T) {
	known := map[string]bool{}
	for _, row := range rows(t, "redis_exporter.tsv", 6) {
		name, labels, verdict, ours, old, why := row[0], row[1], row[2], row[3], row[4], row[5]
		t.Run(name, func(t *testing.T) {
			require.False(t, known[name], "is there twice")
			known[name] = true
			m := metricNamed(name)
			switch verdict {
			case "kept":
				require.NotNil(t, m)
				require.Equal(t, name, ours)
				require.NotContains(t, m.Help, "Use ")
				for label := range strings.FieldsFuncSeq(labels, func(c rune) bool { return c == ',' }) {
					require.True(t, slices.Contains(m.Labels, label) || strings.Contains(why, label), "the label %s is gone and nothing says why", label)
				}
			case "corrected":
				require.NotEmpty(t, why)
				right := metricNamed(ours)
				require.NotNil(t, right, ours)
				require.NotContains(t, right.Help, "Use ")
				require.Equal(t, old == "compat", m != nil, "under the old name")
				if m != nil {
					require.Contains(t, m.Help, "Use ")
					require.Contains(t, m.Help, ours)
				}
			case "left out":
				require.NotEmpty(t, why)
				require.Nil(t, m)
			default:
				require.Fail(t, "no verdict", verdict)
			}
		})
	}
	for _, f := range compat {
		require.True(t, known[f.metric.Name], "%s is served for nobody: redis_exporter has no such metric", f.metric.Name)
	}
}

// TestThePeersOwnPage is a page of redis_exporter 1.45: the table must know all that it serves.
func TestThePeersOwnPage(t *testing.T) {
	var known []string
	for _, row := range rows(t, "redis_exporter.tsv", 6) {
		known = append(known, row[0])
	}
	names, err := os.ReadFile("testdata/redis_exporter-1.45.names")
	require.NoError(t, err)
	require.Subset(t, known, strings.Fields(string(names)))
}

var anything = regexp.MustCompile(`(?m)^([a-z0-9_]+)(\{| )`)

// TestDashboards serves a primary and its replica under the old names too, and looks for all that
// the community's dashboards use.
func TestDashboards(t *testing.T) {
	settings := map[string]string{"maxmemory": "64mb"}
	primary := platform.RedisForTest(t, platform.RedisOptions{Settings: settings})
	replica := platform.RedisForTest(t, platform.RedisOptions{ReplicaOf: primary})
	require.NoError(t, primary.Command(t.Context(), "SET a 1"))
	served := map[string]bool{}
	for _, r := range []*platform.Redis{primary, replica} {
		for _, found := range anything.FindAllStringSubmatch(shown(collect(t, server(t, Config{Address: r.Addr(), Compat: true}))), -1) {
			served[found[1]] = true
		}
	}
	for _, row := range rows(t, "dashboards.tsv", 2) {
		require.True(t, served[row[0]], "%s, which %s uses", row[0], row[1])
	}
	for _, row := range rows(t, "redis_exporter.tsv", 6) {
		if row[4] != "compat" {
			require.False(t, row[2] == "left out" && served[row[0]], row[0])
		}
	}
}

// TestOddNamesOnRequestOnly is the same server without compat.
func TestOddNamesOnRequestOnly(t *testing.T) {
	r := read(t, "busy")
	for _, compat := range []bool{true, false} {
		text := shown(build(compat, func(p page) { p.emit(r) }))
		require.Equal(t, compat, strings.Contains(text, "redis_latency_percentiles_usec{"))
		require.Equal(t, compat, strings.Contains(text, "\nredis_latest_fork_usec "))
	}
}
