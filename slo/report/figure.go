package report

import (
	"encoding/json"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/wardround/wardround/slo"
)

// Share is a share of one, NaN where it is not known. JSON has null for that.
type Share float64

// unknown stands where there is no number.
const unknown = "–"

// MarshalJSON writes a number, or null.
func (s Share) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(s)) || math.IsInf(float64(s), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(s))
}

// text is the share in percent with one decimal, none from 1,000% on. Up to 100% it is cut off and above it rounded
// up, so that a limit never looks kept when it was not, nor the other way round.
func (s Share) text() string {
	v := float64(s)
	switch {
	case math.IsNaN(v):
		return unknown
	case v == 0:
		return "0%"
	}
	sign, size := "", v*100
	if v < 0 {
		sign, size = "−", -size
	}
	decimals, scale := 1, 10.0
	if size >= 1000 {
		decimals, scale = 0, 1
	}
	const noise = 1e-9 // of floats near a whole number
	if v > 1 || v < 0 {
		size = math.Ceil(size*scale-noise*size) / scale
	} else {
		size = math.Floor(size*scale+noise*size) / scale
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(size, 'f', decimals, 64), ".")
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return sign + whole + "%"
	}
	if fraction != "" {
		return sign + group(n) + "." + fraction + "%"
	}
	return sign + group(n) + "%"
}

// whole is the share in whole percent, cut off, so that 100% means all.
func (s Share) whole() string {
	if math.IsNaN(float64(s)) {
		return unknown
	}
	const noise = 1e-9
	text := strconv.Itoa(int(math.Floor(float64(s)*100+noise))) + "%"
	return strings.Replace(text, "-", "−", 1)
}

// percentOf is the good share of all events in percent, exact and cut off after three decimals, or as many as the
// target has.
func percentOf(good, bad uint64, target slo.Ratio) string {
	total := good + bad
	switch {
	case total == 0:
		return unknown
	case bad == 0:
		return "100%"
	}
	decimals := 3
	if _, fraction, found := strings.Cut(strings.TrimSuffix(target.String(), "%"), "."); found {
		decimals = max(decimals, len(fraction))
	}
	scale := uint64(math.Pow10(decimals))
	high, low := bits.Mul64(good, 100*scale)
	parts, _ := bits.Div64(high, low, total) // good <= total, so the quotient fits
	text := strconv.FormatUint(parts%scale, 10)
	return strconv.FormatUint(parts/scale, 10) + "." + strings.Repeat("0", decimals-len(text)) + text + "%"
}

// group writes a whole number with a comma before each three digits.
func group(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
