package exposition

import (
	"math"
	"strconv"
	"strings"

	"github.com/wardround/wardround/collectors"
)

const totalSuffix = "_total"

var (
	textHelp        = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	openMetricsHelp = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// appendHeader writes what stands above a family's lines. In OpenMetrics a counter's family has no
// _total, which only its lines have; where that name is taken, the type must be left unknown.
func (f *family) appendHeader(dst []byte, openMetrics bool) []byte {
	name, kind, help := f.metric.Name, f.metric.Type.String(), textHelp.Replace(f.metric.Help)
	if openMetrics {
		help = openMetricsHelp.Replace(f.metric.Help)
		if f.shadowed {
			kind = "unknown"
		} else if f.metric.Type == collectors.Counter {
			name = strings.TrimSuffix(name, totalSuffix)
		}
	}
	dst = appendAll(dst, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n")
	if unit := f.metric.Unit; openMetrics && unit != "" && strings.HasSuffix(name, "_"+unit) {
		dst = appendAll(dst, "# UNIT ", name, " ", unit, "\n")
	}
	return dst
}

// appendLines writes a family's lines. They are the same in both formats.
func (f *family) appendLines(dst []byte) []byte {
	for i := range f.lines {
		if f.lines[i].repeated {
			continue
		}
		dst = append(dst, f.head(i)...)
		dst = appendValue(dst, f.lines[i].value)
		dst = append(dst, '\n')
	}
	return dst
}

// plainLimit is the bound below which whole numbers are written digit by digit: people read
// bytes and times better so, and it is faster. Every one of them is exact in a float64.
const plainLimit = 1e15

func appendValue(dst []byte, value float64) []byte {
	if whole := int64(value); math.Abs(value) < plainLimit && float64(whole) == value {
		return strconv.AppendInt(dst, whole, 10)
	}
	switch {
	case math.IsInf(value, 1):
		return append(dst, "+Inf"...)
	case math.IsInf(value, -1):
		return append(dst, "-Inf"...)
	}
	return strconv.AppendFloat(dst, value, 'g', -1, 64)
}

func appendAll(dst []byte, parts ...string) []byte {
	for _, part := range parts {
		dst = append(dst, part...)
	}
	return dst
}
