package redis

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func recordings(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

// everything is what a text becomes if a server answers it to INFO, by series.
func everything(text string) (map[string]float64, *collectors.Batch, error) {
	r, err := parse(text)
	if err != nil {
		return nil, nil, err
	}
	g := &growth{}
	batch := build(true, func(p page) {
		p.emit(r)
		for i := range 6 {
			g.note(moment.Add(time.Duration(i)*time.Minute), r)
		}
		p.growth(r, g)
		p.rule(r, rule{{3600, 1}, {300, 100}})
		p.refused(r, map[string]string{"save": "3600 1", "stop-writes-on-bgsave-error": "yes", "min-replicas-to-write": "0"})
		if r["cluster_enabled"] == "1" {
			p.findCluster(r)
		}
	})
	all := map[string]float64{}
	batch.Each(func(string) bool { return true }, func(s collectors.Series) {
		all[s.Name()+"{"+s.Block()+"}"] = s.Value()
	})
	return all, batch, nil
}

// TestHalfAnInfo cuts recordings after each line and within each: what is told is right or not there.
func TestHalfAnInfo(t *testing.T) {
	for _, name := range recordings(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			whole, _, err := everything(string(text))
			require.NoError(t, err)
			for _, end := range cuts(string(text)) {
				half, _, err := everything(string(text[:end]))
				if err != nil {
					continue
				}
				maps.DeleteFunc(half, func(series string, value float64) bool {
					return whole[series] == value || strings.HasPrefix(series, "wardround_finding")
				})
				delete(half, `redis_errors_total{target="cache",err="other"}`) // a sum over those that are told
				require.Empty(t, half, "cut after %q", text[max(0, end-40):end])
			}
		})
	}
}

// cuts are places to cut a text: after each line, after its colon, and before the last digit.
func cuts(text string) []int {
	var all []int
	at := 0
	for line := range strings.Lines(text) {
		all = append(all, at+strings.IndexByte(line, ':')+1, at+max(0, len(strings.TrimSpace(line))-1), at+len(line))
		at += len(line)
	}
	return all
}

// FuzzInfo looks for texts that make the parser panic, write what is no number or what is no name.
func FuzzInfo(f *testing.F) {
	for _, name := range recordings(f) {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Add("redis_version:7\r\ndb99999999999999999999:keys=1\r\nslave0:ip=\x00\xff\r\nmodule:name=a\nmodule:name=a\n")
	f.Add("redis_version:7\nrole:slave\nmaster__host:x\nmaster_-1_host:y\nmaster_1e9_host:z\ncmdstat_:calls=1\ncmdstat_a\tb:calls=2\n")
	f.Add("valkey_version:8\nerrorstat_ERR:count=NaN\nerrorstat_x:count=1e400\nused_memory:-0x1p-2\nmaxmemory:1\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, batch, err := everything(text)
		if err != nil {
			return
		}
		for series, value := range all {
			if math.IsNaN(value) || math.IsInf(value, 0) {
				t.Fatalf("%s is %v", series, value)
			}
		}
		for _, family := range batch.Families {
			for _, sample := range family.Samples {
				checkSample(t, family.Metric, sample)
			}
		}
		for _, finding := range batch.Findings {
			if !utf8.ValidString(finding.Text) || len(finding.Text) > 500 {
				t.Fatalf("finding %q", finding.Text)
			}
		}
	})
}

func checkSample(t *testing.T, m *collectors.Metric, sample collectors.Sample) {
	t.Helper()
	if m.Type == collectors.Counter && sample.Value < 0 {
		t.Fatalf("%s is %v", m.Name, sample.Value)
	}
	for i, value := range sample.Values {
		if len(value) > longestName || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Fatalf("%s has the label %s=%q", m.Name, m.Labels[i], value)
		}
	}
}

// FuzzNodes does the same with what a node says of its cluster.
func FuzzNodes(f *testing.F) {
	f.Add("07c37 10.0.0.1:7001@17001,redis-1 master - 0 1426238317239 4 connected 0-5460 [5461-<-abc] 9000\n", "10.0.0.2:7001", true)
	f.Add("a :@ myself - 0 0 1 c 9-1 99999999999999999999-1 -\n", "/run/redis.sock", false)
	f.Fuzz(func(t *testing.T, text, asked string, named bool) {
		for _, at := range unique(parseNodes(text, asked, named).places) {
			if at.address == "" || len(at.address) > longestName || technical(at.address) != at.address {
				t.Fatalf("address %q", at.address)
			}
			at.holds(Key{Name: text})
		}
	})
}
