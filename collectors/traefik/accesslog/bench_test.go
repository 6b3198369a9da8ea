package accesslog

import (
	"bytes"
	"encoding/json"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/logtail"
)

func linesOf(text []byte) []logtail.Line {
	var lines []logtail.Line
	for line := range bytes.Lines(text) {
		lines = append(lines, logtail.Line{Text: bytes.TrimSuffix(line, []byte("\n")), Whole: true})
	}
	return lines
}

// measured reports how many lines a second of one core reads: other programs on the machine make no
// difference to it, as they do to the clock on the wall.
func measured(b *testing.B, lines int, round func()) {
	b.Helper()
	b.ReportAllocs()
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	for b.Loop() {
		round()
	}
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(b.N)*float64(lines)/(float64(spent)/1e9), "lines/core-s")
}

// All that is done with a line: read, classified, judged, counted.
func BenchmarkLines(b *testing.B) {
	common, err := os.ReadFile("testdata/access.clf")
	require.NoError(b, err)
	for name, text := range map[string][]byte{"json": recording(b), "common": common} {
		b.Run(name, func(b *testing.B) {
			tally, lines := tallyOf(b, DefaultConfig()), linesOf(text)
			b.SetBytes(int64(len(text)))
			measured(b, len(lines), func() {
				for _, line := range lines {
					tally.add(line)
				}
			})
			require.Zero(b, tally.kinds[kindRequest].n%uint64(len(lines)))
		})
	}
}

// wanted is what encoding/json reads of a line.
type wanted struct {
	DownstreamStatus, Duration, OriginDuration, RetryAttempts                  float64
	RequestMethod, RequestPath, RequestHost, RouterName, ServiceName, StartUTC string
	Time                                                                       string `json:"time"`
}

// Reading alone, by this package and by encoding/json.
func BenchmarkParse(b *testing.B) {
	text := recording(b)
	lines := linesOf(text)
	b.Run("ours", func(b *testing.B) {
		var p parser
		var r request
		b.SetBytes(int64(len(text)))
		measured(b, len(lines), func() {
			for _, line := range lines {
				p.parse(line, &r)
			}
		})
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		measured(b, len(lines), func() {
			for _, line := range lines {
				var w wanted
				require.NoError(b, json.Unmarshal(line.Text, &w))
			}
		})
	})
}
