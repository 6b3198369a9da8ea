package collectors_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated parts of documents anew")

// peerLists are where each domain says what became of the metrics of the exporter that it has, and
// how a line of it says its verdict.
var peerLists = []struct{ domain, peer, file, line string }{
	{"PostgreSQL", "postgres_exporter", "postgres/testdata/postgres_exporter.txt", `(?m)^(?:default|optional) \S+ (kept|corrected|left out)\b`},
	{"PgBouncer", "pgbouncer_exporter", "pgbouncer/peer.yaml", inYAML},
	{"Redis", "redis_exporter", "redis/testdata/redis_exporter.tsv", `(?m)^redis_[^\t]*\t[^\t]*\t(kept|corrected|left out)\t`},
	{"Traefik", "Traefik's own page", "traefik/peers.yaml", inYAML},
	{"Certificates", "blackbox_exporter", "tls/peer.yaml", inYAML},
}

const inYAML = `(?m)^- \{theirs: .*?, verdict: (kept|corrected|left out)\b`

// TestPeersTable keeps the table of the README.
func TestPeersTable(t *testing.T) {
	table := "| domain | peer | kept | corrected | left out |\n|---|---|---|---|---|\n"
	for _, list := range peerLists {
		text, err := os.ReadFile(list.file)
		require.NoError(t, err)
		verdicts := map[string]int{}
		found := regexp.MustCompile(list.line).FindAllStringSubmatch(string(text), -1)
		for _, f := range found {
			verdicts[f[1]]++
		}
		require.Len(t, found, entries(string(text)), "%s: each line has a verdict", list.file)
		table += fmt.Sprintf("| %s | [%s](%s) | %d | %d | %d |\n",
			list.domain, list.peer, list.file, verdicts["kept"], verdicts["corrected"], verdicts["left out"])
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, opened := strings.Cut(string(readme), "<!-- peers -->\n")
	_, after, closed := strings.Cut(rest, "<!-- /peers -->\n")
	require.True(t, opened && closed, "the table has its place")
	want := before + "<!-- peers -->\n" + table + "<!-- /peers -->\n" + after
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(readme), "run go test ./collectors -run TestPeersTable -update")
}

// entries are the lines that are neither empty nor comments.
func entries(text string) (n int) {
	for line := range strings.Lines(text) {
		if line != "\n" && !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}
