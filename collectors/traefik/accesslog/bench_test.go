package accesslog

import (
	"bytes"
	"encoding/json"
	"os"
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

func reportLines(b *testing.B, lines int) {
	b.Helper()
	b.ReportMetric(float64(b.N)*float64(lines)/b.Elapsed().Seconds(), "lines/s")
}

// All that is done with a line: read, classified, judged, counted.
func BenchmarkLines(b *testing.B) {
	common, err := os.ReadFile("testdata/access.clf")
	require.NoError(b, err)
	for name, text := range map[string][]byte{"json": recording(b), "common": common} {
		b.Run(name, func(b *testing.B) {
			tally, lines := tallyOf(b, DefaultConfig()), linesOf(text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				for _, line := range lines {
					tally.add(line)
				}
			}
			reportLines(b, len(lines))
			require.Equal(b, tally.kinds[kindRequest]%uint64(len(lines)), uint64(0))
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
		b.ReportAllocs()
		for b.Loop() {
			for _, line := range lines {
				p.parse(line, &r)
			}
		}
		reportLines(b, len(lines))
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			for _, line := range lines {
				var w wanted
				require.NoError(b, json.Unmarshal(line.Text, &w))
			}
		}
		reportLines(b, len(lines))
	})
}
